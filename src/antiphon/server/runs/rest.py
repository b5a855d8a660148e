"""REST: asking a model, and the tasks (runs) behind the answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Depends
from starlette.responses import JSONResponse, Response

from antiphon.server.errors import Problem, refusals
from antiphon.server.routing import Router
from antiphon.server.runs.plain import whole
from antiphon.server.runs.registry import Runs
from antiphon.server.runs.requests import provider_body
from antiphon.server.security.principals import User
from antiphon.server.state import State
from antiphon.wire.completions import CompletionForm

router = Router()


async def runs_of(state: State) -> Runs:
    """The runs of the server that answers this request."""
    runs: Runs = state.runs
    return runs


AllRuns = Annotated[Runs, Depends(runs_of)]


@router.post(
    "/api/chat/completions",
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **refusals(502),
    },
)
@router.post("/api/v1/chat/completions", include_in_schema=False)
async def completions(form: CompletionForm, user: User, state: State, runs: AllRuns) -> Response:
    """Ask a model.

    With `session_id` and `id` (the answer's message id) the answer comes as events and this answers at once
    `{status, task_ids, task_id, chat_id}`; else with a plain OpenAI-style stream or body.
    """
    if form.session_id and form.id:
        known = await runs.ask(user, form)
        accepted = {
            "status": True,
            "task_ids": [known.run_id],
            "task_id": known.run_id,
            "chat_id": known.chat_id,
        }
        return JSONResponse(accepted)
    model = await state.providers.find(form.model)
    if model is None:
        raise Problem(400, "Model not found")
    body = provider_body(form.dump(), model.upstream_id, form.messages)
    if not form.stream:
        return JSONResponse(await whole(model, body))
    return await runs.plain.stream(model, body)


@router.post("/api/chat/completed")
async def completed(_user: User, body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    """Answer with the body as it came: 0.6.41's clients post it after each answer, for filters we lack."""
    return body


@router.get("/api/tasks")
async def tasks(user: User, runs: AllRuns) -> dict[str, list[str]]:
    """Return the ids of the runs that have not ended: one's own, for an administrator everybody's."""
    open_runs = runs.open_runs(user_id=None if user.is_admin else user.id)
    return {"tasks": [run.turn.run_id for run in open_runs]}


@router.get("/api/tasks/chat/{chat_id}")
async def tasks_of_chat(chat_id: str, user: User, runs: AllRuns) -> dict[str, list[str]]:
    """Return the ids of a chat's runs that have not ended; another person's chat has none."""
    open_runs = runs.open_runs(user_id=None if user.is_admin else user.id, chat_id=chat_id)
    return {"task_ids": [run.turn.run_id for run in open_runs]}


@router.post("/api/tasks/stop/{task_id}")
async def stop(task_id: str, user: User, runs: AllRuns) -> dict[str, Any]:
    """Stop a run, one's own or as an administrator any; answers when its end is stored."""
    run = runs.run(task_id)
    if run is None:
        return {"status": False, "message": f"Task with ID {task_id} not found."}
    if run.turn.user_id != user.id and not user.is_admin:
        raise Problem.no_access()
    await runs.stop([run])
    return {"status": True, "message": f"Task {task_id} successfully stopped."}


@router.post("/api/tasks/chat/{chat_id}/stop")
async def stop_chat(chat_id: str, user: User, runs: AllRuns) -> dict[str, Any]:
    """Stop every run of a chat; answers when their ends are stored."""
    open_runs = runs.open_runs(user_id=None if user.is_admin else user.id, chat_id=chat_id)
    if not open_runs:
        return {"status": True, "message": "No answer is being written in this chat."}
    await runs.stop(open_runs)
    ids = ", ".join(run.turn.run_id for run in open_runs)
    noun = "Task" if len(open_runs) == 1 else "Tasks"
    return {"status": True, "message": f"{noun} {ids} successfully stopped."}
