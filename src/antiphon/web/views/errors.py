"""What a person sees where there is nothing to show, and what to do then."""

from __future__ import annotations

import htpy as h

from . import addresses, icons
from .channel import menu_button

_TITLES = {
    400: ("That did not work", "The server could not read the request. Go back and try again."),
    401: ("You are signed out", "Sign in again to carry on; what you had not sent yet is kept."),
    403: (
        "Not for you",
        "You have no access to this. Ask whoever runs the channel, or the administrator, to let you in.",
    ),
    404: ("Nothing here", "It may have been deleted, or the link is wrong."),
    405: ("That did not work", "This address cannot be used that way. Go back and try again."),
    413: ("Too long", "That is more than the server takes at once. Send it in parts."),
    429: ("Too fast", "Wait a moment, then try again."),
    500: (
        "Something broke",
        "It is not your fault. Reload the page; if it stays, tell the administrator what you did.",
    ),
    502: (
        "The server is not answering",
        "It may be starting. This page comes back by itself once it answers.",
    ),
    503: (
        "The server is not answering",
        "It may be starting. This page comes back by itself once it answers.",
    ),
}


def error_main(status: int, text: str | None = None, *, signed_in: bool = True) -> h.Element:
    """The whole of `main#view` for an address that shows nothing; `text` is what the server said about it."""
    title, advice = _TITLES.get(status, _TITLES[500 if status >= 500 else 400])
    return _trouble(
        status,
        title,
        [text and h.p(".lead")[text], h.p(".hint")[advice]],
        h.a(".button.primary", href=addresses.AUTH)["Sign in"]
        if status == 401
        else h.a(".button.primary", href=addresses.HOME)["Go to the start"],
        signed_in=signed_in,
    )


def deleted_chat_main() -> h.Element:
    """The whole of `main#view` for a chat that was on screen and is no more."""
    return _trouble(
        404,
        "This chat was deleted",
        h.p(".lead")["It was deleted in another window or on another device, and cannot be brought back."],
        h.a(".button.primary", href=addresses.HOME)["New chat"],
        number=False,
    )


def _trouble(
    status: int,
    title: str,
    words: h.Node,
    way_on: h.Element,
    *,
    signed_in: bool = True,
    number: bool = True,
) -> h.Element:
    return h.main(
        "#view", class_=[not signed_in and "auth"], data_kind="error", data_id="", data_status=status
    )[
        signed_in and h.header("#view-head.view-head")[menu_button()],
        h.div(".scroller")[
            h.div(".welcome.trouble")[
                icons.mark(),
                number and h.p(".code-number")[str(status)],
                h.h1[title],
                words,
                h.p[way_on],
            ]
        ],
    ]
