"""Time as the database keeps it."""

from __future__ import annotations

from antiphon.server.storage.clock import Clock


def test_the_clock_never_repeats_itself() -> None:
    """Times order what is stored, so two are never the same."""
    clock = Clock()
    times = [clock.nanoseconds() for _ in range(2_000)]
    assert times == sorted(set(times))
