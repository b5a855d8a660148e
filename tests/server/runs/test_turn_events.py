"""What a window hears of a turn, against the recordings of both releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.postgres import on_both_databases
from tests.server.providers.provider import USAGE, WORDS
from tests.server.runs.talking import ALL_TASKS, Talk, form, talking, window_of

from antiphon.wire import Malformed, Unknown, parse_event

pytestmark = on_both_databases

FIXTURES = Path(__file__).parents[2] / "fixtures"
TEXT = "".join(WORDS).strip()


def recorded(release: str, file: str, step: str, client: str) -> list[dict[str, Any]]:
    """The chat events of one step of a recording: their envelopes."""
    lines = (FIXTURES / f"open-webui-{release}" / file).read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        entry["data"]
        for entry in entries
        if (entry["step"], entry["client"], entry["event"]) == (step, client, "events")
    ]


def shape(value: Any) -> Any:
    """The keys and types of a value."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def outline(envelopes: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Type and shape of each event; equal shapes one after the other once, as deltas may be cut anywhere."""
    found: list[tuple[str, Any]] = []
    for envelope in envelopes:
        entry = (envelope["data"]["type"], shape(envelope))
        if not found or found[-1] != entry or entry[0] == "chat:tasks:cancel":
            found.append(entry)
    return found


def without(
    envelopes: list[dict[str, Any]], *, offset: bool = False, second_title: bool = False
) -> list[dict[str, Any]]:
    """Leave out what is our addition."""
    kept = []
    titles = 0
    for envelope in envelopes:
        inner = envelope["data"]
        titles += inner["type"] == "chat:title"
        if second_title and inner["type"] == "chat:title" and titles > 1:
            continue
        if offset and isinstance(inner.get("data"), dict) and "offset" in inner["data"]:
            inner = {**inner, "data": {key: value for key, value in inner["data"].items() if key != "offset"}}
        kept.append({**envelope, "data": inner})
    return kept


async def test_a_new_chat_is_told_in_the_recorded_order_with_the_recorded_keys(talk: Talk) -> None:
    """Type by type and key by key as 0.12.4 does, but for `offset` and the model's title, a second one."""
    asked = await talk.ask("words", background_tasks=ALL_TASKS)
    await asked.over()
    ours = [payload for name, payload in talk.window.heard if name == "events"]
    theirs = recorded("0.12.4", "events.jsonl", "AI chat, new", "user1")
    assert outline(without(ours, offset=True, second_title=True)) == outline(theirs)
    assert {envelope["message_id"] for envelope in ours[1:]} == {asked.turn_id}
    assert ours[0]["message_id"] == asked.form["user_message"]["id"]
    titles = [envelope["data"]["data"] for envelope in ours if envelope["data"]["type"] == "chat:title"]
    assert titles == ["tell me something", "The model's title"]


async def test_a_chat_is_stored_as_recorded(talk: Talk) -> None:
    """GET gives the keys that 0.12.4 gives; the short list of messages is the branch in full."""
    asked = await talk.ask("words", background_tasks=ALL_TASKS)
    await asked.over()
    lines = (FIXTURES / "open-webui-0.12.4" / "rest.jsonl").read_text().splitlines()
    theirs = next(
        entry["response"] for entry in map(json.loads, lines) if entry["step"] == "AI chat, new: GET chat"
    )
    ours = await asked.chat()
    assert set(theirs) <= set(ours)
    assert set(theirs["chat"]) <= set(ours["chat"])
    their_messages, our_messages = theirs["chat"]["history"]["messages"], ours["chat"]["history"]["messages"]
    for their_message, our_message in zip(their_messages.values(), our_messages.values(), strict=True):
        assert set(their_message) <= set(our_message)
    turn = our_messages[asked.turn_id]
    assert (turn["content"], turn["done"]) == (TEXT, True)
    assert turn["output"][0]["content"] == [{"type": "output_text", "text": TEXT}]
    assert turn["usage"] == {**USAGE, "input_tokens": 10, "output_tokens": 20}
    assert turn["followUps"] == ["What next?", "Why is that?", "Show an example"]
    assert ours["title"] == ours["chat"]["title"] == "The model's title"
    assert ours["meta"] == {"tags": ["testing", "two_words"]}
    assert ours["current_message_id"] == ours["chat"]["history"]["currentId"] == asked.turn_id
    assert [message["id"] for message in ours["chat"]["messages"]] == [
        asked.form["user_message"]["id"],
        asked.turn_id,
    ]
    assert (await talk.person.get("/api/v1/chats/all/tags"))[0]["name"] == "Testing"


