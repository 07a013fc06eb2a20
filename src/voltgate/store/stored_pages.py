"""The pages of stations as the gateway asks for them; the writing task of the database takes and reads them."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Callable
from dataclasses import replace

from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Page, StoreAway
from voltgate.store.asking import Asked, Question
from voltgate.store.locations import Alone
from voltgate.store.pending import Pending


class StoredPages:
    """The `Pages` of a database. `wake` is set when there is something to do; `reason` says why it is away, or None."""

    def __init__(
        self,
        asked: Asked,
        locations: Alone,
        pending: Pending,
        wake: Event,
        wall: Calendar,
        reason: Callable[[], str | None],
        patience: float,
    ) -> None:
        self._asked = asked
        self._locations = locations
        self._pending = pending
        self._wake = wake
        self._wall = wall
        self._reason = reason
        self._patience = patience

    @property
    def away(self) -> bool:
        """Whether no page can be read now, as far as is known."""
        return self._reason() is not None

    def holds(self, station: str) -> bool:
        """Return whether this gateway writes a station's page, as far as is known."""
        return self._locations.holds(station)

    def came(self, station: str, *, taken: bool) -> None:
        """Say that a session begins; without the page `taken`, because it could not be."""
        self._locations.came(station, taken=taken)
        self._have_it_said()

    def went(self, station: str) -> None:
        """Say that a station has gone."""
        self._locations.leave(station)
        self._have_it_said()

    def _have_it_said(self) -> None:
        if self._locations.waits:  # a gateway that is alone has nobody to tell
            self._wake.set()

    async def take(self, station: str, *, regardless: int = 0) -> Page:
        """Have this gateway write a station's page, and read it, all that was put before included. Raises StoreAway.

        While the station is connected to another one (`Page.former`) it is only taken `regardless` of the session
        there that has this number (`Page.session`), and of no newer one.
        """
        if regardless:
            self._asked.regardless[station] = regardless
        return await self._page(station, self._asked.takes)

    async def load(self, station: str) -> Page:
        """Read what is on record of a station, all that was put before included. Raises StoreAway."""
        return await self._page(station, self._asked.pages)

    async def _page(self, station: str, questions: dict[str, Question[Page]]) -> Page:
        heard = questions.setdefault(station, Question()).wait(self._pending.serial, self._patience)
        self._wake.set()
        at = self._wall()
        page = await heard
        if page is None:
            raise StoreAway(self._reason() or "the database does not answer")
        return replace(page, at=at)
