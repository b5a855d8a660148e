"""Delays between attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.link.backoff import Backoff


@given(failures=st.integers(0, 200), draw=st.floats(0, 1, exclude_max=True))
def test_each_delay_is_within_the_range_of_the_rule(failures: int, draw: float) -> None:
    """Base doubles to 5 s; the delay lies between half of it and one and a half, never above 5 s."""
    backoff = Backoff(1, 5, lambda: draw)
    backoff.failures = failures
    base = min(5.0, 2.0 ** min(failures, 10))
    assert 0.5 * base <= backoff.next() <= min(1.5 * base, 5)


@given(draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, unique=True))
def test_clients_do_not_come_back_together_at_the_ceiling(draws: list[float]) -> None:
    """W-12: different draws give different delays from the fifth attempt on too."""
    delays = set()
    for draw in draws:
        backoff = Backoff(1, 5, lambda draw=draw: draw)
        backoff.failures = 9
        delays.add(backoff.next())
    assert len(delays) > 1 or max(draws) - min(draws) < 1e-9


def test_attempts_are_unlimited() -> None:
    """The hundred-thousandth failure has a delay like the tenth."""
    backoff = Backoff(1, 5, lambda: 0.999)
    backoff.failures = 100_000
    assert 4.9 < backoff.next() <= 5


def test_a_reset_starts_again_from_the_first_delay() -> None:
    """After a good link the next failure waits about a second again."""
    backoff = Backoff(1, 5, lambda: 0.0)
    assert [backoff.next() for _ in range(4)] == [0.5, 1.0, 2.0, 2.5]
    backoff.reset()
    assert backoff.next() == 0.5
