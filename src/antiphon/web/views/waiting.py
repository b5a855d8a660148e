"""What stands for something that was sent and that the server has not seen yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import htpy as h

from .avatar import avatar

if TYPE_CHECKING:
    from antiphon.wire import SessionUser


def waiting_row(user: SessionUser, kind: Literal["channel", "chat"]) -> h.Element:
    """`template#waiting-row`: copied once for each unsent message, which goes into `[data-waiting-text]` as text."""
    text = h.div(".text.unsent", data_waiting_text=True)
    if kind == "chat":
        row = h.article(".turn.pending", data_role="user", data_state="pending", aria_label="You")[
            h.div(".body")[h.p(".meta")[h.strong(".author")["You"]], text, h.p(".state")["Waiting to be sent"]]
        ]
    else:
        row = h.article(".message.head.pending", data_author=user.id, data_state="pending", aria_label=user.name)[
            h.div(".gutter")[avatar(user.id, user.name)],
            h.div(".body")[
                h.p(".meta")[h.strong(".author")[user.name]], text, h.p(".state")["Waiting to be sent"]
            ],
        ]
    return h.template("#waiting-row")[row]
