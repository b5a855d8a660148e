"""What a client knows: one store for each thing, the same object for as long as the client lives."""

from __future__ import annotations

from antiphon.client.attention.windows import Window
from antiphon.client.calls.questions import Question
from antiphon.client.channels.typing import Typing
from antiphon.client.kept.storage import Kept
from antiphon.client.link.link import Link
from antiphon.client.outbox.entries import Unsent
from antiphon.client.store import Store
from antiphon.client.stores import Stores
from antiphon.wire import (
    ChannelEntry,
    ChatEntry,
    ChatFolder,
    ChatTag,
    ServerConfig,
    SessionUser,
    UserSettings,
    Version,
)


class State:
    """The stores of a client, to be read and subscribed to; the client itself writes into them."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    @property
    def link(self) -> Store[Link]:
        """The state of the link."""
        return self._stores.link

    @property
    def config(self) -> Store[ServerConfig | None]:
        """The server's configuration."""
        return self._stores.config

    @property
    def version(self) -> Store[Version | None]:
        """The server's version."""
        return self._stores.version

    @property
    def user(self) -> Store[SessionUser | None]:
        """The person signed in."""
        return self._stores.user

    @property
    def channels(self) -> Store[tuple[ChannelEntry, ...]]:
        """The channels: standard, group, direct; by name, direct ones by their last message."""
        return self._stores.channels

    @property
    def chats(self) -> Store[tuple[ChatEntry, ...]]:
        """The chats, newest first, without those that are pinned or in a folder."""
        return self._stores.chats

    @property
    def pinned_chats(self) -> Store[tuple[ChatEntry, ...]]:
        """The pinned chats, newest first."""
        return self._stores.pinned_chats

    @property
    def folders(self) -> Store[tuple[ChatFolder, ...]]:
        """The folders for chats, by name."""
        return self._stores.folders

    @property
    def settings(self) -> Store[UserSettings]:
        """The person's settings."""
        return self._stores.settings

    @property
    def tags(self) -> Store[tuple[ChatTag, ...]]:
        """The tags of the person's chats."""
        return self._stores.tags

    @property
    def typing(self) -> Store[Typing]:
        """Who types, by channel id; in a thread by `channel id/message id`."""
        return self._stores.typing

    @property
    def windows(self) -> Store[tuple[Window, ...]]:
        """The windows, the one touched last at the end."""
        return self._stores.windows

    @property
    def questions(self) -> Store[tuple[Question, ...]]:
        """The server's open questions to the person, the one asked first at the front."""
        return self._stores.questions

    @property
    def unsent_messages(self) -> Store[tuple[Unsent, ...]]:
        """What waits in the outbox or has failed, in the order it is sent in."""
        return self._stores.unsent

    @property
    def storage(self) -> Store[Kept]:
        """Whether what is not sent yet outlives this process, and if not, why."""
        return self._stores.storage
