"""One model answer as it grows: provider chunks in, output items and coalesced deltas out. No I/O.

The items are those of OpenAI's Responses API, which release 0.12.4 stores and sends: `message` with
`output_text` parts, `reasoning` with `reasoning_text` parts, `function_call`. A delta carries `offset`, our
addition: the number of characters (Unicode code points) of that part which earlier deltas have carried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from antiphon.server.providers.content import text_of

REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
OPEN, CLOSE = "<think>", "</think>"


def new_item_id(prefix: str) -> str:
    """Return an id of the form that release 0.12.4 gives: a prefix and 24 hexadecimal digits."""
    return f"{prefix}_{uuid4().hex[:24]}"


@dataclass(slots=True)
class _Part:
    """The growing text of one output item."""

    kind: str
    item_id: str
    index: int
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    closed: bool = False

    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def item(self, status: str, *, strip: bool = False) -> dict[str, Any]:
        text = self.text().strip() if strip else self.text()
        if self.closed:
            status = "completed"
        if self.kind == "message":
            return {
                "type": "message",
                "id": self.item_id,
                "status": status,
                "role": "assistant",
                "content": [{"type": "output_text", "text": text}],
            }
        if self.kind == "reasoning":
            content = [{"type": "reasoning_text", "text": text}]
            return {
                "type": "reasoning",
                "id": self.item_id,
                "status": status,
                "summary": [],
                "content": content,
            }
        return {
            "type": "function_call",
            "id": self.item_id,
            "status": status,
            "call_id": self.extra.get("call_id") or self.item_id,
            "name": self.extra.get("name", ""),
            "arguments": text,
        }


_DELTA_TYPES = {
    "message": "response.output_text.delta",
    "reasoning": "response.reasoning_text.delta",
    "function_call": "response.function_call_arguments.delta",
}


@dataclass(slots=True)
class _Delta:
    """Text of one part that nobody has been told yet."""

    part: _Part
    offset: int
    pieces: list[str]

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "type": _DELTA_TYPES[self.part.kind],
            "item_id": self.part.item_id,
            "output_index": self.part.index,
        }
        if self.part.kind != "function_call":
            payload["content_index"] = 0
        payload["delta"] = "".join(self.pieces)
        payload["offset"] = self.offset
        return payload


@dataclass(frozen=True, slots=True)
class Raw:
    """A provider's chunk that is passed on as it came."""

    chunk: dict[str, Any]


