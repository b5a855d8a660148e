"""A script is played here: a real client, a model server, and the faults between them; then the law is held.

`play` runs a script of steps on virtual time. When it is over every fault ends, everything under way comes to
its end, and a second, fresh client on a faultless network tells what the truth is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from antiphon import Client
from antiphon.client import Delays, LinkState, Sending
from antiphon.client.channels import channel as channel_module
from antiphon.client.errors import AntiphonError
from antiphon.client.kept import account_file

from .acts import Acts
from .flavour import Flavour
from .model_server import ModelServer, token_of
from .network import Network
from .process import end_all_tasks, end_of_a_process
from .truth import compare, exactly_once_and_in_order, holes
from .views import View
from .virtual_time import VirtualClock, VirtualLoop, VirtualThread, run

Step = tuple[Any, ...]
"""The name of an act, and its numbers."""

PAGE = 4
"""Messages in a page, so that a short history has several."""
PATIENCE = 900.0
"""Virtual seconds within which everything must have come to rest."""
CALM = 7.0
"""Virtual seconds without anything under way after which nothing more will come: typing ends, marks are said,
lists are fetched.
"""


class Unlawful(AssertionError):
    """The law does not hold."""


class Stage:
    """Everything that a script acts on."""

    def __init__(self, flavour: Flavour, loop: VirtualLoop, folder: Path | None) -> None:
        self.loop = loop
        self.flavour = flavour
        self.server = ModelServer(flavour, loop)
        self.network = Network(self.server)
        self.clock = VirtualClock(loop)
        self.spread = 0
        self.folder = folder
        self.client = self.new_client(self.network, self.clock)
        self.views: list[View] = []
        self.sendings: list[Sent] = []
        self.works: set[asyncio.Task[None]] = set()
        self.opening: set[asyncio.Task[None]] = set()
        self.questions: dict[str, str] = {}
        """Turns that we asked for: the answer's id, and "asked" or why it was refused."""
        self.wrong: list[str] = []
        self.acts = Acts(self)

    def new_client(self, network: Network, clock: VirtualClock) -> Client:
        """Make a client."""
        return Client(
            "http://model.test", token=token_of("me"), clock=clock, delays=Delays(random=self._random),
            transport=network, data_dir=self.folder, durable=self.folder is not None,
        )  # fmt: skip

    def _random(self) -> float:
        self.spread = (self.spread * 37 + 11) % 101
        return self.spread / 101

    def work(self, work: Coroutine[Any, Any, Any], *, opening: bool = False) -> asyncio.Task[None]:
        """Do something in the background, as an application does; what the client refuses, it refuses."""

        async def carefully() -> None:
            try:
                await work
            except AntiphonError:
                pass
            except Exception as error:  # noqa: BLE001 - whatever else comes out of the client is its fault
                self.wrong.append(f"an application was given {error!r}")

        task = self.loop.create_task(carefully())
        (self.opening if opening else self.works).add(task)
        task.add_done_callback(lambda _: work.close())  # where it was ended before it began
        task.add_done_callback(self.works.discard)
        task.add_done_callback(self.opening.discard)
        return task

    async def restart(self, *, killed: bool = False, arrives: bool = False, seen: bool = False) -> None:
        """End the client and make another one, which shows the same."""
        places = [(view.place, view.focused) for view in self.views]
        self.wrong += [wrong for view in self.views for wrong in view.wrong]
        kept = {one.temp_id for one in self.client.unsent_messages.value} if self.folder else set()
        if killed:
            self.network.end_of_a_process(arrives=arrives)
            end_of_a_process(self.client, seen=seen)
            wrong, unhandled = list(self.wrong), list(self.loop.unhandled)
            await end_all_tasks()
            self.clock.stop()
            self.wrong, self.loop.unhandled = wrong, unhandled  # A dead process says nothing.
        else:
            await self._leave_and_close()
        self.views.clear()
        jumped, self.clock = self.clock.jumped, VirtualClock(self.loop)
        self.clock.jumped = jumped
        self.client = self.new_client(self.network, self.clock)
        await self.client.start()
        for sent in self.sendings:
            if not sent.found_again(self.client) and sent.sending.temp_id in kept:
                self.wrong.append(f"{sent.text!r} was in the outbox, and is not after the restart")
        for place, focused in places:
            view = self.new_view()
            if place is not None:
                view.show(*place)
            view.focus(focused)

    def new_view(self) -> View:
        """Open a window."""
        self.views.append(View(self.client, lambda work: self.work(work, opening=True)))
        return self.views[-1]

    async def _leave_and_close(self) -> None:
        for view in self.views:
            view.close()
        for task in (*self.works, *self.opening):
            task.cancel()
        await self.client.close()

    # The course of a script

    async def play(self, script: Sequence[Step]) -> None:
        """Play a script and hold the law."""
        await self.client.start()
        try:
            if not script or script[0][0] != "we_start_cold":
                await self.acts.begin()
            for name, *numbers in script:
                await self.acts.do(name, numbers)
                self.wrong += holes(self)
            await self.come_to_rest()
            await self.hold("when everything has come to rest", with_untold=False)
            if self.server.untold:
                self.network.cut()
                await asyncio.sleep(0)
                await self.come_to_rest()
                self.server.untold.clear()
                await self.hold("after one more catching up", with_untold=True)
        finally:
            await self._leave_and_close()
            self.network.close()
            self.server.stop()
        await self.nothing_is_left()

    async def come_to_rest(self) -> None:
        """End every fault and wait until nothing more happens."""
        self.network.heal()
        self.server.start()
        self.server.empty_acks = 0
        end = self.loop.time() + PATIENCE
        calm_since: float | None = None
        while calm_since is None or self.loop.time() - calm_since < CALM:
            await asyncio.sleep(0.5)
            if self.loop.time() > end:
                raise Unlawful(f"it does not come to rest: {self.unrest()}")
            if self.unrest():
                calm_since = None
            elif calm_since is None:
                calm_since = self.loop.time()

    def unrest(self) -> list[str]:
        """Say what is still going on."""
        client = self.client
        going_on = {
            f"the link is {client.link.value.state}": client.link.value.state is not LinkState.LIVE,
            f"{client.unsent} messages wait": client.unsent,
            "something is under way": not self.network.quiet,
            "an answer is being written": self.server.chats.runs,
            "the application waits": self.works or self.opening,
        }
        return [what for what, so in going_on.items() if so]

    async def hold(self, when: str, *, with_untold: bool) -> None:
        """Compare the client with a fresh one."""
        network, clock = Network(self.server), VirtualClock(self.loop)
        folder, self.folder = self.folder, None
        fresh = self.new_client(network, clock)
        self.folder = folder
        try:
            await fresh.start()
            await fresh.live()
            wrong = [
                *self.wrong,
                *await compare(self, fresh, with_untold=with_untold),
                *exactly_once_and_in_order(self),
                *(wrong for view in self.views for wrong in view.wrong),
            ]
        finally:
            await fresh.close()
            network.close()
        if wrong:
            raise Unlawful(f"{when}:\n  " + "\n  ".join(wrong))

    async def nothing_is_left(self) -> None:
        """Nothing of the closed client lives on."""
        await asyncio.sleep(0)
        me = asyncio.current_task()
        left = [repr(task.get_coro()) for task in asyncio.all_tasks() if task is not me]
        if left:
            raise Unlawful(f"tasks are left: {left}")
        if self.clock.timers:
            raise Unlawful(f"{self.clock.timers} timers are left")
        if self.loop.unhandled:
            raise Unlawful(f"errors nobody took: {self.loop.unhandled}")
        if self.server.strange:
            raise Unlawful(f"requests the model server does not know: {self.server.strange}")


