"""A channel as patches: rows that come, change and go, who is typing, and the head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.client.channels.timeline import Inserted, Removed, Replaced, Reset
from antiphon.client.errors import NotFound

from . import views
from .feed import Feed
from .frames import event, gone, morph, rows, some_rows
from .stream import RELOAD_VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from antiphon.client import Channel, Client
    from antiphon.client.channels.timeline import Change, Row
    from antiphon.wire import ChannelDetail, SessionUser, UserName

    from .row_cache import RowCache
    from .stream import Stream

MOST_PAGES = 20
"""How many pages are fetched again for a tab that holds a long history; its older rows go from the screen."""


class ChannelFeed(Feed):
    """One channel of one person. The cost of a change does not grow with the history."""

    def __init__(
        self,
        client: Client,
        channel: Channel,
        *,
        me: SessionUser,
        cache: RowCache,
        saw: Callable[[str], None],
        page_rows: int,
        linger: float,
        ended: Callable[[], None],
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__(linger=linger, ended=ended, zone=zone)
        self.channel = channel
        self.me = me
        self.page_rows = page_rows
        self._cache = cache
        self._saw = saw
        self._rows: dict[str, Row] = {}
        self._order: list[str] = []
        self._dirty: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._all = False
        self._detail: ChannelDetail | None = None
        self._names: tuple[str, ...] = ()
        self._head_changed = self._typing_changed = False
        self._unread: str | None = None
        self._read_at: int | None = None
        self._take_rows()
        self.watch(channel.timeline.subscribe, self._on_change)
        self.watch(channel.detail.subscribe, self._on_detail)
        self.watch(client.typing.subscribe, self._on_typing)
        self.mark_unread()

    # What the page shows first

    @property
    def detail(self) -> ChannelDetail | None:
        """The channel as known now."""
        return self._detail

    def known_detail(self) -> ChannelDetail:
        """The channel as known now. Raises `NotFound` if it is gone."""
        if self._detail is None:
            raise NotFound(404, "This channel is gone.")
        return self._detail

    @property
    def typing(self) -> tuple[str, ...]:
        """The names of the others who are writing."""
        return self._names

    @property
    def read_at(self) -> int | None:
        """How far this person had read (ns) when they came."""
        return self._read_at

    def newest(self) -> Sequence[Row]:
        """Return the rows of a first screen, oldest first."""
        return [self._rows[key] for key in self._order[-self.page_rows :]]

    def has_earlier(self, oldest: str) -> bool:
        """Whether there is something before the message `oldest`."""
        return self.channel.timeline.has_earlier or self._start(oldest) > 0

    def mark_unread(self) -> None:
        """Draw the line above what came since this person last read, unless a tab is looking already."""
        if self.streams or self._detail is None:
            return
        self._read_at = self._detail.last_read_at
        self._unread = None
        if self._read_at is None or not self._order:
            return
        if self._rows[self._order[0]].message.created_at > self._read_at:
            return
        for key in self._order:
            message = self._rows[key].message
            if message.created_at > self._read_at and message.user_id != self.me.id:
                self._unread = key
                return

    async def earlier(self, oldest: str) -> tuple[str, str]:
        """Return the patch with the rows before the message `oldest`, and the id of the first of them."""
        if self._start(oldest) == 0 and self.channel.timeline.has_earlier:
            await self.channel.load_earlier(self.page_rows)
            self.flush_now()
        end = self._start(oldest)
        start = max(0, end - self.page_rows)
        keys = self._order[start:end]
        first = self._rows[keys[0]].message.id if keys else oldest
        # The row that was first so far loses its day, or its head, to the one above it.
        html = some_rows(
            [self._html(index) for index in range(start, min(end + 1, len(self._order)))], earlier=True
        )
        return html + self._top(first), first

    async def cover(self, oldest: str) -> None:
        """Fetch until the message `oldest` is held, as far as that is reasonable."""
        timeline = self.channel.timeline
        for _ in range(MOST_PAGES):
            if not oldest or timeline.row(oldest) is not None or not timeline.has_earlier:
                return
            if not await self.channel.load_earlier():
                return

    def whole(self, stream: Stream) -> list[bytes]:
        """Render everything that the tab of `stream` shows."""
        return [event("patch", self._whole(stream.oldest), id_=self.version)]

    # What changes

    def _take_rows(self) -> None:
        held = self.channel.timeline.rows()
        self._rows = {row.key: row for row in held}
        self._order = [row.key for row in held]

    def _on_change(self, change: Change) -> None:
        match change:
            case Inserted(row, before):
                self._saw(row.message.user_id)
                if row.key in self._rows:
                    self._forget(row.key)
                place = len(self._order) if before is None else self._place(before)
                self._order.insert(place, row.key)
                self._rows[row.key] = row
                self._gone.pop(row.key, None)
                self._mark(place, place + 1)
            case Replaced(key, row):
                self._rows[key] = row
                self._dirty[key] = None
            case Removed(key):
                place = self._forget(key)
                self._dirty.pop(key, None)
                self._gone[key] = None
                self._mark(place)
            case Reset():
                self._take_rows()
                self._dirty.clear()
                self._gone.clear()
                self._all = True
        self.schedule()

    def _forget(self, key: str) -> int:
        place = self._place(key)
        if place < len(self._order):
            del self._order[place]
        self._rows.pop(key, None)
        return place

    def _place(self, key: str) -> int:
        """The place of a row, searched from the end: that is where things happen."""
        for place in range(len(self._order) - 1, -1, -1):
            if self._order[place] == key:
                return place
        return len(self._order)

    def _mark(self, *places: int) -> None:
        for place in places:
            if place < len(self._order):
                self._dirty[self._order[place]] = None

    def _on_detail(self, detail: ChannelDetail | None) -> None:
        before, self._detail = self._detail, detail
        if before is None:
            return
        if detail is None:
            self.tell(RELOAD_VIEW)
            return
        if before.write_access != detail.write_access:
            self.tell(RELOAD_VIEW)
        # How far this person has read changes often and is not in the head.
        same = {"last_read_at": None, "unread_count": 0}
        if before.model_copy(update=same) != detail.model_copy(update=same):
            self._head_changed = True
            self.schedule()

    def _on_typing(self, typing: Mapping[str, tuple[UserName, ...]]) -> None:
        people = typing.get(self.channel.id, ())
        names = tuple(person.name for person in people if person.id != self.me.id)
        if names != self._names:
            self._names = names
            self._typing_changed = True
            self.schedule()

    # Rendering

    def redraw(self) -> None:
        """Let the next flush render all rows."""
        self._all = True

    def flush(self) -> None:
        """Render what is gathered once and offer it to all tabs."""
        parts: list[str] = []
        if self._head_changed and self._detail is not None:
            parts.append(morph("#view-head", views.channel_header(self._detail, me=self.me)))
        if self._typing_changed:
            parts.append(morph("#typing", views.typing_line(self._names)))
        if self._all:
            self._publish_whole()
        else:
            if self._gone:
                parts.append(gone(f"m-{key}" for key in self._gone))
            if self._dirty:
                places = sorted({self._place(key) for key in self._dirty if key in self._rows})
                parts.append(some_rows([self._html(place) for place in places]))
        self._all = self._head_changed = self._typing_changed = False
        self._gone.clear()
        self._dirty.clear()
        if parts:
            self.publish("".join(parts))

    def _publish_whole(self) -> None:
        self.changed()
        rendered: dict[str, bytes] = {}
        for stream in self.streams:
            framed = rendered.get(stream.oldest)
            if framed is None:
                framed = rendered[stream.oldest] = event(
                    "patch", self._whole(stream.oldest), id_=self.version
                )
            stream.offer(framed)

    def _whole(self, oldest: str) -> str:
        start = self._start(oldest) if oldest else max(0, len(self._order) - self.page_rows)
        first = self._rows[self._order[start]].message.id if start < len(self._order) else ""
        html = rows(self._html(place) for place in range(start, len(self._order)))
        head = morph("#view-head", views.channel_header(self._detail, me=self.me)) if self._detail else ""
        return html + self._top(first) + head + morph("#typing", views.typing_line(self._names))

    def _top(self, first: str) -> str:
        if self._detail is None:
            return ""
        return morph("#top", views.channel_top(self._detail, me=self.me, has_earlier=self.has_earlier(first)))

    def _start(self, oldest: str) -> int:
        """The place of the message `oldest`; 0 if it is not held."""
        row = self.channel.timeline.row(oldest) if oldest else None
        if row is None:
            return 0
        place = self._place(row.key)
        return place if place < len(self._order) else 0

    def _html(self, place: int) -> str:
        row = self._rows[self._order[place]]
        previous = self._rows[self._order[place - 1]] if place > 0 else None
        return self._cache.html(
            row,
            me=self.me,
            previous=previous,
            first_unread=row.key == self._unread,
            zone=self.zone,
            can_write=self._detail is None
            or self._detail.write_access
            or self._detail.type in {"dm", "group"},
        )

    def first_rows(self) -> list[str]:
        """Return the HTML of a first screen's rows."""
        return [
            self._html(place) for place in range(max(0, len(self._order) - self.page_rows), len(self._order))
        ]