class Answer:
    """What a provider has said so far, and what of it has not been told yet."""

    def __init__(self, new_id: Callable[[str], str] = new_item_id) -> None:
        self._new_id = new_id
        self._parts: list[_Part] = []
        self._current: _Part | None = None
        self._calls: dict[int, _Part] = {}
        self._untold: list[_Delta | Raw | dict[str, Any]] = []
        self._begun = False
        self._tag = _ThinkTag()
        self.usage: dict[str, Any] | None = None
        self.finish: dict[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing but blanks has been said and no tool is called."""
        return not any(part.kind == "function_call" or part.text().strip() for part in self._parts)

    @property
    def untold(self) -> bool:
        """Whether `drain` has something worth a frame: a provider's empty first chunk is not."""
        return bool(self._untold) and type(self._untold[-1]) is not Raw

    def take(self, chunk: dict[str, Any]) -> None:
        """Take one `chat.completion.chunk`; what it lacks or has too much is passed over."""
        if usage := chunk.get("usage"):
            self.usage = with_both_names(usage)
        choices = chunk.get("choices")
        if not choices or not isinstance(choices, list) or not isinstance(choices[0], dict):
            return
        choice = choices[0]
        delta = choice.get("delta")
        said = self._take_delta(delta) if isinstance(delta, dict) else False
        if choice.get("finish_reason"):
            self.finish = chunk if not said else {**chunk, "choices": [{**choice, "delta": {}}]}
        elif not said and not self._begun:
            self._untold.append(Raw(chunk))
        self._begun = True

    def take_whole(self, body: Mapping[str, Any]) -> None:
        """Take a `chat.completion` body (an answer that was not streamed)."""
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            self._take_delta(message)  # calls without an index are counted as they come
        if usage := body.get("usage"):
            self.usage = with_both_names(usage)

    def end(self) -> None:
        """Let go what was held back because it could have become a tag."""
        kind, rest = self._tag.rest()
        if rest:
            self._say(kind, rest)

    def drain(self) -> list[Raw | dict[str, Any]]:
        """Return what nobody has been told, in order, deltas of one part in one; then it counts as told."""
        untold, self._untold = self._untold, []
        return [entry.payload() if isinstance(entry, _Delta) else entry for entry in untold]

    def output(self, status: str) -> list[dict[str, Any]]:
        """Return the output items; `status` is `completed`, `incomplete` or `in_progress`."""
        strip = status == "completed"
        return [part.item(status, strip=strip) for part in self._parts]

    def text(self, *, strip: bool = False) -> str:
        """Return the answer without reasoning and calls: its message items joined by a newline."""
        texts = [part.text() for part in self._parts if part.kind == "message"]
        return "\n".join(text.strip() for text in texts) if strip else "\n".join(texts)

    def parts(self) -> list[tuple[str, str, bool]]:
        """Return (kind, text, closed) of each item, in order."""
        return [(part.kind, part.text(), part.closed) for part in self._parts]

    def _take_delta(self, delta: dict[str, Any]) -> bool:
        said = False
        for key in REASONING_KEYS:
            reasoning = delta.get(key)
            if reasoning and isinstance(reasoning, str):
                self._say("reasoning", reasoning)
                said = True
                break
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._say_content(content)
                said = True
            elif isinstance(content, list):
                said = self._take_content_parts(content) or said
        calls = delta.get("tool_calls")
        if calls and isinstance(calls, list):
            for call in calls:
                if isinstance(call, dict):
                    self._call(call)
                    said = True
        return said

    def _take_content_parts(self, parts: list[Any]) -> bool:
        said = False
        for part in parts:
            if not isinstance(part, dict):
                continue
            thinking = part.get("thinking")
            if isinstance(thinking, list):
                thinking = "".join(text_of([piece]) for piece in thinking)
            for kind, text in (("reasoning", thinking), ("message", part.get("text"))):
                if text and isinstance(text, str):
                    self._say(kind, text)
                    said = True
        return said

    def _say_content(self, text: str) -> None:
        if self._tag.over:
            self._say("message", text)
            return
        for kind, piece in self._tag.feed(text):
            self._say(kind, piece)

    def _say(self, kind: str, text: str) -> None:
        part = self._current
        if part is None or part.kind != kind:
            if kind == "message" and part is not None and not text.strip():
                return  # the blank lines between reasoning and answer are no answer yet
            part = self._open(kind, self._new_id("msg" if kind == "message" else "rs"))
        self._grow(part, text)

    def _grow(self, part: _Part, text: str) -> None:
        last = self._untold[-1] if self._untold else None
        if type(last) is _Delta and last.part is part:
            last.pieces.append(text)
        else:
            self._untold.append(_Delta(part, part.length, [text]))
        part.pieces.append(text)
        part.length += len(text)

    def _open(self, kind: str, item_id: str, **extra: Any) -> _Part:
        self._close()
        part = _Part(kind, item_id, len(self._parts), extra=extra)
        self._parts.append(part)
        self._current = part
        if kind != "message":
            item = part.item("in_progress")
            self._untold.append(
                {"type": "response.output_item.added", "output_index": part.index, "item": item}
            )
        return part

    def _close(self) -> None:
        part = self._current
        if part is None:
            return
        self._current = None
        if part.kind == "function_call":
            return  # calls may grow side by side; they close with the answer
        part.closed = True
        if part.kind == "reasoning":
            item = part.item("completed")
            self._untold.append(
                {"type": "response.output_item.done", "output_index": part.index, "item": item}
            )

    def _call(self, call: dict[str, Any]) -> None:
        index = call.get("index")
        index = index if isinstance(index, int) else len(self._calls)
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        part = self._calls.get(index)
        if part is None:
            call_id = call.get("id") or new_item_id("call")
            part = self._open(
                "function_call", self._new_id("fc"), call_id=call_id, name=function.get("name") or ""
            )
            self._calls[index] = part
        arguments = function.get("arguments")
        if isinstance(arguments, str) and arguments:
            self._grow(part, arguments)


class _ThinkTag:
    """Splits the beginning of an answer at `<think>…</think>`, which local models put into their content."""

    def __init__(self) -> None:
        self.over = False
        self._inside = False
        self._held = ""

    def feed(self, text: str) -> list[tuple[str, str]]:
        said: list[tuple[str, str]] = []
        self._held += text
        if not self._inside:
            begun = self._held.lstrip()
            if begun.startswith(OPEN):
                self._inside = True
                self._held = begun[len(OPEN) :].lstrip("\n")
            elif not OPEN.startswith(begun[: len(OPEN)]):
                self.over = True
                said.append(("message", self._held))
                self._held = ""
                return said
            else:
                return said
        before, tag, after = self._held.partition(CLOSE)
        if tag:
            self.over = True
            self._held = ""
            said.append(("reasoning", before))
            said.append(("message", after.lstrip()))
        else:
            keep = next((n for n in range(len(CLOSE) - 1, 0, -1) if before.endswith(CLOSE[:n])), 0)
            self._held = before[len(before) - keep :] if keep else ""
            said.append(("reasoning", before[: len(before) - keep]))
        return [(kind, piece) for kind, piece in said if piece]

    def rest(self) -> tuple[str, str]:
        held, self._held, self.over = self._held, "", True
        return ("reasoning" if self._inside else "message"), held


def with_both_names(usage: Any) -> dict[str, Any]:
    """Return token counts under OpenAI's older and newer names, as 0.12.4 sends them."""
    if not isinstance(usage, dict):
        return {}
    both = dict(usage)
    for old, new in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        if old in both:
            both.setdefault(new, both[old])
        elif new in both:
            both.setdefault(old, both[new])
    return both
