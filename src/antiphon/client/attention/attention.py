"""What deserves the person's attention: one pure rule for every event of either release.

It looks at the event and at the situation alone; `notifications` gathers the situation, sees to it that an
event is told once on a machine, and delivers. The rules are Open WebUI's, with its weaknesses W-54 to W-60
repaired; what differs is said where it does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from antiphon import wire
from antiphon.client.attention.preview import preview
from antiphon.client.attention.windows import Place, Window
from antiphon.client.channels.mentions import mentions
from antiphon.client.chats.state import is_temporary
from antiphon.wire import ChannelEntry, Event, Message, UserSettings

Kind = Literal["message", "answer", "calendar", "notice", "missed", "more"]
Level = Literal["info", "success", "warning", "error"]

NEW_CHAT = "New Chat"
"""Title of a chat that has none yet."""
MOST_TITLE = 120
"""Characters of a title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something to tell the person, once on this machine. Delivering it is up to the application.

    `id` names the event (the same in every process); `path` is where it leads, as Open WebUI's page names
    it: `/channels/{id}`, `/channels/{id}?thread={id}`, `/c/{id}`, `/calendar`, or `/`. `system`: whether the
    person wants the operating system's notifications; else it is for the application's own screen alone.
    `sound`: whether it makes a sound. `window` is the one that the person looks at, or looked at last, and
    None where there is no window. `source` is the product's name, `author_id` the sender of a message.
    `count` tells how many things it stands for: kinds "missed" (while the link was down) and "more" (too
    many to tell one by one).
    """

    id: str
    kind: Kind
    title: str
    body: str
    path: str
    system: bool = False
    sound: bool = False
    level: Level = "info"
    source: str = ""
    author_id: str | None = None
    count: int = 1
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chime:
    """Only a sound: what it is about is on screen already, and the person wants to hear each answer's end."""

    id: str
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The person sees it where it happens: no other window on this machine has to tell it."""

    id: str


Outcome = Notification | Chime | Seen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that the rule looks at beside the event.

    `attended` is what the person looks at now, `shown` all that is on screen, also behind something else.
    `channel` is the event's channel as listed, `known_until` (ns) how far its messages are known from the
    list: what is not younger was there before the sign-in, or was told with what was missed. `awaited`: a
    model's reply in a channel that was seen unfinished. `held`: somebody here works with the event's chat;
    `chat_title` and `answer` are what is known of it.
    """

    me: str | None
    settings: UserSettings
    attended: frozenset[Place] = frozenset()
    shown: frozenset[Place] = frozenset()
    source: str = ""
    channel: ChannelEntry | None = None
    known_until: int = 0
    awaited: bool = False
    held: bool = False
    chat_title: str = ""
    answer: str = ""


def decide(event: Event | object, now: Situation) -> Outcome:
    """Tell what an event means for the person's attention; None: nothing."""
    if now.me is None:
        return None
    match event:
        case wire.MessageCreated():
            return _message(event, now)
        case wire.MessageUpdated():
            return _updated(event, now)
        case wire.Completion() if event.payload.done:
            return _answer(event, now, _text(event.payload, now))
        case wire.TurnFailed():
            return _answer(event, now, words_of(event.payload.error), "error")
        case wire.Notification():
            return _notice(event, now)
        case wire.CalendarAlert():
            return _appointment(event.payload, now)
    return None


# Channels


def unfinished_reply(message: Message) -> bool:
    """Whether a message is a model's reply that is still being written."""
    meta = message.meta or {}
    return bool(meta.get("model_id")) and not meta.get("done")


def _message(event: wire.MessageCreated, now: Situation) -> Outcome:
    message = event.payload
    if unfinished_reply(message):
        return None  # Told when it is written: there it is announced empty, and never again.
    if message.parent_id is None and message.created_at <= now.known_until:
        return None
    if not _by_model(message) and _sender(event) == now.me:
        return None
    return _of_channel(event, message, now)


def _updated(event: wire.MessageUpdated, now: Situation) -> Outcome:
    message = event.payload
    if not now.awaited or unfinished_reply(message):
        return None  # An edit, a pin, or a step of a model's reply.
    return _of_channel(event, message, now)


def _of_channel(
    event: wire.MessageCreated | wire.MessageUpdated, message: Message, now: Situation
) -> Outcome:
    id_ = f"message:{event.channel_id}:{message.id}"
    muted = now.channel is not None and now.channel.is_channel_muted
    if muted and not mentions(message.content, now.me or ""):
        return None
    place: Place = ("channel", event.channel_id)
    path = f"/channels/{event.channel_id}"
    if message.parent_id is not None:
        place, path = ("thread", message.parent_id), f"{path}?thread={message.parent_id}"
    if place in now.attended:
        return Seen(id_)
    return Notification(
        id=id_,
        kind="message",
        title=_title_of_message(event, message, now),
        body=preview(message.content) or ("Sent an attachment" if message.data else ""),
        path=path,
        system=now.settings.notification_enabled,
        sound=now.settings.notification_sound,
        source=now.source,
        author_id=_sender(event),
    )


