"""The outbox in the account's file: who may send which entry, across the processes of one person.

An entry under way has an owner with a lease: a client of a process. Nobody else takes it before the lease
has run out, or its process is known to be gone. Only the first entry of a channel that waits is ever given
out, so the order of a channel holds across processes. Every function runs inside one transaction, in the
file's thread; times are unix seconds.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import uuid4

from pydantic import ValidationError

from antiphon.client.outbox.entries import Entry
from antiphon.wire import Message, UserName, WireModel

log = logging.getLogger(__name__)

Model = TypeVar("Model", bound=WireModel)

NAME = "outbox"
_TABLE = (
    "CREATE TABLE outbox ("
    " temp_id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, text TEXT NOT NULL, created_at REAL NOT NULL,"
    " reply_to_id TEXT, parent_id TEXT, author TEXT, state TEXT NOT NULL, error TEXT, posted TEXT,"
    " after INTEGER, not_before REAL NOT NULL, position INTEGER NOT NULL, version INTEGER NOT NULL,"
    " owner TEXT, lease_until REAL NOT NULL DEFAULT 0, message TEXT)"
)
SCHEMA = (
    _TABLE,
    "CREATE INDEX outbox_open ON outbox (channel_id, position) WHERE state IN ('pending', 'sending')",
    "CREATE INDEX outbox_version ON outbox (version)",
    "CREATE TABLE outbox_count (number INTEGER NOT NULL)",
    "INSERT INTO outbox_count VALUES (0)",
)

MOST_SETTLED = 2_000
"""Settled entries that are kept, so that a repeated `temp_id` sends nothing."""
MOST_SETTLED_TEXT = 4 * 2**20
"""Characters of all their texts; the oldest go first."""
MOST_CLAIMED = 200
"""Ids of own messages that are remembered as confirmed, so that an equal text is not taken for them."""
FAR = 4.0
"""A time that lies ahead by more than so many times what it may be is of before a clock was set back."""

_OPEN = "('pending', 'sending', 'failed')"
_FORGET = (
    "DELETE FROM outbox WHERE temp_id IN (SELECT temp_id FROM"
    " (SELECT temp_id, row_number() OVER newest AS number, sum(length(text)) OVER newest AS size"
    " FROM outbox WHERE state IN ('sent', 'discarded') WINDOW newest AS (ORDER BY version DESC))"
    " WHERE number > ? OR size > ?)"
)
_LIVE: set[str] = set()  # owners in this process

Alive = Callable[[str], bool | None]
"""Whether an owner still lives; None when that cannot be told."""


def new_owner() -> str:
    """Give a name to a client of this process: machine, process and client."""
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:12]}"
    _LIVE.add(owner)
    return owner


def give_up(owner: str) -> None:
    """That client has ended."""
    _LIVE.discard(owner)


def alive(owner: str) -> bool | None:
    """Whether an owner still lives; only of processes of this machine it can be told that they are gone."""
    host, _, rest = owner.partition("/")
    number = rest.partition("/")[0]
    if host != socket.gethostname() or not number.isdigit():
        return None
    if int(number) == os.getpid():
        return owner in _LIVE  # In a container a process may well have the number of the one before it.
    if os.name != "posix":
        return None
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return None  # The number may belong to another process by now: the lease decides.


# Writing


def store(db: sqlite3.Connection, entries: Iterable[Entry], owner: str, *, now: float, lease: float) -> None:
    """Keep entries as they are. What another process has settled stays so; what it sends stays its own."""
    for entry in entries:
        row = db.execute("SELECT state, owner FROM outbox WHERE temp_id = ?", (entry.temp_id,)).fetchone()
        if row is not None and (
            row["state"] in {"sent", "discarded"} or (row["owner"] not in {None, owner} and entry.waits)
        ):
            continue
        number = _count(db)
        values = {
            "temp_id": entry.temp_id,
            "channel_id": entry.channel_id,
            "text": entry.text,
            "created_at": entry.created_at,
            "reply_to_id": entry.reply_to_id,
            "parent_id": entry.parent_id,
            "author": _packed(entry.author),
            "state": entry.state,
            "error": entry.error,
            "posted": entry.posted,
            "after": entry.after,
            "not_before": entry.not_before,
            "message": _packed(entry.message),
            "version": number,
            "owner": owner if entry.state == "sending" else None,
            "lease_until": now + lease if entry.state == "sending" else 0.0,
        }
        if row is None:
            values["position"] = number
            names = ", ".join(values)
            db.execute(f"INSERT INTO outbox ({names}) VALUES ({_marks(values)})", tuple(values.values()))  # noqa: S608 - our own names
        else:
            changes = ", ".join(f"{name} = ?" for name in values)
            db.execute(
                f"UPDATE outbox SET {changes} WHERE temp_id = ?",  # noqa: S608 - our own names
                (*values.values(), entry.temp_id),
            )
    _forget(db)


def claim(
    db: sqlite3.Connection,
    channel_id: str,
    owner: str,
    *,
    now: float,
    lease: float,
    longest_wait: float,
    exact: bool,
    alive: Alive = alive,
) -> Entry | float | None:
    """Take the first entry of a channel that waits: give it, or when to ask again, or None without any.

    `exact`: on this server the same post twice is one; so it counts as posted from here on, in one step.
    """
    row = db.execute(
        "SELECT * FROM outbox WHERE channel_id = ? AND state IN ('pending', 'sending')"
        " ORDER BY position LIMIT 1",
        (channel_id,),
    ).fetchone()
    if row is None:
        return None
    until, held_by = row["lease_until"], row["owner"]
    if held_by not in {None, owner} and now < until <= now + FAR * lease and alive(held_by) is not False:
        return float(until)
    if held_by != owner and now < row["not_before"] <= now + FAR * longest_wait:
        return float(row["not_before"])
    posted = row["text"] if exact and row["posted"] is None else row["posted"]
    _change(db, row["temp_id"], state="sending", owner=owner, lease_until=now + lease, posted=posted)
    return some(db, [row["temp_id"]])[0]


def renew(db: sqlite3.Connection, temp_id: str, owner: str, *, now: float, lease: float) -> bool:
    """Keep a lease alive; False when the entry is another's by now, or settled."""
    changed = db.execute(
        "UPDATE outbox SET lease_until = ? WHERE temp_id = ? AND owner = ? AND state = 'sending'",
        (now + lease, temp_id, owner),
    )
    return changed.rowcount == 1


