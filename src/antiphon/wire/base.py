"""The ground under every model: what travels is kept whole, and an event is its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StrictFloat,
    StrictInt,
    model_validator,
)

JsonObject = dict[str, Any]
"""A JSON object whose keys we do not fix: plug-ins, providers and later releases put into it what they
like.
"""

Number = StrictInt | StrictFloat
"""A JSON number that is written back as it came: 1 stays 1 and 1.0 stays 1.0."""


@dataclass(frozen=True, slots=True)
class Since:
    """The release that brought an event, a body or a field; "antiphon" marks an addition of ours.

    0.6.41 stands for that release or an earlier one, and a field without a mark came with its class.
    """

    release: str


@dataclass(frozen=True, slots=True)
class Until:
    """The last release that sends a field; a later one puts something else in its place."""

    release: str


S = Since("0.6.41")
L = Since("0.12.4")
OURS = Since("antiphon")
UNTIL_S = Until("0.6.41")


class WireModel(BaseModel):
    """A JSON object that keeps its unknown keys and writes back exactly the keys that came.

    Types are strict: a number in a string's place is an error, never a guess. Instances are frozen; use
    `model_copy`.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        populate_by_name=True,
        protected_namespaces=(),
        strict=True,
    )

    def dump(self) -> dict[str, Any]:
        """Give the object as it travels: keys by their wire names, only those that were set, unknown ones
        kept.
        """
        return self.model_dump(by_alias=True, exclude_unset=True)

    @classmethod
    def load(cls, value: object) -> Self:
        """Read a value that came from outside; only wire names count, so that nothing changes its key on
        the way.

        Raises `pydantic.ValidationError`.
        """
        return cls.model_validate(value, by_alias=True, by_name=False)


class AliasedModel(WireModel):
    """A model some of whose wire names are not our names.

    A stranger's key that is spelled like our name of another key (`parent_id` beside `parentId`) would
    count as that field being set, and the field would be written back although it never came; so what was
    set is set right here.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _tell_strangers_from_fields(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        model = handler(value)
        if model.__pydantic_extra__ and isinstance(value, dict):
            for key in model.__pydantic_extra__:
                field = cls.model_fields.get(key)
                if field is not None and field.alias not in value:
                    model.__pydantic_fields_set__.discard(key)
        return model


P = TypeVar("P")


class Body(WireModel, Generic[P]):
    """The inner half of an envelope: `{type, data}`. A missing `data` is judged as null."""

    type: str
    data: P = Field(default=None, validate_default=True)


class Event(WireModel):
    """What a server sends under one Socket.IO event name. The instance is the envelope as it travelled."""

    NAME: ClassVar[str] = ""
    """The Socket.IO event name."""
    TYPES: ClassVar[tuple[str, ...]] = ("",)
    """Values of `data.type` that mean this event; ("",) where the name alone says it."""
    SINCE: ClassVar[Since] = S

    @property
    def type(self) -> str:
        """The value of `data.type`; empty for events that are known by their name alone."""
        return ""


class Envelope(Event, Generic[P]):
    """An event that carries `data: {type, data}`."""

    data: Body[P]

    @property
    def type(self) -> str:
        """The value of `data.type`."""
        return self.data.type

    @property
    def payload(self) -> P:
        """The value of `data.data`."""
        return self.data.data


class NoPayload(WireModel):
    """An object in which nothing is known, for events whose arrival says it all."""


Nothing = NoPayload | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed event of a name or type that this release of ours does not know."""

    name: str
    type: str
    payload: Any

    def dump(self) -> Any:
        """Give the payload as it travelled."""
        return self.payload


@dataclass(frozen=True, slots=True)
class Malformed:
    """An event of a known name whose payload is not what the protocol says; `reason` tells where."""

    name: str
    type: str
    payload: Any
    reason: str

    def dump(self) -> Any:
        """Give the payload as it travelled."""
        return self.payload
