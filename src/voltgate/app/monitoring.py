"""Monitoring: what no message tells of is looked at now and then, and told as events."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from voltgate.alerts.lengths import Lengths
from voltgate.alerts.reach import LOOKS, ErrorRates, Reach
from voltgate.alerts.restarts import Restarts
from voltgate.alerts.surroundings import CertificateWatch, DatabaseWatch, DiskWatch, JournalWatch, NodeWatch, Reminders
from voltgate.app.alert_rules import thresholds_of
from voltgate.app.cluster import Cluster
from voltgate.config import Config
from voltgate.config.certificates import CertificateFile, certificates, span_of
from voltgate.directory.security import StationSecurity
from voltgate.directory.slices import unhurried
from voltgate.gateway import Gateway
from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.relay.events import (
    CarrierDown,
    CarrierUp,
    Event,
    LegDown,
    LegUp,
    Listen,
    StationBooted,
    StationCame,
    StationWent,
)
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.aging import owed_by_backend
from voltgate.store.failures import FAILURES
from voltgate.web.origin import address_of

TOKEN_DAYS = (14, 7, 3, 1, 0)
"""Days before its end at which a token of the API is told of."""
_SOON, _SELDOM = 1.0, 60.0
"""Seconds between two looks at what costs nothing, and at what lies on disk or is many."""
_PATIENCE = 20.0
"""Seconds that a look at disk or database may take."""

log = structlog.get_logger("voltgate")


class Monitoring:
    """Looks after one process. `config` returns its configuration, `folder` that of the database, if it has a file.

    `looked` is told what this process has seen the state of: by the alert that is about it, and its subject.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        gateway: Callable[[], Gateway],
        database: Database | None,
        cluster: Cluster | None,
        folder: Path | None,
        listen: Listen,
        looked: Callable[[str, str], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        security: StationSecurity,
    ) -> None:
        self._security = security
        self.ends: dict[str, float] = {}
        """When the certificates of the configuration end, in seconds since 1970, by their files."""
        self.tokens: Callable[[], Mapping[str, float]] = dict
        """Returns when tokens of the API end, in seconds since 1970, by their names."""
        self._tokens = Reminders()
        self._config, self._gateway, self._database, self._cluster = config, gateway, database, cluster
        self._folder, self._listen, self._looked, self._clock, self._wall = folder, listen, looked, clock, wall
        self._reach, self._rates, self._restarts, self._lengths = Reach(), ErrorRates(), Restarts(), Lengths()
        self._databases, self._disks, self._journal = DatabaseWatch(), DiskWatch(), JournalWatch()
        self._certificates, self._nodes = CertificateWatch(), NodeWatch()
        self._rated_at = 0.0
        self._anew = asyncio.Event()
        self.bounds = thresholds_of(config().alerts)
        if database is not None:
            database.locations.when_taken_for_gone(self.is_here)

    def follow(self, config: Config) -> None:
        """Go by the thresholds of a configuration, and look at once."""
        self.bounds = thresholds_of(config.alerts)
        self._anew.set()

    def note(self, event: Event) -> None:
        """Take note of an event that others may follow from."""
        if isinstance(event, LegUp | LegDown | CarrierUp | CarrierDown):
            self._reach.note(event, self._clock())
        elif isinstance(event, StationBooted):
            self._tell(self._restarts.note(event, self._clock(), self.bounds))

    def _tell(self, events: Iterator[Event]) -> None:
        for event in events:
            self._listen(event)

    def _have_looked(self, alert: str, subjects: Iterable[str], *, is_anybodys: bool = False) -> None:
        """Say what is known, unless another node may see it otherwise, as not all is `is_anybodys` to see."""
        if is_anybodys or self._cluster is None or sum(node.alive for node in self._cluster.nodes) == 1:
            for subject in subjects:
                self._looked(alert, subject)

    # What costs nothing.

    async def look(self) -> None:
        """Look at what is in memory."""
        await asyncio.sleep(_SOON)
        now, backends = self._clock(), self._gateway().snapshot.backends
        self._tell(self._reach.look(backends, now, self.bounds))
        self._have_looked("backendAway", (name for name, each in backends.items() if each.up))
        self._tell(self._restarts.look(now, self.bounds))
        if self._database is not None:
            self._tell(self._databases.look(self._database.state.reason, now))
        if self._cluster is not None:
            self._tell(self._look_at_nodes(self._cluster))
            await self._look_at_orphans(self._cluster)
        if now - self._rated_at >= self.bounds.backend_window / LOOKS:
            self._rated_at = now
            self._tell(self._rates.look(backends.values(), self.bounds))
            self._have_looked("backendFailing", self._rates.judged)

    def _look_at_nodes(self, cluster: Cluster) -> Iterator[Event]:
        latest = max((node.seen for node in cluster.nodes), default=0.0)
        last = {node.name: node.seen for node in sorted(cluster.nodes, key=lambda node: node.seen)}
        alive = {name: any(n.alive for n in cluster.nodes if n.name == name) for name in last}
        yield from self._nodes.look(alive, {name: latest - seen for name, seen in last.items()})
        self._have_looked("nodeLost", (name for name, lives in alive.items() if lives), is_anybodys=True)

    async def _look_at_orphans(self, cluster: Cluster) -> None:
        """Tell of stations that nobody heard go, as their node has died. Nodes that live look in turn."""
        with suppress(StoreAway):
            async for few in cluster.orphans():
                for orphan in few:
                    identity = self._gateway().snapshot.directory.as_written(orphan.station)
                    self._listen(StationWent(identity, NO_CLOSE, "Its gateway has died", "gateway", orphan.seconds))

    def is_here(self, station: str) -> None:
        """Tell that a station, by its key, is here: others took this node for dead, and the station for gone."""
        session = self._gateway().sessions.get(station)
        if session is not None:
            address, version = address_of(session), session.dialect.version
            self._listen(StationCame(session.identity, address, version, session.route, replaced=False))

    # What lies on disk, or is many.

    async def look_around(self) -> None:
        """Look at transactions, at the journal, at disks, at certificates and at tokens."""
        self._anew.clear()
        async for few in unhurried(list(self._gateway().sessions.values())):
            for session in few:
                running = session.ledger.counting() if session.ledger.running else ()
                self._tell(self._lengths.look(session.identity, running, self._wall(), self.bounds))
        self._lengths.end_round()
        await self._look_at_journal()
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.to_thread(_on_disk, self._folder, tuple(certificates(self._config())))
        disks, ends = found
        for path, free, total in disks:
            self._tell(self._disks.look(path, free, total, self.bounds))
            self._have_looked("diskFilling", [path])
        self.ends = {name: end.timestamp() for name, end in ends.items()}
        await self._look_at_certificates(ends)
        self._look_at_tokens()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SELDOM):
                await self._anew.wait()

    async def _look_at_certificates(self, ends: Mapping[str, datetime]) -> None:
        """Tell of those that end soon: of files, and of stations that are connected here."""
        now, gateway = datetime.fromtimestamp(self._wall(), UTC), self._gateway()
        for name, end in ends.items():
            self._tell(self._certificates.look(name, end, now, self.bounds))
            self._have_looked("certificateExpiring", [name])
        async for few in unhurried(list(gateway.sessions.values())):
            for session in few:
                record = self._security.of(session.key)
                if record.until is not None:
                    until = datetime.fromtimestamp(record.until, UTC)
                    self._tell(self._certificates.look(f"station {session.identity}", until, now, self.bounds))

    def _look_at_tokens(self) -> None:
        """Log which tokens of the API end soon, or have ended: at each reminder once."""
        tokens, now = self.tokens(), datetime.fromtimestamp(self._wall(), UTC)
        self._tokens.forget_all_but(tokens)
        for name, until in tokens.items():
            end = datetime.fromtimestamp(until, UTC)
            if self._tokens.due(name, end, now, TOKEN_DAYS) is not None:
                what = "is about to end" if end > now else "has ended"
                days = round((end - now).total_seconds() / 86400, 1)
                log.warning(f"a token of the API {what}", token=name, at=end.isoformat(), days=days)

    @property
    def soon(self) -> float:
        """How many seconds before its end a certificate is told of first."""
        return max(self.bounds.certificate_days, default=0) * 86400.0

    def expiring(self) -> int:
        """Return how many stations' certificates end soon, or have ended."""
        return sum(1 for _ in self._security.ending(self._wall() + self.soon))

    async def _look_at_journal(self) -> None:
        if self._database is None or self._database.engine is None or self._database.state.reason is not None:
            return
        with suppress(*FAILURES):
            async with asyncio.timeout(_PATIENCE):
                owed = await owed_by_backend(self._database.engine, self._wall())
                self._tell(self._journal.look(owed, self.bounds))
                self._have_looked("journalGrowing", self._gateway().snapshot.backends, is_anybodys=True)


def _on_disk(
    folder: Path | None, files: Iterable[CertificateFile]
) -> tuple[list[tuple[str, int, int]], dict[str, datetime]]:
    """Return the space of the file system of a folder, and when certificates end. What cannot be read is left out."""
    disks = []
    ends: dict[str, datetime] = {}
    with suppress(OSError):
        if folder is not None:
            usage = shutil.disk_usage(folder)
            disks.append((str(folder), usage.free, usage.total))
    for each in files:
        with suppress(OSError, ValueError):
            _, end = span_of(each.file.read_bytes(), any_will_do=each.any_will_do)
            ends[str(each.file)] = min(end, ends.get(str(each.file), end))
    return disks, ends
