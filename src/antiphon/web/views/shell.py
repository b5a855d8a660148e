"""The frame of every page of a signed-in person: sidebar, state of the links, view, toasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

if TYPE_CHECKING:
    from antiphon.client.link.link import Link
    from antiphon.wire import SessionUser


def app_shell(*, user: SessionUser, sidebar: h.Node, main: h.Node, server_link: h.Node) -> h.Element:
    """Everything inside `div#app` for `user`."""
    return h.div("#shell", data_user=user.id, data_user_name=user.name)[
        h.a(".skip", href="#view")["To the conversation"],
        sidebar,
        h.div(".stage")[
            h.div("#link", role="status", aria_live="polite", aria_label="Connection")[
                h.span("#page-link", data_state="idle"),
                server_link,
            ],
            main,
        ],
        # For ears alone: what happened without a change of the place that one reads.
        h.p("#said.sr", role="status", aria_live="polite"),
        h.div("#toasts", role="status", aria_live="polite", aria_label="Notifications"),
    ]


def toast(text: str, *, kind: str = "info", toast_id: str | None = None) -> h.Element:
    """A short message that goes by itself; `kind` is info, success, warning or error."""
    return h.div(
        ".toast", id=toast_id, class_=["toast", kind if kind in {"success", "warning", "error"} else "info"]
    )[h.p[text], h.button(".link", type="button", data_action="dismiss")["Dismiss"]]


_LINK_TEXTS = {
    "connecting": "Connecting to the server…",
    "catching_up": "Back. Fetching what was missed…",
    "live": "Connected",
    "waiting": "Waiting for the server.",
    "signed_out": "You are signed out.",
    "closed": "The connection is closed.",
}


def server_link(link: Link, *, now: float | None = None) -> h.Element:
    """`span#server-link`: where the link between this page's server and the chat server stands.

    With `now` (unix seconds) a waiting link says when it tries again.
    """
    state = str(link.state)
    text = _LINK_TEXTS.get(state, "Connecting to the server…")
    if state == "waiting":
        text += " Trying again"
        if now is not None and link.next_attempt_at is not None and link.next_attempt_at - now >= 1:
            text += f" in {round(link.next_attempt_at - now)} s"
        text += "; what you write is kept."
    return h.span("#server-link", data_state=state, data_since=int(link.since), title=link.reason)[text]
