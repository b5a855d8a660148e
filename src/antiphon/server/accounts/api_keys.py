"""`/api/v1/auths/api_key`: the key with which one's programs ask in one's name."""

from __future__ import annotations

from antiphon.server.errors import Problem
from antiphon.server.permissions import may_use_keys
from antiphon.server.routing import Router
from antiphon.server.security.principals import User
from antiphon.server.state import State
from antiphon.wire.base import WireModel

router = Router(prefix="/api/v1/auths", tags=["auths"])


class ApiKey(WireModel):
    """Answer of POST and GET /api/v1/auths/api_key."""

    api_key: str
    """The whole key where it was just made; later its beginning and an ellipsis."""


@router.post("/api_key", response_model=ApiKey)
async def make(state: State, user: User) -> ApiKey:
    """Make a key, in place of the one before. It is told this once: the server keeps only its hash."""
    if not may_use_keys(state.config, user):
        raise Problem(403, "API keys are not switched on for you. An administrator can change that.")
    key, former = await state.principals.keys.make(user.id)
    if former is not None:
        await state.live.close_token(former)
    return ApiKey(api_key=key)


@router.get("/api_key", response_model=ApiKey)
async def beginning(state: State, user: User) -> ApiKey:
    """How one's key begins, to tell it from others."""
    found = await state.principals.keys.beginning(user.id)
    if found is None:
        raise Problem(404, "You have no API key.")
    return ApiKey(api_key=f"{found}…")


@router.delete("/api_key", response_model=bool)
async def take_back(state: State, user: User) -> bool:
    """Take one's key back, and close the sockets that came with it."""
    former = await state.principals.keys.take_back(user.id)
    if former is not None:
        await state.live.close_token(former)
    return True
