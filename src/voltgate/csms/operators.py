"""What operators tell stations: a command to one that is connected, by an API call or a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from secrets import randbelow
from typing import Any, TypeAlias

import msgspec
import structlog

from voltgate.csms.commands.configuration import GetConfiguration
from voltgate.csms.commands.limit import FIRST_ID
from voltgate.csms.commands.outcome import NOT_SENT, Outcome
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.commands.software import Logs
from voltgate.csms.commands.table import parameters, perform
from voltgate.csms.commands.target import Facts, Target
from voltgate.csms.handlers import profiles
from voltgate.csms.handlers.told import answered, asked
from voltgate.csms.jobs import Job
from voltgate.csms.limits import told as settings_told
from voltgate.csms.model import Variable
from voltgate.csms.ports import StoreAway, Unfit
from voltgate.csms.table import Entry
from voltgate.csms.uploads import Full, Tickets
from voltgate.ocpp.messages import Reply

log = structlog.get_logger("voltgate.csms")

AWAY = "The station is not connected"

CallStation: TypeAlias = Callable[[str, str, dict[str, Any], float], Awaitable[Reply]]
"""Calls a station, by key: action, payload, and how many seconds it may take; returns its answer, in any case."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a station that is connected: its version, the limits that it has told, and how it is spelled."""

    version: str
    facts: Facts = field(default_factory=Facts)
    identity: str = ""


Look: TypeAlias = Callable[[str], Awaitable[Known | None]]
"""Returns what is known of a station, by key; None: it is not connected. Raises StoreAway."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message to a station, for the audit trail: by whose order, for which command, and what came of it."""

    station: str
    by: str
    command: str
    action: str
    reply: Reply
    identity: str = ""
    """The station as it is spelled."""


class Operators:
    """Tells stations what operators want. `patience` is for a message whose sender does not say how long it may take.

    `note` hears of each message when its answer is there, `keep` gets the settings that stations tell. `record` has
    written down what comes of a command, by the key of its station; it raises StoreAway.
    """

    def __init__(
        self,
        call: CallStation,
        look: Look,
        wall: Callable[[], float],
        patience: Callable[[], float],
        note: Callable[[Told], None] = lambda _: None,
        tickets: Tickets | None = None,
        keep: Callable[[Sequence[Variable]], Awaitable[object]] | None = None,
        record: Callable[[str, Entry], Awaitable[None]] | None = None,
    ) -> None:
        self._call = call
        self._look = look
        self._wall = wall
        self._patience = patience
        self._note = note
        self._tickets = tickets
        self._keep = keep
        self._record = record

    async def tell(
        self, station: str, name: str, wanted: Parameters, by: str, patience: float | None = None
    ) -> Outcome:
        """Carry out a command at a station, by its key; each message of it has the same patience. Raise StoreAway."""
        known = await self._look(station)
        if known is None:
            return Outcome(False, NOT_SENT, AWAY, sent=False)
        now = datetime.fromtimestamp(self._wall(), UTC)
        target = Target(known.version, 1 + randbelow(FIRST_ID - 1), now, facts=known.facts)
        number = getattr(wanted, "id", 0) or target.number
        seconds = self._patience() if patience is None else patience

        async def ask(action: str, payload: dict[str, Any]) -> Reply:
            await self._write(station, asked(wanted, number))
            reply = await self._call(station, action, payload, seconds)
            self._note(Told(station, by, name, action, reply, known.identity))
            await self._write_late(station, name, profiles.answered(action, payload, reply))
            return reply

        if isinstance(wanted, Logs) and wanted.location is None and self._tickets is not None:
            return await _uploading(self._tickets, station, wanted, lambda placed: perform(ask, target, placed))
        outcome = await perform(ask, target, wanted)
        if isinstance(wanted, GetConfiguration) and wanted.attribute == "Actual" and self._keep is not None:
            await self._learn(station, outcome)
        await self._write_late(station, name, answered(wanted, number, outcome))
        return outcome

    async def _write_late(self, station: str, name: str, entry: Entry | None) -> None:
        """Write what comes of an answer: the operator has it in any case."""
        try:
            await self._write(station, entry)
        except StoreAway as error:
            log.warning("what a station answered is not kept", station=station, command=name, reason=str(error))

    async def _write(self, station: str, entry: Entry | None) -> None:
        if entry is not None and self._record is not None:
            await self._record(station, entry)

    async def _learn(self, station: str, outcome: Outcome) -> None:
        """Keep the settings that a station told: its limits are among them. The operator has them in any case."""
        assert self._keep is not None  # noqa: S101
        try:
            await self._keep(settings_told(station, outcome, self._wall()))
        except (StoreAway, Unfit) as error:
            log.warning("what a station told of its settings is not kept", station=station, reason=str(error))

    async def tell_for(self, station: str, job: Job) -> Outcome:
        """Carry out a job's command at one of its stations. Raise StoreAway."""
        return await self.tell(station, job.command, parameters(job.command, job.fields), job.by)


async def _uploading(
    tickets: Tickets, station: str, wanted: Logs, tell: Callable[[Parameters], Awaitable[Outcome]]
) -> Outcome:
    """Have a station upload to an address of ours; the outcome says as `upload` what will have the file."""
    try:
        address, upload = await tickets.address(station, wanted.kind)
    except Full as full:
        return Outcome(False, NOT_SENT, str(full), sent=False)
    outcome = await tell(msgspec.structs.replace(wanted, location=address))
    if outcome.accepted is False:
        await tickets.take_back(upload)
        return outcome
    return replace(outcome, result={**outcome.result, "upload": upload})
