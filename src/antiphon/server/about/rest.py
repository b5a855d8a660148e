"""`/health`, `/ready`, `/api/version`, `/api/config` and `/api/usage`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from antiphon.server.about.build import PROTOCOL, build_id, our_version
from antiphon.server.accounts.people import count_accounts
from antiphon.server.errors import Problem
from antiphon.server.permissions import permissions_of
from antiphon.server.routing import Router
from antiphon.server.security.principals import User, token_of
from antiphon.server.state import State
from antiphon.wire.config import Health, ServerConfig, Version

logger = logging.getLogger("antiphon.server")

router = Router(tags=["about"])

READY_SECONDS = 2.0
"""How long the database may take to answer until the server counts as not ready."""


@router.get("/health", response_model=Health, response_model_exclude_unset=True)
async def health() -> dict[str, Any]:
    """Whether the server is up."""
    return {"status": True}


@router.get("/ready", response_model=Health, response_model_exclude_unset=True)
async def ready(state: State) -> dict[str, Any]:
    """Whether requests can be carried out now; 503 while the server starts or ends or lacks its database."""
    if not state.serving:
        raise Problem(503, "The server is starting or going down.")
    try:
        async with asyncio.timeout(READY_SECONDS), state.database.read() as connection:
            await connection.execute(select(1))
    except (OSError, SQLAlchemyError) as error:
        logger.warning("not ready: the database does not answer (%s)", type(error).__name__)
        raise Problem(503, "The database does not answer.") from None
    return {"status": True}


@router.get("/api/version", response_model=Version, response_model_exclude_unset=True)
async def version() -> dict[str, Any]:
    """The protocol's release, our build, our version."""
    return {"version": PROTOCOL, "deployment_id": build_id(), "antiphon": our_version()}


@router.get("/api/config", response_model=ServerConfig, response_model_exclude_unset=True)
async def config(request: Request, state: State) -> dict[str, Any]:
    """What a client needs to know before and, with a token, after signing in."""
    found = await state.principals.of_token(token_of(request))
    features: dict[str, Any] = {
        "auth": True,
        "auth_trusted_header": False,
        "enable_signup_password_confirmation": False,
        "enable_ldap": False,
        "enable_api_keys": bool(state.config["ENABLE_API_KEYS"]),
        "enable_signup": bool(state.config["ENABLE_SIGNUP"]),
        "enable_login_form": True,
        "enable_websocket": True,
        "enable_version_update_check": False,
    }
    if state.settings.websocket_heartbeat_interval is not None:
        features["websocket_heartbeat_interval"] = state.settings.websocket_heartbeat_interval
    answer: dict[str, Any] = {
        "status": True,
        "name": state.config["WEBUI_NAME"],
        "version": PROTOCOL,
        "default_locale": "",
        "oauth": {"providers": {}},
        "features": features,
    }
    if found is None:
        if await count_accounts(state.database) == 0:
            answer["onboarding"] = True
        return answer
    principal, _token = found
    features |= {
        "enable_direct_connections": False,
        "enable_folders": False,
        "enable_channels": bool(state.config["ENABLE_CHANNELS"]),
        "enable_notes": False,
        "enable_web_search": False,
        "enable_code_execution": False,
        "enable_code_interpreter": False,
        "enable_image_generation": False,
        "enable_autocomplete_generation": False,
        "enable_community_sharing": False,
        "enable_message_rating": False,
        "enable_user_webhooks": False,
        "enable_admin_export": False,
        "enable_admin_chat_access": False,
        "enable_google_drive_integration": False,
        "enable_onedrive_integration": False,
        "enable_encrypted_channels": False,
        "enable_apps": False,
    }
    answer |= {
        "default_models": None,
        "default_prompt_suggestions": [],
        "audio": {"tts": {"engine": "", "voice": "", "split_on": "punctuation"}, "stt": {"engine": ""}},
        "file": {"max_size": None, "max_count": None},
        "permissions": permissions_of(state.config, principal),
    }
    return answer


@router.get("/api/usage")
async def usage(state: State, _user: User) -> dict[str, Any]:
    """Models in use, and how many people are there."""
    return {"model_ids": state.presence.models_in_use(), "user_count": state.live.people}
