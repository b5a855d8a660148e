"""The live client: one link to a server as one person, with stores that stay true."""

from .answering import Answering, Delta
from .attention import Chime, Notification
from .channel import Channel
from .chat import Chat
from .client import Client
from .clock import Clock, Delays, SystemClock
from .link import Link, LinkState
from .outbox import Sending
from .questions import Question, QuestionOver
from .questions_answers import BadReply
from .store import Derived, Store
from .timeline import Change, Inserted, Removed, Replaced, Reset, Row, Timeline
from .turns import ChatChange, ChatReset, RunningChanged, TurnAdded, TurnChanged, TurnRemoved
from .windows import Window

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
