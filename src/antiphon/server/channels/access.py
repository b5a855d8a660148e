"""Who may read and write: grants as 0.12.4 names them, and 0.6.41's `access_control` turned into them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from antiphon.server.errors import Problem
from antiphon.wire.channels import ChannelForm

EVERYONE = "*"
PERMISSIONS = ("read", "write")


class Grant(NamedTuple):
    """One permission for one principal; principal `user` / `*` is everyone."""

    principal_type: str
    principal_id: str
    permission: str


OPEN = tuple(Grant("user", EVERYONE, permission) for permission in PERMISSIONS)
"""Everyone reads and writes."""


def grants_in(form: ChannelForm, *, dialect: str, new: bool) -> tuple[Grant, ...] | None:
    """The grants that a form asks for; None leaves those of a channel as they are.

    `access_grants` wins. Without it, 0.6's `access_control` counts: null is public, an object names readers
    and writers. A 0.12 client's update carries a null that means nothing, so there only an object counts. A
    new channel of which nothing is said is public.
    """
    if form.access_grants is not None:
        for grant in form.access_grants:
            if grant.permission not in PERMISSIONS or grant.principal_type not in {"user", "group"}:
                raise Problem(400, "A grant gives `read` or `write` to a `user` or a `group`.")
        given = (Grant(one.principal_type, one.principal_id, one.permission) for one in form.access_grants)
        return tuple(dict.fromkeys(given))
    if form.access_control is not None:
        return _from_access_control(form.access_control)
    if new or (dialect == "0.6" and "access_control" in form.model_fields_set):
        return OPEN
    return None


def access_control_of(grants: Iterable[Grant]) -> dict[str, Any] | None:
    """The same as 0.6.41 says it: null for a channel that everyone may read."""
    grants = tuple(grants)
    if Grant("user", EVERYONE, "read") in grants:
        return None
    answer: dict[str, Any] = {}
    for permission in PERMISSIONS:
        of = {
            kind: [g.principal_id for g in grants if g.permission == permission and g.principal_type == kind]
            for kind in ("group", "user")
        }
        answer[permission] = {"group_ids": of["group"], "user_ids": of["user"]}
    return answer


def grant_rows(channel_id: str, grants: Iterable[Grant], created_at: int) -> list[dict[str, Any]]:
    """Rows for the table of grants; `created_at` in unix seconds."""
    return [
        {
            "id": str(uuid.uuid4()),
            "resource_type": "channel",
            "resource_id": channel_id,
            "principal_type": grant.principal_type,
            "principal_id": grant.principal_id,
            "permission": grant.permission,
            "created_at": created_at,
        }
        for grant in grants
    ]


def _from_access_control(control: dict[str, Any]) -> tuple[Grant, ...]:
    grants: list[Grant] = []
    for permission in PERMISSIONS:
        named = control.get(permission) or {}
        if not isinstance(named, dict):
            raise Problem(400, f"access_control.{permission} must be an object of user_ids and group_ids.")
        for kind in ("user", "group"):
            ids = named.get(f"{kind}_ids") or []
            if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
                raise Problem(400, f"access_control.{permission}.{kind}_ids must be a list of ids.")
            grants += [Grant(kind, one, permission) for one in ids]
    return tuple(dict.fromkeys(grants))
