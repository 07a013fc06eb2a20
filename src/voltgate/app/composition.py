"""What a gateway process is made of, and what each part of it is handed."""

from __future__ import annotations

import random
import time

import structlog

from voltgate.app import messages
from voltgate.app.active import ActiveConfiguration
from voltgate.app.alerting import Alerting, identify_by
from voltgate.app.authentication import Authentication
from voltgate.app.build import Surroundings, build
from voltgate.app.carriers import Carriers
from voltgate.app.cluster import Cluster
from voltgate.app.csms import authority_of, backend_of, csms_of, csms_settings
from voltgate.app.database import database_of, database_settings, folder_of, security_of
from voltgate.app.draining import Draining
from voltgate.app.elsewhere import ByPost, by_process
from voltgate.app.life import TICK
from voltgate.app.listeners import Listeners
from voltgate.app.messages import message_log_of
from voltgate.app.monitoring import Monitoring
from voltgate.app.operating import operating_of
from voltgate.app.register import RegisterFollower
from voltgate.app.rules import rules_of
from voltgate.app.soap import soap_settings
from voltgate.app.traces import traces_of
from voltgate.claiming import Claiming
from voltgate.cluster.ports import NodeState
from voltgate.coming import alone
from voltgate.config import Config
from voltgate.csms.watch import Watch
from voltgate.dialler import Dialler
from voltgate.directory.register import Register
from voltgate.gateway import Gateway
from voltgate.ocpp import schemas
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.calendar import Calendar
from voltgate.relay.event_list import NAMES
from voltgate.relay.events import CarrierUp, Event
from voltgate.relay.notifier import Notifier
from voltgate.relay.ports import Ports
from voltgate.relay.records import Nowhere
from voltgate.relay.tap import Taps
from voltgate.soap_gateway import SoapGateway
from voltgate.soap_station import SoapSettings
from voltgate.store.csms.connections import StoredConnections
from voltgate.store.notices import REGISTER, SECURITY
from voltgate.telemetry import logs
from voltgate.telemetry.supervision import Supervision
from voltgate.web.event_log import EventLog
from voltgate.web.queries import Ends, Queries
from voltgate.web.wide.answering import join

log = structlog.get_logger("voltgate")


