"""Wires of whose stations the far end is told: it hears that a station has gone however that came about.

A wire may be lost while the connection stays, as when nobody is at its far end for a while: its station may go before
it comes again, and nobody else would say so. That it has gone is said again until the broker has it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from voltgate.carriers.amqp.items import CONNECTED, DISCONNECTED
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle
from voltgate.carriers.bus_wire import BusWire

if TYPE_CHECKING:
    from voltgate.carriers.amqp.shape import Carrying

KEPT = 3600.0
"""Seconds for which the broker keeps for whoever answers next that a station has gone."""


class ToldWire(BusWire[str, Past]):
    """A station's wire. `told` has the last wire of each station that the far end takes for connected, by identity."""

    __slots__ = ("_looks", "_told")
    _post: Carrying

    RETURNS = 30
    """Looks at who is there, one each second, within which a station comes again whose wire was lost."""

    def __init__(
        self, post: Carrying, identity: str, protocol: str, told: dict[str, ToldWire], *, shared: bool
    ) -> None:
        super().__init__(post, identity, protocol, shared=shared)
        self._told = told
        self._looks = 0

    @abstractmethod
    def _say(self, event: str, settled: Callable[[Obstacle | None], None]) -> Obstacle | None:
        """Send what became of the station; return why that cannot be sent."""

    @abstractmethod
    def _announced(self, obstacle: Obstacle | None) -> None:
        """Go on: the broker has that the station has come, or has not taken it."""

    def _begin(self) -> None:
        """Have the far end know of the station."""
        self._told[self.identity] = self
        self._tell(CONNECTED, self._announced)

    def _tell(self, event: str, settled: Callable[[Obstacle | None], None]) -> None:
        obstacle = self._say(event, settled)
        if obstacle is not None:
            self._post.soon(lambda: settled(obstacle))

    def _leave(self) -> None:
        """End, and have the far end know that the station has gone, unless it has come again."""
        self.end()
        if self._post.forget(self, Past()) and self._receiver is not None:
            self._tell_gone()

    def looked(self, *, is_news: bool) -> None:
        """Take note that the far end is there. `is_news`: it may be one that was not told of the station yet.

        A station that is here is told of again then; one that has gone, when it has not come again after so many looks.
        """
        if self._is_over:
            self._looks += 1
            if self._looks % self.RETURNS == 0:
                self._tell_gone()
        elif is_news:
            self._tell(CONNECTED, self._announced)

    def _tell_gone(self) -> None:
        self._tell(DISCONNECTED, self._gone_settled)

    def _gone_settled(self, obstacle: Obstacle | None) -> None:
        if obstacle is None and self._told.get(self.identity) is self:
            del self._told[self.identity]
