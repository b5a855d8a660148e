"""Models, questions to them, and the runs behind the answers."""

from __future__ import annotations

from typing import cast

from antiphon.client.rest.http import Http, segment
from antiphon.wire import (
    CompletedForm,
    CompletionAccepted,
    CompletionForm,
    ModelInfo,
    ModelList,
    StopAnswer,
    TaskIds,
)


class Completions:
    """`/api/models`, `/api/chat`, `/api/tasks`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def models(self) -> list[ModelInfo]:
        """List the models that this person may ask."""
        return cast("ModelList", await self._http.get("/api/models", ModelList)).data

    async def ask(self, form: CompletionForm) -> CompletionAccepted:
        """Start an answer that travels as events."""
        return cast(
            "CompletionAccepted", await self._http.post("/api/chat/completions", CompletionAccepted, form)
        )

    async def completed(self, form: CompletedForm) -> CompletedForm:
        """Run the outlet filters after an answer (0.6.41, where the asking client does it)."""
        return cast("CompletedForm", await self._http.post("/api/chat/completed", CompletedForm, form))

    async def tasks(self, chat_id: str) -> list[str]:
        """List the ids of a chat's runs that have not ended."""
        return cast("TaskIds", await self._http.get(f"/api/tasks/chat/{segment(chat_id)}", TaskIds)).task_ids

    async def stop_task(self, task_id: str) -> StopAnswer:
        """Stop one run (0.6.41; administrators alone in 0.12.4)."""
        return cast("StopAnswer", await self._http.post(f"/api/tasks/stop/{segment(task_id)}", StopAnswer))

    async def stop_chat(self, chat_id: str) -> StopAnswer:
        """Stop all runs of a chat (0.12.4)."""
        return cast(
            "StopAnswer", await self._http.post(f"/api/tasks/chat/{segment(chat_id)}/stop", StopAnswer)
        )
