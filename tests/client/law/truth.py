"""What the law compares: one client's state with what a fresh client is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon import Client
from antiphon.client import Channel, Timeline
from antiphon.client.channels.thread import Thread
from antiphon.wire import ChannelEntry, ChatMessage, Message

if TYPE_CHECKING:
    from .stage import Stage


async def compare(stage: Stage, fresh: Client, *, with_untold: bool) -> list[str]:
    """Say in what a client differs from a fresh one; what the server never told is left out on request."""
    untold = set() if with_untold else set(stage.server.untold)
    return [
        *_lists(stage, fresh, untold),
        *await _timelines(stage, fresh, untold),
        *await _threads(stage, fresh, untold),
        *await _chats(stage, fresh, untold, all_known=with_untold),
        *_rest(stage, fresh),
    ]


def holes(stage: Stage) -> list[str]:
    """Say which answers are shown with a hole while they are written; ours says where each piece belongs."""
    if not stage.flavour.ours:
        return []
    texts = {run.message_id: run.text for run in stage.server.chats.runs.values()}
    return [
        f"of {texts[turn.id]!r} is shown {turn.content!r}"
        for id_ in stage.acts.touched_chats
        for turn in stage.client.chat(id_).turns()
        if turn.id in texts and not texts[turn.id].startswith(turn.content)
    ]


def exactly_once_and_in_order(stage: Stage) -> list[str]:
    """Say which messages that were sent are lost, stand twice, or in another order."""
    wrong: list[str] = []
    every = stage.server.channels.every
    stored = {sent.text: [post for post in every if _is(post, sent)] for sent in stage.sendings}
    last: dict[tuple[str, str | None], int] = {}
    for sent in stage.sendings:
        found, state = stored[sent.text], sent.sending.state
        if len(found) > 1:
            wrong.append(f"{sent.text!r} is stored {len(found)} times")
        if state == "confirmed" and not found:
            wrong.append(f"{sent.text!r} is said to be sent, and is not stored")
        if state == "failed" and sent.channel_id not in stage.server.refused:
            wrong.append(f"{sent.text!r} was given up, and nobody refused it: {sent.sending.error}")
        if state not in {"confirmed", "failed", "discarded"}:
            wrong.append(f"{sent.text!r} is still {state}")
        if state == "confirmed" and found and not sent.again:
            place = sent.channel_id, sent.parent_id
            if found[0].created_at < last.get(place, 0):
                wrong.append(f"{sent.text!r} stands before what was sent before it")
            last[place] = max(found[0].created_at, last.get(place, 0))
    return wrong


def _is(post: Any, sent: Any) -> bool:
    """Whether a stored message is the one sent, also if it was edited since."""
    return bool(post.content == sent.text or post.temp_id == sent.sending.temp_id)


def _lists(stage: Stage, fresh: Client, untold: set[tuple[str, str]]) -> list[str]:
    wrong: list[str] = []
    unknown = {id_ for what, id_ in untold if what == "list"}
    mine = {entry.id: entry for entry in stage.client.channels.value if entry.id not in unknown}
    true = {entry.id: entry for entry in fresh.channels.value if entry.id not in unknown}
    if list(mine) != list(true):
        wrong.append(f"channels: {list(mine)} instead of {list(true)}")
    for id_ in mine.keys() & true.keys():
        skip = {"unread_count"} if ("unread", id_) in untold else set()
        wrong += _differences(f"channel {id_}", _entry(mine[id_], skip), _entry(true[id_], skip))
    if not any(what == "chat" for what, _ in untold):
        mine_chats = [entry.model_dump() for entry in stage.client.chats.value]
        true_chats = [entry.model_dump() for entry in fresh.chats.value]
        if mine_chats != true_chats:
            wrong.append(f"chats: {mine_chats} instead of {true_chats}")
    return wrong


async def _timelines(stage: Stage, fresh: Client, untold: set[tuple[str, str]]) -> list[str]:
    wrong: list[str] = []
    shown = {view.place[1] for view in stage.views if view.place and view.place[0] == "channel"}
    for id_ in stage.acts.touched:
        room = stage.server.channels.rooms.get(id_)
        timeline = stage.client.channel(id_).timeline
        failed = [row.key for row in timeline.rows() if row.state == "failed"]
        expected = [
            sent.sending.temp_id
            for sent in stage.sendings
            if (sent.channel_id, sent.parent_id, sent.sending.state) == (id_, None, "failed")
        ]
        if sorted(failed) != sorted(expected):
            wrong.append(f"in {id_} {failed} are marked as failed instead of {expected}")
        if any(row.state == "pending" for row in timeline.rows()):
            wrong.append(f"in {id_} a row is still pending")
        if room is None or not room.visible("me"):
            if ("list", id_) not in untold and timeline.loaded and (stage.flavour.ours or not untold):
                wrong.append(f"{id_} is not ours to see, and still held")
            continue
        if not timeline.loaded:
            if id_ in shown and ("list", id_) not in untold:
                wrong.append(f"{id_} is shown, and not loaded")
            continue
        theirs = fresh.channel(id_)
        await theirs.open()
        wrong += await _timeline(id_, timeline, theirs, untold)
    for view in stage.views:
        if view.place and view.place[0] != "chat":
            keys, told = [row.key for row in view.timeline.rows()], [row.key for row in view.rows]
            if view.rows != list(view.timeline.rows()):
                wrong.append(f"the changes told make {told} instead of {keys}")
    return wrong


async def _threads(stage: Stage, fresh: Client, untold: set[tuple[str, str]]) -> list[str]:
    wrong: list[str] = []
    for view in stage.views:
        if not view.place or view.place[0] != "thread":
            continue
        channel_id, _, root_id = view.place[1].partition("/")
        room = stage.server.channels.rooms.get(channel_id)
        mine = stage.client.channel(channel_id).thread(root_id)
        if room is None or not room.visible("me"):
            continue
        if root_id not in room.posts:
            if not mine.gone.value:
                wrong.append(f"the thread {view.place[1]} is gone, and does not say so")
            continue
        if view.refused or ("list", channel_id) in untold:
            continue
        if not mine.timeline.loaded or mine.root.value is None:
            wrong.append(f"the thread {view.place[1]} is shown, and not loaded")
            continue
        theirs = fresh.channel(channel_id).thread(root_id)
        await theirs.open()
        wrong += await _timeline(view.place[1], mine.timeline, theirs, untold)
        assert theirs.root.value is not None
        skip = {"pin"} if ("pin", root_id) in untold else set()
        wrong += _differences(
            f"{view.place[1]}, the root", _message(mine.root.value, skip), _message(theirs.root.value, skip)
        )
    return wrong


async def _timeline(
    where: str, timeline: Timeline, theirs: Channel | Thread, untold: set[tuple[str, str]]
) -> list[str]:
    """Compare what is held of a timeline, down to its oldest row."""
    wrong: list[str] = []
    rows = [row.message for row in timeline.rows() if row.state == "confirmed"]
    while theirs.timeline.has_earlier and (
        len(theirs.timeline.rows()) < len(rows) or not timeline.has_earlier
    ):
        await theirs.load_earlier()
    truth = [row.message for row in theirs.timeline.rows()]
    if timeline.has_earlier:
        truth = truth[len(truth) - len(rows) :] if rows else []
    mine_ids, true_ids = [m.id for m in rows], [m.id for m in truth]
    if mine_ids != true_ids:
        wrong.append(f"{where} holds {mine_ids} instead of {true_ids}")
    for mine, true in zip(rows, truth, strict=False):
        skip = {"pin"} if ("pin", mine.id) in untold else set()
        if mine.id == true.id:
            wrong += _differences(f"{where}/{mine.id}", _message(mine, skip), _message(true, skip))
    return wrong


async def _chats(stage: Stage, fresh: Client, untold: set[tuple[str, str]], *, all_known: bool) -> list[str]:
    wrong: list[str] = []
    shown = {view.place[1] for view in stage.views if view.place and view.place[0] == "chat"}
    for id_ in stage.acts.touched_chats:
        if ("chat", id_) in untold:
            continue
        mine = stage.client.chat(id_)
        if id_ not in stage.server.chats.talks:
            if mine.running:
                wrong.append(f"the chat {id_} is gone, and its answer still being written")
            continue
        if mine.running:
            wrong.append(f"in {id_} an answer is still being written")
        if not mine.loaded:
            if id_ in shown:
                wrong.append(f"the chat {id_} is shown, and not loaded")
            continue
        theirs = fresh.chat(id_)
        await theirs.open()
        refused = {turn for turn, what in stage.questions.items() if what.startswith("refused")}
        refused |= {f"q {turn}" for turn in refused}
        stored = stage.server.chats.talks[id_].messages
        turns = [turn for turn in mine.turns() if turn.id in stored or turn.id not in refused]
        truth = list(theirs.turns())
        if len(turns) < len(mine.turns()):
            # What was refused stands at the end of the branch on screen, wherever the stored one goes on.
            truth = truth[: len(turns)]
        if [turn.id for turn in turns] != [turn.id for turn in truth]:
            wrong.append(
                f"chat {id_}: {[t.id for t in mine.turns()]} instead of {[t.id for t in theirs.turns()]}"
            )
        for held, true in zip(turns, truth, strict=False):
            if held.id == true.id:
                skip = {"error"} if ("error", held.id) in untold else set()
                skip |= set() if stage.flavour.ours else {"done"}
                wrong += _differences(f"chat {id_}/{held.id}", _turn(held, skip), _turn(true, skip))
        if mine.title != theirs.title:
            wrong.append(f"chat {id_} is called {mine.title!r} instead of {theirs.title!r}")
    return wrong


def _rest(stage: Stage, fresh: Client) -> list[str]:
    client, wrong = stage.client, []
    if client.typing.value:
        wrong.append(f"typing: {dict(client.typing.value)}")
    if client.unsent:
        wrong.append(f"{client.unsent} messages wait")
    names = ("user", "settings", "config", "tags")
    wrong += [
        f"{name} differs" for name in names if getattr(client, name).value != getattr(fresh, name).value
    ]
    return wrong


def _differences(where: str, mine: dict[str, Any], true: dict[str, Any]) -> list[str]:
    return [
        f"{where}: {key} is {mine[key]!r} instead of {true[key]!r}" for key in mine if mine[key] != true[key]
    ]


def _entry(entry: ChannelEntry, skip: set[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.model_dump().items() if key not in skip}


def _message(message: Message, skip: set[str]) -> dict[str, Any]:
    quote = message.reply_to_message
    answer: dict[str, Any] = {
        "author": message.user.id if message.user else None,
        "content": message.content,
        "times": (message.created_at, message.updated_at),
        "place": (message.parent_id, message.reply_to_id),
        "data": bool(message.data),
        "meta": message.meta or {},
        "quote": (quote.id, quote.content) if quote else None,
        "replies": (message.reply_count, message.latest_reply_at),
        "reactions": sorted((r.name, sorted(u.id for u in r.users), r.count) for r in message.reactions),
        "pin": (message.is_pinned, message.pinned_by, message.pinned_at),
    }
    return {key: value for key, value in answer.items() if key not in skip}


def _turn(turn: ChatMessage, skip: set[str]) -> dict[str, Any]:
    answer = {
        "role": turn.role,
        "content": turn.content,
        "error": bool(turn.error),
        "follow_ups": turn.follow_ups or [],
        "usage": turn.usage,
        "done": bool(turn.done) if turn.role == "assistant" else None,
    }
    return {key: value for key, value in answer.items() if key not in skip}
