"""What a station has said of itself since it is connected: told when it changes, and not when it is said again."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[int | None, int]
"""An EVSE and a connector: (None, 1) in 1.x, (1, 1) in 2.x, (None, 0) for the station as a whole."""

STATION: Place = (None, 0)
"""The station as a whole."""

NO_ERROR = "NoError"

MOST = 256
"""Connectors, and transactions, that are remembered of one station."""
_ENDS = 16
"""Ends of transactions that nobody knows, which are remembered."""


class Said(NamedTuple):
    """What a station said of a connector last: a status and an error in the words of 1.6, and its vendor's code."""

    status: str = ""
    error_code: str = NO_ERROR
    vendor_error_code: str = ""


class Charging(NamedTuple):
    """What a transaction of 2.x said last: where it is, its charging state, and what 1.6 calls that."""

    place: Place
    state: str
    word: str
    has_charged: bool


class Learnt:
    """What is remembered of one station, for as long as it is connected.

    `said` is the last that is known of each connector, `charging` of each transaction of 2.x. `behind` is by how many
    seconds the station's clock was behind when it was looked at last, and when that was. `vague`: it is of 1.2 or 1.5,
    and says Occupied for all that 1.6 tells apart.
    """

    __slots__ = ("_ended", "behind", "charging", "said", "vague")

    def __init__(self) -> None:
        self.said: dict[Place, Said] = {}
        self.charging: dict[str, Charging] = {}
        self.behind: tuple[float, float] | None = None
        self.vague = False
        self._ended: tuple[str, ...] = ()

    def changes(self, place: Place, said: Said) -> bool:
        """Return whether something else is said of a connector than before, and remember it."""
        if self.said.get(place) == said or (place not in self.said and len(self.said) >= MOST):
            return False
        self.said[place] = said
        return True

    def charges(self, transaction: str, charging: Charging) -> None:
        """Remember what a transaction said; the one that was heard of first is forgotten when there are too many."""
        self.charging[transaction] = charging
        if len(self.charging) > MOST:
            del self.charging[next(iter(self.charging))]

    def has_ended(self, said: str) -> bool:
        """Return whether this was said before of the end of a transaction that nobody knows, and remember it."""
        if said in self._ended:
            return True
        self._ended = (*self._ended, said)[-_ENDS:]
        return False
