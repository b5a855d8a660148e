"""Every refusal as `{"detail": sentence}`, whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

logger = logging.getLogger("antiphon.server")


class Refusal(BaseModel):
    """The body of every refusal."""

    detail: str
    """A sentence for the person who asked."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses as an address declares them."""
    return {status: {"model": Refusal, "description": HTTPStatus(status).phrase} for status in statuses}


EVERYWHERE = refusals(400, 401, 403, 404, 409, 413, 422, 429, 503)
"""What any address may refuse a request with."""


class Problem(HTTPException):
    """A request that is refused: a status, and a sentence for the person who made it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)

    @classmethod
    def not_found(cls) -> Problem:
        """404 in the protocol's own words."""
        return cls(404, "We could not find what you're looking for :/")

    @classmethod
    def no_access(cls) -> Problem:
        """403 in the protocol's own words."""
        return cls(
            403,
            "You do not have permission to access this resource. "
            "Please contact your administrator for assistance.",
        )


def install(api: FastAPI) -> None:
    """Answer every kind of failure in the one form."""
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(Exception, _failed)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class; tells mypy so
    detail = error.detail or HTTPStatus(error.status_code).phrase
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class; tells mypy so
    return JSONResponse({"detail": sentence(error.errors())}, 422)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"detail": "Something went wrong on the server; it is in the server's log."}, 500)


def sentence(errors: Any) -> str:
    """Say what is wrong with a request in words: which field, and what it should be."""
    parts = []
    for error in list(errors)[:3]:
        location = [str(step) for step in error.get("loc", ())]
        message = str(error.get("msg", "is not valid"))
        place = (
            ".".join(location[1:]) if location[:1] in (["body"], ["query"], ["path"]) else ".".join(location)
        )
        parts.append(
            f"{place}: {message}" if place else f"The body is not what this address takes: {message}"
        )
    return "; ".join(parts) + "." if parts else "The request is not valid."
