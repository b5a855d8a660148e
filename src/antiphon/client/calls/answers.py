"""What a call is answered with, in the shapes that both releases read.

`{"error": …}` is no refusal of a confirmation: whoever asked in Python would take it for a yes. 0.6.41 knows
confirmation and input alone; 0.12.4's other two have shapes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from antiphon import wire
from antiphon.client.errors import AntiphonError
from antiphon.wire import JsonObject


class BadReply(AntiphonError, ValueError):
    """An answer that does not fit its question; the words say why. The question stays open."""


QUESTIONS = (wire.Confirmation, wire.InputRequest, wire.UserInputRequest, wire.ElicitationRequest)
"""The calls that only a person can answer."""


def refusal(event: object, reason: str) -> object:
    """Give what a cancelled or refused call is answered with, also one that could not be read."""
    match getattr(event, "type", ""):
        case "confirmation" | "input":
            return False
        case "request:user_input":
            return {"status": "cancelled", "answers": {}}
        case "request:elicitation":
            return {"action": "cancel"}
    return {"error": reason}


def answer_of(event: object, value: object) -> object:
    """Give what a person's answer travels as. Raises `BadReply`, saying what is wrong with it."""
    match event:
        case wire.Confirmation():
            if not isinstance(value, bool):
                raise BadReply("a confirmation is answered with True or False")
            return value
        case wire.InputRequest():
            return _input(event.payload, value)
        case wire.UserInputRequest():
            return {"status": "answered", "answers": _answers(event.payload, value)}
        case wire.ElicitationRequest():
            return _elicited(event.payload, value)
    raise BadReply("this is no question")


def choices(form: wire.InputQuestion) -> tuple[Any, ...]:
    """Give the values that a `select` offers; empty for every other kind of box."""
    if form.type != "select":
        return ()
    return tuple(_value(option) for option in form.options or ())


def _value(option: object) -> object:
    return option.get("value", option.get("label")) if isinstance(option, dict) else option


def _input(form: wire.InputQuestion, value: object) -> object:
    offered = choices(form)
    if offered:
        if value not in offered:
            raise BadReply(f"the answer must be one of: {', '.join(map(str, offered))}")
        return value
    if not isinstance(value, str):
        raise BadReply("the answer must be text; an empty one is text too")
    return value  # Also an empty one: it is no yes (W-40).


def _answers(form: wire.UserInputForm, value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        raise BadReply("the answers must be given by question id")
    questions = {str(question.get("id")): question for question in form.questions}
    strange = [str(id_) for id_ in value if id_ not in questions]
    if strange:
        raise BadReply(f"there is no question {', '.join(strange)}")
    missing = [id_ for id_ in questions if id_ not in value]
    if missing:
        raise BadReply(f"there is no answer to {', '.join(missing)}")
    return {id_: _answer(questions[id_], form, value[id_]) for id_ in questions}


def _answer(question: JsonObject, form: wire.UserInputForm, value: object) -> JsonObject:
    """One answer: an option by its number or label, or words of one's own where they are allowed."""
    if isinstance(value, Mapping):
        return _travels(dict(value))
    given = question.get("options")
    options: Sequence[Any] = given if isinstance(given, list) else ()
    labels = [option.get("label") if isinstance(option, dict) else option for option in options]
    if isinstance(value, str) and value in labels:
        value = labels.index(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(options):
            raise BadReply(f"there are {len(options)} options, numbered from 0")
        option = options[value]
        described = option.get("description", "") if isinstance(option, dict) else ""
        return {"type": "option", "option_index": value, "label": labels[value], "description": described}
    if not isinstance(value, str) or not value.strip():
        raise BadReply("an answer is an option's number or label, or a text")
    allowed = question.get("allow_other", form.allow_other)
    if options and allowed is False:
        raise BadReply(f"the answer must be one of: {', '.join(map(str, labels))}")
    return {"type": "other", "text": value.strip()}


def _elicited(form: wire.ElicitationForm, value: object) -> JsonObject:
    if form.mode == "url":
        return {"action": "accept"}  # The person opened the address; nothing is filled in here.
    if not isinstance(value, Mapping):
        raise BadReply("a form is answered with its fields by name")
    required = (form.requested_schema or {}).get("required")
    missing = [name for name in required if name not in value] if isinstance(required, list) else []
    if missing:
        raise BadReply(f"these fields must be filled in: {', '.join(map(str, missing))}")
    return {"action": "accept", "content": _travels(dict(value))}


def _travels(value: JsonObject) -> JsonObject:
    try:
        json.dumps(value)
    except TypeError as error:
        raise BadReply("the answer holds something that cannot be written as JSON") from error
    return value
