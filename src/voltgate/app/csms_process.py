"""The process of a CSMS node: the management system alone, answering stations by way of RabbitMQ."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess, configured_tokens
from voltgate.app.build import retry_of
from voltgate.app.carriers import rabbitmq_of
from voltgate.app.costs import Costs
from voltgate.app.csms import authority_of, csms_of, csms_settings, tend, watch
from voltgate.app.csms_web import open_csms_web
from voltgate.app.database import database_of, database_settings
from voltgate.app.elsewhere import ByQueue, by_queue
from voltgate.app.life import TICK, Life, Running, ended, finished, freeze, note_life
from voltgate.app.operating import operating_of
from voltgate.app.reloading import Reloading
from voltgate.app.web_servers import Web
from voltgate.carriers.amqp.answering import Node
from voltgate.carriers.amqp.settings import NodeSettings
from voltgate.cluster.ports import NodeState
from voltgate.config import Config, Loaded
from voltgate.csms.watch import Watch
from voltgate.ocpp import schemas
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.calendar import Calendar
from voltgate.store.csms.connections import StoredConnections
from voltgate.store.csms.rota import Rota
from voltgate.telemetry import logs
from voltgate.telemetry.supervision import Supervision
from voltgate.web.server import WebServer

log = structlog.get_logger("voltgate")


def objection(loaded: Loaded, named: Sequence[str] = ()) -> str | None:
    """Return why a configuration is none for a CSMS node that answers for the backends `named`, or for all it can."""
    config = loaded.config
    if not config.store.is_shared:
        return (
            "a CSMS node needs a database that it shares with the other nodes: "
            'set store.url = "postgresql://user@host/database"; `voltgate run` has the management system on SQLite'
        )
    for name in named:
        if name not in config.backends:
            return f'there is no backend "{name}" (--backend)'
        if not _is_ours(config, name):
            return f'backend "{name}" has no url = "amqp://…" with layout = "voltgate" (--backend)'
    if not any(_is_ours(config, name) for name in config.backends):
        return (
            'a CSMS node needs a backend with url = "amqp://host:5672": '
            "the one that gateways send the calls of stations to"
        )
    return None


def _is_ours(config: Config, name: str) -> bool:
    section = config.backends[name]
    return bool(section.amqp_url) and section.layout == "voltgate"


def node_settings(config: Config, named: Sequence[str]) -> dict[str, NodeSettings]:
    """Return what the nodes of a process go by, by the names of their backends. Raise OSError for certificates."""
    names = named or [name for name in config.backends if _is_ours(config, name)]
    return {name: _settings(config, name) for name in names}


def _settings(config: Config, name: str) -> NodeSettings:
    section = config.backends[name]
    how = rabbitmq_of(section, config)
    assert how.layout is not None  # noqa: S101 - `objection` has looked
    return NodeSettings(how.broker, how.layout, how.patience, retry_of(section), how.raw, name)


class NodeParts:
    """The parts of one CSMS node, wired by hand. Nothing is open and nothing runs yet."""

    def __init__(self, active: ActiveConfiguration, named: Sequence[str]) -> None:
        schemas.load()
        config = active.config
        self.named = named
        self.clock = time.monotonic
        self.wheel = Wheel(self.clock(), TICK)
        self.supervision = Supervision(self.clock)
        self.calendar = Calendar(time.time, self.clock)
        database = database_of(active.loaded, self.supervision, self.calendar, lambda station: None)
        assert database is not None  # noqa: S101 - `objection` has looked
        self.database = database
        self.csms = csms_of(config, self.database, self.wheel, self.clock)
        self.nodes: dict[str, Node] = {}
        """What answers stations, by the names of backends."""
        self.wanted = node_settings(config, named)
        connections = StoredConnections(self.database)
        self.csms.elsewhere = ByQueue(connections, self.nodes)
        self.costs = Costs(self.csms, connections, Rota(self.database), self.nodes)
        self.watch = Watch(self.csms.rounds, connections, by_queue(self.database, lambda: self.nodes), time.time)
        home = active.loaded.home
        self.operating = operating_of(lambda: active.config, self.csms, self.database, self.calendar, home)
        self.state: NodeState = "serving"

    def node(self, name: str) -> Node:
        """Make what answers the stations of a backend."""
        csms, settings = self.csms, self.wanted[name]
        made = Node(
            settings, csms.serve, self.wheel, self.clock, time.time, csms.left, random.random, lambda: csms.away
        )
        self.nodes[name] = made
        return made


class CsmsProcess(Life):
    """One CSMS node, from its configuration to its end."""

    def __init__(self, loaded: Loaded, named: Sequence[str] = ()) -> None:
        self._active = ActiveConfiguration(loaded, partial(objection, named=named))
        parts = self._parts = NodeParts(self._active, named)
        self._web: Web | None = None
        reload = _Reload(self._active, parts, self)
        super().__init__(parts.wheel, parts.clock, parts.calendar, parts.supervision, reload)
        self._consuming: dict[str, asyncio.Task[None]] = {}

    @property
    def access(self) -> ApiAccess | None:
        """Who may use the API; None without one."""
        return None if self._web is None else self._web.access

    async def live(self, ready: Callable[[Running], None], stop: asyncio.Event) -> None:
        """Answer stations until `stop` is set; what is not answered by then another node answers."""
        self._start_ticking()
        parts = self._parts
        answering: list[asyncio.Task[None]] = []
        serving: list[asyncio.Task[None]] = []
        telling: list[asyncio.Task[None]] = []
        uploads: WebServer | None = None
        try:
            await parts.database.open()
            self._web = open_csms_web(self._active, parts)
            uploads = None if parts.operating is None else parts.operating.listen()
            answering = [parts.supervision.repeat(name, work) for name, work in parts.csms.rounds.tasks()]
            serving = self._serve(self._web, uploads)
            if parts.operating is not None:
                telling = [parts.supervision.keep("csms jobs", parts.operating.runner.run)]
            await self.consume(parts.wanted)
            self._reload.begun.set()
            note_life(parts.database, "Start")
            freeze()
            self._say_ready(ready)
            await stop.wait()
            parts.state = "stopping"
            log.info("stopping")
            if parts.operating is not None:
                parts.operating.runner.stop()
            await finished(telling, self._active.config.shutdown.grace)
        finally:
            await ended(telling)
            await self.consume({})
            for server in (*(() if self._web is None else self._web.servers.values()), uploads):
                if server is not None:
                    await server.close()
            await ended(serving)
            if self._web is not None:
                self._web.access.close()
                self._web.audit.refusals.close()
            await ended(answering)
            note_life(parts.database, "Stop")
            await parts.database.close()
            self._stop_ticking()

    def _serve(self, web: Web | None, uploads: WebServer | None) -> list[asyncio.Task[None]]:
        parts, supervision = self._parts, self._parts.supervision
        tasks = [
            supervision.repeat("csms heard", partial(tend, parts.csms)),
            supervision.repeat("csms costs", parts.costs.look),
            supervision.repeat("csms watch", partial(watch, parts.watch)),
            supervision.repeat("csms certificates", parts.csms.signer.run),
        ]
        if parts.operating is not None:
            tasks.append(supervision.repeat("csms old rows", parts.operating.purge))
        if uploads is not None:
            tasks.append(supervision.keep("uploads", uploads.serve))
        if web is not None:
            tasks += [supervision.keep(name, server.serve) for name, server in web.servers.items()]
            tasks += [supervision.repeat(name, follow) for name, follow in web.access.tasks()]
        return tasks

    async def consume(self, wanted: Mapping[str, NodeSettings]) -> None:
        """Answer the stations of these backends from now on, and of no others; what stays as it was goes on."""
        parts = self._parts
        over = [name for name in self._consuming if wanted.get(name) != parts.nodes[name].settings]
        await ended([self._consuming.pop(name) for name in over])
        for name in over:
            del parts.nodes[name]
        for name in wanted:
            if name not in self._consuming:
                self._consuming[name] = parts.supervision.repeat(f"node {name}", parts.node(name).run)

    def _say_ready(self, ready: Callable[[Running], None]) -> None:
        config, source = self._active.config, self._active.loaded.source
        http = None if self._web is None else config.listen.http_url
        consumed = tuple(self._parts.nodes)
        log.info("answering", backends=", ".join(consumed), http=http, version=__version__)
        ready(Running({}, http, source, tuple(config.backends), consumed))


class _Reload(Reloading):
    """Changes the configuration of a CSMS node."""

    def __init__(self, active: ActiveConfiguration, parts: NodeParts, process: CsmsProcess) -> None:
        super().__init__(active, parts.database.put)
        self._parts = parts
        self._process = process

    async def _take(self, loaded: Loaded) -> None:
        parts, config = self._parts, loaded.config
        wanted, tokens = node_settings(config, parts.named), configured_tokens(loaded)
        if parts.state == "stopping":
            return
        self._warn(loaded)
        logs.configure(config.log.level, config.log.format)
        parts.database.follow(database_settings(config))
        parts.csms.follow(csms_settings(config))
        parts.csms.signer.authority = authority_of(config)
        if parts.operating is not None:
            parts.operating.follow(config)
        access = self._process.access
        if access is not None:
            access.change(tokens, config)
        self._active.take(loaded)
        parts.wanted = wanted
        await self._process.consume(wanted)
        log.info("configuration changed", file=str(loaded.source))
