"""One message, or several one after another, to a station: what a plan is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.csms.commands.outcome import Fields, Outcome, Read, by_status, is_foreign, read
from voltgate.csms.commands.target import Target, Unsupported
from voltgate.ocpp.messages import Reply
from voltgate.ocpp.schemas import check

Ask: TypeAlias = Callable[[str, Fields], Awaitable[Reply]]
"""Calls the station: action and payload; returns its answer. Never raises for what the station does."""

Plan: TypeAlias = Callable[[Ask], Awaitable[Outcome]]
"""What a command does once the station's version is known."""


@dataclass(frozen=True, slots=True)
class Step:
    """A plan of one message."""

    action: str
    payload: Fields
    reader: Read = by_status

    @property
    def steps(self) -> tuple[Step, ...]:
        """The one message."""
        return (self,)

    async def __call__(self, ask: Ask) -> Outcome:
        """Send it and read the answer."""
        return read(await ask(self.action, self.payload), self.reader)


@dataclass(frozen=True, slots=True)
class FirstKnown:
    """A plan of messages that mean the same: the next one is sent if the station does not know the one before."""

    steps: tuple[Step, ...]

    async def __call__(self, ask: Ask) -> Outcome:
        """Send them until the station knows one; if it knows none, return what it said of the first."""
        first: Outcome | None = None
        for step in self.steps:
            outcome = await step(ask)
            if not is_foreign(outcome):
                return outcome
            first = first or outcome
        return first or Outcome(False)


@dataclass(frozen=True, slots=True)
class Every:
    """A plan of several messages of which each is sent, whatever the others brought; `join` sums them up."""

    steps: tuple[Step, ...]
    join: Callable[[list[Outcome]], Outcome]

    async def __call__(self, ask: Ask) -> Outcome:
        """Send them in order; after a silence no more are sent."""
        outcomes: list[Outcome] = []
        for step in self.steps:
            outcomes.append(await step(ask))
            if outcomes[-1].accepted is None or not outcomes[-1].sent:
                break
        return self.join(outcomes)


def any_of(outcomes: list[Outcome]) -> Outcome:
    """Return the first outcome to which the station agreed, else the last of all."""
    return next((each for each in outcomes if each.accepted), outcomes[-1])


def must_be_valid(target: Target, action: str, payload: Fields) -> None:
    """Raise Unsupported for a payload that the schema of the version forbids; it names the place and what is wrong."""
    violation = check(target.version, action, "request", payload)
    if violation is not None:
        raise Unsupported(f"{target.name} does not take this as {action}: {violation.description}")


def guarded(target: Target, ask: Ask) -> Ask:
    """Return `ask` with a check of each payload: what a schema forbids is never sent, but raises Unsupported."""

    async def checked(action: str, payload: Fields) -> Reply:
        must_be_valid(target, action, payload)
        return await ask(action, payload)

    return checked
