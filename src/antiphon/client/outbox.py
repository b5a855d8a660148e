"""Messages on their way out: in order per channel, tried again until the server has answered, never silently
lost.

On our server `temp_id` is an idempotency key, so a repeat is exact. Open WebUI does not store it: there a
post that was not answered is first looked for among the fetched messages, and sent again only after the link
has been live for a while. What risk remains: the first post may still be under way then, and the message
stands twice.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal

from antiphon.wire import Message, MessageForm

from .backoff import Backoff
from .context import Context
from .errors import BadAnswer, RequestFailed, SendFailed, SignedOut, Unreachable
from .link import LinkState
from .rest.channels import PAGE
from .timeline import Timeline

REMEMBERED = 2_000
"""Sendings that are remembered after their end, so that a repeated `temp_id` sends nothing."""
SEARCHED_PAGES = 5
"""Pages that are searched for a post that was not answered; a busy channel fills one in no time."""
CLAIMED = 200
"""Ids of own messages that are remembered as confirmed, so that an equal text is not taken for them."""

State = Literal["pending", "sending", "failed", "confirmed", "discarded"]


class Sending:
    """A message being sent. Awaiting it gives the stored message, or raises `SendFailed`."""

    def __init__(self, temp_id: str) -> None:
        self.temp_id = temp_id
        self.state: State = "pending"
        self.error: str | None = None
        self._message: Message | None = None
        self._ended = asyncio.Event()

    def __await__(self) -> Generator[Any, None, Message]:
        return self._wait().__await__()

    async def _wait(self) -> Message:
        await self._ended.wait()
        if self._message is None:
            raise SendFailed(self.temp_id, self.error or "the message was not sent")
        return self._message

    def _confirm(self, message: Message) -> None:
        self.state, self.error, self._message = "confirmed", None, message
        self._ended.set()

    def _fail(self, state: Literal["failed", "discarded"], error: str) -> None:
        self.state, self.error = state, error
        self._ended.set()

    def _again(self) -> None:
        self.state, self.error = "pending", None
        self._ended.clear()


@dataclass(slots=True, eq=False)
class _Entry:
    channel_id: str
    form: MessageForm
    timeline: Timeline
    sending: Sending
    look_again: Callable[[], None]
    uncertain: bool = False  # a post was not answered: it may have been stored
    after: int | None = None  # created_at (ns) of the newest message that was known before the first post

    @property
    def temp_id(self) -> str:
        return self.sending.temp_id


class Outbox:
    """All messages of a client that are not confirmed, by channel."""

    def __init__(self, context: Context, last_message_at: Callable[[str], int] = lambda _: 0) -> None:
        """`last_message_at`: when something last came to a channel, as far as its list knows (ns)."""
        self._context = context
        self._last_message_at = last_message_at
        self._queues: dict[str, deque[_Entry]] = {}
        self._working: set[str] = set()
        self._failed: dict[str, _Entry] = {}
        self._sendings: OrderedDict[str, Sending] = OrderedDict()
        self._claimed: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Count the messages that wait or are being sent; failed ones wait for a person and do not count."""
        return sum(len(queue) for queue in self._queues.values())

    def send(
        self,
        channel_id: str,
        timeline: Timeline,
        text: str,
        *,
        look_again: Callable[[], None] = lambda: None,
        temp_id: str | None = None,
        reply_to_id: str | None = None,
        parent_id: str | None = None,
    ) -> Sending:
        """Show a message as pending and post it in its turn.

        `look_again` fetches the timeline anew: an answer that a page has overtaken may speak of a message
        that was deleted meanwhile.
        """
        temp_id = temp_id or str(uuid.uuid4())
        known = self._sendings.get(temp_id)
        if known is not None:
            return known
        self._context.background()  # Raises now, not later, when nobody would send it.
        form = MessageForm(
            temp_id=temp_id, content=text, reply_to_id=reply_to_id, parent_id=parent_id, data={}
        )
        entry = _Entry(channel_id, form, timeline, Sending(temp_id), look_again)
        self._remember(entry.sending)
        if parent_id == timeline.parent_id:
            timeline.add_pending(temp_id, self._shown(entry))
        self._enqueue(entry)
        return entry.sending

    def retry(self, temp_id: str) -> None:
        """Send a failed message again, after those that wait."""
        entry = self._failed.pop(temp_id, None)
        if entry is not None:
            entry.sending._again()  # noqa: SLF001 - the two classes of this module are one thing
            entry.timeline.set_pending(temp_id, "pending")
            self._enqueue(entry)

    def discard(self, temp_id: str) -> None:
        """Give up a message; one that is under way may still arrive."""
        entry = self._failed.pop(temp_id, None) or self._take(temp_id)
        if entry is not None:
            entry.timeline.drop_pending(temp_id)
            entry.sending._fail("discarded", "the message was discarded")  # noqa: SLF001 - as above

    def confirmed(self, message: Message, temp_id: str, stamp: int) -> bool:
        """Take the event of a message of ours; False when it is none of those on their way."""
        entry = self._failed.pop(temp_id, None) or self._find(temp_id)
        if entry is None or message.channel_id != entry.channel_id:
            return False
        self._confirm(entry, message, stamp)
        return True

    def end(self, reason: str) -> None:
        """Nobody is signed in any more: what waits has failed, and its author is told."""
        for entry in [entry for queue in self._queues.values() for entry in queue]:
            self._fail(entry, reason)

    def close(self) -> None:
        """Tell whoever still waits that nothing more will be sent."""
        entries = [entry for queue in self._queues.values() for entry in queue]
        self._queues.clear()
        for entry in (*entries, *self._failed.values()):
            entry.timeline.set_pending(entry.temp_id, "failed", "the client was closed")
            entry.sending._fail("failed", "the client was closed")  # noqa: SLF001 - as above
        self._failed.clear()

    # The work

    def _enqueue(self, entry: _Entry) -> None:
        if self._context.over:
            self._fail(entry, "nobody is signed in")
            return
        self._queues.setdefault(entry.channel_id, deque()).append(entry)
        if entry.channel_id not in self._working:
            self._working.add(entry.channel_id)
            self._context.background().spawn(self._work(entry.channel_id), "outbox")

    async def _work(self, channel_id: str) -> None:
        """Post the messages of one channel, one after the other; ends when none is left."""
        delays = self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        try:
            while queue := self._queues.get(channel_id):
                entry = queue[0]
                await self._context.until_joined()
                if entry.sending.state in {"confirmed", "discarded", "failed"}:
                    continue  # It was settled while we waited, and is off the queue.
                entry.sending.state = "sending"
                wait = await self._attempt(entry)
                if wait and entry.sending.state == "sending":
                    entry.sending.state = "pending"
                    await self._context.clock.sleep(backoff.next())
                else:
                    backoff.reset()
        finally:
            self._working.discard(channel_id)
            if not self._queues.get(channel_id):
                self._queues.pop(channel_id, None)

    async def _attempt(self, entry: _Entry) -> bool:
        """Try to post; give whether to try again after a while."""
        asked_at = self._context.arrivals.next()
        try:
            message = await self._deliver(entry)
            if message is None:
                return False
        except Unreachable as error:
            entry.uncertain = entry.uncertain or error.sent
            return True
        except SignedOut as error:
            return await self._refused(entry, error)
        except RequestFailed as error:
            if error.retryable:
                entry.uncertain = entry.uncertain or error.status >= 500
                return True
            self._fail(entry, error.detail)
        except BadAnswer as error:
            if error.foreign:
                entry.uncertain = True
                return True
            self._fail(entry, str(error))
        else:
            self._confirm(entry, message, self._context.arrivals.next(), asked_at)
            if entry.uncertain or entry.timeline.refreshed_at > asked_at:
                entry.look_again()
        return False

    async def _refused(self, entry: _Entry, error: SignedOut) -> bool:
        """Take a 401; Open WebUI says it to a person too who is signed in and may not write here."""
        try:
            signed_in = await self._context.rest.accounts.signed_in()
        except (Unreachable, RequestFailed, BadAnswer):
            return True
        if signed_in:
            self._fail(entry, error.detail)
        return not signed_in  # Signed out: the link will end, and with it what waits.

    async def _deliver(self, entry: _Entry) -> Message | None:
        """Post, or find what was posted; None when the event of it came while we waited."""
        if entry.after is None and not self._context.ours:
            entry.after = await self._newest_before(entry)
        if entry.uncertain and not self._context.ours:
            found = await self._look_for(entry)
            if found is None:
                await self._until_settled()
                found = await self._look_for(entry)
            if entry.sending.state != "sending":
                return None
            if found is not None:
                return found
        return await self._context.rest.channels.post(entry.channel_id, entry.form)

    async def _look_for(self, entry: _Entry) -> Message | None:
        """Look for a post that was not answered among the messages that came since."""
        form, after = entry.form, entry.after or 0
        found: Message | None = None
        for number in range(SEARCHED_PAGES):
            page = await self._page(entry, number * PAGE, PAGE)
            for message in page:
                # The oldest one is taken: equal texts are claimed in the order they were sent in.
                if (
                    message.user_id == self._context.user_id
                    and message.content == form.content
                    and message.parent_id == form.parent_id
                    and message.reply_to_id == form.reply_to_id
                    and message.created_at > after
                    and message.id not in self._claimed
                    and (found is None or message.created_at < found.created_at)
                ):
                    found = message
            if len(page) < PAGE or any(message.created_at <= after for message in page):
                break
        return found

    async def _newest_before(self, entry: _Entry) -> int:
        """Give the moment (ns) after which this message can have been stored: it is yet to be posted."""
        newest = entry.timeline.newest()
        known = max(newest.created_at if newest else 0, self._last_message_at(entry.channel_id))
        if known:
            return known
        return max((message.created_at for message in await self._page(entry, 0, 1)), default=0)

    async def _page(self, entry: _Entry, skip: int, limit: int) -> list[Message]:
        channels, thread = self._context.rest.channels, entry.form.parent_id
        if thread is None:
            return await channels.messages(entry.channel_id, skip, limit)
        return await channels.thread(entry.channel_id, thread, skip, limit)

    async def _until_settled(self) -> None:
        """Wait until the link has been live for a while without a break."""
        wanted = self._context.delays.resend_settled
        while True:
            link = await self._context.until_link(lambda link: link.state is LinkState.LIVE)
            left = link.since + wanted - self._context.clock.now()
            if left <= 0:
                return
            await self._context.clock.sleep(left)
            if self._context.link.value is link:
                return

    # Ends

    def _confirm(self, entry: _Entry, message: Message, stamp: int, asked_at: int | None = None) -> None:
        self._drop(entry)
        self._claimed[message.id] = None
        if len(self._claimed) > CLAIMED:
            self._claimed.popitem(last=False)
        if entry.form.parent_id == entry.timeline.parent_id:
            entry.timeline.confirm(entry.temp_id, message, stamp, asked_at=asked_at)
        if entry.sending.state not in {"confirmed", "discarded"}:
            entry.sending._confirm(message)  # noqa: SLF001 - as above

    def _fail(self, entry: _Entry, reason: str) -> None:
        if entry.sending.state in {"confirmed", "discarded"}:
            return
        self._drop(entry)
        self._failed[entry.temp_id] = entry
        entry.timeline.set_pending(entry.temp_id, "failed", reason)
        entry.sending._fail("failed", reason)  # noqa: SLF001 - as above

    def _find(self, temp_id: str) -> _Entry | None:
        for queue in self._queues.values():
            for entry in queue:
                if entry.temp_id == temp_id:
                    return entry
        return None

    def _take(self, temp_id: str) -> _Entry | None:
        entry = self._find(temp_id)
        if entry is not None:
            self._drop(entry)
        return entry

    def _drop(self, entry: _Entry) -> None:
        if self._failed.get(entry.temp_id) is entry:
            del self._failed[entry.temp_id]
        queue = self._queues.get(entry.channel_id)
        if queue is not None and entry in queue:
            queue.remove(entry)

    def _remember(self, sending: Sending) -> None:
        self._sendings[sending.temp_id] = sending
        if len(self._sendings) > REMEMBERED:
            # One that waits for its author must not keep all later ones from being forgotten.
            ended = (id_ for id_, one in self._sendings.items() if one.state in {"confirmed", "discarded"})
            if (oldest := next(ended, None)) is not None:
                del self._sendings[oldest]

    def _shown(self, entry: _Entry) -> Message:
        now = int(self._context.clock.now() * 1e9)
        me, form = self._context.me, entry.form
        quoted = entry.timeline.row(form.reply_to_id) if form.reply_to_id else None
        return Message(
            id=entry.temp_id,
            user_id=me.id if me else "",
            channel_id=entry.channel_id,
            reply_to_id=form.reply_to_id,
            parent_id=form.parent_id,
            content=form.content,
            created_at=now,
            updated_at=now,
            user=me,
            reply_to_message=quoted.message if quoted else None,
        )
