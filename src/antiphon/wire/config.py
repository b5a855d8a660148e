"""What a server says of itself before and after signing in."""

from __future__ import annotations

from typing import Annotated

from .base import OURS, JsonObject, L, S, WireModel


class Features(WireModel):
    """Switches in the config; a missing one means what the property beside it says."""

    auth: bool | None = None
    auth_trusted_header: bool | None = None
    enable_ldap: bool | None = None
    enable_api_keys: bool | None = None
    enable_signup: bool | None = None
    enable_signup_password_confirmation: bool | None = None
    enable_login_form: bool | None = None
    enable_websocket: bool | None = None
    websocket_heartbeat_interval: Annotated[int | None, L] = None
    enable_version_update_check: bool | None = None
    enable_channels: bool | None = None
    enable_notes: bool | None = None
    enable_folders: bool | None = None
    enable_direct_connections: bool | None = None
    enable_tool_servers: Annotated[bool | None, L] = None
    enable_direct_integrations: Annotated[bool | None, L] = None
    enable_encrypted_channels: Annotated[bool | None, L] = None
    enable_apps: Annotated[bool | None, L] = None
    enable_pyodide_file_persistence: Annotated[bool | None, L] = None

    @property
    def websocket(self) -> bool:
        """Whether the socket uses WebSocket; a missing switch means yes."""
        return self.enable_websocket is not False

    @property
    def heartbeat_interval(self) -> int:
        """Seconds between heartbeats; 30 where the server does not say."""
        return self.websocket_heartbeat_interval or 30


class ServerConfig(WireModel):
    """Answer of GET /api/config; some features only for a signed-in caller. `onboarding`: no account exists
    yet.
    """

    status: bool | None = None
    name: str
    version: str
    default_locale: str | None = None
    onboarding: bool | None = None
    oauth: JsonObject | None = None
    features: Features = Features()
    audio: JsonObject | None = None
    default_models: str | None = None
    default_prompt_suggestions: list[JsonObject] | None = None
    user_count: int | None = None
    permissions: JsonObject | None = None


class Version(WireModel):
    """Answer of GET /api/version. A change of either of the first two means that another build serves now.

    `antiphon`, ours: the version of Antiphon; absent on an Open WebUI.
    """

    version: str
    deployment_id: Annotated[str | None, S] = None
    antiphon: Annotated[str | None, OURS] = None


class Health(WireModel):
    """Answer of GET /health."""

    status: bool
