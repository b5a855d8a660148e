"""What people may do: the switches that an administrator sets for everyone."""

from __future__ import annotations

from typing import Any

from antiphon.server.security.principals import Principal
from antiphon.server.stored_config import StoredConfig

KEY = "USER_PERMISSIONS"

DEFAULT: dict[str, Any] = {
    "workspace": {
        "models": False,
        "knowledge": False,
        "prompts": False,
        "tools": False,
    },
    "sharing": {"models": False, "knowledge": False, "prompts": False, "tools": False, "notes": False},
    "chat": {
        "controls": True,
        "system_prompt": True,
        "params": True,
        "file_upload": False,
        "delete": True,
        "delete_message": True,
        "continue_response": True,
        "regenerate_response": True,
        "rate_response": False,
        "edit": True,
        "share": False,
        "export": True,
        "stt": False,
        "tts": False,
        "call": False,
        "multiple_models": True,
        "temporary": True,
        "temporary_enforced": False,
    },
    "features": {
        "api_keys": False,
        "notes": False,
        "folders": False,
        "channels": True,
        "direct_tool_servers": False,
        "web_search": False,
        "image_generation": False,
        "code_interpreter": False,
    },
}
"""What holds until an administrator changes it; what this server does not have is off."""


def permissions_of(config: StoredConfig, principal: Principal) -> dict[str, Any]:
    """A person's permissions: everyone's, or for an administrator all of them on."""
    stored: dict[str, Any] = config[KEY]
    if not principal.is_admin:
        return stored
    return {
        area: {switch: switch != "temporary_enforced" for switch in switches}
        if isinstance(switches, dict)
        else switches
        for area, switches in stored.items()
    }


def may_use_keys(config: StoredConfig, principal: Principal) -> bool:
    """Whether API keys are on, and this person may use one."""
    if not config["ENABLE_API_KEYS"] or not principal.is_verified:
        return False
    return principal.is_admin or config[KEY].get("features", {}).get("api_keys") is True


def may_use_channels(config: StoredConfig, principal: Principal) -> bool:
    """Whether channels are on, and this person may use them."""
    if not config["ENABLE_CHANNELS"] or not principal.is_verified:
        return False
    return principal.is_admin or config[KEY].get("features", {}).get("channels", True) is True
