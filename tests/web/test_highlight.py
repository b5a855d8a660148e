"""Code colours: one style sheet, written by the module that gives the classes."""

from __future__ import annotations

import pytest

from antiphon.web import highlight


def test_the_style_sheet_is_the_one_that_the_module_writes() -> None:
    """`python -m antiphon.web.highlight` was run after the last change of a colour."""
    assert highlight.STYLE_SHEET.read_text(encoding="utf-8") == highlight.style_sheet()


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"),
        ("Python title=x", "python"),
        ("c++", "c++"),
        (" js\t", "js"),
        ("", ""),
        ('"><b', ""),
    ],
)
def test_a_fence_names_its_language_in_its_first_word(info: str, language: str) -> None:
    """What is no name of a language names none."""
    assert highlight.language(info) == language


def test_code_keeps_every_character() -> None:
    """Leading blank lines and a missing last line end are part of the code."""
    text = "\n\n  x = '<&'\n\n"
    html = highlight.code(text, "python")
    assert html.startswith("\n\n  x = ")
    assert html.endswith("\n\n")
    assert "&lt;&amp;" in html


def test_a_very_long_block_stays_plain() -> None:
    """Colours are for reading, and nobody reads that far."""
    assert "<span" not in highlight.code("x = 1\n" * highlight.LONGEST, "python")
