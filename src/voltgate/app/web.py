"""The HTTP side of a process: health, metrics and the API, of the parts that it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from fastapi import FastAPI
from prometheus_client.registry import Collector

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess
from voltgate.app.claimants import claimants_of
from voltgate.app.composition import Composition
from voltgate.app.csms import parts_of
from voltgate.app.gauges import sources_of
from voltgate.app.readiness import Readiness
from voltgate.app.route_editing import RouteEditing
from voltgate.app.web_servers import Web, open_servers
from voltgate.app.worker import Worker
from voltgate.telemetry.metrics import VoltgateCollector
from voltgate.web.api import claims, csms
from voltgate.web.api.resources import routers
from voltgate.web.audited import Audit, unnoted
from voltgate.web.server import WebServer, application, listening_at
from voltgate.web.siblings import Labelled, Siblings


def open_web(
    active: ActiveConfiguration,
    parts: Composition,
    readiness: Readiness,
    change: Callable[[], Awaitable[None]],
    worker: Worker | None = None,
) -> Web | None:
    """Listen for HTTP; None where the configuration has neither address nor socket. Raise OSError for what is taken.

    `change` has the configuration read again and taken. The database must have been opened: it holds tokens of the API.
    """
    if active.config.listen.http_url is None:
        return None
    access = ApiAccess(active.loaded, parts.database)
    callers = access.access
    parts.monitoring.tokens = access.ends
    sources = replace(sources_of(parts), failed_logins=callers.refused, tokens=callers.ends)
    collector: Collector = VoltgateCollector(sources)
    siblings = None
    if worker is not None:
        collector = Labelled(collector, worker.number, worker.restarts)
        siblings = Siblings(worker.number, range(1, worker.of + 1), worker.socket_of)
    resources = (claims.router, *routers(), *csms.routers())
    app = application(
        collector,
        readiness,
        __version__,
        access.access,
        access.issued,
        resources,
        siblings,
        access.users,
        has_metrics=active.config.listen.metrics_address is None,
    )
    app.state.queries = parts.queries
    note = parts.database.put if parts.database is not None else unnoted
    app.state.audit = Audit(note, parts.queries.named)
    app.state.routes_file = RouteEditing(active, change, note, shared=parts.cluster is not None)
    app.state.claiming = parts.claiming
    app.state.alerting = parts.alerting
    app.state.renew_callbacks = _renewing(active, parts)
    app.state.single_sign_on = access.single_sign_on
    app.state.csms = parts_of(lambda: active.config, parts.database, parts.claiming)
    app.state.claimants = claimants_of(lambda: active.config)
    app.state.operating = None if parts.operating is None else parts.operating.parts
    if parts.operating is not None:
        parts.operating.add_uploads(app)

    def page() -> FastAPI:
        return application(collector, readiness, __version__, callers, siblings=siblings, has_api=False)

    servers = open_servers(active, app, page, shared=worker is not None, first=worker is None or worker.number == 1)
    if worker is not None:
        inner = application(collector, readiness, __version__)
        servers["http for workers"] = WebServer(inner, listening_at(worker.socket_of(worker.number)))
    return Web(servers, access, app.state.audit)


def _renewing(active: ActiveConfiguration, parts: Composition) -> Callable[[], Awaitable[float]]:
    """Return what renews the key of callback addresses, and tells for how many seconds old ones are valid."""

    async def renew() -> float:
        await parts.surroundings.register.renew_key()
        parts.follow_soap(active.config)
        return active.config.soap.old_callbacks

    return renew
