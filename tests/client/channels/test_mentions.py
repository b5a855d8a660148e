"""The markup of mentions, read and written."""

from __future__ import annotations

import pytest

from antiphon.client.channels.mentions import found_in, mentions, of_person, readable


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<@U:1|Ada> look", "@Ada look"),
        ("<@M:gpt-5|GPT 5> and <#C:7|general>", "@GPT 5 and #general"),
        ("<@U:1> without a label", "@1 without a label"),
        ("<@U:1|@Ada>", "@Ada"),
        ("a < b, <b>, <@U:>, <@U:1|Ada", "a < b, <b>, <@U:>, <@U:1|Ada"),
    ],
)
def test_a_mention_is_read_by_its_label(text: str, read: str) -> None:
    """By its id where it has none; what only looks like one stays as it is."""
    assert readable(text) == read


def test_a_person_is_named_by_id_alone() -> None:
    """Neither by a label that says their name, nor by a model of the same id."""
    assert mentions("hey <@U:1|Ada>", "1")
    assert not mentions("hey <@U:2|1> and <@M:1|one>", "1")


def test_what_is_written_for_a_person_is_read_back() -> None:
    """A name with signs of the markup in it breaks nothing."""
    markup = of_person("1", "Ada <the> first|last")
    assert [(one.id, one.kind) for one in found_in(markup)] == [("1", "U")]
    assert mentions(of_person("1", ""), "1")
