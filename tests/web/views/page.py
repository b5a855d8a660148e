"""What the tests of the views read: HTML as a tree of elements, and sample people and messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import htpy as h

from antiphon.wire import ChatMessage, Message, Reaction, ReactionUser, SessionUser, UserEntry, UserName

VOID = {"br", "hr", "img", "input", "link", "meta"}
SECOND = 1_000_000_000
NOON = 1_795_435_200 * SECOND  # 2026-11-23 12:00 UTC
ADA = SessionUser(id="u1", name="Ada Lovelace", role="user", email="ada@example.com")
ROOT = SessionUser(id="u9", name="Root", role="admin", email="root@example.com")
GRACE = UserEntry(id="u2", name="Grace Hopper", is_active=True)


@dataclass
class Node:
    """An element with what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()
                yield " "

    def walk(self) -> Iterator[Node]:
        """This element and all below it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def all(self, tag: str = "", *, classed: str = "", **attributes: str) -> list[Node]:
        """The elements below with this tag, class and attributes (`data_id` finds `data-id`)."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            node
            for node in self.walk()
            if (not tag or node.tag == tag)
            and (not classed or classed in node.attributes.get("class", "").split())
            and all(node.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str = "", *, classed: str = "", **attributes: str) -> Node:
        """The only such element."""
        found = self.all(tag, classed=classed, **attributes)
        assert len(found) == 1, f"{len(found)} elements: {tag} {classed} {attributes}"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.path = [Node("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(node)
        if tag not in VOID:
            self.path.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.path[-1].tag == tag, f"</{tag}> closes <{self.path[-1].tag}>"
        self.path.pop()

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def read(node: h.Renderable | list[h.Element]) -> Node:
    """Render a view and read it again; elements that are not nested properly are an error."""
    reader = _Reader()
    reader.feed(str(h.fragment[node]))
    reader.close()
    assert len(reader.path) == 1, f"<{reader.path[-1].tag}> is never closed"
    return reader.path[0]


@dataclass(frozen=True)
class SampleRow:
    """A row of a timeline."""

    message: Message
    state: str = "confirmed"
    error: str | None = None
    temp_id: str | None = None

    @property
    def key(self) -> str:
        """Stable for the row's life."""
        return self.temp_id or self.message.id


def message(id_: str, content: str = "hello", *, by: str = "u2", at: float = 0, **fields: Any) -> Message:
    """A message `at` seconds after noon."""
    moment = NOON + int(at * SECOND)
    fields.setdefault("updated_at", moment)
    fields.setdefault(
        "user", UserName(id=by, name={"u1": "Ada Lovelace", "u2": "Grace Hopper"}.get(by, by), role="user")
    )
    return Message(id=id_, user_id=by, channel_id="c1", content=content, created_at=moment, **fields)


def reaction(name: str, *people: str) -> Reaction:
    """A reaction of people given by id."""
    return Reaction(
        name=name, users=[ReactionUser(id=one, name=f"Name of {one}") for one in people], count=len(people)
    )


def answer(content: str = "Yes.", **fields: Any) -> ChatMessage:
    """A model's turn."""
    fields = {
        "id": "a1",
        "role": "assistant",
        "model": "eliza",
        "done": True,
        "timestamp": NOON // SECOND,
        **fields,
    }
    return ChatMessage(content=content, **fields)
