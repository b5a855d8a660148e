"""The files of the page: named by their content, kept for ever, small."""

from __future__ import annotations

import gzip
import re

import brotli
import pytest

from antiphon.web.assets import ENTRY, HTMX, STYLE, Assets

from .serving import Page


@pytest.fixture(scope="module")
def assets() -> Assets:
    """The files that the page ships."""
    return Assets.load()


def test_everything_that_a_first_visit_needs_is_at_most_60_kib(assets: Assets) -> None:
    """Style, htmx and all modules together, as a browser gets them; few enough for twelve requests."""
    needed = [STYLE, HTMX, *(name for name in assets.files if name.endswith(".js") and "/" not in name)]
    sizes = {name: len(assets.files[name].chosen("gzip, br")[0]) for name in needed}
    assert sum(sizes.values()) <= 60 * 1024, sizes
    assert len(needed) <= 9  # beside them: the page, its icon and its stream


def test_every_module_that_is_imported_is_there_and_preloaded(assets: Assets) -> None:
    """Relative imports stay within the one digest: no module waits, or comes from another build."""
    for name, asset in assets.files.items():
        if not name.endswith(".js") or "/" in name:
            continue
        for imported in re.findall(rb'from "(.*?)"', asset.plain):
            assert imported.startswith(b"./")
            assert assets.url(imported.decode()[2:]) in assets.modules
    assert assets.entry == assets.url(ENTRY)


def test_compressed_forms_are_the_same_file(assets: Assets) -> None:
    """What a browser unpacks is what another one gets plain."""
    asset = assets.files[STYLE]
    for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        body, chosen = asset.chosen(f"{coding};q=1.0")
        assert chosen == coding
        assert unpack(body) == asset.plain
    assert asset.chosen("identity") == (asset.plain, None)


async def test_files_are_kept_for_ever_and_another_builds_are_unknown(page: Page) -> None:
    """The address changes with the content; a file of another build, or outside the folder, is a 404."""
    browser = page.browser()
    style = page.site.assets.style
    found = await browser.get(style)
    assert found.status == 200
    assert "immutable" in found.headers["cache-control"]
    for path in (
        style.replace(page.site.assets.digest, "0" * 16),
        f"/static/{page.site.assets.digest}/../app.py",
        f"/static/{page.site.assets.digest}/%2e%2e/app.py",
        "/static/",
    ):
        assert (await browser.get(path)).status == 404
