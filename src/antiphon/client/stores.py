"""The stores that an application watches. They outlive the person: a switch empties them for the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from antiphon.client.attention.windows import Window
from antiphon.client.calls.questions import Question
from antiphon.client.channels.typing import Typing
from antiphon.client.kept.drafts import Place
from antiphon.client.kept.storage import Keeping, Kept
from antiphon.client.link.link import Link
from antiphon.client.outbox.entries import Unsent
from antiphon.client.store import Store
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


@dataclass(frozen=True, slots=True)
class Stores:
    """One of each, for as long as the client lives. The parts of the client write into them."""

    link: Store[Link]
    config: Store[ServerConfig | None] = field(default_factory=lambda: Store[ServerConfig | None](None))
    version: Store[Version | None] = field(default_factory=lambda: Store[Version | None](None))
    user: Store[SessionUser | None] = field(default_factory=lambda: Store[SessionUser | None](None))
    settings: Store[UserSettings] = field(default_factory=lambda: Store(UserSettings()))
    tags: Store[tuple[ChatTag, ...]] = field(default_factory=lambda: Store[tuple[ChatTag, ...]](()))
    channels: Store[tuple[ChannelEntry, ...]] = field(
        default_factory=lambda: Store[tuple[ChannelEntry, ...]](())
    )
    chats: Store[tuple[ChatEntry, ...]] = field(default_factory=lambda: Store[tuple[ChatEntry, ...]](()))
    pinned_chats: Store[tuple[ChatEntry, ...]] = field(
        default_factory=lambda: Store[tuple[ChatEntry, ...]](())
    )
    folders: Store[tuple[ChatFolder, ...]] = field(default_factory=lambda: Store[tuple[ChatFolder, ...]](()))
    typing: Store[Typing] = field(default_factory=lambda: Store[Typing](MappingProxyType({})))
    unsent: Store[tuple[Unsent, ...]] = field(default_factory=lambda: Store[tuple[Unsent, ...]](()))
    drafts: Store[Mapping[Place, str]] = field(
        default_factory=lambda: Store[Mapping[Place, str]](MappingProxyType({}))
    )
    storage: Store[Kept] = field(default_factory=lambda: Store(Kept(Keeping.WAITING)))
    windows: Store[tuple[Window, ...]] = field(default_factory=lambda: Store[tuple[Window, ...]](()))
    questions: Store[tuple[Question, ...]] = field(default_factory=lambda: Store[tuple[Question, ...]](()))

    def forget_person(self) -> None:
        """Empty what belongs to the person; the link and the server's version stay."""
        self.user.set(None)
        self.config.set(None)
        self.settings.set(UserSettings())
        self.tags.set(())
        self.channels.set(())
        self.chats.set(())
        self.pinned_chats.set(())
        self.folders.set(())
        self.unsent.set(())
        self.drafts.set(MappingProxyType({}))
        self.typing.set(MappingProxyType({}))
        self.windows.set(())
        self.questions.set(())
