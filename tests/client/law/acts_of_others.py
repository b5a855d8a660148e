"""What others do, straight on the server: another person, another device of ours, the model."""

from __future__ import annotations

from typing import Any

from .hands import Hands


class Others(Hands):
    """Hands that are not at our client."""

    # Another person

    def ann_posts(self, a: int, b: int) -> None:
        """Another person posts, perhaps an answer to something, perhaps with a file."""
        self._post("ann", a, b)

    def ann_posts_much(self, a: int, b: int) -> None:
        """Another person posts more than a page holds."""
        for _ in range(5 + b % 20):
            self._post("ann", a, 0)

    def ann_replies(self, a: int, b: int) -> None:
        """Another person replies in a thread."""
        self._reply("ann", a, b)

    def ann_edits(self, a: int, b: int) -> None:
        """Another person edits something."""
        self._edit("ann", a, b)

    def ann_deletes(self, a: int, b: int) -> None:
        """Another person deletes something, in a channel of hers anything."""
        self._delete("ann", a, b)

    def ann_reacts(self, a: int, b: int) -> None:
        """Another person reacts, or takes it back."""
        self._react("ann", a, b)

    def ann_pins(self, a: int, b: int) -> None:
        """Another person pins or unpins something."""
        self._pin("ann", a, b)

    def ann_types(self, a: int, b: int) -> None:
        """Another person types, or stops."""
        self._server.channels.typing("ann", self._room(a).id, None, b % 3 > 0, None)

    def ann_makes_a_channel(self, a: int, _: int) -> None:
        """Another person makes a channel: for all, or a group with us in it."""
        self._texts += 1
        group = a % 2
        if len(self._server.channels.rooms) < 6:
            self._server.channels.create(
                "ann", f"new {self._texts}", "group" if group else None, ["ann", "me"] if group else []
            )

    def ann_renames_a_channel(self, a: int, b: int) -> None:
        """Another person renames a channel."""
        room = self._room(a)
        if room.type != "dm":
            self._server.channels.rename("ann", room.id, f"name {b % 4}")

    def ann_removes_a_channel(self, a: int, _: int) -> None:
        """Another person deletes a channel; one stays."""
        if len(self._server.channels.rooms) > 1:
            self._server.channels.remove("ann", self._room(a).id)

    def ann_lets_us_in_or_out(self, a: int, _: int) -> None:
        """Another person takes us out of a group, or lets us in again."""
        groups = [room for room in self._rooms() if room.type == "group"]
        if groups:
            room = groups[a % len(groups)]
            change = (
                self._server.channels.remove_member
                if "me" in room.members
                else self._server.channels.add_member
            )
            change("ann", room.id, "me")

    def ann_opens_the_conversation(self, _: int, __: int) -> None:
        """Another person opens the direct conversation with us."""
        self._server.channels.direct("ann", "me")

    # We, on another device

    def we_post_elsewhere(self, a: int, b: int) -> None:
        """We post from another device."""
        self._post("me", a, b)

    def we_reply_elsewhere(self, a: int, b: int) -> None:
        """We reply in a thread from another device."""
        self._reply("me", a, b)

    def we_edit_elsewhere(self, a: int, b: int) -> None:
        """We edit from another device."""
        self._edit("me", a, b)

    def we_delete_elsewhere(self, a: int, b: int) -> None:
        """We delete from another device."""
        self._delete("me", a, b)

    def we_react_elsewhere(self, a: int, b: int) -> None:
        """We react from another device."""
        self._react("me", a, b)

    def we_pin_elsewhere(self, a: int, b: int) -> None:
        """We pin from another device."""
        self._pin("me", a, b)

    def we_read_elsewhere(self, a: int, _: int) -> None:
        """We read a channel on another device."""
        self._server.channels.read("me", self._room(a).id, self._server.tick(), None)

    def we_mute_elsewhere(self, a: int, b: int) -> None:
        """We mute a channel on another device."""
        self._server.channels.mute("me", self._room(a).id, bool(b % 2))

    def we_hide_elsewhere(self, a: int, b: int) -> None:
        """We hide a conversation on another device, or show it again."""
        self._server.channels.hide("me", self._room(a).id, bool(b % 2))

    def we_ask_elsewhere(self, a: int, _: int) -> None:
        """We ask a model from another device, in a chat or a new one."""
        self._texts += 1
        chats = [talk.id for talk in self._server.chats.talks.values()]
        chat_id = chats[a % len(chats)] if chats and a % 4 else None
        self._server.chats.ask_elsewhere("me", chat_id, f"question {self._texts}")

    def we_rename_a_chat_elsewhere(self, a: int, b: int) -> None:
        """We rename a chat on another device."""
        if (chat_id := self._chat(a)) is not None:
            self._server.chats.save("me", chat_id, {"title": f"title {b % 4}"}, elsewhere=True)

    def we_delete_a_chat_elsewhere(self, a: int, _: int) -> None:
        """We delete a chat on another device."""
        if (chat_id := self._chat(a)) is not None:
            self._server.chats.delete("me", chat_id)

    def we_read_a_chat_elsewhere(self, a: int, _: int) -> None:
        """We read a chat on another device."""
        if (chat_id := self._chat(a)) is not None:
            self._server.chats.read("me", chat_id)

    # The model

    def answers_will_be(self, a: int, b: int) -> None:
        """From now on answers are longer or shorter, quicker or slower, or fail."""
        chats = self._server.chats
        chats.words, chats.pace = a % 8, (0.05, 0.25, 1.0, 4.0)[b % 4]
        chats.end = "failed" if b % 5 == 4 else "done"

    # Either of the two

    def _post(self, user: str, a: int, b: int) -> None:
        room = self._room(a)
        tops = [post.id for post in room.living()]
        form: dict[str, Any] = {"content": self._text(user)}
        if b % 3 == 1 and tops:
            form["reply_to_id"] = tops[b // 3 % len(tops)]
        if b % 3 == 2:
            form["data"] = {"files": [{"id": "f"}]}
        if b % 2:
            form["temp_id"] = f"elsewhere {form['content']}"
        self._server.channels.post(user, room.id, form)

    def _reply(self, user: str, a: int, b: int) -> None:
        room = self._room(a)
        tops = [post.id for post in room.living()]
        if tops:
            self._server.channels.post(
                user, room.id, {"content": self._text(user), "parent_id": tops[b % len(tops)]}
            )

    def _edit(self, user: str, a: int, b: int) -> None:
        room = self._room(a)
        posts = [post for post in room.posts.values() if post.user_id == user and self._certain(post)]
        if posts:
            self._server.channels.edit(
                user, room.id, posts[-1 - b % len(posts)].id, {"content": self._text("edited")}
            )

    def _delete(self, user: str, a: int, b: int) -> None:
        post = self._any(a, b)
        if post is not None and self._certain(post):
            self._server.channels.delete(user, post.channel_id, post.id)

    def _react(self, user: str, a: int, b: int) -> None:
        post = self._any(a, b // 2)
        if post is not None:
            name = ("+1", "heart")[b % 2]
            add = (name, user) not in post.reactions
            self._server.channels.react(user, post.channel_id, post.id, name, add=add)

    def _pin(self, user: str, a: int, b: int) -> None:
        post = self._any(a, b)
        if post is not None:
            self._server.channels.pin(user, post.channel_id, post.id, post.pinned_at is None)
