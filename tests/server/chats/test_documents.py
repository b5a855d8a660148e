"""The law of merging: what a writer does not mention is kept, what is kept is what travelled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from antiphon.server.chats.documents import (
    OWNED,
    BadDocument,
    Incoming,
    MessageRow,
    branch,
    document_of,
    merge,
    messages_of,
    newest_leaf,
    read,
)

IDS = [f"m{n}" for n in range(8)]
VALUES = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
EXTRA = st.dictionaries(
    st.sampled_from(["timestamp", "models", "files", "rating", "unheard-of"]), VALUES, max_size=3
)


def yes(_message_id: str, _done: bool) -> bool:
    """Nothing is the server's own."""
    return True


def message(id_: str, parent: str | None, **more: Any) -> dict[str, Any]:
    """A message as a client writes it."""
    return {"id": id_, "parentId": parent, "childrenIds": [], "role": "user", "content": id_, **more}


def write(rows: dict[str, MessageRow], messages: dict[str, Any], **history: Any) -> dict[str, MessageRow]:
    """Merge a document that has these messages."""
    return merge(rows, read({"history": {"messages": messages, **history}}), yes).rows


class Writers(RuleBasedStateMachine):
    """Two windows with copies of any age write the same chat; a plain dictionary says what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, MessageRow] = {}
        self.truth: dict[str, dict[str, Any]] = {}
        self.copies: list[dict[str, Any]] = [{}, {}]

    @rule(who=st.integers(0, 1))
    def look(self, who: int) -> None:
        """A window fetches the chat."""
        self.copies[who] = messages_of(self.rows.values())

    @rule(
        who=st.integers(0, 1), id_=st.sampled_from(IDS), parent=st.none() | st.sampled_from(IDS), extra=EXTRA
    )
    def add(self, who: int, id_: str, parent: str | None, extra: dict[str, Any]) -> None:
        """A window adds a message to its copy, perhaps an old one, and writes the copy whole."""
        copy = self.copies[who]
        if id_ in self.truth or id_ in copy or (parent is not None and parent not in copy):
            return
        document = {**copy, id_: message(id_, parent, **extra)}
        if any(one["parentId"] not in self.truth for one in document.values() if one["parentId"]):
            return  # the copy builds on something that was taken away since; refused, see below
        self.rows = write(self.rows, document)
        for one_id, one in document.items():
            self.truth[one_id] = {**self.truth.get(one_id, {}), **one}
        self.copies[who] = document

    @rule(who=st.integers(0, 1), id_=st.sampled_from(IDS), extra=EXTRA)
    def change(self, who: int, id_: str, extra: dict[str, Any]) -> None:
        """A window writes some keys of one message alone."""
        if id_ not in self.truth:
            return
        self.rows = write(self.rows, {id_: extra})
        self.truth[id_] |= extra

    @rule(id_=st.sampled_from(IDS))
    def take_away(self, id_: str) -> None:
        """A window takes one message away."""
        if id_ not in self.truth:
            return
        self.rows = write(self.rows, {id_: None})
        gone = self.truth.pop(id_)
        for one in self.truth.values():
            if one["parentId"] == id_:
                one["parentId"] = gone["parentId"]
        for copy in self.copies:  # a copy that still has it would bring it back, which is its right
            copy.clear()

    @invariant()
    def nothing_is_lost(self) -> None:
        """W-50: every message and key ever written is there, whoever wrote it, from however old a copy."""
        found = messages_of(self.rows.values())
        assert set(found) == set(self.truth)
        for id_, one in self.truth.items():
            for key, value in one.items():
                if key != "childrenIds":
                    assert found[id_][key] == value, (id_, key)

    @invariant()
    def the_tree_is_whole(self) -> None:
        """Children name their parent, parents their children, and the branch ends at the one shown."""
        found = messages_of(self.rows.values())
        for id_, one in found.items():
            assert one["parentId"] is None or id_ in found[one["parentId"]]["childrenIds"]
            assert all(found[child]["parentId"] == id_ for child in one["childrenIds"])
        leaf = newest_leaf(self.rows, None)
        assert [one["id"] for one in branch(found, leaf)][-1:] == ([leaf] if leaf else [])


TestWriters = Writers.TestCase


@given(EXTRA, EXTRA)
def test_a_document_comes_back_as_it_was_written(extras: dict[str, Any], more: dict[str, Any]) -> None:
    """Unknown keys of document and message are kept as they are."""
    messages = {"a": message("a", None, **more), "b": message("b", "a")}
    incoming = read({**extras, "title": "t", "history": {"messages": messages, "currentId": "b"}})
    merged = merge({}, incoming, yes)
    document = document_of("t", "b", incoming.extras, merged.rows.values())
    assert {key: document[key] for key in extras} == extras
    assert document["history"] == {
        "messages": {**messages, "a": {**messages["a"], "childrenIds": ["b"]}},
        "currentId": "b",
    }
    assert [one["id"] for one in document["messages"]] == ["a", "b"]


def test_what_a_run_made_is_the_servers() -> None:
    """A window that has not seen the end of an answer does not undo it; other keys of it are taken."""
    row = MessageRow(
        "a", None, 0, "assistant", "the whole answer", {"done": True, "output": [1], "rating": 0}
    )
    stale = {"a": {"content": "the wh", "done": False, "output": [], "rating": 5}}
    (changed,) = merge({"a": row}, read({"history": {"messages": stale}}), lambda _id, done: done).changed
    assert (changed.content, changed.body) == ("the whole answer", {"done": True, "output": [1], "rating": 5})
    edited = {"a": {"content": "edited", "done": True}}
    (changed,) = merge({"a": row}, read({"history": {"messages": edited}}), lambda _id, done: done).changed
    assert changed.content == "edited"
    assert {"content", "output", "done", "error"} <= OWNED


def test_a_content_that_is_no_text_is_kept_as_it_is() -> None:
    """Parts of a content come back as parts, and a later text replaces them."""
    parts = [{"type": "text", "text": "hi"}]
    rows = write({}, {"a": message("a", None, content=parts)})
    assert messages_of(rows.values())["a"]["content"] == parts
    rows = write(rows, {"a": {"content": "text"}})
    assert messages_of(rows.values())["a"]["content"] == "text"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("text", "is an object with history"),
        ({"title": 5}, "title of a chat is a text"),
        ({"history": []}, "history of a chat is an object"),
        ({"history": {"messages": []}}, "message id → message"),
        ({"history": {"messages": {"a": 1}}}, "'a' is no object"),
        ({"history": {"messages": {"a": {"id": "b"}}}}, "calls itself 'b'"),
        ({"history": {"messages": {"": {}}}}, "between 1 and 256"),
        ({"history": {"messages": {"a": {"role": 1}}}}, "role"),
        ({"history": {"messages": {"a": {"parentId": 1}}}}, "parentId"),
        ({"history": {"messages": {"a": {"parentId": "x"}}}}, "follows 'x', which is not in this chat"),
        ({"history": {"messages": {"a": {"parentId": "b"}, "b": {"parentId": "a"}}}}, "its own forerunner"),
        ({"history": {"messages": {}, "currentId": "x"}}, "none of the chat's messages"),
        ({"history": {"currentId": 1}}, "currentId"),
    ],
)
def test_a_document_that_cannot_be_stored_says_why(document: Any, said: str) -> None:
    """The refusal names what is wrong."""
    with pytest.raises(BadDocument, match=said.replace("'", ".")):
        merge({}, read(document), yes)


def test_a_long_branch_is_checked_quickly() -> None:
    """Ten thousand messages in a row are no trouble (the check walks each once)."""
    rows = {f"{n}": MessageRow(f"{n}", f"{n - 1}" if n else None, n, "user", "") for n in range(10_000)}
    assert merge(rows, Incoming(None, None, {}, {}), yes).changed == ()
