"""The whole configuration: one frozen model, and the only place with defaults."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from voltgate.config.alerts import Alerts
from voltgate.config.api import Api
from voltgate.config.backends import Backend
from voltgate.config.bounds import Calls, Directory, Limits, Log, Protocol, Shutdown, Unknown
from voltgate.config.claims import Claims
from voltgate.config.cluster import Cluster
from voltgate.config.csms import Csms
from voltgate.config.include import Include
from voltgate.config.listen import Listen
from voltgate.config.messages import Messages
from voltgate.config.permits import Permit
from voltgate.config.routes import Route
from voltgate.config.soap import Soap
from voltgate.config.stations import StationEntry
from voltgate.config.store import Journal, Ledger, Store
from voltgate.config.tokens import TokenGroup
from voltgate.config.traces import Traces
from voltgate.config.values import Name, Secret, Section


class Config(Section):
    """All settings."""

    include: Include = Field(default=Include(), description="Further files of the configuration.")
    listen: Listen = Field(default=Listen(), description="Where Voltgate listens.")
    backends: dict[Name, Backend] = Field(default={}, description="What answers stations, by name: `[backends.NAME]`.")
    routes: dict[Name, Route] = Field(default={}, description="Who answers which call, by name: `[routes.NAME]`.")
    stations: Annotated[tuple[StationEntry, ...], Field(strict=False)] = Field(
        default=(), description="Who the stations are: `[[stations]]`. The first entry that matches an identity counts."
    )
    token_groups: dict[Name, TokenGroup] = Field(default={}, description="Groups of tokens: `[token_groups.NAME]`.")
    permits: dict[Name, Permit] = Field(default={}, description="What backends may ask: `[permits.NAME]`.")
    api: Api = Field(default=Api(), description="The API.")
    store: Store = Field(default=Store(), description="The database.")
    cluster: Cluster = Field(default=Cluster(), description="Several gateways on one PostgreSQL.")
    csms: Csms = Field(default=Csms(), description='The management system, a backend with `url = "local:"`.')
    ledger: Ledger = Field(default=Ledger(), description="Who owns which transaction.")
    journal: Journal = Field(default=Journal(), description="What backends are owed.")
    claims: Claims = Field(default=Claims(), description="Which stations backends say are their own.")
    alerts: Alerts = Field(default=Alerts(), description="What people are told.")
    soap: Soap = Field(default=Soap(), description="Stations that speak SOAP.")
    unknown: Unknown = Field(default=Unknown(), description="What becomes of stations that no entry matches.")
    directory: Directory = Field(default=Directory(), description="How identities are compared.")
    protocol: Protocol = Field(default=Protocol(), description="Where the specifications leave a choice.")
    calls: Calls = Field(default=Calls(), description="How long a call may take and how many may be open.")
    limits: Limits = Field(default=Limits(), description="What stations may use.")
    shutdown: Shutdown = Field(default=Shutdown(), description="How the gateway goes.")
    log: Log = Field(default=Log(), description="What is logged.")
    messages: Messages = Field(default=Messages(), description="Which messages are written down.")
    traces: Traces = Field(default=Traces(), description="Which calls are traced, and where spans go.")
    admin_token: Secret | None = Field(
        default=None,
        description="The first administrator's bearer token for the API, of at least 16 characters. Give it as "
        "`VOLTGATE_ADMIN_TOKEN`. Where neither this nor `[[api.tokens]]` is written, one is made at the first start, "
        "in the file `admin-token` beside the database.",
    )

    @property
    def only_route(self) -> str:
        """The route of entries that name none; "" if there are several or none."""
        return next(iter(self.routes)) if len(self.routes) == 1 else ""

    @property
    def ahead(self) -> float:
        """How many seconds before it refuses stations a gateway that stops says so: as written, else 5 in a cluster."""
        written = self.shutdown.ahead
        return written if written is not None else 5.0 if self.store.is_shared else 0.0

    def route_of(self, entry: StationEntry) -> str:
        """Return the route of `entry` without a claim; the only one if it names none."""
        return entry.route or self.only_route

    def admit(self, route: str) -> Literal["backend", "gateway"]:
        """Return who admits stations on `route`: as written, else the backend unless a password is checked here."""
        written = self.routes[route].admit if route in self.routes else None
        if written is not None:
            return written
        return "gateway" if route in self._checked else "backend"

    @cached_property
    def _checked(self) -> frozenset[str]:
        """The routes with stations whose password is checked here."""
        return frozenset(self.route_of(entry) for entry in self.stations if entry.checked)
