"""What a person does in the page: each is a small post that answers in JSON."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, Response

from antiphon.client.errors import AntiphonError

from . import views
from .answers import AWAY, BadRequest, Fields, answer_to, failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from antiphon.client import Chat

    from .person import Person
    from .settings import PageSettings

    Action = Callable[[Person, Fields], Awaitable[Response]]

_OUR_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
MOST_ABOUT: Final = 2_000
"""Characters about what a channel is for."""

_REMEMBERED: Final = 500
"""Questions that are remembered per page, so that a repeated post asks nothing twice."""


class Actions:
    """All actions by their name in the address ``/page/{name}``."""

    def __init__(self, settings: PageSettings) -> None:
        self._settings = settings
        self._asked: OrderedDict[tuple[str, str], asyncio.Task[Chat]] = OrderedDict()
        self.by_name: dict[str, Action] = {
            "send": self.send,
            "ask": self.ask,
            "again": self.again,
            "stop": self.stop,
            "rename": self.rename,
            "delete-chat": self.delete_chat,
            "create-channel": self.create_channel,
            "edit-channel": self.edit_channel,
            "delete-channel": self.delete_channel,
            "editor": self.editor,
            "edit": self.edit,
            "delete": self.delete,
            "react": self.react,
            "unreact": self.unreact,
            "retry": self.retry,
            "discard": self.discard,
            "earlier": self.earlier,
            "typing": self.typing,
            "presence": self.presence,
        }

    async def run(self, name: str, person: Person, fields: Fields) -> Response:
        """Do it; whatever goes wrong is an answer in words."""
        action = self.by_name.get(name)
        if action is None:
            return failed("There is no such action.", 404)
        try:
            return await action(person, fields)
        except BadRequest as error:
            return failed(error.detail, error.status)
        except AntiphonError as error:
            status, detail = answer_to(error)
            return failed(detail, status)

    # Messages

    async def send(self, person: Person, fields: Fields) -> Response:
        """Post a message, once for each `temp_id`; 200 says that it is stored, 202 that it waits here."""
        channel = person.client.channel(fields.text("id"))
        temp_id = _own_id(fields, "temp_id")
        content = fields.words("content")
        sending = channel.send(content, temp_id=temp_id)
        if sending.state == "failed":
            channel.retry(temp_id)
        try:
            async with asyncio.timeout(self._settings.send_within):
                message = await sending
        except TimeoutError:
            return JSONResponse({"detail": AWAY}, status_code=202)
        row = channel.timeline.row(message.id)
        return JSONResponse({"id": message.id, "key": row.key if row is not None else message.id})

    async def retry(self, person: Person, fields: Fields) -> Response:
        """Send a failed message again."""
        person.client.channel(fields.text("id")).retry(fields.text("temp_id"))
        return _done()

    async def discard(self, person: Person, fields: Fields) -> Response:
        """Give a message up that was not sent; its text is answered, to be written anew."""
        channel = person.client.channel(fields.text("id"))
        temp_id = fields.text("temp_id")
        row = channel.timeline.row(temp_id)
        channel.discard(temp_id)
        return JSONResponse({"content": row.message.content if row is not None else ""})

    async def editor(self, person: Person, fields: Fields) -> Response:
        """Answer with the form that takes the place of a message's text while it is edited."""
        row = person.client.channel(fields.text("id")).timeline.row(fields.text("message"))
        if row is None:
            return failed("This message is gone.", 404)
        return JSONResponse({"html": str(views.message_editor(row, action="/page/edit"))})

    async def edit(self, person: Person, fields: Fields) -> Response:
        """Change a message's text."""
        channel = person.client.channel(fields.text("id"))
        await channel.edit(fields.text("message"), fields.words("content"))
        return _done()

    async def delete(self, person: Person, fields: Fields) -> Response:
        """Delete a message."""
        await person.client.channel(fields.text("id")).delete(fields.text("message"))
        return _done()

    async def react(self, person: Person, fields: Fields) -> Response:
        """React to a message."""
        await person.client.channel(fields.text("id")).react(
            fields.text("message"), fields.text("name", most=64)
        )
        return _done()

    async def unreact(self, person: Person, fields: Fields) -> Response:
        """Take a reaction back."""
        await person.client.channel(fields.text("id")).unreact(
            fields.text("message"), fields.text("name", most=64)
        )
        return _done()

    async def earlier(self, person: Person, fields: Fields) -> Response:
        """Answer with the rows before the oldest one that the tab holds."""
        feed = await person.channel(fields.text("id"))
        html, first = await feed.earlier(fields.text("oldest", default=""))
        stream_id = fields.text("stream", default="")
        for stream in person.streams:
            if stream.id == stream_id:
                stream.oldest = first
        return JSONResponse({"patch": html})

    async def typing(self, person: Person, fields: Fields) -> Response:
        """Tell the others that this person types, or has stopped."""
        person.client.channel(fields.text("id")).typing(fields.flag("active", default=True))
        return _done()

    async def presence(self, person: Person, fields: Fields) -> Response:
        """Take a sign of life of a tab, and whether somebody looks at it: what is on screen is read."""
        stream_id = fields.text("stream", default="")
        stream = next((one for one in person.streams if one.id == stream_id), None)
        if stream is None:
            return failed("This stream has ended.", 410)
        stream.heard()
        focused = fields.flag("focused")
        if stream.window is not None:
            stream.window.focus(focused)
            if focused and fields.flag("at_end") and stream.window.channel_id is not None:
                person.read(stream.window.channel_id)
        return _done()

    # Channels

    async def create_channel(self, person: Person, fields: Fields) -> Response:
        """Make a channel that everybody may read and write in."""
        made = await person.client.create_channel(
            fields.words("name"), description=fields.text("description", most=MOST_ABOUT, default="")
        )
        return JSONResponse({"id": made.id})

    async def edit_channel(self, person: Person, fields: Fields) -> Response:
        """Change a channel's name and what it is for; everything else is told again as it is."""
        id_ = fields.text("id")
        name = fields.words("name")
        description = fields.text("description", most=MOST_ABOUT, default="")
        await person.client.channel(id_).update(name=name, description=description)
        return _done()

    async def delete_channel(self, person: Person, fields: Fields) -> Response:
        """Delete a channel with everything written in it."""
        await person.client.channel(fields.text("id")).remove()
        return _done()

    # Chats

    async def ask(self, person: Person, fields: Fields) -> Response:
        """Ask a model, once for each `message_id`; without the id of a chat the question begins one."""
        message_id = _own_id(fields, "message_id")
        key = (person.session.key, message_id)
        task = self._asked.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(self._ask(person, fields, message_id))
            self._asked[key] = task
            while len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        try:
            async with asyncio.timeout(self._settings.send_within):
                chat = await asyncio.shield(task)
        except TimeoutError:
            return JSONResponse({"detail": AWAY}, status_code=202)
        return JSONResponse({"id": chat.id, "key": message_id})

    async def _ask(self, person: Person, fields: Fields, message_id: str) -> Chat:
        content = fields.words("content")
        turn_id = _own_id(fields, "turn_id")
        chat_id = fields.text("id", default="")
        model = fields.text("model", default="")
        if not model:
            models = await person.models()
            if not models:
                raise BadRequest("There is no model to ask yet. The administrator can add a provider.")
            model = models[0].id
        person.model = model
        await person.live()  # an answer travels over the link
        if not chat_id:
            return await person.client.new_chat(content, model, message_id=message_id, turn_id=turn_id)
        chat = (await person.chat(chat_id)).chat
        await chat.ask(content, model, message_id=message_id, turn_id=turn_id)
        return chat

    async def again(self, person: Person, fields: Fields) -> Response:
        """Ask the question of an answer again, beside it."""
        chat = (await person.chat(fields.text("id"))).chat
        answer = chat.turn(fields.text("turn"))
        if answer is None or answer.role != "assistant" or chat.turn(answer.parent_id or "") is None:
            return failed("This answer is gone.", 404)
        await chat.regenerate(answer.id, fields.text("model", default="") or answer.model)
        return _done()

    async def stop(self, person: Person, fields: Fields) -> Response:
        """Stop the answer that runs."""
        await person.client.chat(fields.text("id")).stop()
        return _done()

    async def rename(self, person: Person, fields: Fields) -> Response:
        """Give a chat another title."""
        await person.client.chat(fields.text("id")).rename(fields.text("title", most=200).strip())
        return _done()

    async def delete_chat(self, person: Person, fields: Fields) -> Response:
        """Delete a chat."""
        await person.client.chat(fields.text("id")).delete()
        return _done()

    async def close(self) -> None:
        """End what is still being asked."""
        tasks = [task for task in self._asked.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asked.clear()


def _own_id(fields: Fields, name: str) -> str:
    value = fields.text(name, most=64)
    if not _OUR_ID.fullmatch(value):
        raise BadRequest(f"The field {name!r} must be an id of letters, digits and dashes.")
    return value


def _done() -> Response:
    return Response(status_code=204)
