"""A model's answer in a channel: a run whose text goes into a message instead of a chat."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from antiphon.server.channels import messages as read
from antiphon.server.channels import replies
from antiphon.server.channels.envelopes import EVENT
from antiphon.server.channels.replies import Reply
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.providers.source import Model
from antiphon.server.runs import states
from antiphon.server.runs.answer import Raw
from antiphon.server.runs.dialects import type_and_data
from antiphon.server.runs.run import NOT_STORED_TEXT, Run
from antiphon.server.runs.turns import Turn

if TYPE_CHECKING:
    from antiphon.server.channels.directory import Channel
    from antiphon.server.runs.registry import Runs
    from antiphon.server.state import ServerState

FRAME = 0.15
"""Seconds between two updates of one message, as in 0.12.4."""
STOPPED_TEXT = "The answer was stopped before its first word."


def chat_id_of(channel_id: str) -> str:
    """The name under which a channel's answers are listed and stopped beside those of chats."""
    return f"channel:{channel_id}"


class ModelReply(Run):
    """Writes a model's answer into the message that holds its place: `message:update` every 150 ms at most,
    each stored before it is told, the last one with `meta.done`.
    """

    frame = FRAME

    def __init__(self, runs: Runs, state: ServerState, reply: Reply) -> None:
        source = _Sought(state, reply)
        turn = Turn(
            run_id=str(uuid4()),
            user_id=reply.user_id,
            chat_id=chat_id_of(reply.channel_id),
            message_id=reply.message_id,
            question_id=reply.thread_id,
            question="",
            model=Model(reply.model.model_id, reply.model.model_id, source, {}),
            body={},
            streamed=True,
            stored=False,
            waiting=runs.slots.locked(),
        )
        super().__init__(runs, turn)
        self._state = state
        self._reply = reply

    async def snapshot(self) -> dict[str, Any]:
        """Nothing: the message itself holds what was told."""
        return {}

    async def _tell_frame(self) -> None:
        new = any(not isinstance(entry, Raw) for entry in self._answer.drain())
        # What is new together with the end is told with the end.
        if new and self._answer.finish is None and not self._halt.done():
            await self._write(self._runs.dialect.content(self._answer, complete=False), "in_progress", {})

    async def _end(self, state: str, reason: str | None) -> None:
        complete = state == states.DONE
        text = self._runs.dialect.content(self._answer, complete=complete)
        if state == states.STOPPED and not text.strip():
            reason = STOPPED_TEXT
        text, meta = replies.ended(text, reason)
        self.state = state
        await self._write(text, "completed" if complete else "incomplete", meta)
        self.ended.set()

    async def _write(self, text: str, status: str, meta: dict[str, Any]) -> None:
        database = self._state.database
        channel = await self._state.channels.get(self._reply.channel_id)
        data = {"output": self._answer.output(status)} if self._state.settings.dialect == "0.12" else None
        async with database.write() as connection:
            message = await replies.write(
                connection, database.clock, self._reply.message_id, text, data, meta, over="done" in meta
            )
        if message is None or channel is None:
            self.halt(states.STOPPED)  # an answer that nobody can see any more is not asked for any longer
        else:
            await self._announce(channel, message)

    async def _announce(self, channel: Channel, message: dict[str, Any]) -> None:
        payload: dict[str, Any] = {
            "channel_id": channel.id,
            "message_id": message["id"],
            "data": {"type": "message:update", "data": message},
        }
        if self._state.settings.dialect == "0.6":
            payload |= {"user": message["user"], "channel": channel.record}
        await self._state.live.emit(EVENT, payload, channel.room)

    async def _tell(self, _events: Iterable[type_and_data]) -> None:
        """Say that the end could not be stored: all that a run like this has to tell beside its text."""
        async with self._state.database.read() as connection:
            message = await read.one(connection, self._reply.channel_id, self._reply.message_id)
        channel = await self._state.channels.get(self._reply.channel_id)
        if message is not None and channel is not None:
            content, meta = replies.ended(message["content"], NOT_STORED_TEXT)
            await self._announce(
                channel, message | {"content": content, "meta": {**(message["meta"] or {}), **meta}}
            )


class _Sought:
    """The model that was called, looked for when its turn comes, and asked with the thread as it is then."""

    def __init__(self, state: ServerState, reply: Reply) -> None:
        self._state = state
        self._reply = reply
        self.address = "the model's provider"

    async def stream(self, _body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield what the model says."""
        called = self._reply.model
        model = await self._state.providers.find(called.model_id)
        if model is None:
            raise ProviderFailed("not-found", f"The model {called.model_name} is not here (any more).")
        self.address = model.source.address
        async with self._state.database.read() as connection:
            said = await replies.thread_before(connection, self._reply)
        body = {"model": model.upstream_id, "messages": replies.conversation(said, called)}
        async with aclosing(model.source.stream(body)) as batches:
            async for chunks in batches:
                yield chunks

    async def complete(self, _body: dict[str, Any]) -> dict[str, Any]:
        """Not asked for: answers in channels are streamed."""
        raise NotImplementedError
