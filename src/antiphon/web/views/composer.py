"""Where a person writes: one form, the same in channels and chats."""

from __future__ import annotations

import htpy as h

from . import icons

MAX_LENGTH = 100_000
"""Characters of one message; the server judges again."""


def composer(
    action: str, *, placeholder: str, draft: str = "", disabled: str | None = None, actions: h.Node = None
) -> h.Element:
    """The form `#composer` with the text box "Message" and the button "Send".

    `disabled` is the reason why nothing can be written here; it takes the placeholder's place.
    `actions` replaces
    the button by a view's own.
    """
    return h.form("#composer", method="post", action=action, autocomplete="off")[
        h.div(".box")[
            h.textarea(
                "#message",
                name="content",
                rows="1",
                aria_label="Message",
                placeholder=disabled or placeholder,
                maxlength=MAX_LENGTH,
                enterkeyhint="send",
                required=True,
                disabled=disabled is not None,
            )[draft],
            actions or h.div(".composer-actions")[send_button(disabled=disabled is not None)],
        ],
    ]


def send_button(*, disabled: bool = False) -> h.Element:
    """The button that sends what was written."""
    return h.button("#send.send", type="submit", aria_label="Send", title="Send (Enter)", disabled=disabled)[
        icons.icon("send")
    ]
