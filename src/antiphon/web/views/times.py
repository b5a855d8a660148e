"""Moments as people read them; what travels is nanoseconds in channels and seconds in chats."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

import htpy as h

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def from_nanoseconds(moment: int, zone: tzinfo | None = None) -> datetime:
    """A channel's time (ns since 1970) in a zone; without one, in the zone of this machine."""
    return from_seconds(moment // 1_000_000_000, zone)


def from_seconds(moment: float, zone: tzinfo | None = None) -> datetime:
    """A chat's time (s since 1970) in a zone; a moment that no calendar holds becomes 1970."""
    try:
        return datetime.fromtimestamp(moment, UTC).astimezone(zone)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC).astimezone(zone)


def day(moment: date) -> str:
    """A day in full: `Saturday, 13 June 2026`."""
    return f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def clock(moment: datetime) -> str:
    """Hours and minutes: `09:05`."""
    return f"{moment:%H:%M}"


def full(moment: datetime) -> str:
    """A moment in full, for a title: `Saturday, 13 June 2026, 09:05:32`."""
    return f"{day(moment)}, {moment:%H:%M:%S}"


def time_of_day(moment: datetime) -> h.Element:
    """The hour and minute, with the whole moment as its title."""
    return h.time(datetime=moment.isoformat(timespec="seconds"), title=full(moment))[clock(moment)]


def now(zone: tzinfo | None = None) -> datetime:
    """This moment in a zone."""
    return datetime.now(UTC).astimezone(zone)


def until_midnight(zone: tzinfo | None = None) -> float:
    """Seconds until a new day begins in a zone, and one more so that it has begun."""
    here = now(zone)
    # The zone's rules hold for the new day as well: an hour may come or go in the night.
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), zone)
    return max(1.0, midnight.timestamp() - here.timestamp() + 1.0)