def begin(
    db: sqlite3.Connection,
    temp_id: str,
    owner: str,
    *,
    posted: str,
    after: int | None,
    now: float,
    lease: float,
) -> bool:
    """Write down that a post goes out now; False when the entry is another's by now, or settled."""
    if not renew(db, temp_id, owner, now=now, lease=lease):
        return False
    _change(db, temp_id, posted=posted, after=after)
    return True


def release(
    db: sqlite3.Connection, temp_id: str, owner: str, *, posted: str | None, not_before: float
) -> None:
    """Let an entry wait again: its post did not work."""
    if _is_ours(db, temp_id, owner):
        _change(
            db, temp_id, state="pending", owner=None, lease_until=0.0, posted=posted, not_before=not_before
        )


def fail(db: sqlite3.Connection, temp_id: str, owner: str, error: str, posted: str | None) -> None:
    """An entry was refused and waits for its author."""
    if _is_ours(db, temp_id, owner):
        _change(db, temp_id, state="failed", owner=None, lease_until=0.0, error=error, posted=posted)


def settle(db: sqlite3.Connection, temp_id: str, message: Message) -> None:
    """The server has an entry, whoever sent it."""
    row = _row(db, temp_id)
    if row is not None and row["state"] not in {"sent", "discarded"}:
        _change(
            db,
            temp_id,
            state="sent",
            owner=None,
            lease_until=0.0,
            error=None,
            posted=None,
            message=_packed(message),
        )
    _forget(db)


def discard(db: sqlite3.Connection, temp_id: str) -> None:
    """The author gives an entry up."""
    row = _row(db, temp_id)
    if row is not None and row["state"] != "sent":
        _change(db, temp_id, state="discarded", text="", owner=None, lease_until=0.0, posted=None)


def retry(db: sqlite3.Connection, temp_id: str) -> bool:
    """Let a failed entry wait again, after those that wait; False when it has not failed."""
    row = _row(db, temp_id)
    if row is None or row["state"] != "failed":
        return False
    _change(db, temp_id, state="pending", error=None, not_before=0.0, position=_count(db))
    return True


