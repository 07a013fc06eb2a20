"""The HTTP side of a process: health, metrics and the API, of the parts that it shows."""

from __future__ import annotations

from dataclasses import dataclass

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess
from voltgate.app.claimants import claimants_of
from voltgate.app.composition import Composition
from voltgate.app.gauges import sources_of
from voltgate.app.readiness import Readiness
from voltgate.telemetry.metrics import VoltgateCollector
from voltgate.web.api import claims
from voltgate.web.api.resources import routers
from voltgate.web.server import WebServer, application


@dataclass(frozen=True, slots=True)
class Web:
    """The server of a process, and who may use its API."""

    server: WebServer
    access: ApiAccess


def open_web(active: ActiveConfiguration, parts: Composition, readiness: Readiness) -> Web | None:
    """Listen for HTTP; None where the configuration has no address. Raise OSError for one that cannot be had.

    The database must have been opened: it holds tokens of the API.
    """
    address = active.config.listen.http_address
    if address is None:
        return None
    access = ApiAccess(active.loaded, parts.database)
    collector = VoltgateCollector(sources_of(parts))
    resources = (claims.router, *routers())
    app = application(collector, readiness, __version__, access.access, access.issued, resources)
    app.state.queries = parts.queries
    app.state.claiming = parts.claiming
    app.state.claimants = claimants_of(lambda: active.config)
    return Web(WebServer(app, *address), access)
