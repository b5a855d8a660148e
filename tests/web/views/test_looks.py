"""The style sheets: contrast in both themes, weight, and what the page's policy allows."""

from __future__ import annotations

import re
from pathlib import Path

import brotli
import pytest

from antiphon.web.views import icons
from antiphon.web.views.avatar import COLOURS

STATIC = Path(__file__).parents[3] / "src" / "antiphon" / "web" / "static"
SHEETS = sorted(STATIC.rglob("*.css"))
CSS = "\n".join(sheet.read_text(encoding="utf-8") for sheet in SHEETS)
PAIR = re.compile(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)")
COLOURS_BY_NAME = {
    name: (light, dark) for name, light, dark in PAIR.findall(CSS) if not name.startswith("hue-")
}

GROUNDS = ("paper", "ground", "raised", "sunken", "hover")
TEXT_ON = [
    *((ink, ground) for ink in ("ink", "ink-soft", "ink-faint") for ground in GROUNDS),
    *(("accent", ground) for ground in ("paper", "raised", "ground", "sunken", "accent-soft", "hover")),
    *(("ink", ground) for ground in ("accent-soft", "voice-soft", "danger-soft")),
    ("ink-faint", "voice-soft"),
    ("accent", "voice-soft"),
    ("ink-faint", "accent-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("voice", "voice-soft"),
    ("voice", "paper"),
    ("danger", "danger-soft"),
    ("danger", "paper"),
    ("danger", "raised"),
    *((name, "sunken") for name in COLOURS_BY_NAME if name.startswith("code-")),
]  # fmt: skip
LINES_ON = [
    ("line-strong", "paper"),
    ("line-strong", "raised"),
    ("accent", "paper"),
    ("response", "paper"),
    ("call", "paper"),
]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
def test_text_can_be_read(ink: str, ground: str, theme: int) -> None:
    """Every colour of text has 4.5:1 on every ground that it stands on."""
    assert contrast(COLOURS_BY_NAME[ink][theme], COLOURS_BY_NAME[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), LINES_ON)
def test_edges_of_controls_can_be_seen(line: str, ground: str, theme: int) -> None:
    """What shows that something is a control has 3:1."""
    assert contrast(COLOURS_BY_NAME[line][theme], COLOURS_BY_NAME[ground][theme]) >= 3


@pytest.mark.parametrize("number", range(COLOURS))
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_initials_can_be_read(number: int, theme: int) -> None:
    """Each avatar colour carries its letters."""
    rule = re.search(rf"\.hue-{number} {{[^}}]*}}", CSS)
    assert rule is not None
    pairs = {name: (light, dark) for name, light, dark in PAIR.findall(rule.group())}
    assert contrast(pairs["hue-ground"][theme], pairs["hue-ink"][theme]) >= 4.5


def test_the_style_sheets_are_light() -> None:
    """All of them together travel in 12 KiB."""
    assert len(brotli.compress(CSS.encode(), quality=11)) <= 12 * 1024


def test_the_style_sheets_load_nothing() -> None:
    """No font, picture or sheet is fetched by a style sheet: its few drawings are in it."""
    assert all(found.startswith("data:image/svg+xml,") for found in re.findall(r"url\(\"?([^\"]*)", CSS))
    assert "@import" not in CSS


@pytest.mark.parametrize(("action", "name"), [("react", "smile"), ("edit", "pencil"), ("delete", "trash")])
def test_the_drawings_of_the_style_sheet_are_the_pages_own(action: str, name: str) -> None:
    """A row's actions look as the same actions do elsewhere."""
    drawing = re.search(rf'\.actions \[data-action="{action}"\].*<path d=\'([^\']+)\'', CSS)
    assert drawing is not None
    assert f'<symbol id="i-{name}" viewBox="0 0 20 20"><path d="{drawing.group(1)}"/>' in icons.sprite()


def test_every_property_that_is_used_is_defined() -> None:
    """A misspelt custom property would silently be no colour at all."""
    assert set(re.findall(r"var\(--([\w-]+)", CSS)) <= set(re.findall(r"--([\w-]+)\s*:", CSS))
