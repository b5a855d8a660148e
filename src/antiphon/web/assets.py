"""The files a browser loads: named by their content, kept for ever, compressed once at the start."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from . import compression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

FOLDER: Final = Path(__file__).parent / "static"

STYLE: Final = "antiphon.css"
"""All style sheets of the folder in the order of their names, sent as one file: one request, not several."""

HTMX: Final = "vendor/htmx.min.js"
ENTRY: Final = "app.js"

HTMX_CONFIG: Final = json.dumps(
    {
        "includeIndicatorCSS": False,  # a style sheet of our own does it
        "defaultSettleDelay": 0,
        "transitions": False,
        "extensions": "antiphon",  # nothing else may hook into a swap
        "defaultTimeout": 20_000,
    },
    separators=(",", ":"),
)
"""The content of ``<meta name="htmx-config">``."""

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSIBLE: Final = frozenset({".js", ".css", ".svg", ".webmanifest"})


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it travels: the plain bytes and, where that helps, their compressed forms."""

    media_type: str
    plain: bytes
    brotli: bytes | None
    gzip: bytes | None

    @classmethod
    def of(cls, name: str, content: bytes) -> Asset:
        """Compress `content` once, as hard as the formats allow."""
        suffix = Path(name).suffix
        squeeze = suffix in _COMPRESSIBLE
        return cls(
            media_type=_TYPES[suffix],
            plain=content,
            brotli=compression.brotli(content, quality=11) if squeeze else None,
            gzip=compression.gzip(content) if squeeze else None,
        )

    def chosen(self, accept_encoding: str) -> tuple[bytes, str | None]:
        """Return the smallest form that the browser accepts and its content coding."""
        codings = {part.split(";")[0].strip() for part in accept_encoding.split(",")}
        if self.brotli is not None and "br" in codings:
            return self.brotli, "br"
        if self.gzip is not None and "gzip" in codings:
            return self.gzip, "gzip"
        return self.plain, None


class Assets:
    """The folder of static files, loaded whole; also the ASGI app that serves them.

    All addresses share one digest of the whole folder, so that a module's relative ``import`` stays valid and
    a new build never mixes with an old one.
    """

    def __init__(self, files: Mapping[str, Asset], digest: str) -> None:
        self.files = MappingProxyType(dict(files))
        self.digest = digest

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Assets:
        """Read the folder; the style sheets become one file called `STYLE`.

        Raises `FileNotFoundError` naming the missing file when htmx was not put there by the build.
        """
        contents: dict[str, bytes] = {}
        styles: list[bytes] = []
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix not in _TYPES:
                continue
            name = path.relative_to(folder).as_posix()
            if path.suffix == ".css":
                styles.append(path.read_bytes())
            else:
                contents[name] = path.read_bytes()
        contents[STYLE] = b"\n".join(styles)
        for needed in (HTMX, ENTRY):
            if needed not in contents:
                raise FileNotFoundError(
                    f"the page's file {needed} is missing in {folder}: build the package again"
                )
        whole = hashlib.sha256()
        for name, content in sorted(contents.items()):
            whole.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        return cls(
            {name: Asset.of(name, content) for name, content in contents.items()}, whole.hexdigest()[:16]
        )

    def url(self, name: str) -> str:
        """Return the address of a file; `KeyError` if there is none of that name."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"

    @property
    def style(self) -> str:
        """The address of the one style sheet."""
        return self.url(STYLE)

    @property
    def htmx(self) -> str:
        """The address of htmx, a classic script: fetched at once, run when the page can be used."""
        return self.url(HTMX)

    @property
    def entry(self) -> str:
        """The address of the module that starts all others, for ``<script type="module">``."""
        return self.url(ENTRY)

    @property
    def modules(self) -> tuple[str, ...]:
        """The addresses of all modules, for ``<link rel="modulepreload">``: no module waits for another."""
        return tuple(self.url(name) for name in self.files if name.endswith(".js") and "/" not in name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/static/{digest}/{name}``; of another build nothing is known, which is a 404."""
        digest, _, name = scope["path"].removeprefix("/static/").partition("/")
        asset = self.files.get(name) if digest == self.digest else None
        if asset is None:
            await PlainTextResponse("There is no such file.", status_code=404)(scope, receive, send)
            return
        body, coding = asset.chosen(Headers(scope=scope).get("accept-encoding", ""))
        headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
        if coding is not None:
            headers["content-encoding"] = coding
        await Response(body, media_type=asset.media_type, headers=headers)(scope, receive, send)