async def test_a_stopped_answer_is_told_in_the_recorded_order_and_stored(talk: Talk) -> None:
    """Another window stops it; both hear the recorded events, and the text so far stays."""
    other = await window_of(talk.person)
    asked = await talk.ask("held")
    await asked.until("response:completion", type="response.output_text.delta")
    answer = await talk.person.post(f"/api/tasks/chat/{asked.chat_id}/stop")
    assert answer == {"status": True, "message": f"Task {asked.task_id} successfully stopped."}
    turn = await asked.turn()
    assert (turn["content"], turn["done"], turn["meta"]["state"]) == ("".join(WORDS[:5]), True, "stopped")
    assert turn["output"][0]["status"] == "incomplete"
    assert "error" not in turn
    await asked.over()
    ours = [payload for name, payload in talk.window.heard if name == "events"]
    assert outline(without(ours, offset=True)) == outline(recorded("0.12.4", "rpc.jsonl", "stop", "tab A"))
    await other.next("events", "chat:active", count=2)
    assert [payload for name, payload in other.heard if name == "events"] == ours


async def test_deltas_carry_their_offset_and_make_up_the_answer(talk: Talk) -> None:
    """W-45: each delta says where it belongs, and together they are the text, sent once."""
    asked = await talk.ask("held")
    await asked.until("response:completion", type="response.output_text.delta")
    talk.provider.gate.set()
    await asked.over()
    assert len(asked.deltas()) > 1
    text = ""
    for delta in asked.deltas():
        assert delta["offset"] == len(text)
        text += delta["delta"]
    assert text == "".join(WORDS)


async def test_a_late_window_gets_the_text_so_far_and_then_what_follows(talk: Talk) -> None:
    """A fetch in mid-answer gives what was told, and the next delta begins where it ends."""
    asked = await talk.ask("held")
    await asked.until("response:completion", type="response.output_text.delta")
    turn = await asked.turn()
    assert turn["content"] == "".join(delta["delta"] for delta in asked.deltas()) != ""
    assert turn["done"] is False
    before = len(asked.deltas())
    talk.provider.gate.set()
    await asked.over()
    following = asked.deltas()[before:]
    assert following[0]["offset"] == len(turn["content"])
    assert turn["content"] + "".join(delta["delta"] for delta in following) == "".join(WORDS)


async def test_every_event_is_one_that_the_wire_knows(talk: Talk) -> None:
    """What is told of good, failed and stopped answers reads back as typed events, and nothing is lost."""
    for model in ("words", "reasoning", "tool", "early", "eliza"):
        asked = await talk.ask(model, background_tasks=ALL_TASKS)
        await asked.over()
    stopped = await talk.ask("held")
    await talk.person.post(f"/api/tasks/chat/{stopped.chat_id}/stop")
    await stopped.over()
    told = [payload for name, payload in talk.window.heard if name == "events"]
    for payload in told:
        event = parse_event("events", payload)
        assert not isinstance(event, Unknown | Malformed), event
        assert event.dump() == payload


async def test_two_models_make_one_chat_active_once(talk: Talk) -> None:
    """A chat is active from its first run's begin to its last run's end."""
    first = await talk.ask("held")
    question = {**first.form["user_message"]}
    second = await talk.ask("words", chat_id=first.chat_id, user_message=question)
    await second.until("chat:completion", done=True)
    assert [event["data"]["active"] for event in first.heard() if event["type"] == "chat:active"] == [True]
    talk.provider.gate.set()
    await first.over()
    active = [event["data"]["active"] for event in first.heard() if event["type"] == "chat:active"]
    assert active == [True, False]
    messages = (await first.chat())["chat"]["history"]["messages"]
    assert messages[question["id"]]["childrenIds"] == [first.turn_id, second.turn_id]


async def test_the_second_turn_sends_the_stored_branch_to_the_model(talk: Talk) -> None:
    """The server knows the branch; the client's own list matters for its system message alone."""
    first = await talk.ask("words", "first question")
    await first.over()
    second = form("words", "second question", chat_id=first.chat_id, parent_id=first.turn_id)
    second["user_message"]["parentId"] = first.turn_id
    second["messages"] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "second question"},
    ]
    await talk.person.post("/api/chat/completions", {**second, "session_id": talk.window.sid})
    await first.until("chat:active", count=2, active=False)
    assert talk.provider.asked[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": TEXT},
        {"role": "user", "content": "second question"},
    ]
    assert "chat:title" not in first.kinds()


