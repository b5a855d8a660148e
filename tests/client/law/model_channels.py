"""Channels and messages of the model server: what is stored, what is told, what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model_server import ModelServer

PEOPLE = {"me": "Me", "ann": "Ann", "bob": "Bob"}


class Refusal(Exception):
    """What a request is answered with instead of 200."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass
class Member:
    """What a channel is to a person."""

    last_read_at: int
    is_active: bool = True
    muted: bool = False


@dataclass
class Post:
    """A stored message."""

    id: str
    channel_id: str
    user_id: str
    content: str
    created_at: int
    updated_at: int
    parent_id: str | None = None
    reply_to_id: str | None = None
    temp_id: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    pinned_by: str | None = None
    pinned_at: int | None = None
    reactions: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Room:
    """A stored channel."""

    id: str
    name: str
    type: str | None
    user_id: str
    created_at: int
    updated_at: int
    members: dict[str, Member] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)

    def visible(self, user: str) -> bool:
        """Whether a person may see it."""
        return self.type is None or user in self.members

    def living(self, parent_id: str | None = None) -> list[Post]:
        """Give the messages of the channel or of a thread, newest first."""
        chosen = [post for post in self.posts.values() if post.parent_id == parent_id]
        return sorted(chosen, key=lambda post: (post.created_at, post.id), reverse=True)


