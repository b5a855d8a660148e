"""The live client: one link to a server as one person, with stores that stay true."""

from antiphon.client.attention.attention import Chime, Notification
from antiphon.client.attention.windows import Window
from antiphon.client.calls.answers import BadReply
from antiphon.client.calls.questions import Question, QuestionOver
from antiphon.client.channels.channel import Channel
from antiphon.client.channels.timeline import Change, Inserted, Removed, Replaced, Reset, Row, Timeline
from antiphon.client.chats.answering import Answering, Delta
from antiphon.client.chats.chat import Chat
from antiphon.client.chats.turns import (
    ChatChange,
    ChatReset,
    RunningChanged,
    TurnAdded,
    TurnChanged,
    TurnRemoved,
)
from antiphon.client.client import Client
from antiphon.client.clock import Clock, Delays, SystemClock
from antiphon.client.link.link import Link, LinkState
from antiphon.client.outbox.outbox import Sending
from antiphon.client.store import Derived, Store

__all__ = [
    "Answering",
    "BadReply",
    "Change",
    "Channel",
    "Chat",
    "ChatChange",
    "ChatReset",
    "Chime",
    "Client",
    "Clock",
    "Delays",
    "Delta",
    "Derived",
    "Inserted",
    "Link",
    "LinkState",
    "Notification",
    "Question",
    "QuestionOver",
    "Removed",
    "Replaced",
    "Reset",
    "Row",
    "RunningChanged",
    "Sending",
    "Store",
    "SystemClock",
    "Timeline",
    "TurnAdded",
    "TurnChanged",
    "TurnRemoved",
    "Window",
]
