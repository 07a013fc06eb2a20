"""Routes: tables of rules, of which the first that matches a call names who answers it and who gets a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainSerializer, PlainValidator

from voltgate.config.tokens import TokenKeys
from voltgate.config.values import Seconds, Section, Text

Refusal: TypeAlias = Literal["Invalid", "Unknown", "NoCredit", "NotAllowedTypeEVSE", "NotAtThisLocation"]
"""Answers of a backend about a token that may be another's. Blocked, Expired and ConcurrentTx are about its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers: one backend, several in order of failover, or a weighted choice that is fixed for each station.

    `weights` is empty, or as long as `backends`.
    """

    backends: tuple[str, ...]
    weights: tuple[float, ...] = ()

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """What may answer one station: the failover, or one or another of the weighted choice."""
        if not self.weights:
            return (self.backends,)
        return tuple((name,) for name, weight in zip(self.backends, self.weights, strict=True) if weight)


def read_answer(value: Any) -> Answer:
    """Return the answer of `"name"`, `["first", "second"]` or `{ a = 3, b = 1 }`. Raises ValueError otherwise."""
    match value:
        case Answer():
            return value
        case str():
            return Answer((value,))
        case list() | tuple():
            return _failover(tuple(value))
        case Mapping():
            return _weighted(value)
        case _:
            raise ValueError('is "name", ["first", "then"] for failover, or { a = 3, b = 1 } for a weighted choice')


def write_answer(answer: Answer) -> Any:
    """Return an answer as it is configured."""
    if answer.weights:
        return dict(zip(answer.backends, answer.weights, strict=True))
    return answer.backends[0] if len(answer.backends) == 1 else list(answer.backends)


def _failover(names: tuple[Any, ...]) -> Answer:
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("a failover list holds at least one name of a backend, in quotes")
    if len(set(names)) != len(names):
        raise ValueError("a failover list names each backend once")
    return Answer(names)


def _weighted(weights: Mapping[Any, Any]) -> Answer:
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1_000_000:
            raise ValueError(f"the weight of {name} must be a number from 0 to 1000000")
    if not sum(weights.values()):
        raise ValueError("a weighted choice needs at least one weight above 0")
    return Answer(tuple(weights), tuple(map(float, weights.values())))


class Rule(TokenKeys):
    """One row of a route. What is left out matches everything."""

    actions: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description='Actions, exact or with `*`: `["Boot*", "Heartbeat"]`. Case counts, as in OCPP.'
    )
    stations: Text | None = Field(default=None, description='Pattern of the identity: `"CP-*"`.')
    tags: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Tags of the directory: the station must have at least one of them."
    )
    claimed_by: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Backends of which one must hold the station by a claim."
    )
    answer: Annotated[Answer, PlainValidator(read_answer), PlainSerializer(write_answer)] = Field(
        description='Who answers: `"name"`; `["first", "then"]`, in order of failover; or `{ a = 3, b = 1 }`, a '
        'weighted choice that sticks to the station. `"claimant"` stands for the backend that claims the station.'
    )
    copies: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), alias="copy", description="Backends that are told as well, and whose answers end here."
    )

    authorize: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description="Backends that are asked one after the other whether a token may charge, `answer` first; the one "
        "that accepts it owns the session.",
    )
    authorize_on: Annotated[tuple[Refusal, ...], Field(strict=False)] = Field(
        default=("Invalid", "Unknown"),
        description="Answers after which the next is asked: 2.x has two words for a token that is not known.",
    )
    authorize_silence: bool = Field(default=False, description="Whether the next is asked when one does not answer.")
    authorize_within: Seconds = Field(default=10, ge=0.1, le=300, description="Time for all of them together.")

    @property
    def catches_all(self) -> bool:
        """Whether it matches every call."""
        everything = not self.actions or "*" in self.actions
        inside = self.tokens is not None or self.token_groups or self.connectors
        return everything and self.stations in (None, "*") and not self.tags and not inside and not self.claimed_by


class Route(Section):
    """One table of rules."""

    admit: Literal["backend", "gateway"] | None = Field(
        default=None,
        description='Who lets a station in. `"backend"`: the answering backend is dialled first and its verdict is the '
        'station\'s. `"gateway"`: decided here, at once, also while backends are away. Without it: the backend, unless '
        "a station on this route has its password checked here.",
    )
    close_when_all_down: Seconds | None = Field(
        default=None,
        ge=1,
        le=86_400,
        description="After how many seconds a station is let go (1001) while none of its backends is connected, those "
        "that are only told included; it stays while one is. One that comes again has its time anew, as far as "
        "`admit` lets it in. Without it: the longest `wait` of the backends that answer it, or a day if one of them "
        "does not close.",
    )
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = Field(
        min_length=1, description="The rules in order: the first that matches a call decides."
    )
