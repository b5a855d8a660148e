"""A chat as patches: turns that come and go, and answers that grow a block at a time."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import htpy as h

from antiphon.client.chats.turns import ChatReset, TurnAdded, TurnChanged, TurnRemoved
from antiphon.client.errors import AntiphonError, NotFound, Refused

from . import markdown, views
from .feed import Feed
from .frames import blocks, event, gone, morph, rows, some_rows
from .stream import RELOAD_VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from antiphon.client import Chat, Client
    from antiphon.client.chats.turns import ChatChange
    from antiphon.wire import ChatEntry, ChatMessage, ChatRow, SessionUser

    from .stream import Stream

log = logging.getLogger(__name__)

MOST_UNLISTED = 3
"""How often a list without this chat is a reason to ask whether the chat is there, if none ever had it."""


@dataclass(slots=True)
class _Growing:
    """An answer that is being written: what of it is final in the browser."""

    text: str = ""
    finished: int = 0
    """Number of blocks that never change any more."""
    offset: int = 0
    """Where the text of the first unfinished block begins."""
    around: object = None
    """What the turn shows beside its text."""


class ChatFeed(Feed):
    """One chat of one person; while an answer grows only its last block is rendered, at most once a frame."""

    def __init__(
        self,
        client: Client,
        chat: Chat,
        *,
        me: SessionUser,
        names: Mapping[str, str],
        gone: Callable[[], None],
        frame: float,
        linger: float,
        ended: Callable[[], None],
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__(linger=linger, ended=ended, frame=frame, zone=zone)
        self.chat = chat
        self.me = me
        self._names = names
        self._dirty: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._growing: dict[str, _Growing] = {}
        self._all = self._actions_changed = False
        self._running = chat.running
        self._title = chat.title
        self._last = self._last_id()
        self._tell_gone = gone
        self._entry: ChatEntry | None = None
        self._unlisted = MOST_UNLISTED
        self._looking: asyncio.Task[None] | None = None
        self._releases.append(self._stop_looking)
        self.watch(client.chats.subscribe, self._on_chats)
        self.watch(chat.subscribe, self._on_change)
        self.watch(chat.row.subscribe, self._on_row)

    def whole(self, stream: Stream) -> list[bytes]:
        """Render everything that a tab shows."""
        return [event("patch", self._whole(), id_=self.version)]

    def turns(self) -> tuple[ChatMessage, ...]:
        """Return the branch on screen, with its models by their names."""
        return tuple(self._named(turn) for turn in self.chat.turns())

    def _named(self, turn: ChatMessage) -> ChatMessage:
        name = self._names.get(turn.model or "")
        return turn if name is None or turn.model_name else turn.model_copy(update={"model_name": name})

    # What changes

    def _last_id(self) -> str | None:
        turns = self.chat.turns()
        return turns[-1].id if turns else None

    def _on_change(self, change: ChatChange) -> None:
        match change:
            case TurnAdded(message):
                self._dirty[message.id] = None
                self._gone.pop(message.id, None)
            case TurnChanged():
                self._dirty[change.id] = None
            case TurnRemoved(id_):
                self._dirty.pop(id_, None)
                self._growing.pop(id_, None)
                self._gone[id_] = None
            case ChatReset():
                self._all = True
            case _:
                self._actions_changed = True
        self.schedule()

    def _on_row(self, _: ChatRow | None) -> None:
        if self.chat.title != self._title:
            self._title = self.chat.title
            self.tell(event("title", self._title or "New chat"))

    def _on_chats(self, chats: Sequence[ChatEntry]) -> None:
        """The list is what tells of a chat that was deleted or renamed elsewhere."""
        before, self._entry = self._entry, next((one for one in chats if one.id == self.chat.id), None)
        if self._entry is not None:
            doubt = before is not None and self._entry.title not in {before.title, self.chat.title}
        else:
            # Whether it is gone the server knows: older chats are in no list, and the newest not yet.
            doubt = before is not None or self._unlisted > 0
            self._unlisted -= before is None and doubt
        if doubt and self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            await self.chat.refresh()
        except (NotFound, Refused):
            self.chat.forget()
            self._tell_gone()
            self.tell(RELOAD_VIEW)
            self._looking = None
            self.close()
        except AntiphonError as error:
            log.info("whether a chat is still there could not be asked: %s", error)
        finally:
            self._looking = None

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    # Rendering

    def redraw(self) -> None:
        """Let the next flush render all turns."""
        self._all = True

    def flush(self) -> None:
        """Render what is gathered once and offer it to all tabs."""
        turns = self.chat.turns()
        last = turns[-1].id if turns else None
        running = self.chat.running
        if self._all:
            html = self._whole()
        else:
            for changed in (last, self._last) if last != self._last else ():
                if changed is not None:
                    self._dirty[changed] = None
            if running != self._running and last is not None:
                self._dirty[last] = None
            html = "".join(self._parts(turns, last))
        self._all = self._actions_changed = False
        self._dirty.clear()
        self._gone.clear()
        self._last = last
        self._running = running
        if html:
            self.publish(html)

    def _parts(self, turns: tuple[ChatMessage, ...], last: str | None) -> list[str]:
        parts: list[str] = []
        if self._gone:
            parts.append(gone(f"t-{id_}" for id_ in self._gone))
        articles: list[str] = []
        for turn in turns:
            if turn.id not in self._dirty:
                continue
            growth = self._growth(turn) if self.chat.running and turn.id == last else None
            if growth is not None:
                parts.append(growth)
            else:
                articles.append(self._article(turn, last))
        if articles:
            parts.append(some_rows(articles))
        if self._actions_changed or self.chat.running != self._running:
            parts.append(morph("#chat-actions", views.chat_actions(running=self.chat.running)))
        return parts

    def _article(self, turn: ChatMessage, last: str | None) -> str:
        running = self.chat.running and turn.id == last and turn.role == "assistant"
        if running:
            self._growing[turn.id] = _grown(_Growing(around=_around(turn)), turn.content)
        else:
            self._growing.pop(turn.id, None)
        return str(
            views.turn(self._named(turn), running=running, me=self.me, last=turn.id == last, zone=self.zone)
        )

    def _growth(self, turn: ChatMessage) -> str | None:
        """Return the patch of an answer that only became longer, or None where it must be rendered whole."""
        held = self._growing.get(turn.id)
        if held is None or held.around != _around(turn) or not turn.content.startswith(held.text):
            return None
        fresh: list[str] = []
        parts = markdown.blocks(turn.content[held.offset :])
        for number, part in enumerate(parts, held.finished):
            growing = number == held.finished + len(parts) - 1
            block = h.div(class_=["block", growing and "growing"], id=f"b-{turn.id}-{number}")
            fresh.append(str(block[markdown.render(part, soft=True)]))
        self._growing[turn.id] = _grown(held, turn.content)
        return blocks(f"x-{turn.id}", fresh)

    def _whole(self) -> str:
        turns = self.chat.turns()
        last = turns[-1].id if turns else None
        html = rows(self._article(turn, last) for turn in turns)
        return html + morph("#chat-actions", views.chat_actions(running=self.chat.running))


def _grown(held: _Growing, text: str) -> _Growing:
    """Move on past the blocks of `text` that are finished: all but its last one."""
    parts = markdown.blocks(text[held.offset :])
    offset, finished = held.offset, held.finished
    for part, following in pairwise(parts):
        end = text.find(part, offset)
        start = text.find(following, end + len(part)) if end >= 0 else -1
        if start < 0:  # the splitter changed the text: begin again from here next time
            break
        offset, finished = start, finished + 1
    return _Growing(text, finished, offset, held.around)


def _around(turn: ChatMessage) -> object:
    """What a turn shows beside its text, as something that can be compared."""
    thoughts = tuple(
        (
            item.id,
            item.status,
            sum(len(part.text or "") for part in (*(item.summary or ()), *(item.content or ()))),
        )
        for item in turn.output or ()
        if item.type == "reasoning"
    )
    steps = turn.status_history or []
    return thoughts, len(steps), repr(steps[-1:]), len(turn.sources or ()), repr(turn.error), turn.model
