"""What we do here, through the client."""

from __future__ import annotations

from antiphon.client.errors import AntiphonError

from .hands import Hands


class Here(Hands):
    """Our hands at the client."""

    def we_look_at(self, a: int, b: int) -> None:
        """A window shows a channel or a chat."""
        view = self._view(a)
        chats = list(self._server.chats.talks)
        if b % 3 == 2 and chats:
            chat_id = chats[b // 3 % len(chats)]
            self.touched_chats[chat_id] = None
            view.show("chat", chat_id)
        else:
            channel_id = self._room(b).id
            self.touched[channel_id] = None
            view.show("channel", channel_id)

    def we_open_a_thread(self, a: int, b: int) -> None:
        """A window shows a thread."""
        room = self._room(a)
        tops = [post.id for post in room.living()]
        if tops:
            self.touched[room.id] = None
            self._view(b).show("thread", f"{room.id}/{tops[b // 3 % len(tops)]}")

    def we_look_away(self, a: int, b: int) -> None:
        """A window is closed, or shows nothing."""
        view = self._view(a)
        if b % 2:
            self._stage.views.remove(view)
            view.close()
        else:
            view.leave()

    def we_turn_to(self, a: int, b: int) -> None:
        """We look at a window, or turn away from it."""
        self._view(a).focus(bool(b % 2))

    def we_send(self, a: int, b: int) -> None:
        """We send, perhaps an answer to something."""
        from .stage import Sent

        room = self._room(a)
        text = self._text("mine")
        tops = [post.id for post in room.living()]
        quoted = tops[b // 2 % len(tops)] if b % 2 and tops else None
        sending = self._channel(room).send(text, temp_id=f"t {text}", reply_to_id=quoted)
        self._stage.sendings.append(Sent(room.id, None, text, sending))

    def we_reply(self, a: int, b: int) -> None:
        """We reply in a thread."""
        from .stage import Sent

        room = self._room(a)
        tops = [post.id for post in room.living()]
        if tops:
            text, parent = self._text("mine"), tops[b % len(tops)]
            sending = self._channel(room).send(text, temp_id=f"t {text}", parent_id=parent)
            self._stage.sendings.append(Sent(room.id, parent, text, sending))

    def we_try_again(self, a: int, _: int) -> None:
        """We send again what has failed."""
        failed = [sent for sent in self._stage.sendings if sent.sending.state == "failed"]
        if failed:
            sent = failed[a % len(failed)]
            sent.again = True
            self._client.channel(sent.channel_id).retry(sent.sending.temp_id)

    def we_give_up(self, a: int, _: int) -> None:
        """We discard something that is not sent yet."""
        waiting = [sent for sent in self._stage.sendings if sent.sending.state in {"failed", "pending"}]
        if waiting:
            sent = waiting[a % len(waiting)]
            sent.again = True
            self._client.channel(sent.channel_id).discard(sent.sending.temp_id)

    def we_edit(self, a: int, b: int) -> None:
        """We edit a message of ours."""
        if (post := self._own(a, b)) is not None:
            self._stage.work(self._channel(self._room(a)).edit(post.id, self._text("edited")))

    def we_delete(self, a: int, b: int) -> None:
        """We delete a message of ours."""
        if (post := self._own(a, b)) is not None:
            self._stage.work(self._channel(self._room(a)).delete(post.id))

    def we_react(self, a: int, b: int) -> None:
        """We react to something."""
        if (post := self._any(a, b // 2)) is not None:
            self._stage.work(self._channel(self._room(a)).react(post.id, ("+1", "heart")[b % 2]))

    def we_unreact(self, a: int, b: int) -> None:
        """We take a reaction back."""
        if (post := self._any(a, b // 2)) is not None:
            self._stage.work(self._channel(self._room(a)).unreact(post.id, ("+1", "heart")[b % 2]))

    def we_pin(self, a: int, b: int) -> None:
        """We pin something, or take the pin off."""
        if (post := self._any(a, b // 2)) is not None:
            self._stage.work(self._channel(self._room(a)).pin(post.id, bool(b % 2)))

    def we_type(self, a: int, b: int) -> None:
        """We type."""
        self._channel(self._room(a)).typing(bool(b % 3))

    def we_scroll_back(self, a: int, _: int) -> None:
        """We look at earlier messages."""
        self._stage.work(self._channel(self._room(a)).load_earlier(4))

    def we_mark_read(self, a: int, _: int) -> None:
        """We say that we have read a channel."""
        self._channel(self._room(a)).mark_read()

    def we_ask(self, a: int, _: int) -> None:
        """We ask in a chat, or in a new one."""
        self._texts += 1
        text, turn = f"question {self._texts}", f"turn {self._texts}"
        chat_id = self._chat(a)
        self._stage.work(self._ask(chat_id if a % 3 else None, text, turn))

    async def _ask(self, chat_id: str | None, text: str, turn: str) -> None:
        questions = self._stage.questions
        questions[turn] = "being asked"
        try:
            if chat_id is None:
                chat = await self._client.new_chat(text, "m", message_id=f"q {turn}", turn_id=turn)
                self.touched_chats[chat.id] = None
            else:
                self.touched_chats[chat_id] = None
                await self._client.chat(chat_id).ask(text, "m", message_id=f"q {turn}", turn_id=turn)
        except AntiphonError as error:
            questions[turn] = f"refused: {error}"
            raise
        questions[turn] = "asked"

    def we_stop(self, a: int, _: int) -> None:
        """We stop the answers of a chat."""
        if (chat_id := self._chat(a)) is not None:
            self._stage.work(self._client.chat(chat_id).stop())

    def we_rename_a_chat(self, a: int, b: int) -> None:
        """We rename a chat."""
        if (chat_id := self._chat(a)) is not None:
            self._stage.work(self._client.chat(chat_id).rename(f"ours {b % 4}"))

    def we_delete_a_chat(self, a: int, _: int) -> None:
        """We delete a chat."""
        if (chat_id := self._chat(a)) is not None:
            self._stage.work(self._client.chat(chat_id).delete())

    def we_read_a_chat(self, a: int, _: int) -> None:
        """We have read a chat."""
        if (chat_id := self._chat(a)) is not None:
            self._client.chat(chat_id).mark_read()
