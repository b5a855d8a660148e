"""Chats and runs of the model server, in the three dialects."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .model_rooms import Refusal

if TYPE_CHECKING:
    from .model_server import ModelServer

PAGE = 60
INTERRUPTED = "The server was stopped before this answer was complete."

End = Literal["done", "failed"]


@dataclass
class Talk:
    """A stored chat."""

    id: str
    user_id: str
    title: str
    created_at: int
    updated_at: int
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    current_id: str | None = None
    last_read_at: int | None = None

    def adopt(self, message: dict[str, Any]) -> None:
        """Store a message and name it among its parent's children."""
        self.messages[message["id"]] = message
        parent = self.messages.get(message.get("parentId") or "")
        if parent is not None and message["id"] not in parent["childrenIds"]:
            parent["childrenIds"].append(message["id"])


@dataclass
class Run:
    """One answer while it is written."""

    id: str
    talk: Talk
    message_id: str
    left: int
    pace: float
    end: End
    item_id: str
    text: str = ""
    timer: asyncio.TimerHandle | None = None


class ModelChats:
    """All chats of one model server."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.talks: dict[str, Talk] = {}
        self.runs: dict[str, Run] = {}
        self.turns: dict[str, tuple[str, str]] = {}
        self.deleted: set[str] = set()
        self.words = 4
        self.pace = 0.25
        self.end: End = "done"
        self._word = 0

    # What is stored

    def talk(self, chat_id: str, user: str) -> Talk:
        """Give a person's chat."""
        talk = self.talks.get(chat_id)
        if talk is None or talk.user_id != user:
            # Open WebUI says 401 to a chat that is not there, ours says 404.
            raise Refusal(
                404 if self.server.flavour.ours else 401, "We could not find what you're looking for :/"
            )
        return talk

    def make(self, user: str, document: dict[str, Any] | None = None) -> Talk:
        """Make a chat; 0.6.41 gets its document with it."""
        at = self.server.seconds()
        talk = Talk(self.server.new_id("k"), user, "New Chat", at, at)
        self.talks[talk.id] = talk
        if document is not None:
            self._write(talk, document)
        if self.server.flavour.old and self.server.troubled:
            self.server.untold.add(("chat", talk.id))
        return talk

    def save(self, user: str, chat_id: str, document: dict[str, Any], *, elsewhere: bool) -> Talk:
        """Write a part of a document: keys that it has replace the stored ones."""
        talk = self.talk(chat_id, user)
        before = talk.title
        self._write(talk, document)
        talk.updated_at = self.server.seconds()
        if self.server.flavour.ours:
            if talk.title != before:
                self._tell(talk, None, "chat:title", talk.title)
            self._tell_list(talk)
        elif elsewhere or self.server.troubled:
            self.server.untold.add(("chat", chat_id))
        return talk

    def _write(self, talk: Talk, document: dict[str, Any]) -> None:
        talk.title = document.get("title") or talk.title
        history = document.get("history")
        if history is not None:
            talk.messages = json.loads(json.dumps(history["messages"]))
            talk.current_id = history.get("currentId")

    def delete(self, user: str, chat_id: str) -> None:
        """Delete a chat."""
        talk = self.talk(chat_id, user)
        for run in self._runs_of(talk):
            self.stop(run)
        del self.talks[chat_id]
        self.deleted.add(chat_id)
        if self.server.flavour.ours:
            self._tell_list(talk)
        self.server.untold.add(("chat", chat_id))

    # Runs

    def ask(self, user: str, form: dict[str, Any]) -> dict[str, Any]:
        """Take a question; the answer comes as events."""
        flavour, message_id = self.server.flavour, form["id"]
        if flavour.ours and message_id in self.turns:
            run_id, chat_id = self.turns[message_id]
            return {"status": True, "task_id": run_id, "task_ids": [run_id], "chat_id": chat_id}
        new = not form.get("chat_id")
        talk = self.make(user) if new else self.talk(form["chat_id"], user)
        at = self.server.seconds()
        if flavour.old:
            question = None
            if message_id not in talk.messages:
                # The document was written over meanwhile; the run stores its answer all the same.
                talk.adopt({"id": message_id, "parentId": form.get("parent_id"), "childrenIds": [],
                            "role": "assistant", "content": ""})  # fmt: skip
            talk.current_id = message_id
        else:
            question = dict(form["user_message"])
            question.setdefault("childrenIds", [])
            question["childrenIds"] = []
            if question.get("parentId") and question["parentId"] not in talk.messages:
                raise Refusal(400, "The message follows one that is not in this chat.")
            if question["id"] not in talk.messages:
                talk.adopt(question)
            talk.adopt({"id": message_id, "parentId": question["id"], "childrenIds": [], "role": "assistant",
                        "content": "", "model": form["model"], "timestamp": at,
                        **({"done": False} if flavour.ours else {})})  # fmt: skip
            talk.current_id = message_id
        talk.updated_at = at
        run = Run(
            self.server.new_id("r"),
            talk,
            message_id,
            self.words,
            self.pace,
            self.end,
            self.server.new_id("i"),
        )
        self.runs[run.id] = run
        self.turns[message_id] = (run.id, talk.id)
        if question is not None:
            self._tell_list(talk, question["id"])
            self._tell(talk, message_id, "chat:active", {"active": True, "folder_id": None})
        self._later(run)
        answer: dict[str, Any] = {"status": True}
        if flavour.old or flavour.ours:
            answer["task_id"] = run.id
        if not flavour.old:
            answer |= {"task_ids": [run.id], "chat_id": talk.id}
        return answer

    def ask_elsewhere(self, user: str, chat_id: str | None, text: str) -> None:
        """Let another window of the person ask: it knows the stored document."""
        talk = self.talks.get(chat_id or "")
        question, turn = self.server.new_id("q"), self.server.new_id("a")
        parent = talk.current_id if talk else None
        asked = {"id": question, "parentId": parent, "childrenIds": [], "role": "user", "content": text}
        if not self.server.flavour.old:
            self.ask(user, {"id": turn, "chat_id": chat_id, "model": "m", "user_message": asked})
            return
        if talk is None:
            talk = self.make(user)
        talk.adopt(asked)
        talk.adopt({"id": turn, "parentId": question, "childrenIds": [], "role": "assistant", "content": "",
                    "model": "m"})  # fmt: skip
        self.server.untold.add(("chat", talk.id))
        self.ask(user, {"id": turn, "chat_id": talk.id, "parent_id": question, "model": "m"})

    def _later(self, run: Run) -> None:
        run.timer = self.server.loop.call_later(run.pace, self.step, run)

    def step(self, run: Run) -> None:
        """Write a piece of an answer, or its end."""
        if run.id not in self.runs:
            return
        if run.left == 0:
            self.finish(run)
            return
        run.left -= 1
        self._word += 1
        piece, before = f"word{self._word} ", run.text
        run.text += piece
        flavour = self.server.flavour
        message = run.talk.messages.get(run.message_id)
        if flavour.old:
            self._store(run, run.text)
            self._tell(run.talk, run.message_id, "chat:completion", {"content": run.text})
        else:
            delta = {
                "type": "response.output_text.delta", "item_id": run.item_id, "output_index": 0,
                "content_index": 0, "delta": piece,
            }  # fmt: skip
            if flavour.ours:
                delta["offset"] = len(before)
            self._tell(run.talk, run.message_id, "response:completion", delta)
            # 0.12.4 tells first and stores later: a document lags behind what was told.
            self._store(run, run.text if flavour.ours else before)
        assert message is None or message["role"] == "assistant"
        self._later(run)

    def finish(self, run: Run) -> None:
        """Store the end of an answer, then tell it."""
        self._leave(run)
        flavour, talk = self.server.flavour, run.talk
        text = run.text.strip()
        output = [self._item(run, text, "completed")]
        self._store(run, text, **({} if flavour.old else {"done": True, "output": output}))
        talk.updated_at = self.server.seconds()
        message = talk.messages.get(run.message_id)
        whole: dict[str, Any] = {"content": text} if flavour.old else {"output": output}
        if run.end == "failed" and (flavour.ours or not text):
            if message is not None:
                message["error"] = {"content": "no more"}
            if not flavour.old:
                self._tell_list(talk, run.message_id)
            self._tell(talk, run.message_id, "chat:message:error", {"error": {"content": "no more"}})
            if flavour.ours:
                self._tell(talk, run.message_id, "chat:completion", {"done": True, **whole})
        elif run.end == "failed":
            # Open WebUI, in mid-stream: the error is told and not stored, and the end is an ordinary one.
            self.server.untold.add(("error", run.message_id))
            self._tell(talk, run.message_id, "chat:completion", {"error": {"message": "no more"}})
            if not flavour.old:
                self._tell_list(talk, run.message_id)
            self._tell(talk, run.message_id, "chat:completion", {"done": True, **whole, "title": talk.title})
        else:
            if not flavour.old:
                self._tell(talk, run.message_id, "chat:completion", {"usage": {"total_tokens": 3}})
                if message is not None:
                    message["usage"] = {"total_tokens": 3}
                self._tell_list(talk, run.message_id)
            self._tell(talk, run.message_id, "chat:completion", {"done": True, **whole, "title": talk.title})
            if message is not None:
                message["followUps"] = ["What next?"]
            self._tell(talk, run.message_id, "chat:message:follow_ups", {"follow_ups": ["What next?"]})
            if talk.title == "New Chat":
                talk.title = f"About {text[:9]}"
                self._tell(talk, run.message_id, "chat:title", talk.title)
        self._inactive(run)

    def stop(self, run: Run) -> None:
        """Stop it: stored as far as it went, then told, by ours twice (with its items, and without)"""
        self._leave(run)
        flavour, talk = self.server.flavour, run.talk
        output = [self._item(run, run.text, "incomplete")]
        self._store(run, run.text, **({} if flavour.old else {"done": True, "output": output}))
        if not flavour.old:
            self._tell(talk, run.message_id, "chat:tasks:cancel", {"output": output})
        self._tell(talk, run.message_id, "chat:tasks:cancel", None)
        self._inactive(run)

    def cut(self) -> None:
        """The server restarts: runs end; only ours stores why."""
        for run in tuple(self.runs.values()):
            self._leave(run)
            if self.server.flavour.ours:
                self._store(run, run.text, done=True, error={"content": INTERRUPTED})

    def stop_chat(self, user: str, chat_id: str) -> None:
        """Stop all answers of a chat."""
        for run in self._runs_of(self.talk(chat_id, user)):
            self.stop(run)

    def stop_task(self, run_id: str) -> bool:
        """Stop one answer."""
        run = self.runs.get(run_id)
        if run is not None:
            self.stop(run)
        return run is not None

    def tasks(self, chat_id: str) -> list[str]:
        """Give the ids of a chat's runs."""
        return [run.id for run in self.runs.values() if run.talk.id == chat_id]

    def read(self, user: str, chat_id: str) -> None:
        """A chat was read; all windows of its person hear of it."""
        talk = self.talks.get(chat_id)
        if talk is None or talk.user_id != user or self.server.flavour.old:
            return
        at = self.server.seconds()
        if self.server.flavour.ours and talk.last_read_at == at:
            return
        talk.last_read_at = at
        data = {"type": "chat:list", "data": {"chat_id": chat_id, "last_read_at": at}}
        self.server.tell("events", {"chat_id": chat_id, "data": data}, f"user:{user}")

    # What it looks like

    def entries(self, user: str, page: int) -> list[dict[str, Any]]:
        """Give a page of the list."""
        mine = [talk for talk in self.talks.values() if talk.user_id == user]
        mine.sort(key=lambda talk: (-talk.updated_at, talk.id))
        answer = []
        for talk in mine[(page - 1) * PAGE : page * PAGE]:
            entry: dict[str, Any] = {"id": talk.id, "title": talk.title, "updated_at": talk.updated_at,
                                     "created_at": talk.created_at}  # fmt: skip
            if not self.server.flavour.old:
                entry |= {"last_read_at": talk.last_read_at, "active": bool(self.tasks(talk.id))}
            answer.append(entry)
        return answer

    def row(self, user: str, chat_id: str) -> dict[str, Any]:
        """Give a chat with its document; ours has in it what was told so far."""
        talk = self.talk(chat_id, user)
        history = {"messages": talk.messages, "currentId": talk.current_id}
        return {
            "id": talk.id, "user_id": user, "title": talk.title, "updated_at": talk.updated_at,
            "created_at": talk.created_at, "share_id": None, "archived": False, "pinned": False, "meta": {},
            "folder_id": None, "chat": {"title": talk.title, "models": ["m"], "history": history},
        }  # fmt: skip

    # Inside

    def _runs_of(self, talk: Talk) -> list[Run]:
        return [run for run in self.runs.values() if run.talk is talk]

    def _leave(self, run: Run) -> None:
        self.runs.pop(run.id, None)
        if run.timer is not None:
            run.timer.cancel()

    def _inactive(self, run: Run) -> None:
        if not self.server.flavour.old and not self._runs_of(run.talk):
            self._tell(run.talk, run.message_id, "chat:active", {"active": False, "folder_id": None})

    def _store(self, run: Run, text: str, **more: Any) -> None:
        message = run.talk.messages.get(run.message_id)
        if message is None:
            if not self.server.flavour.old:
                return
            # Storing an answer brings it back into a document that was written over (0.6.41).
            message = {"id": run.message_id, "parentId": None, "childrenIds": [], "role": "assistant"}
            run.talk.adopt(message)
        message["content"] = text
        if not self.server.flavour.old and text and "output" not in more:
            message["output"] = [self._item(run, text, "in_progress")]
        message.update(more)

    def _item(self, run: Run, text: str, status: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": text}
        return {
            "type": "message",
            "id": run.item_id,
            "status": status,
            "role": "assistant",
            "content": [part],
        }

    def _tell(self, talk: Talk, message_id: str | None, kind: str, data: Any) -> None:
        inner = {"type": kind} if data is None else {"type": kind, "data": data}
        payload = {"chat_id": talk.id, "data": inner}
        if message_id is not None:
            payload["message_id"] = message_id
        self.server.tell("events", payload, f"user:{talk.user_id}")

    def _tell_list(self, talk: Talk, message_id: str | None = None) -> None:
        if not self.server.flavour.old:
            self._tell(talk, message_id, "chat:list", {"chat_id": talk.id, "folder_id": None})
