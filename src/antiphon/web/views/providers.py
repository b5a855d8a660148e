"""The administrator's page for where models come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import htpy as h

from . import addresses, icons
from .channel import menu_button

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider as its administrator sees it; `index` is its place in the server's list, the key
    itself never travels."""

    index: int
    address: str
    has_key: bool = False
    prefix: str | None = None
    enabled: bool = True
    removable: bool = True


@dataclass(frozen=True, slots=True)
class Verification:
    """What asking a provider gave: its models, or what went wrong."""

    ok: bool
    text: str
    models: tuple[str, ...] = ()


def providers_main(
    providers: Sequence[Provider],
    *,
    verifications: Mapping[int, Verification] | None = None,
    error: str | None = None,
    notice: str | None = None,
    address: str = "",
    prefix: str = "",
    eliza: bool = False,
) -> h.Element:
    """The whole of `main#view` for `/settings/providers`; `address` and `prefix` refill the form after
    an error."""
    results = verifications or {}
    return h.main("#view", data_kind="settings", data_id="providers")[
        h.header("#view-head.view-head")[
            menu_button(),
            h.span(".glyph")[icons.icon("plug")],
            h.div(".titles")[h.h1["Model providers"], h.p["Where the models of this server come from"]],
        ],
        h.div(".scroller")[
            h.div(".page")[
                notice and h.p(".notice", role="status")[icons.icon("check"), h.span[notice]],
                error and h.p(".error", role="alert")[icons.icon("alert"), h.span[error]],
                provider_list(providers, results, eliza=eliza),
                _add_form(address, prefix),
            ]
        ],
    ]


def provider_list(
    providers: Sequence[Provider], verifications: Mapping[int, Verification], *, eliza: bool = False
) -> h.Element:
    """`ul#providers`: each with the way to ask it for its models and to take it out.

    `eliza` says that this server has the built-in model.
    """
    return h.ul("#providers.cards")[
        [provider_card(provider, verifications.get(provider.index)) for provider in providers]
        or h.li(".empty")[
            "No provider yet. Add one below; Eliza, the built-in model, answers meanwhile."
            if eliza
            else "No provider yet. Add one below."
        ]
    ]


def provider_card(provider: Provider, verification: Verification | None = None) -> h.Element:
    """`li#provider-{index}`: patched with the result once it was asked."""
    notes = [
        "Key set" if provider.has_key else "No key",
        f"Models begin with “{provider.prefix}.”" if provider.prefix else None,
        None if provider.enabled else "Switched off",
    ]
    return h.li(id=f"provider-{provider.index}")[
        h.div(".what")[
            h.strong[provider.address],
            h.p(".hint")[" · ".join(note for note in notes if note)],
            verification_line(verification) if verification else None,
        ],
        h.div(".row")[
            h.form(method="post", action=addresses.verify_provider(provider.index))[
                h.button(".small", type="submit", aria_label=f"Check {provider.address}")["Check"]
            ],
            provider.removable
            and h.form(method="post", action=addresses.remove_provider(provider.index))[
                h.input(type="hidden", name="address", value=provider.address),
                h.button(".small.danger", type="submit", aria_label=f"Remove {provider.address}")["Remove"],
            ],
        ],
    ]


def verification_line(verification: Verification) -> h.Element:
    """What a provider answered when asked."""
    return h.div(class_=["verification", "good" if verification.ok else "bad"], role="status")[
        h.p[icons.icon("check" if verification.ok else "alert"), h.span[verification.text]],
        verification.models
        and h.ul(".models")[
            [h.li[name] for name in verification.models[:12]],
            len(verification.models) > 12 and h.li[f"and {len(verification.models) - 12} more"],
        ],
    ]


def _add_form(address: str, prefix: str) -> h.Element:
    return h.form("#add-provider.card", method="post", action=addresses.ADD_PROVIDER)[
        h.h2["Add a provider"],
        h.p(".hint")["Anything that speaks the OpenAI API. The key stays on the server."],
        h.div(".field")[
            h.label(for_="provider-address")["Address"],
            h.input(
                "#provider-address",
                name="address",
                type="url",
                required=True,
                value=address or None,
                placeholder="https://api.example.com/v1",
                autocomplete="off",
                spellcheck="false",
            ),
        ],
        h.div(".field")[
            h.label(for_="provider-key")["Key"],
            h.input(
                "#provider-key", name="key", type="password", autocomplete="off", aria_describedby="key-hint"
            ),
            h.p("#key-hint.hint")["Leave it empty if the provider needs none."],
        ],
        h.div(".field")[
            h.label(for_="provider-prefix")["Prefix ", h.span(".hint")["optional"]],
            h.input(
                "#provider-prefix",
                name="prefix",
                value=prefix or None,
                autocomplete="off",
                spellcheck="false",
                aria_describedby="prefix-hint",
            ),
            h.p("#prefix-hint.hint")[
                "Put before the names of its models, to tell the models of two providers apart."
            ],
        ],
        h.button(".primary", type="submit")["Add and check"],
    ]
