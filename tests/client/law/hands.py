"""What all hands in a script know: the stage, and how a small number chooses one of what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon import Client

from .model_rooms import Post, Room
from .views import View

if TYPE_CHECKING:
    from .stage import Stage


class Hands:
    """The stage as acts see it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._server = stage.server
        self._network = stage.network
        self._texts = 0
        self.touched: dict[str, None] = {}
        self.touched_chats: dict[str, None] = {}

    @property
    def _client(self) -> Client:
        return self._stage.client

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
            return self._stage.new_view()
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