class Composition:
    """The parts of one gateway process, wired by hand. Nothing is open and nothing runs yet.

    `part` tells it from others on the same ports. Raises OSError when a file that the configuration names cannot be
    read.
    """

    def __init__(self, active: ActiveConfiguration, part: str = "") -> None:
        schemas.load()
        config = active.config
        self._active = active
        self.clock = time.monotonic  # the loop's own has whole milliseconds
        self.wheel = Wheel(self.clock(), TICK)
        self.counts = Counts()
        self.supervision = Supervision(self.clock)
        self.carriers = Carriers(config, self.wheel, self.clock, self.happened, self.supervision.keep)
        self.dialler = Dialler(self.carriers.by_scheme())
        self.calendar = Calendar(time.time, self.clock)
        self.calendar.jumped = _report_jump
        self.database = database_of(active.loaded, self.supervision, self.calendar, self._lost)
        self.cluster = self._cluster(config)
        turns = None if self.cluster is None else self.cluster.register
        register = Register(self.database, self.calendar, turns)
        self.csms = None if self.database is None else csms_of(config, self.database, self.wheel, self.clock)
        self.carriers.local.answering = self.csms
        self.watch = self._watch(config)
        home = active.loaded.home
        self.operating = operating_of(
            lambda: active.config,
            self.csms,
            self.database,
            self.calendar,
            home,
            lambda: bool(backend_of(active.config)),
        )
        self.alerting = Alerting(
            config,
            self.database,
            self.calendar,
            identify_by(lambda: self.gateway.snapshot.directory),
            self.supervision,
        )
        security = security_of(self.database)
        self.surroundings = Surroundings(register, Authentication(self.carriers.names, security, self.happened))
        self.monitoring = Monitoring(
            lambda: active.config,
            lambda: self.gateway,
            self.database,
            self.cluster,
            folder_of(active.loaded),
            self.happened,
            self.alerting.engine.looked,
            self.clock,
            time.time,
            security,
        )
        snapshot = build(config, self.surroundings, None)
        self.surroundings.follow(config)
        self.events = EventLog()
        self.event_counts = dict.fromkeys(NAMES.values(), 0)
        """How many events there were, by their names."""
        self.log_lines, self.notifier = logs.Lines(self.wheel, self.clock), Notifier(self.clock, logs.write_fault)
        taps = Taps(self.notifier)
        self.messages = message_log_of(config, home, part, lambda: self.gateway, self.clock)
        taps.recorder = self.messages.recorder
        self.traces = traces_of(config, taps)
        store, pages = (Nowhere(), Nowhere()) if self.database is None else (self.database, self.database.pages)
        ports = Ports(
            self.wheel,
            self.clock,
            random.random,
            self.dialler.start,
            self.happened,
            self.counts,
            self.calendar,
            store,
            taps,
        )
        release_there = alone if self.cluster is None else self.cluster.takeover.release
        self.gateway = Gateway(snapshot, ports, self.dialler, self.surroundings.room, pages, release_there)
        self.draining = Draining(self.gateway, lambda: active.config, self.supervision)
        self.claiming = Claiming(register, self.gateway, self.rebuild, self.happened)
        if self.database is not None and self.cluster is not None:
            follower = RegisterFollower(
                self.database.read_register, self.claiming, lambda: self.follow_soap(active.config)
            )
            self.cluster.notices.follow(REGISTER, follower)
            self.cluster.notices.follow(SECURITY, security)
        self.soap = SoapGateway(
            self.gateway,
            self.dialler,
            self.carriers.soap.client,
            self.carriers.soap.callbacks,
            soap_settings(config),
            self.wheel,
            self.clock,
        )
        self.listeners = Listeners(self.carriers.listeners(self.gateway.admit, self.soap.take))
        self.queries = Queries(
            self.gateway,
            self.events,
            taps,
            self.database,
            self.claiming,
            self.draining,
            self.clock,
            rules=rules_of(lambda: active.config),
            messages=self.messages,
            forget_callback=self._forget_callback,
            security=security,
            certificates=lambda: Ends(self.monitoring.ends, self.monitoring.soon),
        )
        if self.cluster is not None:
            join(self.queries, self.cluster.post)

    def _watch(self, config: Config) -> Watch | None:
        """Return what looks after stations that this process has not heard go; have those of other nodes called."""
        csms, database = self.csms, self.database
        if csms is None or database is None:
            return None
        connections = StoredConnections(database)
        if self.cluster is not None:
            csms.elsewhere = ByPost(csms, connections, self.cluster.post)
        return Watch(csms.rounds, connections, by_process(database), time.time)

    def _lost(self, station: str) -> None:
        """Let a station go that another gateway has taken."""
        self.gateway.lost(station)

    async def _let_go(self, station: str) -> None:
        """Let a station go that comes to another gateway."""
        await self.gateway.let_go(station)

    def _cluster(self, config: Config) -> Cluster | None:
        """Return what makes this gateway a node; None on anything but PostgreSQL."""
        if self.database is None or not config.store.is_shared:
            return None

        def now() -> tuple[NodeState, int]:
            return self.draining.state, len(self.gateway.sessions)

        return Cluster(self.database, config, now, self._let_go, self.supervision)

    def happened(self, event: Event) -> None:
        """Count an event, keep it for the API, and log it; have the dialler know of a connection that is there."""
        self.event_counts[NAMES[type(event)]] += 1
        if isinstance(event, CarrierUp):
            self.dialler.answers(event.backend)
        self.notifier.notify("event log", self.events.note, event)
        self.notifier.notify("log", self.log_lines.write, event)
        self.notifier.notify("monitoring", self.monitoring.note, event)
        self.notifier.notify("message log", self.messages.recorder.note, event)
        self.notifier.notify("alerts", self.alerting.note, event)

    async def _forget_callback(self, identity: str) -> tuple[int, str] | None:
        """Forget where a SOAP station said that it is called; return a status and why, if that cannot be done."""
        refused = await self.soap.forget_address(identity)
        return None if refused is None else (refused.status, refused.reason)

    def follow_soap(self, config: Config, settings: SoapSettings | None = None) -> None:
        """Hand SOAP its settings, which are made of the configuration unless they are there, and its URL."""
        self.soap.settings = settings or soap_settings(config)
        register = self.surroundings.register
        self.carriers.follow(config, register.key_of_callbacks, register.former_key_for)

    def follow(self, config: Config, soap: SoapSettings) -> None:
        """Go by another configuration, once all of it has been taken; `soap` is what it says to SOAP."""
        self.surroundings.follow(config)
        self.alerting.follow(config)
        self.monitoring.follow(config)
        if self.database is not None:
            self.database.follow(database_settings(config))
        if self.csms is not None:
            self.csms.follow(csms_settings(config))
            self.csms.signer.authority = authority_of(config)
        if self.operating is not None:
            self.operating.follow(config)
        self.follow_soap(config, soap)
        messages.follow(self.messages, config)

    async def rebuild(self) -> None:
        """Build the snapshot again, of the same configuration and of what the register holds now."""
        snapshot, reason = self.gateway.snapshot, None
        try:
            snapshot = build(self._active.config, self.surroundings, snapshot)
        except OSError as error:
            reason = str(error)
        if reason is not None:
            log.error("backends stay where they were: a file of the configuration cannot be read", reason=reason)
        await self.gateway.change(snapshot)


def _report_jump(seconds: float) -> None:
    log.warning(
        "the clock of this machine has jumped: nothing becomes too old before it has been steady for an hour",
        seconds=round(seconds, 1),
    )
