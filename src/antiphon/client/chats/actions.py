"""What a person can do with a chat beside asking: stop, branches, deleting, pins, folders, tags."""

from __future__ import annotations

from typing import Any

from antiphon.client.channels.typing import OwnTyping
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.fetch import ChatFetch
from antiphon.client.chats.questions import Asking
from antiphon.client.chats.state import ChatState
from antiphon.client.chats.turns import Turns
from antiphon.client.context import Context
from antiphon.client.errors import NotFound, Rejected
from antiphon.wire import ChatDocument, ChatTag, History


class ChatActions:
    """The acting half of a chat's handle. Each raises what the server says against it."""

    _state: ChatState
    _context: Context
    _list: ChatList
    _turns: Turns
    _fetch: ChatFetch
    _asking: Asking
    _own_typing: OwnTyping | None = None

    @property
    def temporary(self) -> bool:
        """Whether the chat is stored nowhere: it ends with its handle, and no other window hears of it."""
        return self._state.temporary

    # Turns

    async def stop(self) -> None:
        """Stop the answers that are being written."""
        completions, id_ = self._context.rest.completions, self._state.id
        if self._context.old_dialect:
            # It lists no tasks of a chat that is not stored.
            for task_id in self._asking.tasks if self.temporary else await completions.tasks(id_):
                await completions.stop_task(task_id)
            return
        try:
            await completions.stop_chat(id_)
        except NotFound:
            if not self.temporary:
                raise
            # 0.12.4 finds a temporary chat by the session that began it, which ours outlives (W-53): the
            # server writes on, and nobody looks.
            self._turns.stop_here()

    async def switch(self, message_id: str) -> None:
        """Show the newest branch through a message, here and wherever the chat is opened next."""
        self._turns.switch(self._one_of_ours(message_id))
        if not self.temporary:
            await self._write(self._turns.history() if self._context.old_dialect else None)

    async def edit(self, message_id: str, text: str) -> None:
        """Give a question or answer another text, in its place."""
        self._one_of_ours(message_id)
        if not self.temporary:
            await self._context.rest.chats.edit_message(self._state.id, message_id, text)
        self._turns.retext(message_id, text)

    async def delete_message(self, message_id: str) -> None:
        """Take a message away. Open WebUI takes its direct answers with it; what follows goes on behind the
        message before.
        """
        self._one_of_ours(message_id)
        rest, id_ = self._context.rest, self._state.id
        if self.temporary:
            self._turns.load(self._turns.without(message_id), running=self._turns.running)
            return
        if self._context.old_dialect:
            await self._write(self._turns.without(message_id))
        else:
            try:
                await rest.chats.delete_message(id_, message_id)
            except Rejected as error:
                if error.status != 405:  # Releases between the two have no such path.
                    raise
                await self._write(self._turns.without(message_id))
        await self._fetch.refresh()

    async def _write(self, history: History | None) -> None:
        """Write the history as it shall be; None: only which branch is on screen."""
        if history is None:
            history = History(messages={}, current_id=self._turns.current_id)
        await self._context.rest.chats.save(self._state.id, ChatDocument(history=history))

    def _one_of_ours(self, message_id: str) -> str:
        if message_id not in self._turns:
            raise NotFound(404, "there is no such message in this chat")
        return message_id

    # The chat itself

    async def rename(self, title: str) -> None:
        """Give the chat another title."""
        row = await self._context.rest.chats.save(self._state.id, ChatDocument(title=title))
        self._retitle(row.title)
        self._list.renamed(self._state.id, row.title)
        self._fetch.soon()  # A document that is on its way may be older than this.

    async def delete(self) -> None:
        """Delete the chat."""
        if not self.temporary:
            await self._context.rest.chats.delete(self._state.id)
        self._list.removed(self._state.id)
        self.gone()

    def gone(self) -> None:
        """The chat is gone."""
        raise NotImplementedError

    async def pin(self, pinned: bool = True) -> None:
        """Pin the chat, or let it go. The server only knows how to turn it over, so it is asked first."""
        chats, id_ = self._context.rest.chats, self._state.id
        if await chats.is_pinned(id_) != pinned:
            row = await chats.toggle_pin(id_)
            self._rewrite_row(pinned=row.pinned)
            self._list.refetch()

    async def archive(self, archived: bool = True) -> None:
        """Put the chat out of the list, or back into it."""
        chats, id_ = self._context.rest.chats, self._state.id
        if (await chats.get(id_)).archived != archived:
            row = await chats.toggle_archive(id_)
            self._rewrite_row(archived=row.archived)
            self._list.refetch()

    async def move(self, folder_id: str | None) -> None:
        """Put the chat into a folder, or out of the one it is in."""
        row = await self._context.rest.chats.move(self._state.id, folder_id)
        self._rewrite_row(folder_id=row.folder_id)
        self._list.refetch()

    async def tags(self) -> tuple[ChatTag, ...]:
        """Fetch the chat's tags."""
        return tuple(await self._context.rest.chats.tags_of(self._state.id))

    async def add_tag(self, name: str) -> tuple[ChatTag, ...]:
        """Give the chat a tag; gives all it has then."""
        tags = tuple(await self._context.rest.chats.add_tag(self._state.id, name))
        self._list.retagged()
        return tags

    async def remove_tag(self, name: str) -> tuple[ChatTag, ...]:
        """Take a tag from the chat; gives those it has still."""
        tags = tuple(await self._context.rest.chats.remove_tag(self._state.id, name))
        self._list.retagged()
        return tags

    # Saying

    def mark_read(self) -> None:
        """This person has read the chat (0.12.4 and ours)."""
        if not self._context.old_dialect and not self.temporary:
            self._say("last_read_at")

    def say_typing(self, active: bool = True) -> None:
        """Tell the other viewers of a shared chat that the person types, or no longer (0.12.4): at most every
        two seconds.
        """
        if self._context.old_dialect or self.temporary:
            return
        if self._own_typing is None:
            self._own_typing = OwnTyping(
                self._context.clock, self._context.delays, lambda on: self._say("typing", {"typing": on})
            )
        self._own_typing.sign(active)

    def _say(self, kind: str, data: Any = None) -> bool:
        said = {"type": kind} if data is None else {"type": kind, "data": data}
        return self._context.say("events:chat", {"chat_id": self._state.id, "data": said})

    def _retitle(self, title: str) -> None:
        row = self._state.row.value
        if row is not None and row.title != title:
            self._state.row.set(row.model_copy(update={"title": title}))

    def _rewrite_row(self, **update: Any) -> None:
        row = self._state.row.value
        if row is not None:
            self._state.row.set(row.model_copy(update=update))
