"""How one message gets to the server once.

On our server `temp_id` is an idempotency key, so a repeat is exact. Open WebUI does not store it: there a
post that was not answered is first looked for among the fetched messages, and sent again only after the link
has been live for a while. What risk remains: the first post may still be under way then, and the message
stands twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from antiphon.client.context import Context
from antiphon.client.link.link import LinkState
from antiphon.client.outbox.entries import Entry
from antiphon.client.outbox.file import MOST_CLAIMED
from antiphon.client.rest.channels import PAGE
from antiphon.wire import Message, MessageEdit

SEARCHED_PAGES = 5
"""Pages that are searched for a post that was not answered; a busy channel fills one in no time."""

Begin = Callable[[Entry, int], Awaitable[bool]]
"""Writes down that an entry goes out now, and after which moment (ns) it will stand; False: not by us."""


class Taken(Exception):
    """Another client has the entry by now, or it is settled."""


class Delivery:
    """Posts entries. `newest` gives the newest moment (ns) that is known of a place, 0 without one."""

    def __init__(self, context: Context, newest: Callable[[Entry], int], begin: Begin) -> None:
        self._context = context
        self._newest = newest
        self._begin = begin
        self._claimed: OrderedDict[str, None] = OrderedDict()

    def claimed(self, message_ids: Iterable[str]) -> None:
        """These messages are known to be those of other entries, the newest last."""
        for id_ in message_ids:
            self._claimed[id_] = None
            self._claimed.move_to_end(id_)
        while len(self._claimed) > MOST_CLAIMED:
            self._claimed.popitem(last=False)

    async def deliver(self, entry: Entry) -> Message:
        """Give the stored message. Raises what the request raises, and `Taken`."""
        before = entry.posted
        if self._context.ours:
            message = await self._context.rest.channels.post(entry.channel_id, entry.form())
        else:
            message = await self._deliver_once(entry)
        if before is not None and before != entry.text and message.content == before:
            # Its text was changed after a post that was not answered, and that one had been stored.
            changed = await self._context.rest.channels.edit(
                entry.channel_id, message.id, MessageEdit(content=entry.text)
            )
            update = {"content": entry.text, "updated_at": changed.updated_at}
            message = message.model_copy(update=update)
        return message

    async def _deliver_once(self, entry: Entry) -> Message:
        after = entry.after if entry.after is not None else await self._newest_before(entry)
        if entry.posted is not None:
            found = await self._look_for(entry, entry.posted, after)
            if found is None:
                await self._until_settled()
                found = await self._look_for(entry, entry.posted, after)
            if not entry.waits:
                raise Taken  # The event of it came while we looked.
            if found is not None:
                return found
        if not await self._begin(entry, after):
            raise Taken
        return await self._context.rest.channels.post(entry.channel_id, entry.form())

    async def _look_for(self, entry: Entry, text: str, after: int) -> Message | None:
        """Look for a post that was not answered among the messages that came since."""
        found: Message | None = None
        for number in range(SEARCHED_PAGES):
            page = await self._page(entry, number * PAGE, PAGE)
            for message in page:
                # The oldest one is taken: equal texts are claimed in the order they were sent in.
                if (
                    message.user_id == self._context.user_id
                    and message.content == text
                    and message.parent_id == entry.parent_id
                    and message.reply_to_id == entry.reply_to_id
                    and message.created_at > after
                    and message.id not in self._claimed
                    and (found is None or message.created_at < found.created_at)
                ):
                    found = message
            if len(page) < PAGE or any(message.created_at <= after for message in page):
                break
        return found

    async def _newest_before(self, entry: Entry) -> int:
        """Give the moment (ns) after which this message can have been stored: it is yet to be posted."""
        known = self._newest(entry)
        if known:
            return known
        return max((message.created_at for message in await self._page(entry, 0, 1)), default=0)

    async def _page(self, entry: Entry, skip: int, limit: int) -> list[Message]:
        channels, thread = self._context.rest.channels, entry.parent_id
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