def _by_model(message: Message) -> bool:
    return bool((message.meta or {}).get("model_id"))


def _sender(event: wire.MessageCreated | wire.MessageUpdated) -> str:
    # The user may be missing: what a model writes further, and apps (0.12.4).
    return event.user.id if event.user is not None else event.payload.user_id


def _title_of_message(
    event: wire.MessageCreated | wire.MessageUpdated, message: Message, now: Situation
) -> str:
    meta = message.meta or {}
    name = meta.get("model_name") or meta.get("model_id") if _by_model(message) else None
    if not isinstance(name, str):
        user = event.user or message.user
        name = user.name if user is not None else ""
    channel = now.channel or event.channel
    if channel is None or channel.type == "dm":
        return _cut(name or now.source)
    where = f"#{channel.name}"
    return _cut(f"{name} ({where})" if name else where)


# Chats


def _answer(
    event: wire.Completion | wire.TurnFailed, now: Situation, text: str, level: Level = "info"
) -> Outcome:
    if event.shared or event.internal or event.chat_id is None:
        return None  # Another person's question, or a step of delegated work.
    place: Place = ("chat", event.chat_id)
    if _elsewhere(event.chat_id, now):
        return None
    id_ = f"answer:{event.chat_id}:{event.message_id}"
    settings = now.settings
    if place in now.attended:
        always = settings.notification_sound_always and settings.notification_sound
        return Chime(id=id_) if always and level == "info" else Seen(id_)
    title = event.payload.title if isinstance(event.payload, wire.CompletionUpdate) else None
    return Notification(
        id=id_,
        kind="answer",
        title=_cut(title or now.chat_title or NEW_CHAT),
        body=preview(text),
        path=f"/c/{event.chat_id}",
        system=settings.notification_enabled,
        sound=settings.notification_sound,
        level=level,
        source=now.source,
    )


def _elsewhere(chat_id: str, now: Situation) -> bool:
    """Whether it is a temporary chat that lives in another window alone; all others are told (W-54)."""
    return is_temporary(chat_id) and not (now.held or ("chat", chat_id) in now.shown)


def _text(update: wire.CompletionUpdate, now: Situation) -> str:
    """The answer's text from wherever it is: its items outrank the content; the end may carry neither."""
    return wire.output_text(update.output or []) or update.content or now.answer


def words_of(error: object) -> str:
    """Give an error of an answer in words, whatever shape it came in (W-60)."""
    if isinstance(error, wire.ErrorContent):
        error = error.content
    if isinstance(error, dict):
        inner = error.get("error", error)
        words = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
        error = words if isinstance(words, str) else json.dumps(error)
    return error if isinstance(error, str) and error else "The answer failed"


def _notice(event: wire.Notification, now: Situation) -> Outcome:
    # There it is shown while its chat is on screen, and lost otherwise; in each window (W-58).
    if event.shared or event.internal:
        return None
    chat_id, content = event.chat_id, event.payload
    if chat_id is not None and _elsewhere(chat_id, now):
        return None
    level: Level = _LEVELS.get(content.type or "", "info")
    digest = hashlib.sha256(f"{level}\n{content.content}".encode()).hexdigest()[:16]
    return Notification(
        id=f"notice:{chat_id}:{event.message_id}:{digest}",
        kind="notice",
        title=_cut(now.chat_title or NEW_CHAT),
        body=preview(content.content),
        path=f"/c/{chat_id}" if chat_id else "/",
        sound=now.settings.notification_sound,
        level=level,
        source=now.source,
    )


_LEVELS: dict[str, Level] = {"info": "info", "success": "success", "warning": "warning", "error": "error"}


def _appointment(entry: wire.CalendarEntry, now: Situation) -> Notification:
    return Notification(
        id=f"calendar:{entry.event_id}:{entry.start_at}:{entry.minutes_until}",
        kind="calendar",
        title=_cut(entry.title),
        body=_when(entry.minutes_until),
        path="/calendar",
        system=now.settings.notification_enabled,
        sound=now.settings.notification_sound,
        source=now.source,
    )


def _when(minutes: float | None) -> str:
    whole = round(minutes or 0)
    if whole <= 0:
        return "Starting now"
    return "Starting in 1 minute" if whole == 1 else f"Starting in {whole} minutes"


def _cut(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1].rstrip() + "…"