def edit(db: sqlite3.Connection, temp_id: str, text: str, *, now: float, alive: Alive = alive) -> bool:
    """Give an entry another text; a failed one waits again. False when it is under way, or settled."""
    row = _row(db, temp_id)
    if row is None or row["state"] in {"sent", "discarded"}:
        return False
    if row["state"] == "sending" and now < row["lease_until"] and alive(row["owner"] or "") is not False:
        return False
    _change(db, temp_id, text=text)
    retry(db, temp_id)
    return True


def disown(db: sqlite3.Connection, owner: str) -> None:
    """A client ends: what it had under way is free for the next one at once."""
    for row in db.execute("SELECT temp_id FROM outbox WHERE owner = ?", (owner,)).fetchall():
        _change(db, row["temp_id"], state="pending", owner=None, lease_until=0.0)


# Reading


def load(db: sqlite3.Connection) -> tuple[int, list[Entry], list[str]]:
    """Give the newest version, everything that is not settled, and the ids of messages sent lately."""
    (newest,) = db.execute("SELECT number FROM outbox_count").fetchone()
    rows = db.execute(f"SELECT * FROM outbox WHERE state IN {_OPEN} ORDER BY position")  # noqa: S608 - our own words
    entries = [_entry(row) for row in rows.fetchall()]
    sent = db.execute(
        "SELECT message FROM outbox WHERE state = 'sent' ORDER BY version DESC LIMIT ?", (MOST_CLAIMED,)
    )
    messages = [_unpacked(Message, row["message"]) for row in sent.fetchall()]
    return int(newest), entries, [message.id for message in messages if message is not None]


def some(db: sqlite3.Connection, temp_ids: Iterable[str]) -> list[Entry]:
    """Give entries as they are now, those that exist."""
    rows = (_row(db, temp_id) for temp_id in temp_ids)
    return [_entry(row) for row in rows if row is not None]


def since(db: sqlite3.Connection, version: int) -> tuple[int, list[Entry]]:
    """Give what has changed after a version, and the newest version."""
    rows = db.execute("SELECT * FROM outbox WHERE version > ? ORDER BY position", (version,)).fetchall()
    (newest,) = db.execute("SELECT number FROM outbox_count").fetchone()
    return int(newest), [_entry(row) for row in rows]


def waiting(db: sqlite3.Connection) -> int:
    """Count what waits to be sent."""
    query = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')"
    return int(db.execute(query).fetchone()[0])


# Inside


def _row(db: sqlite3.Connection, temp_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM outbox WHERE temp_id = ?", (temp_id,)).fetchone()
    return row


def _is_ours(db: sqlite3.Connection, temp_id: str, owner: str) -> bool:
    query = "SELECT 1 FROM outbox WHERE temp_id = ? AND owner = ? AND state = 'sending'"
    return db.execute(query, (temp_id, owner)).fetchone() is not None


def _change(db: sqlite3.Connection, temp_id: str, **values: object) -> None:
    values["version"] = _count(db)
    changes = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE outbox SET {changes} WHERE temp_id = ?", (*values.values(), temp_id))  # noqa: S608 - our own names


def _count(db: sqlite3.Connection) -> int:
    db.execute("UPDATE outbox_count SET number = number + 1")
    return int(db.execute("SELECT number FROM outbox_count").fetchone()[0])


def _forget(db: sqlite3.Connection) -> None:
    """Forget the oldest of what is settled, above the limits."""
    db.execute(_FORGET, (MOST_SETTLED, MOST_SETTLED_TEXT))


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        temp_id=row["temp_id"],
        channel_id=row["channel_id"],
        text=row["text"],
        created_at=row["created_at"],
        reply_to_id=row["reply_to_id"],
        parent_id=row["parent_id"],
        author=_unpacked(UserName, row["author"]),
        state=row["state"],
        error=row["error"],
        posted=row["posted"],
        after=row["after"],
        not_before=row["not_before"],
        position=row["position"],
        version=row["version"],
        message=_unpacked(Message, row["message"]),
        filed=True,
    )


def _packed(model: WireModel | None) -> str | None:
    return None if model is None else json.dumps(model.dump())


def _unpacked(kind: type[Model], text: str | None) -> Model | None:
    if text is None:
        return None
    try:
        return kind.load(json.loads(text))
    except (ValidationError, ValueError):  # of another release; whoever needs it fetches it
        log.warning("a stored %s could not be read", kind.__name__)
        return None


def _marks(values: dict[str, object]) -> str:
    return ", ".join("?" * len(values))
