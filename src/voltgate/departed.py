"""Stations that have gone: what the gateway still holds of them, for those that come again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from voltgate.relay.ledger import Ledger
from voltgate.relay.records import Elsewhere
from voltgate.relay.session import Session

_REMEMBERED = 1000
"""Ledgers of stations that have just gone: one that connected meanwhile read its page before the last words were in."""
_GIVEN = 10_000
"""Stations that were let go last: a handshake of theirs may be under way."""
_BLANK = 1_000_000
"""Stations of which it is known that nothing on record changes what they and their backend say to each other."""


class _Gone(NamedTuple):
    until: float
    """When it had gone, and its backends had answered what was open then, or could not have any more."""
    ledger: Ledger


class Departed:
    """What is held of the stations that have gone. `clock` returns the seconds of the wheel."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gone: OrderedDict[str, _Gone] = OrderedDict()
        self._lingering: OrderedDict[str, tuple[float, Session]] = OrderedDict()
        """Sessions of which a backend is still to answer a transaction message, each with the time until which."""
        self._blank: OrderedDict[str, int] = OrderedDict()
        self._given: OrderedDict[str, int] = OrderedDict()

    def add(self, session: Session) -> None:
        """Take note that a station has gone."""
        now, key, ledger = self._clock(), session.key, session.ledger
        until = now + session.settings.backend_patience if session.lingers else now
        self._gone[key] = _Gone(until, ledger)
        self._gone.move_to_end(key)
        self._lingering.pop(key, None)
        while self._lingering and next(iter(self._lingering.values()))[0] < now:
            self._lingering.popitem(last=False)
        if until > now:
            self._lingering[key] = (until, session)
        while len(self._gone) > _REMEMBERED and next(iter(self._gone.values())).until < now:
            self._gone.popitem(last=False)
        self._blank.pop(key, None)
        if ledger.blank:
            self._blank[key] = ledger.journal.last
            if len(self._blank) > _BLANK:
                self._blank.popitem(last=False)

    def forget(self, key: str) -> None:
        """Hold nothing of a station any more, which is another gateway's: its ledger writes nothing more."""
        if key in self._gone:
            self._gone[key].ledger.store = Elsewhere()
        for known in (self._gone, self._lingering, self._blank):
            known.pop(key, None)

    def give(self, key: str, number: int) -> None:
        """Take note that a station goes to another gateway; `number` says when, as handshakes are counted."""
        self._given[key] = number
        self._given.move_to_end(key)
        if len(self._given) > _GIVEN:
            self._given.popitem(last=False)

    def given_since(self, key: str, number: int) -> bool:
        """Return whether a station was let go to another gateway after this."""
        return self._given.get(key, 0) > number

    def knows(self, key: str) -> bool:
        """Return whether a station's ledger is still here."""
        return key in self._gone

    def ledger(self, key: str, read_at: float | None) -> Ledger | None:
        """Return a station's ledger if its page, read at `read_at`, may lack something; None: it was not read."""
        gone = self._gone.get(key)
        return gone.ledger if gone is not None and (read_at is None or gone.until >= read_at) else None

    def lingering(self, key: str) -> Session | None:
        """Return the session of a station that has gone, while a backend is still to answer it."""
        until, session = self._lingering.get(key, (0.0, None))
        return session if until >= self._clock() else None

    def last_owed(self, key: str) -> int | None:
        """Return the number of the last message that was owed of a station with nothing on record; None: who knows."""
        return self._blank.get(key)
