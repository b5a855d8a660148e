"""Channels and messages of the model server: what is stored, and what it looks like in answers."""

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


class ModelRooms:
    """What is stored of the channels of one model server."""

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
