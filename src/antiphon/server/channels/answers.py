"""Answers that are known to be right, sent without validating them once more."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from antiphon.server.state import ServerState


def answer(content: Any) -> Response:
    """A JSON answer of what is known to be right already, without validating it again."""
    return Response(to_json(content), media_type="application/json")


def whole_lists(state: ServerState) -> bool:
    """Whether lists carry data whole, as 0.6.41 does, and not only whether there is any."""
    return state.settings.dialect == "0.6"
