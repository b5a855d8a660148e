"""What can go wrong with a provider, said so that a person knows what happened and what to do."""

import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

WEB_PAGE = ("<!doctype", "<html")


class ProviderFailed(Exception):
    """A provider did not give what was asked of it.

    `text` is one or two sentences for the person who waits; `kind` is a short word for code:
    `refused`, `unreachable`, `rejected`, `not-found`, `busy`, `broken`, `not-a-provider`, `cut`, `stalled`,
    `unsupported`. `status` is the provider's HTTP status where it answered with one.
    """

    def __init__(self, kind: str, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status


def public_address(address: str) -> str:
    """Return an address without the name and password that it may hold; failures are told to everyone."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def unreachable(address: str, why: str) -> ProviderFailed:
    """No connection came about."""
    return ProviderFailed(
        "unreachable",
        f"No connection to the model's provider at {address} ({why}). "
        "Check that it is running and that its address in the provider settings is right, then ask again.",
    )


def cut(address: str) -> ProviderFailed:
    """The answer ended without an end."""
    return ProviderFailed(
        "cut",
        f"The model's provider at {address} closed the connection before the answer was complete. "
        "The text so far is kept; ask again for a full answer.",
    )


def garbled(address: str, sample: str) -> ProviderFailed:
    """A line of the stream is not what the protocol says."""
    return ProviderFailed(
        "broken",
        f"The model's provider at {address} sent something that is no part of an answer: "
        f"{short(sample)!r}. The text so far is kept; ask again, or look at the provider's log.",
    )


def not_a_provider(address: str, body: str) -> ProviderFailed:
    """A success, but not of the protocol: most often a web page."""
    what = "a web page" if body.lstrip().lower().startswith(WEB_PAGE) else f"{short(body)!r}"
    return ProviderFailed(
        "not-a-provider",
        f"The address {address} answers with {what} instead of a model's answer. "
        "Check the provider's address; for most providers it ends in /v1.",
    )


def moved(address: str, target: str) -> ProviderFailed:
    """The address leads elsewhere; it is not followed, as that would take the key along."""
    where = f"to {short(target)}" if target else "elsewhere"
    return ProviderFailed(
        "not-a-provider",
        f"The address {address} leads {where}. "
        "An administrator can set the provider's final address in the provider settings.",
    )


def stalled(address: str, phase: str, seconds: float) -> ProviderFailed:
    """A limit of patience was reached; `phase` is `connect`, `first`, `idle` or `total`."""
    wait = f"{seconds:g} s"
    said = {
        "connect": f"did not take the connection within {wait}",
        "first": f"did not begin to answer within {wait}",
        "idle": f"stopped sending in mid-answer for {wait}",
        "total": f"did not finish the answer within {wait}",
    }[phase]
    return ProviderFailed(
        "stalled",
        f"The model's provider at {address} {said}. "
        "The text so far is kept; ask again, or try another model.",
    )


def of_status(address: str, status: int, body: str, model: str | None = None) -> ProviderFailed:
    """An HTTP error of the provider, with its own words where it gave any."""
    said = error_text(body)
    tail = f" It says: {said}" if said else ""
    if status in {401, 403}:
        return ProviderFailed(
            "refused",
            f"The provider at {address} refuses the key ({status}). "
            f"An administrator can set a valid key in the provider settings.{tail}",
            status=status,
        )
    if status in {404, 405}:
        what = (
            f"does not know the model {model!r} or this address" if model else "has nothing at this address"
        )
        return ProviderFailed(
            "not-found",
            f"The provider at {address} {what} ({status}). "
            f"Choose another model, or check the address; for most providers it ends in /v1.{tail}",
            status=status,
        )
    if status == 429:
        return ProviderFailed(
            "busy",
            f"The provider at {address} takes no more requests for now ({status}). "
            f"Wait a little and ask again.{tail}",
            status=status,
        )
    if status >= 500:
        return ProviderFailed(
            "broken",
            f"The provider at {address} has a fault of its own ({status}). "
            f"Ask again later, or try another model.{tail}",
            status=status,
        )
    return ProviderFailed(
        "rejected",
        f"The provider at {address} did not take the request ({status}).{tail or ' It gave no reason.'}",
        status=status,
    )


def of_error_object(address: str, error: Any) -> ProviderFailed:
    """An `error` object in the middle of a stream or in a body of status 200."""
    said = _message(error) or short(json.dumps(error))
    return ProviderFailed("broken", f"The provider at {address} ended the answer with an error: {said}")


def error_text(body: str) -> str | None:
    """Return a provider's own words from an error body, or None for a web page or an empty body."""
    if not body.strip() or body.lstrip().lower().startswith(WEB_PAGE):
        return None
    try:
        parsed = json.loads(body)
    except ValueError:
        return short(body)
    return _message(parsed) or short(body)


def _message(value: Any) -> str | None:
    if isinstance(value, str):
        return short(value) or None
    if isinstance(value, dict):
        for key in ("message", "error", "detail"):
            if found := _message(value.get(key)):
                return found
    return None


def short(text: str, limit: int = 300) -> str:
    """Return a text as far as a sentence has room for it."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
