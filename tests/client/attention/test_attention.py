"""What deserves the person's attention: the one rule, as a table of cases."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.client.peer import event_template, recorded

from antiphon.client.attention.attention import Chime, Notification, Outcome, Seen, Situation, decide
from antiphon.client.attention.preview import MOST, preview
from antiphon.client.attention.windows import Windows
from antiphon.wire import ChannelEntry, UserSettings, parse_event

ME, ANN = "me", {"id": "ann", "name": "Ann", "role": "user"}
CHANNEL = {"id": "c", "user_id": "ann", "name": "plans", "created_at": 1, "updated_at": 2}
ON = UserSettings(ui={"notificationEnabled": True})
SILENT = UserSettings(ui={"notificationSound": False})
ALWAYS = UserSettings(ui={"notificationSoundAlways": True})
MUTED = ChannelEntry.load({**CHANNEL, "is_channel_muted": True})
AT = 1_795_000_000_000_000_000


def said(
    content: str = "hello",
    *,
    kind: str = "message",
    user: dict[str, Any] | None = ANN,
    channel: dict[str, Any] | None = CHANNEL,
    **more: Any,
) -> Any:
    """Build a channel event from a recorded one."""
    event = event_template("0.12.4", "message")
    sender = user or {"id": "app", "name": "", "role": "user"}
    message = event["data"]["data"] | {
        "id": "m1",
        "channel_id": "c",
        "user_id": sender["id"],
        "user": user,
        "content": content,
        "parent_id": None,
        "data": None,
        "meta": None,
        "created_at": AT,
        **more,
    }
    event |= {"channel_id": "c", "message_id": "m1", "user": user, "channel": channel}
    event["data"] = {"type": kind, "data": message}
    return parse_event("events:channel", event)


def chat(kind: str, data: Any, chat_id: str | None = "k", **more: Any) -> Any:
    """Build a chat event."""
    return parse_event(
        "events", {"chat_id": chat_id, "message_id": "t", "data": {"type": kind, "data": data}, **more}
    )


def done(content: str | None = "It is **so**.", **more: Any) -> Any:
    """Build the end of an answer."""
    about = {name: more.pop(name) for name in ("title", "output") if name in more}
    return chat("chat:completion", {"done": True, "content": content, "title": "Sky", **about}, **more)


MODEL = {"model_id": "eliza", "model_name": "Eliza"}
ALERT = {"event_id": "e", "title": "Tea", "start_at": 5}
HERE = Situation(me=ME, settings=UserSettings())


def at(*attended: tuple[str, str], **more: Any) -> Situation:
    """Build the situation in which the person looks at something."""
    return replace(HERE, attended=frozenset(attended), shown=frozenset(attended), **more)


@dataclass(frozen=True)
class Case:
    """An event, a situation, and what comes of it: the parts of a notification, or nothing."""

    name: str
    event: Any
    now: Situation = HERE
    told: dict[str, Any] | None = None
    outcome: Outcome = None


CASES = [
    Case(
        "a message of another person",
        said(),
        told={
            "id": "message:c:m1",
            "kind": "message",
            "title": "Ann (#plans)",
            "body": "hello",
            "path": "/channels/c",
            "sound": True,
            "system": False,
            "author_id": "ann",
        },
    ),
    Case("one's own message, from another device", said(user={"id": ME, "name": "Me", "role": "user"})),
    Case("while it is not known who we are", said(), replace(HERE, me=None)),
    Case("the channel is looked at", said(), at(("channel", "c")), outcome=Seen("message:c:m1")),
    Case(
        "the channel is visible, and another program has the focus (W-56)",
        said(),
        replace(HERE, shown=frozenset([("channel", "c")])),
        told={"id": "message:c:m1"},
    ),
    Case("another channel is looked at", said(), at(("channel", "d")), told={"path": "/channels/c"}),
    Case(
        "a chat is looked at whose id is the channel's", said(), at(("chat", "c")), told={"kind": "message"}
    ),
    Case("the channel is muted", said(), replace(HERE, channel=MUTED)),
    Case(
        "the channel is muted, and somebody else is mentioned",
        said("<@U:bob|bob> look"),
        replace(HERE, channel=MUTED),
    ),
    Case(
        "the channel is muted, and the person is mentioned",
        said("<@U:me|me> look at <#C:d|general>"),
        replace(HERE, channel=MUTED),
        told={"body": "@me look at #general"},
    ),
    Case(
        "a reply in a thread leads to the thread",
        said(parent_id="root"),
        told={"path": "/channels/c?thread=root"},
    ),
    Case(
        "a reply in a thread that is not open beside its channel",
        said(parent_id="root"),
        at(("channel", "c")),
        told={"path": "/channels/c?thread=root"},
    ),
    Case(
        "a reply in the thread that is looked at",
        said(parent_id="root"),
        at(("channel", "c"), ("thread", "root")),
        outcome=Seen("message:c:m1"),
    ),
    Case(
        "a direct conversation has its person as the title",
        said(channel={**CHANNEL, "type": "dm", "name": ""}),
        told={"title": "Ann"},
    ),
    Case(
        "a group has person and name",
        said(channel={**CHANNEL, "type": "group", "name": "trip"}),
        told={"title": "Ann (#trip)"},
    ),
    Case(
        "the list knows the channel's new name",
        said(),
        replace(HERE, channel=ChannelEntry.load({**CHANNEL, "name": "renamed"})),
        told={"title": "Ann (#renamed)"},
    ),
    Case(
        "there is no user on the event (W-60)", said(user=None), told={"title": "#plans", "author_id": "app"}
    ),
    Case(
        "there is neither user nor channel",
        said(user=None, channel=None),
        told={"title": "", "body": "hello"},
    ),
    Case(
        "there is no text but an attachment",
        said("", data={"files": [{"type": "image"}]}),
        told={"body": "Sent an attachment"},
    ),
    Case("there is nothing at all in it", said(""), told={"body": ""}),
    Case("it was there before the sign-in", said(), replace(HERE, known_until=AT)),
    Case("it came after what was known", said(), replace(HERE, known_until=AT - 1), told={"kind": "message"}),
    Case(
        "a reply in a thread is not in the list's count",
        said(parent_id="root"),
        replace(HERE, known_until=AT + 9),
        told={"kind": "message"},
    ),
    Case("a model's reply begins, empty", said("", meta=MODEL)),
    Case(
        "a model's reply goes on",
        said("wor", kind="message:update", meta=MODEL),
        replace(HERE, awaited=False),
    ),
    Case(
        "a model's reply is written, to one's own question too",
        said("words", kind="message:update", meta={**MODEL, "done": True}, user=None, user_id=ME),
        replace(HERE, awaited=True),
        told={"id": "message:c:m1", "title": "Eliza (#plans)", "body": "words"},
    ),
    Case(
        "a model's reply that was written long ago is pinned",
        said("words", kind="message:update", meta={**MODEL, "done": True}),
    ),
    Case("an edit", said("edited", kind="message:update")),
    Case("a deletion", said(kind="message:delete")),
    Case("a reply counted on its root", said(kind="message:reply")),
    Case(
        "the person wants the system's notifications",
        said(),
        replace(HERE, settings=ON),
        told={"system": True},
    ),
    Case("the person wants no sound", said(), replace(HERE, settings=SILENT), told={"sound": False}),
    Case(
        "an answer is done",
        done(),
        told={
            "id": "answer:k:t",
            "kind": "answer",
            "title": "Sky",
            "body": "It is so.",
            "path": "/c/k",
            "sound": True,
            "system": False,
        },
    ),
    Case("an answer goes on", chat("chat:completion", {"content": "It"})),
    Case(
        "an answer is done in the chat that is looked at",
        done(),
        at(("chat", "k")),
        outcome=Seen("answer:k:t"),
    ),
    Case(
        "an answer is done in a chat that is only visible",
        done(),
        replace(HERE, shown=frozenset([("chat", "k")])),
        told={},
    ),
    Case("another chat is looked at", done(), at(("chat", "l")), told={"path": "/c/k"}),
    Case("a chat without a title", done(title=None), told={"title": "New Chat"}),
    Case(
        "the title is known from elsewhere",
        done(title=None),
        replace(HERE, chat_title="Old"),
        told={"title": "Old"},
    ),
    Case(
        "the answer's items outrank its content",
        done(
            "old",
            output=[
                {"type": "reasoning", "content": [{"type": "output_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "new"}]},
            ],
        ),
        told={"body": "new"},
    ),
    Case(
        "what a tool did is no part of the answer",
        done('<details type="tool_calls" done="true">\n<summary>x</summary>\n</details>\nwords'),
        told={"body": "words"},
    ),
    Case("the end comes without a text (W-60)", done(None), told={"body": ""}),
    Case(
        "the end comes without a text that is known",
        done(None),
        replace(HERE, answer="known"),
        told={"body": "known"},
    ),
    Case(
        "always a sound, in the chat that is looked at",
        done(),
        at(("chat", "k"), settings=ALWAYS),
        outcome=Chime(id="answer:k:t"),
    ),
    Case(
        "always a sound, but none at all",
        done(),
        at(
            ("chat", "k"),
            settings=UserSettings(ui={"notificationSoundAlways": True, "notificationSound": False}),
        ),
        outcome=Seen("answer:k:t"),
    ),
    Case(
        "always a sound, elsewhere: one, with the notification (W-59)",
        done(),
        replace(HERE, settings=ALWAYS),
        told={"sound": True},
    ),
    Case(
        "an answer failed",
        chat("chat:message:error", {"error": {"content": "no model"}}),
        told={"body": "no model", "level": "error"},
    ),
    Case(
        "an answer failed with an object",
        chat("chat:message:error", {"error": {"content": {"error": {"message": "429"}}}}),
        told={"body": "429"},
    ),
    Case(
        "an answer failed without words",
        chat("chat:message:error", {"error": True}),
        told={"body": "The answer failed"},
    ),
    Case("delegated work", done(internal=True)),
    Case("another viewer's question", done(shared=True)),
    Case("a temporary chat of another window", done(chat_id="temporary:x")),
    Case("a temporary chat of another window, 0.6.41", done(chat_id="local:x")),
    Case(
        "a temporary chat of this window, behind another",
        done(chat_id="local:x"),
        replace(HERE, shown=frozenset([("chat", "local:x")])),
        told={"path": "/c/local:x"},
    ),
    Case(
        "a temporary chat that a program here holds",
        done(chat_id="temporary:x"),
        replace(HERE, held=True),
        told={},
    ),
    Case(
        "another chat while a temporary one is looked at (W-54)",
        done(),
        at(("chat", "temporary:x")),
        told={"path": "/c/k"},
    ),
    Case(
        "an appointment now",
        chat("calendar:alert", {**ALERT, "minutes_until": 0}, None),
        told={"title": "Tea", "body": "Starting now", "path": "/calendar", "kind": "calendar"},
    ),
    Case(
        "an appointment in a minute",
        chat("calendar:alert", {**ALERT, "minutes_until": 1}, None),
        told={"body": "Starting in 1 minute"},
    ),
    Case(
        "an appointment in ten minutes",
        chat("calendar:alert", {**ALERT, "minutes_until": 10.0}, None),
        told={"body": "Starting in 10 minutes"},
    ),
    Case(
        "an appointment at an unknown time",
        chat("calendar:alert", ALERT, None),
        told={"body": "Starting now"},
    ),
    Case(
        "a plug-in's notice, in the chat that is looked at too, never by the system",
        chat("notification", {"type": "success", "content": "All **asked**"}),
        at(("chat", "k"), settings=ON),
        told={"kind": "notice", "level": "success", "body": "All asked", "system": False, "path": "/c/k"},
    ),
    Case(
        "a plug-in's notice of an unknown kind",
        chat("notification", {"type": "shout", "content": "x"}),
        told={"level": "info"},
    ),
    Case("a notice of delegated work", chat("notification", {"type": "info", "content": "x"}, internal=True)),
    Case("a title", chat("chat:title", "New")),
    Case("an unknown kind", chat("chat:brand:new", {"content": "x"})),
    Case(
        "a malformed message (W-60)",
        parse_event(
            "events:channel", {"channel_id": "c", "data": {"type": "message", "data": {"content": None}}}
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_deserves_attention(case: Case) -> None:
    """W-54, W-56, W-59, W-60: each case of the rule, for both releases."""
    outcome = decide(case.event, case.now)
    if case.told is None:
        assert outcome == case.outcome
        return
    assert isinstance(outcome, Notification)
    assert {name: getattr(outcome, name) for name in case.told} == case.told


@pytest.mark.parametrize("release", ["0.6.41", "0.12.4"])
def test_nothing_that_was_ever_recorded_confuses_the_rule(release: str) -> None:
    """W-60: every recorded event gives nothing, or a notification whose words are bounded and plain."""
    told = 0
    for line in recorded(release, "events"):
        if line["event"] not in {"events", "events:channel"}:
            continue
        outcome = decide(parse_event(line["event"], deepcopy(line["data"])), replace(HERE, awaited=True))
        if isinstance(outcome, Notification):
            told += 1
            assert len(outcome.body) <= MOST
            assert "<" not in outcome.body
            assert outcome.path.startswith(("/channels/", "/c/"))
    assert told > 20


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("# Hi **there**, `x`  see [a](http://b)\n\n- one\n- two", "Hi there, x see a one two"),
        ("a <details open>q<details>z</details></details> b", "a b"),
        ("a</details>b", "a b"),
        ("<details>never closed", ""),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("```py\nx = 1\n```", "x = 1"),
        ("<b>bold</b> &amp; <script>x</script>", "bold & x"),
        ("![a cat](http://x/y.png) there", "a cat there"),
        ("> said\n\n---\nthen", "said then"),
        ("", ""),
    ],
)
def test_a_preview_is_plain_text(text: str, plain: str) -> None:
    """No blocks, no markup, one line."""
    assert preview(text) == plain


def test_a_preview_is_bounded_and_so_is_its_cost() -> None:
    """However long an answer is, and whatever is in it."""
    assert len(preview("word " * 100_000)) <= MOST
    assert preview("x" * 500).endswith("…")
    for evil in ("[", "<", "*", "<details", "_a", "![a](", "> ", "(", "|-", "&"):
        assert len(preview(evil * 50_000)) <= MOST


def test_the_settings_have_the_originals_defaults_and_strangers_are_kept() -> None:
    """A switch that is no boolean counts as not set; it must not make all settings unreadable."""
    none = UserSettings()
    assert (none.notification_enabled, none.notification_sound, none.notification_sound_always) == (
        False,
        True,
        False,
    )
    odd = UserSettings.load(
        {"ui": {"notificationSound": "off", "notificationEnabled": True, "theme": "x"}, "y": 1}
    )
    assert (odd.notification_enabled, odd.notification_sound) == (True, True)
    assert odd.dump() == {
        "ui": {"notificationSound": "off", "notificationEnabled": True, "theme": "x"},
        "y": 1,
    }


def test_the_window_that_was_looked_at_last_tells_and_another_takes_over() -> None:
    """W-57: one that was opened in the background claims nothing, nor does one that is gone."""
    now = [10.0]
    windows = Windows(now=lambda: now[0])
    first, second, behind = windows.open(), windows.open(), windows.open()
    assert windows.foremost() is behind  # Nobody was looked at yet: any will do, the latest.
    first.focus(True)
    assert windows.foremost() is first
    now[0] = 20.0
    first.focus(False)
    second.focus(True)
    now[0] = 30.0
    second.focus(False)
    behind.show_channel("c")
    assert windows.foremost() is second
    second.close()
    assert windows.foremost() is first
    first.close()
    assert windows.foremost() is behind
    behind.close()
    assert windows.foremost() is None


def test_a_window_is_looked_at_when_it_is_visible_and_has_the_focus() -> None:
    """W-56: visible alone is not enough, and neither is the focus of what is hidden."""
    windows = Windows()
    window = windows.open()
    window.show_channel("c", "root")
    assert windows.places(attended=True) == frozenset()
    assert windows.places(attended=False) == {("channel", "c"), ("thread", "root")}
    window.focus(True)
    assert windows.places(attended=True) == {("channel", "c"), ("thread", "root")}
    window.show(False)
    assert not windows.looked_at(("channel", "c"))
    window.show()
    window.show_channel("c")
    assert windows.places(attended=True) == {("channel", "c")}
