"""What operators tell stations, as a process is made of it: commands, jobs, and the uploads that these ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from voltgate.config import Config
from voltgate.csms.job_runner import Runner
from voltgate.csms.model import Variable
from voltgate.csms.operators import Known, Operators, Told
from voltgate.csms.service import ManagementSystem
from voltgate.csms.uploads import Bounds, Folder, Tickets
from voltgate.ocpp.messages import Call, Reason, Unanswered
from voltgate.relay import audit
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.csms.aging import Aging, Keep
from voltgate.store.csms.bounds import Bounds as RowBounds
from voltgate.store.csms.jobs import JobStore
from voltgate.store.csms.limits import Limits
from voltgate.store.csms.of_stations import StationQueries
from voltgate.store.csms.work import Work
from voltgate.web.csms.operating import OperatingParts
from voltgate.web.server import WebServer, listening
from voltgate.web.uploads import Uploads

_PURGE = 3600.0
"""Seconds between two looks at what has become too old."""
_AGAIN = 10.0
"""Seconds until the next one, when the database was away."""


class _Clock:
    """The time of this process."""

    now = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)


@dataclass(frozen=True, slots=True)
class Operating:
    """What tells stations: what the API works with, and what runs jobs."""

    parts: OperatingParts
    runner: Runner
    aging: Aging
    wall: Calendar
    config: Callable[[], Config]

    def add_uploads(self, app: FastAPI) -> None:
        """Have an application take uploads, unless these have a listener of their own."""
        if self.parts.folder is not None and self.config().listen.uploads_address is None:
            app.add_middleware(Uploads, folder=self.parts.folder)  # the last one is asked first: bodies may be large

    def listen(self, *, shared: bool = False) -> WebServer | None:
        """Listen for uploads of stations; None where they have no address of their own. Raise OSError."""
        address, folder = self.config().listen.uploads_address, self.parts.folder
        if address is None or folder is None:
            return None
        return WebServer(Uploads(None, folder), listening(*address, shared=shared, key="listen.uploads"))

    def follow(self, config: Config) -> None:
        """Go by another configuration."""
        if self.parts.folder is not None:
            self.parts.folder.bounds = bounds_of(config)

    async def purge(self) -> None:
        """Delete now and then what is older than it is kept, by a clock that is steady; have room for what comes."""
        section = self.config().csms
        oldest = self.wall() - section.keep_jobs if self.wall.is_steady else 0.0
        try:
            await self.aging.tend(Keep(section.keep_meter_values, section.keep_history))
            await self.parts.jobs.purge(oldest)
        except StoreAway:
            await asyncio.sleep(_AGAIN)
        else:
            await asyncio.sleep(_PURGE)


def operating_of(
    config: Callable[[], Config],
    csms: ManagementSystem | None,
    database: Database | None,
    wall: Calendar,
    home: Path,
    reaches: Callable[[], bool] = lambda: True,
) -> Operating | None:
    """Return what tells stations; None without a database. `config` is in force, `home` the folder of its file.

    `reaches` says whether this process reaches stations of the management system.
    """
    if csms is None or database is None:
        return None
    queries, section, work = StationQueries(database), config().csms, Work(database)
    limits = Limits(work, RowBounds(lambda: csms.settings.keep_rows))

    async def look(station: str) -> Known | None:
        """Return what is known of a station that is connected, to whatever node."""
        peer, row = csms.peers.get(station), None
        if peer is None:
            row = await queries.station(station)
        version = peer.protocol if peer is not None else row.version if row is not None and row.connected else ""
        identity = peer.identity if peer is not None else row.identity if row is not None else ""
        return Known(version, await limits.of(station), identity) if version else None

    async def keep(rows: Sequence[Variable]) -> None:
        csms.rounds.counts.trimmed += await limits.keep(rows)

    folder = None
    if section.uploads:
        folder = Folder(home / Path(section.uploads_folder).expanduser(), time.time, bounds_of(config()))
    tickets = None if folder is None else Tickets(folder, section.uploads)
    operators = Operators(
        csms.call,
        look,
        time.time,
        lambda: config().calls.backend,
        partial(_note, database),
        tickets,
        keep,
        csms.record,
    )
    jobs = JobStore(work)
    runner = Runner(jobs, operators.tell_for, _Clock(), database.node, reaches=reaches)
    return Operating(OperatingParts(operators, jobs, folder), runner, Aging(database, wall), wall, config)


def bounds_of(config: Config) -> Bounds:
    """Return how much is taken of uploads, and for how long."""
    section = config.csms
    return Bounds(file=section.uploads_size, total=section.uploads_total, keeps=section.uploads_keep)


def _note(database: Database, told: Told) -> None:
    """Write a line of the audit trail: who had a station told what, and what became of it."""
    reply = told.reply
    outcome = "undelivered" if isinstance(reply, Unanswered) else "passed"
    if isinstance(reply, Unanswered) and reply.reason is Reason.REFUSED:
        outcome = "refused"
    call = Call(reply.id, told.action, b"")
    about = audit.About(told.station, told.identity, told.by)
    database.put(audit.line(about, time.time(), call, outcome, reply, f"command {told.command}"))
