"""Signing in and creating an account."""

from __future__ import annotations

from typing import Literal

import htpy as h

from . import addresses, icons

Mode = Literal["sign-in", "sign-up"]


def _field(
    label: str, name: str, *, kind: str, value: str = "", hint: str | None = None, **attributes: str | bool
) -> h.Element:
    hint_id = f"{name}-hint" if hint else None
    return h.div(".field")[
        h.label(for_=name)[label],
        h.input(
            id=name,
            name=name,
            type=kind,
            value=value or None,
            required=True,
            aria_describedby=hint_id,
            **attributes,
        ),
        hint and h.p(".hint", id=hint_id)[hint],
    ]


def _fields(mode: Mode, email: str, name: str, error: str | None) -> h.Node:
    signing_up = mode == "sign-up"
    first = "name" if signing_up and not name else "password" if email else "email"
    return [
        signing_up
        and _field(
            "Name",
            "name",
            kind="text",
            value=name,
            autocomplete="name",
            maxlength="100",
            autofocus=first == "name",
        ),
        _field(
            "Email",
            "email",
            kind="email",
            value=email,
            autocomplete="username",
            autofocus=first == "email",
            aria_invalid="true" if error else False,
        ),
        _field(
            "Password",
            "password",
            kind="password",
            autocomplete="new-password" if signing_up else "current-password",
            hint="At least 8 characters." if signing_up else None,
            minlength="8" if signing_up else False,
            autofocus=first == "password",
        ),
    ]


def auth_page(
    mode: Mode,
    *,
    error: str | None = None,
    notice: str | None = None,
    email: str = "",
    name: str = "",
    first_account: bool = False,
    signup_open: bool = True,
    next_path: str | None = None,
) -> h.Element:
    """The page for someone without a session: `sign-in` or `sign-up`.

    `first_account` says that nobody has an account yet, `next_path` is where the person wanted to go,
    `notice` why they are here although they did not ask to be.
    """
    signing_up = mode == "sign-up"
    if first_account and signing_up:
        title, lead = "Welcome", "Create the first account. It will be the administrator."
    elif signing_up:
        title, lead = "Create account", "Your colleagues see the name; the address is for signing in."
    else:
        title, lead = "Sign in", "People and models, in one conversation."
    return h.main("#view.auth", data_kind="auth")[
        h.div(".card")[
            h.p(".brand")[icons.mark(), h.span["Antiphon"]],
            h.h1[title],
            h.p(".lead")[lead],
            error and h.p(".error", role="alert")[icons.icon("alert"), h.span[error]],
            not error and notice and h.p(".notice", role="status")[icons.icon("alert"), h.span[notice]],
            h.form(method="post", action=addresses.SIGN_UP if signing_up else addresses.SIGN_IN)[
                next_path and h.input(type="hidden", name="next", value=next_path),
                _fields(mode, email, name, error),
                h.button(".primary.wide", type="submit")["Create account" if signing_up else "Sign in"],
            ],
            _other_way(signing_up=signing_up, signup_open=signup_open, first_account=first_account),
        ],
    ]


def _other_way(*, signing_up: bool, signup_open: bool, first_account: bool) -> h.Node:
    if signing_up:
        return not first_account and h.p(".aside")["Have an account? ", h.a(href=addresses.AUTH)["Sign in"]]
    if signup_open:
        return h.p(".aside")["New here? ", h.a(href=f"{addresses.AUTH}?mode=sign-up")["Create an account"]]
    return h.p(".aside")["New accounts are made by the administrator."]
