"""The HTTP side of a CSMS node: health, metrics, and what of the API needs no gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess
from voltgate.app.csms import parts_of
from voltgate.app.gauges import csms_numbers, store_numbers
from voltgate.app.readiness import configuration_state, store_state, task_states
from voltgate.app.web_servers import Web, open_servers
from voltgate.ocpp.counts import Counts
from voltgate.telemetry.lines import ERRORS
from voltgate.telemetry.metrics import Gauges, Sources, VoltgateCollector
from voltgate.web.api import csms, no_gateway
from voltgate.web.audited import Audit
from voltgate.web.server import application

if TYPE_CHECKING:
    from voltgate.app.csms_process import NodeParts


def open_csms_web(active: ActiveConfiguration, parts: NodeParts) -> Web | None:
    """Listen for HTTP; None where the configuration has neither address nor socket. Raise OSError for what is taken."""
    if active.config.listen.http_url is None:
        return None
    access = ApiAccess(active.loaded, parts.database)
    collector = VoltgateCollector(_sources(parts, access.access.refused))

    def readiness() -> dict[str, Any]:
        return _readiness(active, parts)

    app = application(
        collector,
        readiness,
        __version__,
        access.access,
        access.issued,
        csms.routers(),
        users=access.users,
        has_metrics=active.config.listen.metrics_address is None,
    )
    app.state.single_sign_on = access.single_sign_on
    app.state.audit = Audit(parts.database.put)
    app.state.csms = parts_of(lambda: active.config, parts.database, None, next(iter(parts.wanted)))
    app.state.operating = None if parts.operating is None else parts.operating.parts
    no_gateway.install(app)
    if parts.operating is not None:
        parts.operating.add_uploads(app)

    def page() -> FastAPI:
        return application(collector, readiness, __version__, access.access, has_api=False)

    servers = open_servers(active, app, page)
    return Web(servers, access, app.state.audit)


def _readiness(active: ActiveConfiguration, parts: NodeParts) -> dict[str, Any]:
    """Return the body of `/readyz`: it is ready when it takes calls of each of its backends and can answer them."""
    nodes, calendar = parts.nodes, parts.calendar
    connected = bool(nodes) and all(node.is_connected for node in nodes.values())
    return {
        "ready": parts.state == "serving" and connected and not parts.csms.away,
        "state": parts.state,
        "brokers": {name: {"status": "ok" if node.is_connected else "away"} for name, node in nodes.items()},
        "store": store_state(parts.database),
        "tasks": task_states(parts.supervision),
        "clock": {"steady": calendar.is_steady, "jumps": calendar.jumps},
        "configuration": configuration_state(active),
    }


def _sources(parts: NodeParts, refused: Mapping[str, int]) -> Sources:
    """Return the sources of a node's metrics: those of a gateway's are empty."""
    return Sources(
        backends=list,
        station_counts=Counts(),
        refusals=dict,
        gauges=lambda: _gauges(parts),
        links=_Links(parts),
        events={},
        store=lambda: store_numbers(parts.database),
        claims=dict,
        soap=dict,
        lost_lines=ERRORS.lost,
        listener_faults={},
        dials=list,
        names=lambda: 0,
        supervision=parts.supervision,
        csms=lambda: csms_numbers(parts.csms),
        failed_logins=refused,
    )


class _Links(dict[str, object]):
    """What befell the connections to brokers, by backend: nodes come and go with the configuration."""

    def __init__(self, parts: NodeParts) -> None:
        super().__init__()
        self._parts = parts

    def items(self) -> Any:
        """Return them as they are now."""
        return {name: node.counts for name, node in self._parts.nodes.items()}.items()


def _gauges(parts: NodeParts) -> Gauges:
    nodes = parts.nodes.values()
    stations, open_calls = sum(len(node.stations) for node in nodes), sum(node.open_calls for node in nodes)
    return Gauges(stations, 0, 0, open_calls, len(parts.wheel), parts.calendar.is_steady, parts.calendar.jumps)
