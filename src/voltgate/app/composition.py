"""What a gateway process is made of, and what each part of it is handed."""

from __future__ import annotations

import random
import time

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.app.build import Surroundings, build
from voltgate.app.carriers import Carriers
from voltgate.app.database import database_of
from voltgate.app.listeners import Listeners
from voltgate.app.rules import rules_of
from voltgate.app.soap import soap_settings
from voltgate.claiming import Claiming
from voltgate.config import Config
from voltgate.dialler import Dialler
from voltgate.directory.register import Register
from voltgate.gateway import Gateway
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.events import Event
from voltgate.relay.ports import Ports
from voltgate.relay.records import Nowhere, nothing_on_record
from voltgate.relay.tap import Taps
from voltgate.soap_gateway import SoapGateway
from voltgate.telemetry import logs
from voltgate.web.event_log import EventLog
from voltgate.web.queries import Queries

TICK = 0.1
"""Seconds between ticks of the wheel."""

log = structlog.get_logger("voltgate")


class Composition:
    """The parts of one gateway process, wired by hand. Nothing is open and nothing runs yet.

    Raises OSError when a file that the configuration names cannot be read.
    """

    def __init__(self, active: ActiveConfiguration) -> None:
        config = active.config
        self._active = active
        self.clock = time.monotonic  # the loop's own has whole milliseconds
        self.wheel = Wheel(self.clock(), TICK)
        self.counts = Counts()
        self.carriers = Carriers(config, self.wheel, self.clock, self.happened)
        self.dialler = Dialler(self.carriers.by_scheme())
        self.database = database_of(active.loaded)
        self.surroundings = Surroundings(Register(self.database))
        snapshot = build(config, self.surroundings, None)
        self.surroundings.follow(config)
        self.events = EventLog()
        self.event_counts: dict[str, int] = {}
        """How many events there were, by the name of their type."""
        taps = Taps()
        ports = Ports(
            self.wheel,
            self.clock,
            random.random,
            self.dialler.start,
            self.happened,
            self.counts,
            time.time,
            self.database or Nowhere(),
            taps,
        )
        load = nothing_on_record if self.database is None else self.database.load
        self.gateway = Gateway(snapshot, ports, self.dialler, self.surroundings.room, load)
        self.claiming = Claiming(self.surroundings.register, self.gateway, self.rebuild, self.happened)
        self.soap = SoapGateway(
            self.gateway,
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
            self.clock,
            rules=rules_of(lambda: active.config),
        )

    def happened(self, event: Event) -> None:
        """Count an event, keep it for the API, and log it."""
        name = type(event).__name__
        self.event_counts[name] = self.event_counts.get(name, 0) + 1
        self.events.note(event)
        logs.write(event)

    def follow_soap(self, config: Config) -> None:
        """Hand SOAP its settings and the URL that it is reached by."""
        self.soap.settings = soap_settings(config)
        self.carriers.follow(config, self.surroundings.register.key_of_callbacks)

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
