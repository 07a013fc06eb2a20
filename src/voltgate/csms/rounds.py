"""Rounds: the calls of many stations answered with one transaction of the database.

What comes while a round runs is the next one: alone, a call waits for nobody; under load the cost of a commit is shared
by all that came meanwhile. An answer goes out when what it promises is on disk.

A database that several may write to at once is given several rounds at once, as by several nodes: while it works for
one, this process decides on another. A station is always in the same line of rounds, so that its calls stay in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias
from zlib import crc32

import msgspec
import structlog

from voltgate.csms.admission import is_forgiven, see_registration, violation_of
from voltgate.csms.handlers.billing import bill
from voltgate.csms.handlers.notes import set_aside
from voltgate.csms.handlers.presence import heard
from voltgate.csms.handling import Command, Handling, Refused
from voltgate.csms.model import Row
from voltgate.csms.ports import Found, Needs, Store, StoreAway, Unfit
from voltgate.csms.said import Said
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.table import Entry
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.errors import spell
from voltgate.ocpp.messages import Error, Reply, Result

MOST = 500
"""Calls of one round."""
MOST_BYTES = 1 << 18
"""Bytes of the calls of one round, but that one call may have more: whoever is answered with it waits for it."""
WAITING = 20_000
"""Calls that may wait for the next one of a line; more are not answered."""

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
    barred: int = 0
    """Calls of stations that are not accepted, refused."""
    invalid: int = 0
    """Calls refused for their payload."""
    forgiven: int = 0
    """Calls answered although their payload is not as the schema says."""
    dropped: int = 0
    """Meter values that were not kept, as a message had too many."""
    trimmed: int = 0
    """Rows that were deleted since a station has told more than is kept of it."""


@dataclass(slots=True, eq=False)
class _Waiting:
    said: Said
    entry: Entry
    answered: Answered
    reply: Reply | None = None
    commands: list[Command] = field(default_factory=list)
    given: bool = False

    def give(self) -> None:
        """Give the answer, once; without one there is nothing to ask the station either.

        A fault of whoever gets it costs the others of its round nothing.
        """
        if self.given:
            return
        self.given = True
        try:
            self.answered(self.reply, [] if self.reply is None else self.commands)
        except Exception:
            FAULTS.faults += 1
            log.exception("a fault of Voltgate: an answer could not be given", station=self.said.identity)


@dataclass(slots=True)
class _Line:
    """Calls that wait for one round after another."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Rounds:
    """Answers calls, many at a time: each of `tasks` is to be done again and again."""

    def __init__(self, store: Store, settings: CsmsSettings) -> None:
        self.settings = settings
        self.counts = RoundCounts()
        self._store = store
        self._lines = [_Line() for _ in range(store.at_once)]

    def answer(self, said: Said, entry: Entry, answered: Answered) -> None:
        """Have a call answered in the next round."""
        line = self._lines[crc32(said.station.encode(errors="replace")) % len(self._lines)]
        if len(line.waiting) >= WAITING:
            self.counts.overflow += 1
            answered(None, [])
            return
        line.waiting.append(_Waiting(said, entry, answered))
        line.wake.set()

    def tasks(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """Return what is to be done again and again, each thing by itself, with its name."""
        names = ["csms rounds", *(f"csms rounds {number}" for number in range(2, len(self._lines) + 1))]
        return [(name, partial(self._run, line)) for name, line in zip(names, self._lines, strict=True)]

    async def _run(self, line: _Line) -> None:
        """Wait until there is something to answer, and answer all that waits, in rounds.

        What was taken up is not answered when that is cancelled, or fails.
        """
        if not line.waiting:
            line.wake.clear()
            await line.wake.wait()
        while line.waiting:
            few = _next(line.waiting)
            try:
                await self._round(few)
            finally:
                for each in few:
                    each.give()

    async def _round(self, calls: list[_Waiting]) -> None:
        """Answer calls together; one by one if one of them cannot be dealt with."""
        self.counts.rounds += 1
        try:
            await self._decide(calls)
        except (Unfit, _Faulty) as problem:
            for each in calls:
                each.reply = None
            if len(calls) == 1:
                await self._set_aside(calls[0], problem)
            else:
                for each in calls:
                    await self._round([each])
        except StoreAway:
            self.counts.away += len(calls)
            for each in calls:
                each.reply = None
        except BaseException:
            for each in calls:
                each.reply = None
            raise
        for each in calls:
            self.counts.calls += each.reply is not None and not each.given
            each.give()

    async def _decide(self, calls: list[_Waiting]) -> None:
        needs = Needs()
        for each in calls:
            needs.size += each.said.size
            if each.entry.makes:
                needs.stations[each.said.station] = each.said.identity
            else:
                needs.there.add(each.said.station)
            try:
                each.entry.needs(each.said, needs)
            except Exception as error:
                raise _Faulty(type(error).__name__) from error

        def decide(found: Found) -> Iterable[Row]:
            rows: dict[int, Row] = {}
            for each in calls:
                self._handle(each, found, rows)
            return rows.values()

        self.counts.trimmed += await self._store.round(needs, decide)

    def _handle(self, waiting: _Waiting, found: Found, rows: dict[int, Row]) -> None:
        """Answer one call. Raise _Faulty when its handler fails: it may have left rows half changed."""
        said = waiting.said
        if said.station not in found.stations:
            waiting.reply = Result(said.id, b"{}")
            return
        handling = Handling(said, found, rows, self.settings)
        try:
            if said.action:
                heard(handling)
                self._admit(handling)
            payload = bill(handling, waiting.entry.handle(handling))
        except Refused as refusal:
            waiting.reply = Error(said.id, spell(refusal.code, modern=said.modern), refusal.description)
        except Exception as error:
            raise _Faulty(type(error).__name__) from error
        else:
            waiting.reply = Result(said.id, msgspec.json.encode(payload))
        waiting.commands = handling.commands
        if handling.dropped:
            self.counts.dropped += handling.dropped
            log.warning("not all meter values of a message were kept", station=said.identity, dropped=handling.dropped)

    def _admit(self, handling: Handling) -> None:
        """Raise Refused for a call of a station that must not make it, or whose form does not hold."""
        try:
            see_registration(handling)
        except Refused:
            self.counts.barred += 1
            raise
        violation = violation_of(handling)
        if violation is None:
            return
        if is_forgiven(handling, violation):
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
        waiting.commands = []
        try:
            await self._store.round(Needs(stations={said.station: said.identity}), lambda found: [set_aside(said)])
        except (StoreAway, Unfit):
            waiting.reply = None


def _next(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Take the calls of the next round: the first one, and those behind it that are not too many or too much."""
    few, size = [waiting.popleft()], 0
    while waiting and len(few) < MOST:
        size += few[-1].said.size
        if size + waiting[0].said.size > MOST_BYTES:
            break
        few.append(waiting.popleft())
    return few


class _Faulty(Exception):  # noqa: N818
    """A handler has failed."""
