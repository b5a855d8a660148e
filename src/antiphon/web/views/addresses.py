"""Where the page's links and forms lead.

Addresses of pages are Open WebUI's own, so that a link works in both. What a form posts to lies under
`/page/`.
Ids come from a server that may be foreign: each is quoted as one path segment.
"""

from __future__ import annotations

from urllib.parse import quote

HOME = "/"
AUTH = "/auth"
PROVIDERS = "/settings/providers"
SIGN_IN = "/page/sign-in"
SIGN_UP = "/page/sign-up"
SIGN_OUT = "/page/sign-out"
THEME = "/page/theme"
NEW_CHAT = "/page/chats"
ADD_PROVIDER = "/page/providers/add"


def _segment(text: str) -> str:
    return quote(text, safe="")


def channel(channel_id: str) -> str:
    """The page of a channel."""
    return f"/channels/{_segment(channel_id)}"


def chat(chat_id: str) -> str:
    """The page of a chat."""
    return f"/c/{_segment(chat_id)}"


def person(user_id: str) -> str:
    """Opens the direct conversation with a person and leads to it."""
    return f"/page/people/{_segment(user_id)}"


def post_message(channel_id: str) -> str:
    """Takes a new message of a channel."""
    return f"/page/channels/{_segment(channel_id)}/messages"


def ask(chat_id: str | None) -> str:
    """Takes a question to a chat; without an id the question begins a new chat."""
    return f"/page/chats/{_segment(chat_id)}/ask" if chat_id else NEW_CHAT


def verify_provider(index: int) -> str:
    """Asks the provider at this place of the list for its models."""
    return f"/page/providers/{index}/verify"


def remove_provider(index: int) -> str:
    """Takes the provider at this place out of the list."""
    return f"/page/providers/{index}/remove"
