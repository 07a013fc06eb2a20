"""Coming in: what is known of a station while its handshake is not answered yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from voltgate.carriers.handshake import NOBODY, Handshake, Refused
from voltgate.dialler import Dialler
from voltgate.directory.profiles import Arrival
from voltgate.directory.stations import Station
from voltgate.gates import in_turn
from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialContext, DialledWire, Verdict
from voltgate.relay.events import LegDown
from voltgate.relay.ports import Ports
from voltgate.relay.records import Page, Pages, Store
from voltgate.relay.route import Route
from voltgate.snapshot import Snapshot
from voltgate.versions import Choice

RETRY_AFTER = (("Retry-After", "10"),)
TORN = Refused(503, "This station comes to several gateways at the same time", RETRY_AFTER)
_ROUNDS = 3
"""Gateways that are asked to let a station go, one after the other, before it is sent away."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A station whose handshake is not answered yet: who it is, what it may speak, and where it goes.

    `number` counts the handshakes: of two sessions of a station that of the later handshake stays.
    """

    snapshot: Snapshot
    station: Station
    dial_context: DialContext
    route: Route
    choice: Choice
    number: int
    arrival: Arrival | None = None
    """With which security profile it comes; None: it does not come by itself."""

    @property
    def is_brokered(self) -> bool:
        """Whether a broker stands before a backend that may let it in."""
        backends = (self.snapshot.backends[name] for name in self.choice.plans.first.answer)
        return any(endpoint.brokered for backend in backends for endpoint in backend.settings.endpoints)


class Taken(NamedTuple):
    """The page of a station that comes, None if it could not be read; `at` is when, by the clock of the wheel.

    `number` counts on with the handshakes, and was drawn before the page was asked for: who is let go after that is not
    here.
    """

    page: Page | None
    at: float
    number: int


ReleaseThere: TypeAlias = Callable[[Page], Awaitable[None]]
"""Has the gateway that a station is connected to let it go (`Page.former`); within a bounded time."""


async def alone(page: Page) -> None:
    """Tell nobody: there is no other gateway."""


async def take_page(
    pages: Pages, station: str, release_there: ReleaseThere, numbers: Iterator[int], at: float
) -> Taken:
    """Take the page of a station, which others let go before, at a time.

    It has a `former` still if there was another one each time. Raises StoreAway.
    """
    number = next(numbers)
    page = await pages.take(station)
    for _ in range(_ROUNDS):
        if not page.former:
            break
        await release_there(page)
        number = next(numbers)
        page = await pages.take(station, regardless=page.session)
    return Taken(page, at, number)


async def on_disk(store: Store, station: str) -> bool:
    """Return whether all that was put so far of a station is on disk, once that is known."""
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def tell(written: bool) -> None:
        if not told.done():  # whoever waited may have given up
            told.set_result(written)

    store.after(tell, station)
    return await told


async def dial_in_order(
    dialler: Dialler, ports: Ports, pending: Pending, until: float
) -> tuple[Backend, DialledWire, str] | Refused:
    """Dial the backends of the failover in order; a 4xx is a verdict, anything else moves on to the next.

    Return who let the station in, with its link and the version chosen: of those that this one was offered.
    """
    refused = Refused(503, "No rule says who answers this station", RETRY_AFTER)
    for name, within in in_turn(pending.choice.plans.first.answer, until, ports.clock):
        backend = pending.snapshot.backends[name]
        offer = pending.choice.offer_to(backend)
        if not offer:
            continue
        result = await dialler.dial(backend, pending.dial_context, offer, answering=True, within=within)
        if not isinstance(result, Verdict):
            own = backend.settings.dialect is not None
            return backend, result, pending.choice.best if own else result.subprotocol or offer[0]
        ports.listen(LegDown(pending.dial_context.identity, name, result.reason, None))
        refused = _refusal(result)
        if result.status is not None and 400 <= result.status < 500:
            break
    return refused


def hang_up(link: DialledWire, reason: str) -> None:
    """Close a link that was dialled and is not needed any more."""
    link.start(NOBODY)
    link.close(GOING_AWAY, reason)


def shown(handshake: Handshake) -> tuple[str, ...]:
    """Return what a station offers to speak, as the list of unknown stations shows it: "soap1.5" for example."""
    native = handshake.native
    return handshake.offered if native is None else (native.speaks.replace("ocpp", handshake.carrier, 1),)


def dial_context_of(handshake: Handshake, station: Station) -> DialContext:
    """Return what carriers need to dial on a station's behalf."""
    return DialContext(
        station.identity,
        handshake.authorization,
        handshake.user_agent,
        handshake.address,
        handshake.forwarded_for,
        handshake.secure,
        handshake.target,
        handshake.carrier,
        handshake.native,
    )


def _refusal(verdict: Verdict) -> Refused:
    """Turn a backend's verdict into the station's: its own status where it gave one, 503 where it was not reached."""
    if verdict.status is None or not 400 <= verdict.status < 600:
        return Refused(503, "The backend was not reached", RETRY_AFTER)  # why is not for strangers, but for the log
    kept = tuple((n, v) for n, v in verdict.headers if n.lower() in {"www-authenticate", "retry-after"})
    return Refused(verdict.status, f"The backend {verdict.reason}", kept)
