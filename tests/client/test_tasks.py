"""Background work with an owner: its errors, and its end."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.client.errors import Unreachable
from antiphon.client.tasks import first, together


@pytest.mark.parametrize("way", [together, first])
async def test_work_that_fails_while_its_owner_is_ended_does_not_keep_the_owner_going(way: object) -> None:
    """An owner that tries again after every failure must still hear that it is to end."""
    begun = asyncio.Event()

    async def fails_when_it_is_ended() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unreachable("the connection broke") from None

    async def goes_on() -> None:
        while True:
            try:
                await way(fails_when_it_is_ended())  # type: ignore[operator]
            except (Unreachable, BaseExceptionGroup):
                begun.clear()

    owner = asyncio.create_task(goes_on())
    await begun.wait()
    owner.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([owner])
    assert owner.cancelled()
