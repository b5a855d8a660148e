"""Everything that can happen in a script, by name. An act takes small numbers, which choose.

Three kinds of hands: ours (through the client), others' (another person, or another device of ours, straight
on the server), and the network's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from antiphon.client.errors import AntiphonError

from .model_channels import Post, Refusal, Room
from .seams import Fate
from .views import View

if TYPE_CHECKING:
    from .stage import Stage

WAITS = (0.005, 0.03, 0.1, 0.4, 1.2, 4.0, 15.0, 50.0)
FATES = tuple(Fate)
SLOWNESS = (0.02, 0.2, 1.5, 5.0)
REPEATABLE = (
    "message:update", "message:reply", "message:reaction:add", "message:reaction:remove", "channel:created",
    "channel:mute", "channel:read", "chat:list", "chat:active", "chat:title", "chat:tasks:cancel",
    "chat:message:follow_ups",
)  # fmt: skip
"""What a real server tells twice: the state after a change, where the change is made or told by several hands
(two clicks, two rooms, a stop and its confirmation). New messages and pieces of answers are never told twice.
"""


class Acts:
    """The hands."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._server = stage.server
        self._network = stage.network
        self._client = stage.client
        self._texts = 0
        self.touched: dict[str, None] = {}
        self.touched_chats: dict[str, None] = {}
        for name, type_, members in (
            ("general", None, []),
            ("team", "group", ["ann", "me"]),
            ("", "dm", ["ann", "me"]),
        ):
            self._server.channels.add(name, type_, "ann", members)
        for room in self._rooms():
            for n in range(6 if room.type else 11):
                self._server.channels.post("ann" if n % 3 else "me", room.id, {"content": f"old {n}"})

    async def do(self, name: str, numbers: list[int]) -> None:
        """Do something."""
        a, b = (*numbers, 0, 0)[:2]
        try:
            done = getattr(self, name)(a, b)
        except Refusal:
            return  # The server said no to somebody else.
        except AntiphonError:
            return  # The client said no to us.
        if isinstance(done, Awaitable):
            await done

    # Time

    async def begin(self) -> None:
        """The person looks at a channel, and the link is live."""
        self.we_look_at(0, 0)
        self.we_turn_to(0, 1)
        await self._client.live()
        await asyncio.sleep(2)

    def we_start_cold(self, _: int, __: int) -> None:
        """Only as the first step: the script begins before the client has connected."""

    def time_passes(self, a: int, _: int) -> Awaitable[None]:
        """Nothing new for a while."""
        return asyncio.sleep(WAITS[a % len(WAITS)])

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

    # We, here

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

    # The network

    def the_line_is_cut(self, a: int, _: int) -> None:
        """Every connection is cut, or the sockets alone."""
        self._network.cut(requests=bool(a % 2))

    def the_line_dies_silently(self, _: int, __: int) -> None:
        """The sockets are half open: nothing comes through, and nobody says so."""
        self._network.half_open()

    def the_network_goes(self, a: int, _: int) -> None:
        """The network is gone, with a word or without."""
        if a % 2:
            self._network.swallowing = True
        else:
            self._network.reachable = False
            self._network.cut()

    def the_network_returns(self, _: int, __: int) -> None:
        """The network is back."""
        self._network.reachable, self._network.swallowing, self._network.sockets_pass = True, False, True

    def sockets_are_blocked(self, _: int, __: int) -> None:
        """A proxy lets requests through and sockets not."""
        self._network.sockets_pass = False

    def things_are_slow(self, a: int, b: int) -> None:
        """Frames and answers take longer, each by itself: they overtake each other."""
        weather = self._network.weather
        weather.frame, weather.answer = SLOWNESS[a % 4], SLOWNESS[b % 4]
        weather.request = SLOWNESS[(a // 4) % 3]

    def a_fetch_goes_wrong(self, a: int, b: int) -> None:
        """Something becomes of one of the next requests that read."""
        self._network.fates["read"].append(FATES[a % len(FATES)])

    def a_change_goes_wrong(self, a: int, b: int) -> None:
        """Something becomes of one of the next requests that write."""
        self._network.fates["write"].append(FATES[a % len(FATES)])

    def the_server_stops(self, _: int, __: int) -> None:
        """The server goes away."""
        self._server.stop()

    def the_server_returns(self, _: int, __: int) -> None:
        """The server is there again."""
        self._server.start()

    def we_are_thrown_out(self, _: int, __: int) -> None:
        """The server ends the sockets by force."""
        self._server.throw_out_all("access changed")

    def joins_are_not_answered(self, a: int, _: int) -> None:
        """The next sockets are accepted, and not told who they are."""
        self._server.empty_acks = 1 + a % 3
        self._network.cut(requests=False)

    def events_come_twice(self, a: int, _: int) -> None:
        """From now on one kind of event is told twice."""
        self._server.repeats.add(REPEATABLE[a % len(REPEATABLE)])

    def the_machine_sleeps(self, a: int, b: int) -> None:
        """The clock jumps; the connections outlive it, or not."""
        self._stage.clock.jumped += (30.0, 3600.0)[a % 2]
        if b % 2:
            self._network.half_open()

    def we_hurry(self, _: int, __: int) -> None:
        """We do not want to wait for the next attempt."""
        self._client.reconnect()

    # What there is

    def _rooms(self) -> list[Room]:
        return list(self._server.channels.rooms.values())

    def _room(self, a: int) -> Room:
        rooms = self._rooms()
        return rooms[0] if a % 5 < 3 else rooms[a % len(rooms)]

    def _channel(self, room: Room) -> Any:
        self.touched[room.id] = None
        return self._client.channel(room.id)

    def _chat(self, a: int) -> str | None:
        chats = list(self._server.chats.talks)
        return chats[a % len(chats)] if chats else None

    def _view(self, a: int) -> View:
        views = self._stage.views
        if not views or (a % 3 == 2 and len(views) < 3):
            views.append(View(self._client, lambda work: self._stage.work(work, opening=True)))
            return views[-1]
        return views[a % len(views)]

    def _text(self, kind: str) -> str:
        self._texts += 1
        return f"{kind} {self._texts}"

    def _any(self, a: int, b: int) -> Post | None:
        posts = list(self._room(a).posts.values())
        return posts[-1 - b % len(posts)] if posts else None

    def _own(self, a: int, b: int) -> Post | None:
        posts = [
            post for post in self._room(a).posts.values() if post.user_id == "me" and self._certain(post)
        ]
        return posts[-1 - b % len(posts)] if posts else None

    def _certain(self, post: Post) -> bool:
        """Whether our client knows that this message is stored. On Open WebUI another device must not change
        one before: the outbox, which has no answer, would not find it by its text then, and send it twice.
        That is the risk which is left there.
        """
        if self._stage.flavour.ours:
            return True
        return all(
            sent.text != post.content or sent.sending.state in {"confirmed", "discarded"}
            for sent in self._stage.sendings
        )

    # What others do

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
