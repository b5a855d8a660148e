"""The live client: one link to a server as one person, with stores that stay true."""

from .channel import Channel
from .chat import Chat
from .client import Client
from .clock import Clock, Delays, SystemClock
from .link import Link, LinkState
from .outbox import Sending
from .store import Derived, Store
from .timeline import Change, Inserted, Removed, Replaced, Reset, Row, Timeline
from .turns import ChatChange, ChatReset, RunningChanged, TurnAdded, TurnChanged, TurnRemoved
from .windows import Window

__all__ = [
    "Change",
    "Channel",
    "Chat",
    "ChatChange",
    "ChatReset",
    "Client",
    "Clock",
    "Delays",
    "Derived",
    "Inserted",
    "Link",
    "LinkState",
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
