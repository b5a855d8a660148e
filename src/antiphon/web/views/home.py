"""Where a person lands: begin a chat, or go to a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from . import addresses, icons
from .channel import menu_button
from .chat import model_picker
from .composer import composer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from antiphon.wire import ChannelEntry, ModelInfo, SessionUser

_OPENINGS = (
    "Explain how TLS decides whom to trust, to someone who has never heard of it",
    "Draft a short agenda for a retrospective of two weeks",
    "Write a Python function that merges overlapping intervals, with tests",
)

_ELIZA_OPENINGS = (
    "I have been putting off a decision for weeks",
    "My work has been weighing on me lately",
    "I keep thinking about something my mother said",
)


def home_main(
    *,
    user: SessionUser,
    models: Sequence[ModelInfo] = (),
    selected: str | None = None,
    channels: Sequence[ChannelEntry] = (),
    draft: str = "",
) -> h.Element:
    """The whole of `main#view` for `/`: the composer begins a new chat; channels are one click away."""
    standard = [channel for channel in channels if channel.type not in {"dm", "group"}]
    eliza = only_eliza(models)
    ways = sorted(standard, key=lambda channel: _unread(channel) == 0)[
        :3
    ]  # stable: news first, else the list's order
    openings = _ELIZA_OPENINGS if eliza else _OPENINGS
    return h.main("#view", data_kind="home", data_id="")[
        h.header("#view-head.view-head")[menu_button(), model_picker(models, selected)],
        h.div(".scroller", tabindex="-1")[
            h.div(".welcome")[
                icons.mark(),
                h.h1[f"Good to see you, {user.name.split()[0] if user.name.split() else user.name}."],
                h.p(".lead")[
                    "Tell Eliza what is on your mind, or carry on where people are talking."
                    if eliza
                    else "Ask a model something below, or carry on where people are talking."
                ],
                ways
                and h.ul(".ways", aria_label="Channels")[
                    [
                        h.li[
                            h.a(href=addresses.channel(channel.id))[
                                icons.icon("hash"),
                                h.span(".name")[channel.name],
                                _unread(channel) > 0 and h.span(".note")[f"{_unread(channel)} new"],
                            ]
                        ]
                        for channel in ways
                    ]
                ],
                models
                and h.ul(".openings", aria_label="Suggestions")[
                    [h.li[h.button(type="button", data_suggestion=text)[text]] for text in openings]
                ],
                eliza and _about_eliza(user),
                not models and no_models(user),
            ],
        ],
        h.div(".foot")[
            composer(
                addresses.NEW_CHAT,
                placeholder="Write to Eliza" if eliza else "Ask a model",
                draft=draft,
                disabled=None if models else "There is no model to ask yet.",
            )
        ],
    ]


def only_eliza(models: Sequence[ModelInfo]) -> bool:
    """Whether our server's built-in model is the only one."""
    return len(models) == 1 and is_eliza(models[0])


def is_eliza(model: ModelInfo) -> bool:
    """Whether a model is the one built into our server."""
    return model.id == "eliza" and model.owned_by == "antiphon"


def _about_eliza(user: SessionUser) -> h.Element:
    """What Eliza is, so that nobody expects more of her; and how there can be more."""
    about = "Eliza is a small built-in program that answers by turning your words around."
    return h.p(".hint")[
        f"{about} It needs no key and no network.",
        user.role == "admin" and [" ", h.a(href=addresses.PROVIDERS)["Add a provider"], " for other models."],
    ]


def _unread(channel: ChannelEntry) -> int:
    return 0 if channel.is_channel_muted else channel.unread_count


def no_models(user: SessionUser) -> h.Element:
    """What to do where no model is: the administrator can add a provider, others can ask for one."""
    if user.role == "admin":
        return h.p(".hint")[
            "No model is available. ", h.a(href=addresses.PROVIDERS)["Add a provider"], " to have some."
        ]
    return h.p(".hint")["No model is available. Ask your administrator to add a provider."]
