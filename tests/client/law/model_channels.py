"""What people do in the channels of the model server, and what it tells of that."""

from __future__ import annotations

from typing import Any

from .model_rooms import PEOPLE, Member, ModelRooms, Post, Refusal, Room


class ModelChannels(ModelRooms):
    """All channels of one model server."""

    # What people do

    def post(self, user: str, channel_id: str, form: dict[str, Any]) -> Post:
        """Post a message."""
        server, room = self.server, self.room(channel_id, user)
        temp_id, parent_id, reply_to_id = (form.get(key) for key in ("temp_id", "parent_id", "reply_to_id"))
        if server.flavour.ours and temp_id is not None:
            known = self.by_temp_id.get((user, channel_id, temp_id))
            if known is not None:
                if known in self.deleted:
                    raise Refusal(410, "This message was posted before, and deleted since.")
                return room.posts[known]
        if parent_id is not None and (parent_id not in room.posts or room.posts[parent_id].parent_id):
            raise Refusal(400, "The message that this belongs under is not there.")
        if reply_to_id is not None and reply_to_id not in room.posts:
            raise Refusal(400, "The message that this answers is not there.")
        now = server.tick()
        post = Post(
            server.new_id("m"), channel_id, user, form["content"], now, now, parent_id, reply_to_id, temp_id,
            data=form.get("data"),
        )  # fmt: skip
        room.posts[post.id] = post
        self.every.append(post)
        if temp_id is not None:
            self.by_temp_id[user, channel_id, temp_id] = post.id
        member = room.members.setdefault(user, Member(now))
        for person, other in room.members.items():
            if not other.is_active:
                other.is_active = True
                server.tell("events:channel", {"data": {"type": "channel:created"}}, f"user:{person}")
        assert member.is_active
        self._tell(room, post, "message", user, temp_id=temp_id)
        self._tell_parent(room, post, user)
        return post

    def edit(self, user: str, channel_id: str, message_id: str, form: dict[str, Any]) -> Post:
        """Edit a message."""
        room = self.room(channel_id, user)
        post = self.post_of(room, message_id)
        if post.user_id != user:
            raise Refusal(403, "Only whoever wrote a message may edit it.")
        post.content, post.meta, post.updated_at = form["content"], post.meta or {}, self.server.tick()
        self._tell(room, post, "message:update", user)
        return post

    def delete(self, user: str, channel_id: str, message_id: str) -> None:
        """Delete a message; in 0.12.4 and ours the thread under it goes too, without a word."""
        room = self.room(channel_id, user)
        post = self.post_of(room, message_id)
        if user not in {post.user_id, room.user_id}:
            raise Refusal(403, "Only whoever wrote a message may delete it.")
        last = self.full(room, post)
        del room.posts[message_id]
        self.deleted.add(message_id)
        if not self.server.flavour.old:
            for reply in room.living(message_id):
                del room.posts[reply.id]
                self.deleted.add(reply.id)
        self._tell_about(room, last, "message:delete", user)
        self._tell_parent(room, post, user)

    def react(self, user: str, channel_id: str, message_id: str, name: str, *, add: bool) -> None:
        """Add a reaction or take it back."""
        room = self.room(channel_id, user)
        post = self.post_of(room, message_id)
        if ((name, user) in post.reactions) == add:
            return
        if add:
            post.reactions.append((name, user))
        else:
            post.reactions.remove((name, user))
        self._tell(room, post, "message:reaction:add" if add else "message:reaction:remove", user, name=name)

    def pin(self, user: str, channel_id: str, message_id: str, pinned: bool) -> Post:
        """Pin or unpin; 0.6.41 tells nobody."""
        room = self.room(channel_id, user)
        post = self.post_of(room, message_id)
        post.pinned_by = user if pinned else None
        post.pinned_at = self.server.tick() if pinned else None
        flavour = self.server.flavour
        if flavour.old:
            self.server.untold.add(("pin", message_id))
        else:
            more = {} if flavour.ours else {"data": bool(post.data)}
            self._tell(room, post, "message:update", user, **more)
        return post

    def read(self, user: str, channel_id: str, said_at: int, sid: str | None) -> None:
        """A person has read a channel; only ours tells their other windows."""
        room = self.rooms.get(channel_id)
        if room is None or not room.visible(user):
            return
        newest = max((post.created_at for post in room.living()), default=0)
        member = room.members.get(user)
        on_its_way = said_at - 6 * 10**9
        if not self.server.flavour.ours and any(
            post.user_id != user and post.created_at > on_its_way for post in room.living()
        ):
            # The mark has no time of its own: what came while it was under way counts as read, untold.
            self.server.untold.add(("unread", channel_id))
        if self.server.flavour.ours and member is not None and member.last_read_at >= newest:
            return
        now = self.server.tick()
        if member is None:
            room.members[user] = Member(now)
        else:
            member.last_read_at = now
        if self.server.flavour.ours:
            data = {"type": "channel:read", "data": {"last_read_at": now}}
            self.server.tell("events:channel", {"channel_id": channel_id, "data": data}, f"user:{user}")
        elif sid is None:
            self.server.untold.add(("unread", channel_id))

    def typing(
        self, user: str, channel_id: str, message_id: str | None, active: bool, sid: str | None
    ) -> None:
        """Somebody types, or has stopped."""
        room = self.rooms.get(channel_id)
        if room is None or not room.visible(user):
            return
        payload = {
            "channel_id": channel_id,
            "message_id": message_id,
            "data": {"type": "typing", "data": {"typing": active}},
            "user": self.author(user),
        }
        skip = sid if self.server.flavour.ours else None
        self.server.tell("events:channel", payload, f"channel:{channel_id}", skip=skip)

    def mute(self, user: str, channel_id: str, muted: bool) -> None:
        """Mute a channel for oneself (0.12.4 and ours)."""
        if self.server.flavour.old:
            raise Refusal(405, "Method Not Allowed")
        room = self.room(channel_id, user)
        room.members.setdefault(user, Member(room.created_at)).muted = muted
        data = {"type": "channel:mute", "data": {"is_channel_muted": muted}}
        self.server.tell("events:channel", {"channel_id": channel_id, "data": data}, f"user:{user}")

    def create(self, user: str, name: str, type_: str | None, members: list[str]) -> Room:
        """Make a channel; its people enter its room and hear of it."""
        room = self.add(name, type_, user, members)
        flavour = self.server.flavour
        if type_ is None and not flavour.ours:
            self.server.untold.add(("list", room.id))  # Open WebUI tells nobody of a standard channel.
        else:
            for person in members or PEOPLE:
                self._let_in(room, person)
        return room

    def rename(self, user: str, channel_id: str, name: str) -> Room:
        """Rename a channel; only ours tells it."""
        room = self.room(channel_id, user)
        room.name, room.updated_at = name, self.server.tick()
        if self.server.flavour.ours:
            self._tell_channel(room, "channel:updated", user)
        else:
            self.server.untold.add(("list", channel_id))
        return room

    def remove(self, user: str, channel_id: str) -> None:
        """Delete a channel; only ours tells it."""
        room = self.room(channel_id, user)
        del self.rooms[channel_id]
        if self.server.flavour.ours:
            self._tell_channel(room, "channel:deleted", user)
        else:
            self.server.untold.add(("list", channel_id))
        self.server.close_room(f"channel:{channel_id}")

    def add_member(self, user: str, channel_id: str, person: str) -> None:
        """Let a person into a group."""
        room = self.room(channel_id, user)
        if room.type != "group" or person in room.members:
            return
        room.members[person] = Member(self.server.tick())
        if self.server.flavour.old:
            self.server.untold.add(("list", channel_id))
            return
        self._let_in(room, person)
        if self.server.flavour.ours:
            self._tell_channel(room, "channel:updated", user)

    def remove_member(self, user: str, channel_id: str, person: str) -> None:
        """Take a person out of a group; 0.6.41 goes on telling them, 0.12.4 tells them nothing more."""
        room = self.room(channel_id, user)
        if room.type != "group" or person not in room.members or person == room.user_id:
            return
        del room.members[person]
        flavour = self.server.flavour
        if not flavour.old:
            self.server.leave(person, f"channel:{channel_id}")
        if flavour.ours:
            gone = {"channel_id": channel_id, "data": {"type": "channel:deleted"}}
            self.server.tell("events:channel", gone, f"user:{person}")
            self._tell_channel(room, "channel:updated", user)
        else:
            self.server.untold.add(("list", channel_id))

    def direct(self, user: str, person: str) -> Room:
        """Find or make the conversation of two people."""
        pair = {user, person}
        found = next((r for r in self.rooms.values() if r.type == "dm" and set(r.members) == pair), None)
        if found is None:
            return self.create(user, "", "dm", sorted(pair))
        found.members[user].is_active = True
        for member in sorted(pair):
            self._let_in(found, member)
        return found

    def hide(self, user: str, channel_id: str, active: bool) -> None:
        """Hide a direct conversation, or show it again; nobody is told."""
        room = self.room(channel_id, user)
        if room.type is not None:
            room.members[user].is_active = active
            self.server.untold.add(("list", channel_id))

    # What is told

    def _tell(self, room: Room, post: Post, kind: str, user: str, **more: Any) -> None:
        self._tell_about(room, {**self.full(room, post), **more}, kind, user)

    def _tell_about(self, room: Room, message: dict[str, Any], kind: str, user: str) -> None:
        payload = {
            "channel_id": room.id,
            "message_id": message["id"],
            "data": {"type": kind, "data": message},
            "user": self.author(user),
            "channel": self.record(room),
        }
        self.server.tell("events:channel", payload, f"channel:{room.id}")

    def _tell_parent(self, room: Room, post: Post, user: str) -> None:
        parent = room.posts.get(post.parent_id or "")
        if parent is not None:
            self._tell(room, parent, "message:reply", user)

    def _tell_channel(self, room: Room, kind: str, user: str) -> None:
        payload = {
            "channel_id": room.id, "data": {"type": kind}, "user": self.author(user),
            "channel": self.record(room),
        }  # fmt: skip
        self.server.tell("events:channel", payload, f"channel:{room.id}")

    def _let_in(self, room: Room, person: str) -> None:
        self.server.enter(person, f"channel:{room.id}")
        self.server.tell("events:channel", {"data": {"type": "channel:created"}}, f"user:{person}")
