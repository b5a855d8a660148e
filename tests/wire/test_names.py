"""The one door of the wire: every name, imported when it is first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from antiphon import wire

DOOR = Path(wire.__file__)


def promised() -> dict[str, str]:
    """The names that type checkers and editors see, and the modules that they see them in."""
    tree = ast.parse(DOOR.read_text(encoding="utf-8"))
    return {
        name.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for name in node.names
    }


def test_what_a_type_checker_sees_is_what_there_is() -> None:
    """The three lists of names agree, and each name is the object of the module that is named."""
    assert promised() == wire._HOMES
    assert sorted(wire._HOMES) == sorted(wire.__all__)
    assert set(wire.__all__) <= set(dir(wire))
    for name, module in promised().items():
        assert getattr(wire, name) is getattr(import_module(f"antiphon.wire.{module}"), name)


def test_every_public_model_of_the_wire_has_its_name_at_the_door() -> None:
    """A class that is new in a module is not forgotten there."""
    modules = {path.stem for path in DOOR.parent.glob("*.py")} - {"__init__"}
    missing = {
        f"{module}.{name}"
        for module in modules
        for name, value in vars(import_module(f"antiphon.wire.{module}")).items()
        if isinstance(value, type)
        and value.__module__ == f"antiphon.wire.{module}"
        and not name.startswith("_")
        and "[" not in name
        and name not in wire.__all__
    }
    assert missing == set()


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match=r"module 'antiphon\.wire' has no attribute 'Nonsense'"):
        _ = wire.Nonsense
    assert not hasattr(wire, "Nonsense")


def test_a_body_does_not_bring_the_events_with_it() -> None:
    """Whoever wants one model pays for its module alone."""
    program = (
        "import sys; from antiphon.wire import Message; "
        "print(*sorted(name for name in sys.modules if name.startswith('antiphon.wire.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["antiphon.wire.accounts", "antiphon.wire.base", "antiphon.wire.channels"]
