"""The person's own menu: theme, settings, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from . import addresses, icons
from .avatar import avatar

if TYPE_CHECKING:
    from antiphon.wire import SessionUser

_THEMES = (("system", "System"), ("light", "Light"), ("dark", "Dark"))


def user_button(user: SessionUser) -> h.Element:
    """The person's name at the foot of the sidebar; opens the menu."""
    return h.button(
        ".user-button", type="button", popovertarget="user-menu", aria_label=f"{user.name}, your menu"
    )[
        avatar(user.id, user.name),
        h.span(".name")[user.name],
        icons.icon("caret"),
    ]


def user_menu(user: SessionUser, *, theme: str | None = None) -> h.Element:
    """The menu: works as plain forms and links; a script may take the theme over."""
    chosen = theme if theme in {"light", "dark"} else "system"
    return h.div("#user-menu.popup", popover=True)[
        h.p(".who")[
            h.strong[user.name], h.span[user.email], user.role == "admin" and h.span(".tag")["administrator"]
        ],
        h.form(".themes", method="post", action=addresses.THEME, role="group", aria_label="Theme")[
            [
                h.button(
                    type="submit",
                    name="theme",
                    value=value,
                    data_theme_choice=value,
                    aria_pressed="true" if value == chosen else "false",
                )[label]
                for value, label in _THEMES
            ]
        ],
        user.role == "admin"
        and h.a(".item", href=addresses.PROVIDERS)[icons.icon("plug"), h.span["Model providers"]],
        h.form(method="post", action=addresses.SIGN_OUT)[
            h.button(".item", type="submit")[icons.icon("exit"), h.span["Sign out"]]
        ],
    ]