async def test_reasoning_becomes_an_item_of_its_own(talk: Talk) -> None:
    """What a model thinks is kept apart from what it says, whether as a field or as a tag in its text."""
    for model, said in (("reasoning", TEXT), ("think", "word0")):
        asked = await talk.ask(model)
        await asked.over()
        turn = await asked.turn()
        assert [item["type"] for item in turn["output"]] == ["reasoning", "message"]
        assert turn["output"][0]["content"] == [{"type": "reasoning_text", "text": "Let me see."}]
        assert turn["content"] == said
        kinds = [
            event["data"].get("type") for event in asked.heard() if event["type"] == "response:completion"
        ]
        assert kinds.index("response.output_item.added") < kinds.index("response.reasoning_text.delta")
        assert kinds.index("response.output_item.done") < kinds.index("response.output_text.delta")


async def test_tool_calls_and_usage_pass_through(talk: Talk) -> None:
    """A call that the model makes becomes a function_call item with its arguments whole."""
    asked = await talk.ask("tool")
    await asked.over()
    turn = await asked.turn()
    (call,) = turn["output"]
    assert (call["type"], call["call_id"], call["name"]) == ("function_call", "call_1", "get_time")
    assert (call["arguments"], call["status"]) == ('{"zone": 1}', "completed")
    assert turn["usage"]["total_tokens"] == 30


async def test_an_answer_that_is_not_streamed_comes_whole(talk: Talk) -> None:
    """`stream: false`, or a provider that cannot stream, ends in the same stored turn."""
    for model, more in (("words", {"stream": False}), ("whole", {})):
        asked = await talk.ask(model, **more)
        await asked.over()
        assert (await asked.turn())["content"] == TEXT


async def test_a_temporary_chat_streams_and_leaves_no_trace(talk: Talk) -> None:
    """Ids that begin with local: or temporary: are never stored."""
    for prefix in ("local:", "temporary:"):
        asked = await talk.ask("words", chat_id=f"{prefix}{talk.window.sid}")
        assert asked.chat_id == f"{prefix}{talk.window.sid}"
        done = await asked.until("chat:completion", done=True)
        assert done["data"]["title"] is None
        await asked.over()
    assert await talk.person.get("/api/v1/chats/?page=1") == []


async def test_a_06_client_gets_the_whole_text_in_the_recorded_order(
    tmp_path: Path, database_url: str
) -> None:
    """ANTIPHON_DIALECT=0.6: the chat is made first; then events as 0.6.41 sends them, and no newer ones."""
    async with talking(tmp_path / "data", dialect="0.6", database_url=database_url) as talk:
        question, answer = "q-1", "a-1"
        messages = {
            question: {
                "id": question,
                "parentId": None,
                "childrenIds": [answer],
                "role": "user",
                "content": "tell me something",
            },
            answer: {
                "id": answer,
                "parentId": question,
                "childrenIds": [],
                "role": "assistant",
                "content": "",
                "model": "words",
            },
        }
        document = {
            "title": "New Chat",
            "models": ["words"],
            "history": {"messages": messages, "currentId": answer},
        }
        chat = await talk.person.post("/api/v1/chats/new", {"chat": document})
        body = form("words", chat_id=chat["id"], id=answer, parent_id=question, background_tasks=ALL_TASKS)
        del body["user_message"]
        accepted = await talk.person.post("/api/chat/completions", {**body, "session_id": talk.window.sid})
        assert isinstance(accepted["task_id"], str)
        await talk.window.next("events", "chat:tags")
        ours = [payload for name, payload in talk.window.heard if name == "events"]
        theirs = recorded("0.6.41", "events.jsonl", "AI chat, new", "user1")
        kinds = [kind for kind, _shape in outline(theirs)]
        assert kinds[:2] == ["chat:completion", "chat:completion"]
        # Our first words are the title before the answer.
        assert ours[0]["data"] == {"type": "chat:title", "data": "tell me something"}
        answer_part = [envelope for envelope in ours[1:] if envelope["data"]["type"] == "chat:completion"]
        their_part = [envelope for envelope in theirs if envelope["data"]["type"] == "chat:completion"]
        ours_without_new_names = json.loads(
            json.dumps(answer_part).replace(', "input_tokens": 10, "output_tokens": 20', "")
        )
        assert outline(ours_without_new_names) == outline(their_part)
        assert answer_part[-1]["data"]["data"]["content"] == TEXT
        tail = {envelope["data"]["type"] for envelope in ours[1 + len(answer_part) :]}
        assert tail == {"chat:title", "chat:message:follow_ups", "chat:tags"}
        stored = (await talk.person.get(f"/api/v1/chats/{chat['id']}"))["chat"]["history"]["messages"][answer]
        assert (stored["content"], stored["done"]) == (TEXT, True)
