"""Claiming: what backends and operators say is written down, put in force, and reported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import structlog

from voltgate.directory.register import Change, Register, Taken
from voltgate.directory.rows import Accepted, Address
from voltgate.directory.urls import shown
from voltgate.gateway import Gateway
from voltgate.relay.events import BackendMoved, ClaimContested, ClaimsChanged, Listen, StationAccepted
from voltgate.relay.records import StoreAway

log = structlog.get_logger("voltgate")


class Claiming:
    """The one way to change the register. `rebuild` makes the snapshot anew, for a backend with another address."""

    def __init__(
        self, register: Register, gateway: Gateway, rebuild: Callable[[], Awaitable[None]], listen: Listen
    ) -> None:
        self.register = register
        self._gateway = gateway
        self._rebuild = rebuild
        self._listen = listen

    async def replace(
        self, backend: str, identities: Iterable[str], by: str, address: Address | None, *, force: bool
    ) -> Change:
        """Put a backend's whole list in place of the former one. Raise StoreAway, TooMany and TooShort."""
        return await self._enforced(await self.register.replace(backend, identities, by, address, force=force))

    async def amend(
        self, backend: str, add: Iterable[str], remove: Iterable[str], by: str, address: Address | None
    ) -> Change:
        """Add stations to a backend's list and take others out of it. Raise StoreAway and TooMany."""
        return await self._enforced(await self.register.amend(backend, add, remove, by, address))

    async def follow(self, taken: Taken) -> None:
        """Have stations go where they belong after another gateway has changed the register, and reported that."""
        for key in taken.keys & self.register.accepted.keys():
            self._gateway.waiting_room.forget(self.register.accepted[key].identity)
        if taken.moved:
            await self._rebuild()
        else:
            await self._gateway.reevaluate(taken.keys)

    async def _enforced(self, change: Change) -> Change:
        if change.moved:
            await self._rebuild()
        else:
            await self._gateway.reevaluate(change.keys)
        self._report(change)
        return change

    def _report(self, change: Change) -> None:
        name, by = change.backend, change.by
        if change.added or change.removed:
            counted = (change.stations, change.added, change.removed, change.contested)
            self._listen(ClaimsChanged(name, by, *counted))
        for contest in change.contests:
            backends = tuple(backend for backend, _, _ in contest.claims)
            self._listen(ClaimContested(contest.station, contest.holder, backends, by))
        if change.moved:
            told = self.register.addresses[name]
            self._listen(BackendMoved(name, shown(told.url) or "", shown(told.soap_url) or "", by))

    async def accept(self, identity: str, route: str, by: str) -> Accepted:
        """Let a station in from the waiting room. Raise StoreAway."""
        accepted = await self.register.accept(identity, route, by)
        self._gateway.waiting_room.forget(identity)
        self._listen(StationAccepted(identity, route, by))
        await self._gateway.reevaluate([self._gateway.snapshot.directory.key(identity)])
        return accepted

    async def forget(self, identity: str) -> bool:
        """Let a station in no longer that came from the waiting room; False when it did not. Raise StoreAway."""
        key = self._gateway.snapshot.directory.key(identity)
        known = await self.register.forget(key)
        if known:
            await self._gateway.reevaluate([key])
        return known

    async def tidy(self) -> None:
        """Strike out what has expired, and move the stations that it leaves to others."""
        try:
            async for change in self.register.tidy():
                await self._enforced(change)
        except StoreAway as away:
            log.warning("expired claims are not struck out", reason=str(away))