class Sent:
    """A message that the script has sent."""

    def __init__(self, channel_id: str, parent_id: str | None, text: str, sending: Sending) -> None:
        self.channel_id = channel_id
        self.parent_id = parent_id
        self.text = text
        self.sending = sending
        self.again = False
        """Whether it was given up or tried again by hand: then it has no place in the order."""

    def found_again(self, client: Client) -> bool:
        """Take what the next client knows of it; False when that knows nothing of one that was not sent."""
        known = client.outbox.sending(self.sending.temp_id)
        if known is not None:
            self.sending = known
        elif self.sending.state not in {"confirmed", "discarded"}:
            self.sending = Sending(self.sending.temp_id)
            self.sending.end("discarded", "it was not kept")
            return False
        return True


def play(flavour: Flavour, script: Sequence[Step], folder: Path | None = None) -> None:
    """Play a script on a stage of its own and hold the law; raises `Unlawful`."""
    on_stage(flavour, lambda stage: stage.play(script), folder)


def on_stage(
    flavour: Flavour, work: Callable[[Stage], Coroutine[Any, Any, None]], folder: Path | None = None
) -> None:
    """Do something on a stage that nothing has happened on yet; raises `Unlawful` for errors in the log."""

    async def main(loop: VirtualLoop) -> None:
        with _short_pages(), _files_without_threads(), _logged() as errors:
            await work(Stage(flavour, loop, folder))
        if errors:
            raise Unlawful(f"errors in the log: {errors}")

    run(main)


@contextmanager
def _short_pages() -> Iterator[None]:
    before = channel_module.PAGE
    channel_module.PAGE = PAGE  # type: ignore[misc]  # for the time of a script
    try:
        yield
    finally:
        channel_module.PAGE = before  # type: ignore[misc]  # as above


@contextmanager
def _files_without_threads() -> Iterator[None]:
    before = account_file.ThreadPoolExecutor
    account_file.ThreadPoolExecutor = VirtualThread  # type: ignore[assignment,misc]  # for the time of a script
    try:
        yield
    finally:
        account_file.ThreadPoolExecutor = before  # type: ignore[misc]  # as above


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(logging.Formatter().format(record))


@contextmanager
def _logged() -> Iterator[list[str]]:
    log, errors = logging.getLogger("antiphon"), _Errors()
    log.addHandler(errors)
    propagate, log.propagate = log.propagate, False
    try:
        yield errors.said
    finally:
        log.removeHandler(errors)
        log.propagate = propagate
