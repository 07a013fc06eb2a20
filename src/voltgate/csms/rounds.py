"""Rounds: the calls of many stations answered with one transaction of the database.

What comes while a round runs is the next one: alone, a call waits for nobody; under load the cost of a commit is shared
by all that came meanwhile. An answer goes out when what it promises is on disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import structlog

from voltgate.csms.admission import is_forgiven, see_registration, violation_of
from voltgate.csms.desk import Command, Desk, Refused
from voltgate.csms.handlers.notes import set_aside
from voltgate.csms.model import Row
from voltgate.csms.ports import Found, Needs, Store, StoreAway, Unfit
from voltgate.csms.said import Said
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.table import Entry
from voltgate.ocpp.errors import spell
from voltgate.ocpp.messages import Error, Reply, Result

MOST = 500
"""Calls of one round."""
WAITING = 20_000
"""Calls that may wait for the next one; more are not answered."""

log = structlog.get_logger("voltgate.csms")

Answered: TypeAlias = Callable[[Reply | None, list[Command]], None]
"""Gets the answer to a call, and what the station is asked afterwards. None: there is none, the database is away."""


@dataclass(slots=True)
class RoundCounts:
    """What rounds have done."""

    rounds: int = 0
    calls: int = 0
    unfit: int = 0
    """Calls that came to nothing since the database does not take what comes of them."""
    away: int = 0
    """Calls that were not answered since the database was away."""
    overflow: int = 0
    """Calls that were not answered since too many waited."""
    faults: int = 0
    """Calls that a handler failed at."""
    refused: int = 0
    """Calls of stations that are not accepted."""
    invalid: int = 0
    """Calls refused for their payload."""
    forgiven: int = 0
    """Calls answered although their payload is not as the schema says."""


@dataclass(slots=True, eq=False)
class _Waiting:
    said: Said
    entry: Entry
    answered: Answered
    reply: Reply | None = None
    commands: list[Command] | None = None


class Rounds:
    """Answers calls, many at a time: `turn` is to be called again and again."""

    def __init__(self, store: Store, settings: CsmsSettings) -> None:
        self.settings = settings
        self.counts = RoundCounts()
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()

    def answer(self, said: Said, entry: Entry, answered: Answered) -> None:
        """Have a call answered in the next round."""
        if len(self._waiting) >= WAITING:
            self.counts.overflow += 1
            answered(None, [])
            return
        self._waiting.append(_Waiting(said, entry, answered))
        self._wake.set()

    async def turn(self) -> None:
        """Wait until there is something to answer, and answer it."""
        await self._wake.wait()
        while self._waiting:
            few = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            await self._round(few)
        self._wake.clear()

    async def _round(self, calls: list[_Waiting]) -> None:
        """Answer calls together; one by one if the database does not take what comes of one of them."""
        self.counts.rounds += 1
        try:
            await self._decide(calls)
        except (Unfit, _Faulty) as problem:
            if len(calls) > 1:
                for each in calls:
                    await self._round([each])
                return
            await self._set_aside(calls[0], problem)
        except StoreAway:
            self.counts.away += len(calls)
            _forget(calls)
        except asyncio.CancelledError:
            for each in calls:
                each.answered(None, [])
            raise
        except Exception:
            self.counts.faults += 1
            log.exception("a fault of Voltgate: calls of stations were not answered", calls=len(calls))
            _forget(calls)
        for each in calls:
            self.counts.calls += each.reply is not None
            each.answered(each.reply, each.commands or [])

    async def _decide(self, calls: list[_Waiting]) -> None:
        needs = Needs()
        for each in calls:
            needs.stations[each.said.station] = each.said.identity
            _ask(each, needs)

        def decide(found: Found) -> Iterable[Row]:
            rows: dict[int, Row] = {}
            for each in calls:
                self._handle(each, found, rows)
            return rows.values()

        await self._store.round(needs, decide)

    def _handle(self, waiting: _Waiting, found: Found, rows: dict[int, Row]) -> None:
        """Answer one call. Raise _Faulty when its handler fails: it may have left rows half changed."""
        said = waiting.said
        desk = Desk(said, found, rows, self.settings)
        try:
            if said.action:
                self._admit(desk)
            payload = waiting.entry.handle(desk)
        except Refused as refusal:
            waiting.reply = Error(said.id, spell(refusal.code, modern=said.modern), refusal.description)
        except Exception as error:
            raise _Faulty(type(error).__name__) from error
        else:
            waiting.reply = Result(said.id, msgspec.json.encode(payload))
        waiting.commands = desk.commands

    def _admit(self, desk: Desk) -> None:
        """Raise Refused for a call of a station that must not make it, or whose form does not hold."""
        try:
            see_registration(desk)
        except Refused:
            self.counts.refused += 1
            raise
        violation = violation_of(desk)
        if violation is None:
            return
        if is_forgiven(desk, violation):
            self.counts.forgiven += 1
            return
        self.counts.invalid += 1
        raise Refused(violation.code, violation.description)

    async def _set_aside(self, waiting: _Waiting, problem: Exception) -> None:
        """Keep what a station has said as it came, for a person to look at; the station is told that it failed."""
        self.counts.unfit += isinstance(problem, Unfit)
        self.counts.faults += isinstance(problem, _Faulty)
        said = waiting.said
        log.error(
            "what a station says could not be dealt with, and is kept among its notes",
            station=said.identity,
            action=said.action,
            reason=str(problem),
            exc_info=problem.__cause__,
        )
        waiting.reply = Error(said.id, "InternalError", "This could not be dealt with")
        waiting.commands = None
        try:
            await self._store.round(Needs(stations={said.station: said.identity}), lambda found: [set_aside(said)])
        except (StoreAway, Unfit):
            waiting.reply = None


def _ask(waiting: _Waiting, needs: Needs) -> None:
    """Add what a call wants to read. Raise _Faulty when that fails."""
    try:
        waiting.entry.needs(waiting.said, needs)
    except Exception as error:
        raise _Faulty(type(error).__name__) from error


def _forget(calls: list[_Waiting]) -> None:
    """Leave calls unanswered: nothing of what was decided is on disk."""
    for each in calls:
        each.reply = each.commands = None


class _Faulty(Exception):  # noqa: N818
    """A handler has failed."""