class ModelChannels:
    """All channels of one model server."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.rooms: dict[str, Room] = {}
        self.by_temp_id: dict[tuple[str, str, str], str] = {}
        self.deleted: set[str] = set()
        self.every: list[Post] = []
        """Every message that was ever stored, in order: what was sent twice stays visible."""
        self.marks_after: dict[tuple[str, str], bool] = {}

    # What is stored

    def add(self, name: str, type_: str | None, owner: str, members: list[str]) -> Room:
        """Make a channel."""
        now = self.server.tick()
        room = Room(self.server.new_id("c"), name, type_, owner, now, now)
        for member in members:
            room.members[member] = Member(now)
        self.rooms[room.id] = room
        return room

    def room(self, channel_id: str, user: str) -> Room:
        """Give a channel that a person may see."""
        room = self.rooms.get(channel_id)
        if room is None:
            raise Refusal(404, "We could not find what you're looking for :/")
        if not room.visible(user):
            raise Refusal(403, "Something went wrong :/")
        return room

    def post_of(self, room: Room, message_id: str) -> Post:
        """Give a message that is there."""
        post = room.posts.get(message_id)
        if post is None:
            raise Refusal(404, "We could not find what you're looking for :/")
        return post

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

    # What it looks like

    def author(self, user: str) -> dict[str, Any]:
        """Give a person beside a message."""
        return {"id": user, "name": PEOPLE[user], "role": "user"}

    def record(self, room: Room) -> dict[str, Any]:
        """Give a channel as it rides on events."""
        return {
            "id": room.id, "user_id": room.user_id, "type": room.type, "name": room.name,
            "description": "", "is_private": None, "data": None, "meta": None,
            **({"access_control": None} if self.server.flavour.old else {"access_grants": []}),
            "created_at": room.created_at, "updated_at": room.updated_at, "updated_by": None,
            "archived_at": None, "archived_by": None, "deleted_at": None, "deleted_by": None,
        }  # fmt: skip

    def unread(self, room: Room, user: str) -> int:
        """Count what others wrote since a person read the channel."""
        member = room.members.get(user)
        since = member.last_read_at if member is not None else 0
        return sum(post.user_id != user and post.created_at > since for post in room.living())

    def entries(self, user: str) -> list[dict[str, Any]]:
        """Give a person's list."""
        answer = []
        for room in self.rooms.values():
            member = room.members.get(user)
            if not room.visible(user) or (room.type is not None and not (member and member.is_active)):
                continue
            people = [{"id": m, "name": PEOPLE[m], "is_active": True} for m in room.members]
            said = room.living() if self.server.flavour.ours else room.posts.values()
            entry = {
                **self.record(room),
                "user_ids": list(room.members) if room.type == "dm" else None,
                "users": people if room.type == "dm" else None,
                # Open WebUI takes the last message of all, a reply in a thread too; ours that of the channel.
                "last_message_at": max((post.created_at for post in said), default=None),
                "unread_count": self.unread(room, user),
            }
            if not self.server.flavour.old:
                entry["is_channel_muted"] = bool(member and member.muted)
            answer.append(entry)
        return answer

    def detail(self, user: str, channel_id: str) -> dict[str, Any]:
        """Give one channel."""
        room = self.room(channel_id, user)
        return {
            **self.record(room), "is_manager": room.user_id == user, "write_access": True,
            "user_count": len(room.members) or len(PEOPLE), "user_ids": None, "users": None,
            "last_read_at": None, "unread_count": self.unread(room, user),
        }  # fmt: skip

    def short(self, post: Post) -> dict[str, Any]:
        """Give a message as the answer of a post has it."""
        message = {
            "id": post.id, "user_id": post.user_id, "channel_id": post.channel_id,
            "reply_to_id": post.reply_to_id, "parent_id": post.parent_id,
            "is_pinned": post.pinned_at is not None, "pinned_by": post.pinned_by, "pinned_at": post.pinned_at,
            "content": post.content, "data": post.data, "meta": post.meta,
            "created_at": post.created_at, "updated_at": post.updated_at,
        }  # fmt: skip
        if not self.server.flavour.old:
            message |= {"app_id": None, "etag": str(post.updated_at)}
        return message

    def full(self, room: Room, post: Post, *, page: bool = False) -> dict[str, Any]:
        """Give a message as events and pages have it; in pages of 0.12.4 and ours `data` is a boolean."""
        quoted = room.posts.get(post.reply_to_id or "")
        replies = room.living(post.id)
        named: dict[str, list[dict[str, Any]]] = {}
        for name, user in post.reactions:
            named.setdefault(name, []).append({"id": user, "name": PEOPLE[user]})
        boolean = not self.server.flavour.old
        quote = None
        if quoted is not None:
            quote = {**self.short(quoted), "user": self.author(quoted.user_id)}
            if boolean:
                quote["data"] = bool(quoted.data)
        message = {
            **self.short(post),
            "user": self.author(post.user_id),
            "reply_to_message": quote,
            "latest_reply_at": replies[0].created_at if replies else None,
            "reply_count": len(replies),
            "reactions": [{"name": n, "users": users, "count": len(users)} for n, users in named.items()],
        }
        if page and boolean:
            message["data"] = bool(post.data)
        return message

    def page(
        self, user: str, channel_id: str, skip: int, limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Give a page of the channel; `before` (ours): those older than this message."""
        room = self.room(channel_id, user)
        posts = self._older(room.living(), before if self.server.flavour.ours else None)
        return [self.full(room, post, page=True) for post in posts[skip : skip + limit]]

    def thread(
        self, user: str, channel_id: str, message_id: str, skip: int, limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Give a page of a thread. Open WebUI appends the root to every short page, ours gives it once."""
        room, flavour = self.room(channel_id, user), self.server.flavour
        root = self.post_of(room, message_id)
        if flavour.ours and before == message_id:
            return []
        replies = room.living(message_id)
        chosen = self._older(replies, None if flavour.old else before)[skip : skip + limit]
        if len(chosen) < limit and (not flavour.ours or before is not None or skip <= len(replies)):
            chosen.append(root)
        return [self.full(room, post, page=True) for post in chosen]

    def _older(self, posts: list[Post], before: str | None) -> list[Post]:
        """Give those older than a message, even if that is deleted by now."""
        if before is None:
            return posts
        start = next((post for post in self.every if post.id == before), None)
        if start is None:
            raise Refusal(404, "The message to read on from is not in this channel.")
        return [post for post in posts if (post.created_at, post.id) < (start.created_at, start.id)]

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
