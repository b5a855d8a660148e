"""The law of leases: whatever clients, crashes and clocks do, each message is delivered, by one at a time, in
order.

Three clients share one account's file. What they do is what the outbox does with it: keep, claim, begin,
post, settle, give back, crash, come back. The server either keeps the `temp_id` of a post, or must be looked
through.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.client.outbox import file as outbox_file
from antiphon.client.outbox.entries import Entry
from antiphon.wire import Message

LEASE = 30.0
PLACES = ("c", "d")


@dataclass
class Machine:
    """A client: what it is doing at this moment, and until when it may."""

    name: str
    entry: Entry | None = None
    posting: bool = False
    answered: Message | None = None
    lease_until: float = 0.0
    dead: set[str] = field(default_factory=set)


class LeaseLaw(RuleBasedStateMachine):
    """Clients, a clock that goes on, and a server."""

    @initialize(exact=st.booleans(), deaths_are_seen=st.booleans())
    def begin(self, exact: bool, deaths_are_seen: bool) -> None:
        """Open the file; `deaths_are_seen`: it can be told of an owner that it is gone."""
        self.exact, self.deaths_are_seen = exact, deaths_are_seen
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        for step in outbox_file.SCHEMA:
            self.db.execute(step)
        self.now = 1_800_000_000.0
        self.number = 0
        self.born = 3
        self.clients = [Machine(f"owner{n}") for n in range(3)]
        self.dead: set[str] = set()
        self.written: dict[str, list[str]] = {place: [] for place in PLACES}
        self.server: dict[str, list[str]] = {place: [] for place in PLACES}
        self.discarded: set[str] = set()

    def teardown(self) -> None:
        """In the end one client works off what is left: nothing is lost, nothing stands twice."""
        if not hasattr(self, "db"):
            return
        for client in self.clients:
            if client.entry is not None:
                self.crash(client)
        self.now += 10 * LEASE
        last = Machine("the last one")
        for place in PLACES:
            for _ in range(100):
                self.claim_for(last, place)
                if last.entry is None:
                    break
                self.post_for(last)
                self.settle_for(last)
            wanted = [one for one in self.written[place] if one not in self.discarded]
            arrived = [one for one in self.server[place] if one not in self.discarded]
            assert arrived == wanted, "each one, once, in its order"
        self.db.close()

    # What clients do

    def alive(self, owner: str) -> bool | None:
        """As a process of the same machine would know it."""
        return owner not in self.dead if self.deaths_are_seen else None

    def claim_for(self, client: Machine, place: str) -> None:
        """Ask for the next entry of a channel."""
        found = outbox_file.claim(
            self.db,
            place,
            client.name,
            now=self.now,
            lease=LEASE,
            longest_wait=5.0,
            exact=self.exact,
            alive=self.alive,
        )
        if isinstance(found, Entry):
            others = [one for one in self.clients if one is not client and one.posting and one.entry]
            assert all(one.entry.temp_id != found.temp_id for one in others if one.entry), "one at a time"
            client.entry, client.lease_until = found, self.now + LEASE
            client.posting, client.answered = False, None
        elif isinstance(found, float):
            assert found > self.now, "a wait that is over is none"

    def post_for(self, client: Machine) -> None:
        """Post, after looking where that is needed; the server stores it."""
        entry = client.entry
        assert entry is not None
        arrived = self.server[entry.channel_id]
        if not self.exact:
            if entry.posted is not None and entry.temp_id in arrived:
                client.answered = message_of(entry)
                return
            if not outbox_file.begin(
                self.db, entry.temp_id, client.name, posted=entry.text, after=1, now=self.now, lease=LEASE
            ):
                client.entry = None
                return
            client.lease_until = self.now + LEASE
            assert entry.temp_id not in arrived, "never twice"
        client.posting = True
        if entry.temp_id not in arrived:
            arrived.append(entry.temp_id)
        client.answered = message_of(entry)

    def settle_for(self, client: Machine) -> None:
        """Write down the answer."""
        if client.entry is not None and client.answered is not None:
            outbox_file.settle(self.db, client.entry.temp_id, client.answered)
        client.entry, client.posting, client.answered = None, False, None

    # The rules

    @rule(client=st.integers(0, 2), place=st.sampled_from(PLACES), count=st.integers(1, 3))
    def write(self, client: int, place: str, count: int) -> None:
        """A person writes."""
        entries = []
        for _ in range(count):
            self.number += 1
            entries.append(Entry(f"t{self.number}", place, f"text {self.number}", self.now))
        outbox_file.store(self.db, entries, self.clients[client].name, now=self.now, lease=LEASE)
        self.written[place] += [entry.temp_id for entry in entries]

    @rule(client=st.integers(0, 2), place=st.sampled_from(PLACES))
    def claim(self, client: int, place: str) -> None:
        """A client that has nothing to do asks for work."""
        if self.clients[client].entry is None:
            self.claim_for(self.clients[client], place)

    @rule(client=st.integers(0, 2), lost=st.booleans())
    def post(self, client: int, lost: bool) -> None:
        """A post arrives, or does not; either way it is not answered yet."""
        one = self.clients[client]
        if one.entry is None or one.posting or self.now >= one.lease_until:
            return
        if lost and not (not self.exact and one.entry.posted is not None):
            entry = one.entry
            if self.exact or outbox_file.begin(
                self.db, entry.temp_id, one.name, posted=entry.text, after=1, now=self.now, lease=LEASE
            ):
                one.posting = True
            return
        self.post_for(one)

    @rule(client=st.integers(0, 2))
    def answer(self, client: int) -> None:
        """The answer comes."""
        one = self.clients[client]
        if one.entry is not None and one.answered is not None:
            self.settle_for(one)

    @rule(client=st.integers(0, 2), seconds=st.floats(0, 5))
    def give_back(self, client: int, seconds: float) -> None:
        """No answer comes: the entry waits again, and counts as one that may have arrived."""
        one = self.clients[client]
        if one.entry is not None:
            posted = one.entry.text if one.posting else one.entry.posted
            outbox_file.release(
                self.db, one.entry.temp_id, one.name, posted=posted, not_before=self.now + seconds
            )
            one.entry, one.posting, one.answered = None, False, None

    @rule(client=st.integers(0, 2))
    def refuse(self, client: int) -> None:
        """The server refuses; its author sends it again at once, after those that wait."""
        one = self.clients[client]
        if one.entry is None or one.posting or one.entry.posted is not None:
            return
        entry = one.entry
        outbox_file.fail(self.db, entry.temp_id, one.name, "no", None)
        if outbox_file.retry(self.db, entry.temp_id):
            self.written[entry.channel_id].remove(entry.temp_id)
            self.written[entry.channel_id].append(entry.temp_id)
        one.entry = None

    @rule(seconds=st.floats(0.1, 2 * LEASE))
    def advance(self, seconds: float) -> None:
        """Time goes on. A client that works renews in time; one whose lease ran out has noticed it."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + LEASE / 3)
            for one in self.clients:
                if one.entry is not None and self.now < one.lease_until:
                    if outbox_file.renew(self.db, one.entry.temp_id, one.name, now=self.now, lease=LEASE):
                        one.lease_until = self.now + LEASE
                    else:
                        one.entry, one.posting, one.answered = None, False, None

    @rule(client=st.integers(0, 2))
    def kill(self, client: int) -> None:
        """A process is killed; another one begins in its place."""
        self.crash(self.clients[client])
        self.clients[client] = Machine(f"owner{self.born}")
        self.born += 1

    def crash(self, client: Machine) -> None:
        """It is gone, whatever it was doing."""
        self.dead.add(client.name)
        client.entry, client.posting, client.answered = None, False, None

    @precondition(lambda self: self.number)
    @rule(data=st.data())
    def discard(self, data: Any) -> None:
        """An author gives up something that waits."""
        under_way = {one.entry.temp_id for one in self.clients if one.entry is not None}
        waiting = [
            one
            for place in PLACES
            for one in self.written[place]
            if one not in self.server[place] and one not in self.discarded and one not in under_way
        ]
        if waiting:
            temp_id = data.draw(st.sampled_from(waiting))
            outbox_file.discard(self.db, temp_id)
            self.discarded.add(temp_id)

    @invariant()
    def nothing_stands_twice_and_order_holds(self) -> None:
        """At any moment."""
        if not hasattr(self, "db"):
            return
        for place in PLACES:
            arrived = self.server[place]
            assert len(arrived) == len(set(arrived))
            wanted = [one for one in self.written[place] if one in arrived]
            assert arrived == wanted

    @invariant()
    def no_entry_is_under_way_at_two_clients(self) -> None:
        """Exactly one may send it."""
        if hasattr(self, "db"):
            held = [one.entry.temp_id for one in self.clients if one.entry is not None]
            assert len(held) == len(set(held))


def message_of(entry: Entry) -> Message:
    """Give what the server stored."""
    return Message.load(
        {
            "id": f"m-{entry.temp_id}",
            "user_id": "me",
            "channel_id": entry.channel_id,
            "content": entry.text,
            "created_at": 2,
            "updated_at": 2,
        }
    )


TestLeaseLaw = LeaseLaw.TestCase
TestLeaseLaw.settings = settings(max_examples=200, stateful_step_count=40)
