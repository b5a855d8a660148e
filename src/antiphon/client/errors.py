"""What can go wrong, by what the caller can do about it."""

from __future__ import annotations


class AntiphonError(Exception):
    """The root of every error that the client raises on purpose."""


class RequestFailed(AntiphonError):
    """The server answered a request with an error.

    `status` is the HTTP status, `detail` the server's own words (or ours, where it gave none).
    """

    def __init__(self, status: int, detail: str) -> None:
        said = f"status {status}" in detail
        super().__init__(detail if said else f"{detail} (status {status})")
        self.status = status
        self.detail = detail

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later: overload, a restart, a gateway without its server."""
        return self.status in {408, 425, 429} or self.status >= 500


class SignedOut(RequestFailed):
    """401: the token is missing, expired or revoked."""


class Refused(RequestFailed):
    """403: this person may not do that. Open WebUI says 401 to some of it; that is this error where the token
    is seen to be good.
    """


class NotFound(RequestFailed):
    """404: there is no such thing, or it is hidden from this person."""


class Rejected(RequestFailed):
    """400 and other 4xx: the request itself is wrong; `detail` says why."""


class Unreachable(AntiphonError):
    """No answer from the server: the network, a time-out, a connection cut.

    `sent` tells whether the request may have arrived nevertheless.
    """

    def __init__(self, reason: str, *, sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class BadAnswer(AntiphonError):
    """The server answered with something that the protocol does not know, or with too much of it.

    `foreign`: it is no JSON at all, as the page of a proxy is that stands before a server that restarts; the
    same request may succeed later.
    """

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.foreign = foreign


def passing(error: AntiphonError) -> bool:
    """Tell whether the same request may succeed later."""
    match error:
        case RequestFailed():
            return error.retryable
        case BadAnswer():
            return error.foreign
    return isinstance(error, Unreachable)


class SendFailed(AntiphonError):
    """A message could not be sent and waits for its author's decision: retry, edit or discard.

    `kept`: it did not fail, only this client has ended; the next one of this person on this machine sends it.
    """

    def __init__(self, temp_id: str, reason: str, *, kept: bool = False) -> None:
        super().__init__(reason)
        self.temp_id = temp_id
        self.reason = reason
        self.kept = kept


class OutboxFull(AntiphonError):
    """A message is not taken: it is too long, or too many wait already. The text says what to do."""


class UnderWay(AntiphonError):
    """A message cannot be changed at this moment: it is being sent, or stands already."""


class AnswerFailed(AntiphonError):
    """A model's answer ended in a failure; what it wrote until then stays among the turns."""

    def __init__(self, turn_id: str, reason: str) -> None:
        super().__init__(reason)
        self.turn_id = turn_id
        self.reason = reason


class Lagged(AntiphonError):
    """A subscriber took its events too slowly; `missed` of them are gone. The stores still hold the truth."""

    def __init__(self, missed: int) -> None:
        super().__init__(f"{missed} events were missed because they were not taken in time")
        self.missed = missed


def failure(status: int, detail: str) -> RequestFailed:
    """Give the error that stands for an HTTP status of 400 or more."""
    kinds: dict[int, type[RequestFailed]] = {401: SignedOut, 403: Refused, 404: NotFound}
    kind = kinds.get(status, RequestFailed if status >= 500 else Rejected)
    return kind(status, detail)
