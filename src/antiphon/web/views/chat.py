"""The page of a chat: which model, the turns, and where to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from . import addresses, icons
from .channel import menu_button, tools
from .composer import composer, send_button
from .message import Me
from .turn import turn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Protocol

    from antiphon.wire import ChatMessage, ModelInfo

    class ShownChat(Protocol):
        """A chat as far as its page shows it; the client's chats have it."""

        @property
        def id(self) -> str:
            """Chat id."""
            ...

        @property
        def title(self) -> str:
            """Its title as known now."""
            ...


def chat_main(
    chat: ShownChat | None,
    turns: Sequence[ChatMessage],
    *,
    models: Sequence[ModelInfo],
    selected: str | None,
    running: bool,
    me: Me | None = None,
    draft: str = "",
    zone: tzinfo | None = None,
) -> h.Element:
    """The whole of `main#view` for a chat; `turns` oldest first, the current branch only."""
    return h.main("#view", data_kind="chat", data_id=chat.id if chat else "")[
        chat_header(chat, models=models, selected=selected),
        h.div(".scroller.from-end", tabindex="0", role="group", aria_label="Conversation")[
            h.div(
                "#log.turns",
                role="log",
                aria_label="Messages",
                aria_live="off",  # an answer grows by the word; the script reads it out when it is there
            )[
                [
                    turn(
                        message,
                        running=running and index == len(turns) - 1,
                        me=me,
                        last=index == len(turns) - 1,
                        zone=zone,
                    )
                    for index, message in enumerate(turns)
                ]
                or h.p(".beginning")["Nothing asked yet. Write the first question below."]
            ],
        ],
        h.div(".foot")[
            h.button("#latest", type="button", hidden=True)[icons.icon("down"), h.span["Jump to latest"]],
            composer(
                addresses.ask(chat.id if chat else None),
                placeholder="Ask a follow-up" if turns else "Ask a model",
                draft=draft,
                actions=chat_actions(running=running),
            ),
        ],
    ]


def chat_header(chat: ShownChat | None, *, models: Sequence[ModelInfo], selected: str | None) -> h.Element:
    """The head of a chat: title and model; patched when the title comes."""
    return h.header("#view-head.view-head")[
        menu_button(),
        h.div(".titles")[h.h1[(chat.title if chat else "") or "New chat"]],
        model_picker(models, selected),
        chat_tools(chat.id) if chat else None,
    ]


def chat_tools(chat_id: str) -> h.Element:
    """What one can do with a whole chat."""
    return tools(
        h.button(type="button", data_action="rename-chat", data_id=chat_id, title="Rename")[
            icons.icon("pencil"), h.span["Rename"]
        ],
        h.button(".danger", type="button", data_action="delete-chat", data_id=chat_id, title="Delete chat")[
            icons.icon("trash"), h.span["Delete chat"]
        ],
        label="Chat",
    )


def model_picker(models: Sequence[ModelInfo], selected: str | None) -> h.Element:
    """`select#model`: part of the composer's form wherever it stands.

    A selected model that the server no longer has stays in the list, named as gone, so that nobody is
    switched
    to another one unasked.
    """
    known = any(model.id == selected for model in models)
    return h.label(".model-picker")[
        h.span(".sr")["Model"],
        h.select(
            "#model", name="model", form="composer", aria_label="Model", disabled=not models and not selected
        )[
            not known
            and selected
            and h.option(value=selected, selected=True, disabled=True)[f"{selected} (not available)"],
            [
                h.option(value=model.id, selected=model.id == selected)[model.name or model.id]
                for model in sorted(models, key=lambda model: ((model.name or model.id).casefold(), model.id))
            ]
            or (not selected and h.option(value="")["No model"]),
        ],
    ]


def chat_actions(*, running: bool) -> h.Element:
    """`div#chat-actions`: "Stop" while an answer runs, "Send" always; patched when a run begins or ends."""
    return h.div("#chat-actions.composer-actions")[
        running
        and h.button("#stop.stop", type="button", title="Stop (Esc)")[icons.icon("stop"), h.span["Stop"]],
        send_button(disabled=running),
    ]
