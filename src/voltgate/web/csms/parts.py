"""What the resources of the management system work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request

from voltgate.claiming import Claiming
from voltgate.csms.model import MAIN, Network, Station, Token
from voltgate.store.csms.networks import Networks
from voltgate.store.csms.of_stations import StationQueries
from voltgate.store.csms.stations import Stations
from voltgate.store.csms.tariffs import TariffStore
from voltgate.store.csms.tokens import Tokens
from voltgate.web.access import Caller, PersonRole, caller_of
from voltgate.web.networks import Reach, reach_of
from voltgate.web.problems import Problem

EVERYWHERE = Reach(Caller("", "viewer"), None)
_PART = 1000
_DRAWN = 2
"""Pictures that are drawn at a time."""

NO_DATABASE = 'The management system has no database, as store.url is "off": give it one.'
NO_BACKEND = (
    'No backend is the management system: give the configuration one with url = "local:", and a route that it is on.'
)
NO_GATEWAY = "This is a CSMS node, where no gateway runs: have a gateway let stations in, or forget them."


@dataclass(frozen=True, slots=True)
class CsmsParts:
    """The parts of a process that has a management system, or that stands beside one on the same database."""

    queries: StationQueries
    networks: Networks
    stations: Stations
    tokens: Tokens
    tariffs: TariffStore
    claims: Claiming | None
    """What lets stations in; None where no gateway runs."""
    key: Callable[[str], str]
    """Returns what an identity is compared by."""
    objection: Callable[[str], str | None]
    """Returns why an identity is none; None if it is one."""
    backend: Callable[[], str]
    """Returns the name of the backend that the management system is; "": none is."""
    currency: Callable[[], str]
    """Returns the currency of costs that have no other."""
    reach: Reach = EVERYWHERE
    """The networks that the caller of a request looks at, or acts on: the others are not there."""
    drawing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DRAWN))

    @property
    def claiming(self) -> Claiming:
        """What lets stations in. Raise Problem 409 where no gateway runs."""
        if self.claims is None:
            raise Problem(409, "Conflict", NO_GATEWAY)
        return self.claims

    async def network(self, name: str) -> Network | None:
        """Return a network; that of stations that are in no other is made at the first look."""
        if not self.reach.has(name):
            return None
        row = await self.queries.network(name)
        if row is None and name == MAIN:
            row = Network(MAIN, "Main")
            await self.networks.create(row)
        return row

    async def unknown(self, networks: Collection[str]) -> set[str]:
        """Return which of some networks are none."""
        left, after = set(networks), None
        await self.network(MAIN)
        while left:
            part = await self.queries.list_networks(after, _PART)
            left -= {row.id for row in part.rows}
            after = part.after
            if after is None:
                break
        return left | {name for name in networks if not self.reach.has(name)}

    async def known(self, kind: type[Station | Token], keys: Collection[str]) -> set[str]:
        """Return which of these keys are those of stations, or of tokens, in the networks."""
        found = await self._networks_of(kind, keys)
        return {key for key, network in found.items() if self.reach.has(network)}

    async def foreign(self, kind: type[Station | Token], keys: Collection[str]) -> set[str]:
        """Return which of these keys are those of stations, or of tokens, in other networks."""
        if self.reach.networks is None:
            return set()
        found = await self._networks_of(kind, keys)
        return {key for key, network in found.items() if not self.reach.has(network)}

    async def _networks_of(self, kind: type[Station | Token], keys: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        asked = list(keys)
        for start in range(0, len(asked), _PART):
            found |= await self.queries.networks_of(kind, asked[start : start + _PART])
        return found


async def _parts(request: Request) -> CsmsParts:
    parts: CsmsParts | None = getattr(request.app.state, "csms", None)
    if parts is None:
        raise Problem(409, "Conflict", NO_DATABASE)
    if not parts.backend():
        raise Problem(409, "Conflict", NO_BACKEND)
    role: PersonRole = "viewer" if request.method in ("GET", "HEAD") else "operator"
    return replace(parts, reach=reach_of(caller_of(request), role))


Csms = Annotated[CsmsParts, Depends(_parts)]
