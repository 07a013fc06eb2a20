"""The outbox of a simulated station: the calls that wait for their turn, and for a backend that answers."""

from __future__ import annotations

from voltgate.simulator.line import Asked

MOST_KEPT = 10_000
"""How many messages a station keeps while nobody answers; a transaction message beyond that is lost, and counted."""


class Outbox:
    """Calls in the order in which they were asked. Those that are `kept` outlive a connection, the others do not."""

    __slots__ = ("_pause", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[Asked] = []
        self._pause = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def owes(self) -> bool:
        """Tell whether a transaction message waits."""
        return any(asked.kept for asked in self._waiting)

    def put(self, asked: Asked) -> bool:
        """Add a call at the end; False when too many wait."""
        if len(self._waiting) >= MOST_KEPT:
            return False
        self._waiting.append(asked)
        return True

    def put_back(self, asked: Asked, until: float) -> None:
        """Keep a transaction message for another try: none is sent before `until`, so that their order holds."""
        asked.due = None
        self._waiting.insert(0, asked)
        self._pause = until

    def take(self, now: float) -> Asked | None:
        """Take the next call: in order, but while transaction messages pause the others go around them."""
        if not self._waiting:
            return None
        if now >= self._pause:
            return self._waiting.pop(0)
        place = next((place for place, asked in enumerate(self._waiting) if not asked.kept), None)
        return None if place is None else self._waiting.pop(place)

    def resume(self) -> None:
        """End the pause: there is a new connection."""
        self._pause = 0.0

    def keep(self, unanswered: list[Asked]) -> list[Asked]:
        """Keep, of what a lost connection left unanswered and of what waits, what must not be lost; give the rest."""
        everything = unanswered + self._waiting
        self._waiting = [asked for asked in everything if asked.kept]
        return [asked for asked in everything if not asked.kept]
