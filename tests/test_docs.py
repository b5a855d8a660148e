"""The documents keep their word: what they name exists, and what a test claims is written down."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEAKNESSES = ROOT / "docs" / "weaknesses.md"
BEHAVIOUR = ROOT / "docs" / "described-behaviour.md"

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
MODULE = re.compile(r"`(src/antiphon/[\w/.]+)`")
NUMBER = re.compile(r"\bW-(\d\d)\b|_w(\d\d)_")
NOT_YET = "not yet"


def rows(page: Path) -> list[list[str]]:
    """Give the cells of each table row of a page, without headings and rulers."""
    lines = [line for line in page.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rulers = {n for n, row in enumerate(cells) if all(set(cell) <= set("-: ") for cell in row)}
    return [row for n, row in enumerate(cells) if n not in rulers and n + 1 not in rulers]


@cache
def functions_of(path: str) -> dict[str, str]:
    """Give the source of each test in a file, by name; an absent file has none.

    A state machine is a test too (`TestLaw = Machine.TestCase`); its file tells what it shows.
    """
    file = ROOT / path
    if not file.is_file():
        return {}
    source = file.read_text("utf-8")
    tree = ast.parse(source)
    found = {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "TestCase"
        ):
            found |= {
                name.id: ast.get_docstring(tree) or "" for name in node.targets if isinstance(name, ast.Name)
            }
    return found


def missing(cell: str) -> list[str]:
    """List the tests that a cell names and that do not exist."""
    return [f"{file}::{name}" for file, name in TEST.findall(cell) if name not in functions_of(file)]


def numbers_in(text: str) -> set[str]:
    """List the weaknesses that a test's name or docstring gives: W-14 in words, w14 in a name."""
    return {f"W-{said or named}" for said, named in NUMBER.findall(text)}


def claims() -> dict[str, list[str]]:
    """Map each weakness number that a test's name or docstring gives to the tests that give it."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for number in numbers_in(f"{node.name} {ast.get_docstring(node)}"):
                    found.setdefault(number, []).append(f"{file.relative_to(ROOT)}::{node.name}")
    return found


@pytest.mark.parametrize("row", rows(WEAKNESSES), ids=lambda row: row[0])
def test_a_repaired_weakness_names_tests_that_exist(row: list[str]) -> None:
    """Each row has at least one test, each test exists, and one of them names the weakness itself."""
    number, *_, cell = row
    assert re.fullmatch(r"W-\d\d", number)
    named = TEST.findall(cell)
    assert named, f"{number} names no test"
    assert not missing(cell)
    assert any(number in numbers_in(functions_of(file)[name]) for file, name in named), (
        f"no test of {number} says so"
    )


def test_each_weakness_stands_in_one_row_and_in_order() -> None:
    """The numbers rise, so that a reader finds one."""
    numbers = [row[0] for row in rows(WEAKNESSES)]
    assert numbers == sorted(set(numbers))
    assert numbers


def test_a_weakness_that_a_test_claims_is_in_the_list() -> None:
    """Whoever repairs one writes it down in the same change."""
    listed = {row[0] for row in rows(WEAKNESSES)}
    absent = {number: tests for number, tests in claims().items() if number not in listed}
    assert not absent


@pytest.mark.parametrize("row", rows(BEHAVIOUR), ids=lambda row: row[0])
def test_a_described_behaviour_names_modules_and_tests_that_exist(row: list[str]) -> None:
    """Each statement has a module that does it and a test that shows it, or says that it waits."""
    _, _, modules, tests = row
    assert MODULE.findall(modules) or modules == NOT_YET
    assert TEST.findall(tests) or tests == NOT_YET
    assert not [path for path in MODULE.findall(modules) if not (ROOT / path).exists()]
    assert not missing(tests)


def test_the_described_behaviours_are_numbered_without_a_gap() -> None:
    """Numbers are section.statement, in order."""
    numbers = [tuple(int(part) for part in row[0].split(".")) for row in rows(BEHAVIOUR)]
    assert numbers == sorted(set(numbers))
    sections = {section: [n for s, n in numbers if s == section] for section, _ in numbers}
    assert all(found == list(range(1, len(found) + 1)) for found in sections.values())
