"""Where pieces belong that do not say so: Open WebUI 0.12.4 sends the pieces of an answer without numbers.

Whoever heard an answer from its beginning, without a break, knows the place of each piece by counting. After
a gap, or for whoever joins in the middle, the count is lost: pieces are then held back, what is shown stays
the beginning that the server's document gave, and the held pieces are laid over the next document. The server
writes the document from the same pieces, so a later one has them in it: where they stand in it is where they
belong. A place that is not certain is not guessed: the end of the answer says it all anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from antiphon.wire import OutputItem, StreamDelta

SURE = 24
"""Characters that must agree before a place counts as found: fewer stand in many places by chance."""
MOST_HELD = 65_536
"""Characters that are held back for one text."""
MOST_TRIES = 5
"""Documents that may come without settling the place, before the end of the answer is waited for."""

Key = tuple[str, str, int]
"""Which text: the item (its id, or its index), the kind of text, and the number of the part."""


def key_of(event: StreamDelta) -> Key:
    """Tell which text a piece belongs to."""
    item = event.item_id if event.item_id is not None else f"#{event.output_index or 0}"
    if "arguments" in event.type or event.type.startswith("response.custom_tool_call_input"):
        return item, "arguments", 0
    if "summary" in event.type:
        return item, "summary", event.summary_index or 0
    return item, "content", event.content_index or 0


@dataclass(slots=True)
class _Run:
    """The pieces of one text since they were first heard without a break."""

    start: int | None
    """The number of characters before the first of them; None: not known."""
    length: int = 0
    """Characters of all of them."""
    held: list[str] = field(default_factory=list)
    """Those that are not written yet."""
    held_length: int = 0
    last: StreamDelta | None = None
    tries: int = 0


class Places:
    """The places of one answer's pieces."""

    def __init__(self, *, begun: bool = False) -> None:
        self.whole = begun
        """Whether all of the answer was heard, from its beginning on."""
        self._runs: dict[Key, _Run] = {}

    @property
    def waiting(self) -> bool:
        """Whether pieces are held back whose place a document can still tell."""
        return any(
            run.start is None and run.held_length >= SURE and run.tries < MOST_TRIES
            for run in self._runs.values()
        )

    def hear(self, piece: StreamDelta) -> Key:
        """Take a piece."""
        key = key_of(piece)
        run = self._runs.setdefault(key, _Run(0 if self.whole else None))
        run.last = piece
        run.length += len(piece.delta)
        if run.start is None and run.tries >= MOST_TRIES:
            return key
        run.held.append(piece.delta)
        run.held_length += len(piece.delta)
        if run.held_length > MOST_HELD:
            # Too much to lay anywhere: the end tells it.
            run.start, run.tries, run.held, run.held_length = None, MOST_TRIES, [], 0
            self.whole = False
        return key

    def known(self, key: Key) -> bool:
        """Tell whether the place of a text's pieces is known."""
        return self._runs[key].start is not None

    def ready(self, key: Key) -> StreamDelta | None:
        """Give what was held back of one text as one piece that says where it belongs, and let go of it."""
        run = self._runs[key]
        if run.start is None or not run.held or run.last is None:
            return None
        offset, text = run.start + run.length - run.held_length, "".join(run.held)
        run.held, run.held_length = [], 0
        return run.last.model_copy(update={"delta": text, "offset": offset})

    def lay(self, key: Key, text: str) -> bool:
        """Lay what is held back over a document's text; tell whether its place is known now."""
        run = self._runs[key]
        if run.start is None and run.held and run.tries < MOST_TRIES:
            held = "".join(run.held)
            run.held = [held]
            run.start = place(text, held)
            if run.start is None and run.held_length >= SURE:
                run.tries += 1
        return run.start is not None

    def held(self) -> Iterable[tuple[Key, StreamDelta]]:
        """Give the texts of which pieces are held back, each with the latest of its pieces."""
        return [(key, run.last) for key, run in self._runs.items() if run.held and run.last is not None]

    def told(self, items: Iterable[OutputItem]) -> None:
        """The whole answer so far was told, in its turn among the pieces: nothing is unknown any more."""
        self.whole = True
        self._runs.clear()
        for item in items:
            id_ = item.id or item.call_id
            if id_ is None:
                continue
            for kind, parts in (("content", item.content), ("summary", item.summary)):
                for number, part in enumerate(parts or ()):
                    self._runs[id_, kind, number] = _Run(len(part.text or ""))
            if item.arguments:
                self._runs[id_, "arguments", 0] = _Run(len(item.arguments))

    def item_told(self, item: OutputItem) -> None:
        """One item was told whole."""
        id_ = item.id or item.call_id
        if id_ is None:
            return
        for key in [key for key in self._runs if key[0] == id_]:
            del self._runs[key]
        one = Places()
        one.told([item])
        self._runs |= one._runs
        if not self.whole:
            # Its texts that are still empty begin from here.
            for kind in ("content", "summary", "arguments"):
                self._runs.setdefault((id_, kind, 0), _Run(0))

    def text_told(self, event_key: Key, length: int) -> None:
        """One text was told whole."""
        self._runs[event_key] = _Run(length)

    def missed(self) -> None:
        """Something was missed: from here on no place is known."""
        self.whole = False
        self._runs.clear()


def place(text: str, pieces: str) -> int | None:
    """Find the only place in a text where the pieces can stand, so that they agree with all of it that they
    cover; they may go on behind its end.
    """
    sure = pieces[:SURE]
    if len(sure) < SURE:
        return None
    found: int | None = None
    start = text.find(sure)
    while start >= 0:
        if text.startswith(pieces[: len(text) - start], start):
            if found is not None:
                return None
            found = start
        start = text.find(sure, start + 1)
    return found
