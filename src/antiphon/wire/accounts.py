"""People: signing in, the session user, names beside messages, settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import JsonObject, L, WireModel


class UserName(WireModel):
    """A person as events and messages name them: `{id, name, role}`; viewers of a shared chat come without
    role.
    """

    id: str
    name: str
    role: str | None = None


class SignInForm(WireModel):
    """Body of POST /api/v1/auths/signin."""

    email: str
    password: str


class SignUpForm(WireModel):
    """Body of POST /api/v1/auths/signup."""

    name: str
    email: str
    password: str
    profile_image_url: str | None = None


class PasswordForm(WireModel):
    """Body of POST /api/v1/auths/update/password."""

    password: str
    new_password: str


class SignedOut(WireModel):
    """Answer of auths/signout (GET in 0.6.41, POST in 0.12.4)."""

    status: bool = True
    redirect_url: str | None = None


class Permissions(WireModel):
    """What a person may do, by area; open, because each release adds areas and switches."""

    workspace: dict[str, bool] = Field(default_factory=dict)
    sharing: dict[str, bool] = Field(default_factory=dict)
    access_grants: Annotated[dict[str, bool], L] = Field(default_factory=dict)
    chat: dict[str, bool] = Field(default_factory=dict)
    features: dict[str, bool] = Field(default_factory=dict)
    settings: Annotated[dict[str, bool], L] = Field(default_factory=dict)

    def allows(self, area: str, switch: str, default: bool = True) -> bool:
        """Tell whether `area.switch` is on; what the server does not mention is `default`."""
        switches = getattr(self, area, None)
        return bool(switches.get(switch, default)) if isinstance(switches, dict) else default


class SessionUser(WireModel):
    """The person a token belongs to: GET /api/v1/auths/ and the answers of signin and signup.

    `expires_at` is in unix seconds; null means that the token never expires.
    """

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str | None = None
    token: str | None = None
    token_type: str | None = None
    expires_at: int | None = None
    permissions: Permissions | None = None
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None


class UserEntry(WireModel):
    """A person in a list: pickers, members of a channel, people of a direct conversation. Times in unix
    seconds.
    """

    id: str
    name: str
    email: str | None = None
    role: str | None = None
    profile_image_url: str | None = None
    presence_state: str | None = None
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None
    is_active: bool | None = None
    last_active_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None


class UserList(WireModel):
    """A page of people: GET /api/v1/users/, /api/v1/users/all and /api/v1/users/search."""

    users: list[UserEntry]
    total: int | None = None


class UserActive(WireModel):
    """Answer of GET /api/v1/users/{id}/active."""

    active: bool


class UserSettings(WireModel):
    """GET /api/v1/users/user/settings (which may also answer null) and the body that updates them."""

    ui: JsonObject = Field(default_factory=dict)

    # Properties, not fields: what a page once stored under `ui` is kept as it is, and a switch that is no
    # boolean counts as not set instead of making all settings unreadable.

    @property
    def notification_enabled(self) -> bool:
        """Whether notifications of the operating system are wanted (`ui.notificationEnabled`)."""
        return self._switch("notificationEnabled", False)

    @property
    def notification_sound(self) -> bool:
        """Whether notifications make a sound (`ui.notificationSound`)."""
        return self._switch("notificationSound", True)

    @property
    def notification_sound_always(self) -> bool:
        """Whether each finished answer makes a sound (`ui.notificationSoundAlways`)."""
        return self._switch("notificationSoundAlways", False)

    def _switch(self, name: str, default: bool) -> bool:
        value = self.ui.get(name)
        return value if isinstance(value, bool) else default


class AdminConfig(WireModel):
    """GET and POST /api/v1/auths/admin/config: the switches that Antiphon uses; others are kept."""

    SHOW_ADMIN_DETAILS: bool | None = None
    ADMIN_EMAIL: str | None = None
    WEBUI_URL: str | None = None
    ENABLE_SIGNUP: bool | None = None
    ENABLE_API_KEYS: bool | None = None
    ENABLE_CHANNELS: bool | None = None
    ENABLE_NOTES: bool | None = None
    ENABLE_FOLDERS: bool | None = None
    ENABLE_COMMUNITY_SHARING: bool | None = None
    ENABLE_MESSAGE_RATING: bool | None = None
    ENABLE_USER_WEBHOOKS: bool | None = None
    DEFAULT_USER_ROLE: str | None = None
    DEFAULT_GROUP_ID: str | None = None
    JWT_EXPIRES_IN: str | None = None


class ErrorDetail(WireModel):
    """The body of every error answer; validation errors of Open WebUI hold a list in `detail`."""

    detail: Any
