"""What is logged: a line for each request, and every line as JSON where that is wanted.

Neither contents nor tokens: of a request only the method, the path as it travelled and the outcome. What
follows behind `?` is left out, since people search there.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("antiphon.server.requests")
OURS = "antiphon.server"

_REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request that is being answered here."""
_FIELDS = ("method", "path", "status", "milliseconds")
_TAKEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 500


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: time (UTC), level, logger, message, request id, fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = _REQUEST.get()
        if request is not None:
            line["request_id"] = request
        line |= {name: vars(record)[name] for name in _FIELDS if name in vars(record)}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Logs:
    """How much is logged, and in which form, while a server runs; then what was set before comes back."""

    def __init__(self, level: str, form: Literal["text", "json"]) -> None:
        self._level = level.upper()
        self._form = form
        self._before: list[tuple[logging.Handler, logging.Formatter | None]] = []

    def begin(self) -> None:
        """Use them: the process's own handlers stay where they are, and write another form."""
        logging.getLogger(OURS).setLevel(self._level)
        if self._form == "json":
            for handler in logging.getLogger().handlers:
                self._before.append((handler, handler.formatter))
                handler.setFormatter(JsonLines())

    def end(self) -> None:
        """Leave the process as it was found."""
        logging.getLogger(OURS).setLevel(logging.NOTSET)
        for handler, formatter in self._before:
            handler.setFormatter(formatter)
        self._before.clear()


class RequestLog:
    """Gives each request an id, its own `X-Request-ID` where that will do, and logs its outcome (info)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request = given if _TAKEN_ID.fullmatch(given) else uuid.uuid4().hex
        begun, status = time.perf_counter(), 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request
            await send(message)

        token = _REQUEST.set(request)
        try:
            await self._app(scope, receive, answered)
        finally:
            took = round((time.perf_counter() - begun) * 1000, 1)
            _log(scope, status, took)
            _REQUEST.reset(token)


def _log(scope: Scope, status: int, milliseconds: float) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    # As it travelled: escaped, so that no line break in it makes another line of the log.
    raw = scope.get("raw_path") or b""
    path = raw.partition(b"?")[0].decode("ascii", "backslashreplace")[:_LONGEST_PATH]
    fields = dict(zip(_FIELDS, (scope["method"], path, status, milliseconds), strict=True))
    logger.info("%s %s %s %s ms", *fields.values(), extra=fields)
