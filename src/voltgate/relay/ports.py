"""What a session is given of the world, and what the configuration says of a station's stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from voltgate.ocpp.counts import Counts
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext, DialledWire
from voltgate.relay.events import Listen
from voltgate.relay.journal import JournalSettings
from voltgate.relay.ledger import Ledger, LedgerSettings
from voltgate.relay.policy import Wrap
from voltgate.relay.rate import Pace
from voltgate.relay.records import Page, Store
from voltgate.relay.tap import Taps


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the configuration says of a station's stay. Times are in seconds.

    `messages_per_second` with `burst` is the rate beyond which the station is let go (0: no limit), `commands` that
    beyond which one backend's calls are refused. `registration` is who refuses calls before BootNotification was
    accepted: the backend, or "gateway". `from_station` and `to_station` stand on the station's two arrows; the first of
    them sees a call first.
    """

    backend_patience: float = 30.0
    station_patience: float = 60.0
    window: int = 1
    waiting: int = 32
    waiting_bytes: int = 1 << 20
    messages_per_second: float = 0.0
    burst: int = 1000
    commands: Pace = Pace()  # noqa: RUF009 - frozen
    registration: Literal["backend", "gateway"] = "backend"
    from_station: tuple[Wrap, ...] = ()
    to_station: tuple[Wrap, ...] = ()
    ledger: LedgerSettings = LedgerSettings()  # noqa: RUF009 - frozen
    journal: JournalSettings = JournalSettings()  # noqa: RUF009 - frozen


class Wanted(Protocol):
    """A link that is to be opened."""

    @property
    def wanted(self) -> bool:
        """Whether it still is."""


class Dialled(Protocol):
    """A leg that is being dialled."""

    backend: Backend

    @property
    def link(self) -> Wanted:
        """The link that is to be opened."""

    def opened(self, wire: DialledWire) -> None:
        """Take the link that was dialled, and start it."""

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Take note that dialling came to nothing; `shared` if the carrier reports that for all its stations."""


class Dial(Protocol):
    """Opens a leg's link; ends in `opened` or `failed`."""

    def __call__(
        self, leg: Dialled, dial_context: DialContext | None, offer: tuple[str, ...], *, answering: bool
    ) -> None:
        """Start, and return at once.

        `offer` names the versions that may be spoken; `answering` says whether the backend answers the station.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """What a session needs of the world.

    `draw` returns a random number from 0 to 1, `clock` the seconds of the wheel, `wall` those since 1970. `store` keeps
    what must outlive the session.
    """

    wheel: Wheel
    clock: Callable[[], float]
    draw: Callable[[], float]
    dial: Dial
    listen: Listen
    counts: Counts
    wall: Calendar
    store: Store
    taps: Taps

    def ledger(self, station: str, page: Page) -> Ledger:
        """Open the ledger of a station, at the page that was kept of it."""
        return Ledger(station, self.store, self.wall, self.draw, page)
