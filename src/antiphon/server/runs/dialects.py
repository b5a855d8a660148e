"""What a run says on the socket, in the words of release 0.12.4 or of 0.6.41. No I/O.

An event is (`type`, `data`), the inner part of the `events` envelope; `NOTHING` stands for no data.
The order is that of the recorded traffic of each release.
"""

import html
from typing import Any, Final, Protocol

from antiphon.server.runs.answer import Answer, Raw

type_and_data = tuple[str, Any]
NOTHING: Final = object()


class Dialect(Protocol):
    """The words of one release."""

    frame: float
    """Seconds between two frames of one answer."""

    def chat_listed(self, chat_id: str, folder_id: str | None) -> list[type_and_data]:
        """Say that the chat list has changed."""
        ...

    def active(self, active: bool, folder_id: str | None) -> list[type_and_data]:
        """Say that a chat begins or ends to be answered."""
        ...

    def frame_of(self, answer: Answer) -> list[type_and_data]:
        """Say what is new in `answer`."""
        ...

    def stream_over(self, answer: Answer) -> list[type_and_data]:
        """Say the token counts and pass the provider's last chunk on."""
        ...

    def done(self, answer: Answer, title: str | None) -> list[type_and_data]:
        """Say that the answer is complete."""
        ...

    def stopped(self, answer: Answer) -> list[type_and_data]:
        """Say that a person stopped the answer."""
        ...

    def failed(self, answer: Answer, text: str, title: str | None) -> list[type_and_data]:
        """Say that the answer has failed, and why."""
        ...

    def content(self, answer: Answer, *, complete: bool) -> str:
        """Return the answer as it is stored in `content`."""
        ...


class Release012:
    """Incremental `response:completion` deltas; the output items are authoritative (0.12.4)."""

    frame = 0.04

    def chat_listed(self, chat_id: str, folder_id: str | None) -> list[type_and_data]:
        """Say `chat:list`."""
        return [("chat:list", {"chat_id": chat_id, "folder_id": folder_id})]

    def active(self, active: bool, folder_id: str | None) -> list[type_and_data]:
        """Say `chat:active`."""
        return [("chat:active", {"active": active, "folder_id": folder_id})]

    def frame_of(self, answer: Answer) -> list[type_and_data]:
        """Say each new delta or item; deltas of one part are one."""
        return [
            ("response:completion", entry.chunk if isinstance(entry, Raw) else entry)
            for entry in answer.drain()
        ]

    def stream_over(self, answer: Answer) -> list[type_and_data]:
        """Say `{usage}`, then the finish chunk."""
        return _stream_over(answer)

    def done(self, answer: Answer, title: str | None) -> list[type_and_data]:
        """Say the final items, title and token counts."""
        data: dict[str, Any] = {"done": True, "output": answer.output("completed"), "title": title}
        if answer.usage:
            data["usage"] = answer.usage
        return [("chat:completion", data)]

    def stopped(self, answer: Answer) -> list[type_and_data]:
        """Say `chat:tasks:cancel` with the items so far, then without."""
        return [
            ("chat:tasks:cancel", {"output": answer.output("incomplete")}),
            ("chat:tasks:cancel", NOTHING),
        ]

    def failed(self, answer: Answer, text: str, title: str | None) -> list[type_and_data]:
        """Say the error, then the end with the items so far."""
        output = answer.output("incomplete")
        return [
            ("chat:message:error", {"error": {"content": text}}),
            ("chat:completion", {"done": True, "output": output, "title": title}),
        ]

    def content(self, answer: Answer, *, complete: bool) -> str:
        """Return the words of the message items."""
        return answer.text(strip=complete)


class Release06:
    """The whole text so far in each `chat:completion` (0.6.41), at most 20 frames a second."""

    frame = 0.05

    def chat_listed(self, chat_id: str, folder_id: str | None) -> list[type_and_data]:
        """Say nothing: 0.6.41 has no such event."""
        return []

    def active(self, active: bool, folder_id: str | None) -> list[type_and_data]:
        """Say nothing: 0.6.41 has no such event."""
        return []

    def frame_of(self, answer: Answer) -> list[type_and_data]:
        """Say the first chunk as it came, and the whole text so far."""
        new = answer.drain()
        events: list[type_and_data] = [("chat:completion", raw.chunk) for raw in new if isinstance(raw, Raw)]
        if len(events) < len(new):
            events.append(("chat:completion", {"content": self.content(answer, complete=True)}))
        return events

    def stream_over(self, answer: Answer) -> list[type_and_data]:
        """Say `{usage}`, then the finish chunk."""
        return _stream_over(answer)

    def done(self, answer: Answer, title: str | None) -> list[type_and_data]:
        """Say the final text and the title."""
        content = self.content(answer, complete=True)
        return [("chat:completion", {"done": True, "content": content, "title": title})]

    def stopped(self, answer: Answer) -> list[type_and_data]:
        """Say `chat:tasks:cancel`."""
        return [("chat:tasks:cancel", NOTHING)]

    def failed(self, answer: Answer, text: str, title: str | None) -> list[type_and_data]:
        """Say the error, then the end with the text so far."""
        return [("chat:message:error", {"error": {"content": text}}), *self.done(answer, title)]

    def content(self, answer: Answer, *, complete: bool) -> str:
        """Return the text with reasoning as the `details` blocks that a 0.6 page folds."""
        blocks = []
        for kind, text, closed in answer.parts():
            if kind == "reasoning":
                quoted = "\n".join(f"> {html.escape(line, quote=False)}" for line in text.strip().split("\n"))
                done, said = ("true", "Thought") if closed or complete else ("false", "Thinking…")
                summary = f"<summary>{said}</summary>"
                blocks.append(f'<details type="reasoning" done="{done}">\n{summary}\n{quoted}\n</details>')
            elif kind == "message":
                blocks.append(text.strip() if complete else text)
        return "\n".join(blocks)


def dialect_of(name: str) -> Dialect:
    """Return the dialect that the setting names: `0.12` or `0.6`."""
    return Release06() if name.startswith("0.6") else Release012()


def _stream_over(answer: Answer) -> list[type_and_data]:
    events: list[type_and_data] = []
    if answer.usage:
        events.append(("chat:completion", {"usage": answer.usage}))
    if answer.finish:
        events.append(("chat:completion", answer.finish))
    return events
