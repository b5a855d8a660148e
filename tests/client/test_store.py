"""Stores: the Svelte contract."""

from __future__ import annotations

import logging

import pytest

from antiphon.client.store import Derived, Store


def test_a_subscriber_is_called_at_once_and_with_each_change() -> None:
    """The callback gets the value of now, then every later one."""
    store, seen = Store(1), list[int]()
    store.subscribe(seen.append)
    store.set(2)
    store.update(lambda value: value + 1)
    assert seen == [1, 2, 3]


def test_after_unsubscribing_nothing_is_told() -> None:
    """Unsubscribing ends it, and doing it twice is harmless."""
    store, seen = Store(1), list[int]()
    unsubscribe = store.subscribe(seen.append)
    unsubscribe()
    unsubscribe()
    store.set(2)
    assert seen == [1]
    assert store.subscribers == 0


def test_the_very_same_object_is_no_change() -> None:
    """Setting what is there already tells nobody."""
    value = (1, 2)
    store, seen = Store(value), list[tuple[int, ...]]()
    store.subscribe(seen.append)
    store.set(value)
    assert seen == [value]


def test_a_change_made_by_a_subscriber_is_told_to_all_in_order() -> None:
    """Everybody sees 1, 2, 3, although the 3 was set while the 2 was being told."""
    store, first, second = Store(1), list[int](), list[int]()

    def answer(value: int) -> None:
        first.append(value)
        if value == 2:
            store.set(3)

    store.subscribe(answer)
    store.subscribe(second.append)
    store.set(2)
    assert first == second == [1, 2, 3]


def test_a_subscriber_that_raises_is_logged_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    """A stranger's error does not stop the publisher."""
    store, seen = Store(1), list[int]()

    def bad(_: int) -> None:
        raise ValueError("no")

    with caplog.at_level(logging.ERROR):
        store.subscribe(bad)
        store.subscribe(seen.append)
        store.set(2)
    assert seen == [1, 2]
    assert "subscriber" in caplog.text


def test_a_subscriber_that_leaves_while_being_told_is_not_called_again() -> None:
    """One subscriber takes the other away; the other hears nothing of this change."""
    store, seen = Store(1), list[int]()
    store.subscribe(lambda value: leave() if value == 2 else None)
    leave = store.subscribe(seen.append)
    store.set(2)
    assert seen == [1]


def test_a_derived_store_listens_only_while_somebody_listens_to_it() -> None:
    """It computes without subscribers too, but holds no subscription of its own then."""
    a, b = Store(1), Store(10)
    total = Derived((a, b), lambda x, y: x + y)
    assert total.value == 11
    assert a.subscribers == b.subscribers == 0
    seen: list[int] = []
    unsubscribe = total.subscribe(seen.append)
    a.set(2)
    b.set(20)
    assert seen == [11, 12, 22]
    unsubscribe()
    unsubscribe()
    assert a.subscribers == b.subscribers == 0
    a.set(5)
    assert total.value == 25


def test_a_derived_store_tells_only_what_differs() -> None:
    """A change of the source that leaves the result as it was is not told."""
    number = Store(1)
    even, seen = Derived((number,), lambda n: n % 2 == 0), list[bool]()
    even.subscribe(seen.append)
    number.set(3)
    number.set(4)
    assert seen == [False, True]
