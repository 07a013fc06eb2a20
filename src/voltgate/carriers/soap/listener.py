"""The listener that SOAP requests come by: one like that of websockets, whose connections bring requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.soap.connection import Answered, Connection, Head, Limits, Origin, Post
from voltgate.carriers.websocket import origin
from voltgate.carriers.websocket.link import Clock, Link
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.carriers.websocket.pending import Pending
from voltgate.ocpp.wheel import Wheel

Take = Callable[[Post, Answered], None]
"""Takes a request; returns at once."""


async def _nobody(handshake: Handshake) -> Refused:
    return Refused(400, "Nobody is let in here.")


class SoapListener(Listener):
    """One listener for SOAP: its settings hold `Limits`. Its connections count and are limited as those of any."""

    def __init__(
        self,
        settings: ListenerSettings,
        take: Take,
        wheel: Wheel,
        clock: Clock,
        *,
        report: Callable[[Exception, Link | Handshake], None],
        refusals: dict[str, int] | None = None,
    ) -> None:
        super().__init__(settings, _nobody, wheel, clock, report=report, refusals=refusals)
        self.clock = clock
        self._take = take

    def limits(self) -> Limits:
        """Return the limits that hold now."""
        assert isinstance(self.settings.how, Limits)  # noqa: S101 - the composition root hands in nothing else
        return self.settings.how

    def wake(self, seconds: float, wake: Callable[[float], None]) -> None:
        """Have something called later."""
        self._wheel.at(self.clock() + seconds, wake)

    def _new_pending(self, peer: str = "") -> Pending:
        return Connection(self, self._head_limits(), peer)

    def posted(self, connection: Connection, head: Head, body: bytes, answered: Answered) -> None:
        """Take a request from one of the connections."""
        if not connection.address:
            address = origin.station_address(connection.hop, head.request(), self.settings.trusted)
            refused = self._placed(connection, address)
            if refused is not None:
                connection.refuse(refused)
                return
        authorization = head.known.get(b"authorization")
        origin_of = partial(self._origin, connection, head)
        self._take(Post(head.target, body, authorization, connection.memory, origin_of), answered)

    def _origin(self, connection: Connection, head: Head) -> Origin:
        """Return where a request came from: not its connection, by which a proxy sends those of many stations."""
        request, trusted = head.request(), self.settings.trusted
        return Origin(
            origin.station_address(connection.hop, request, trusted),
            origin.forwarded_for(connection.peer, connection.hop, request, trusted),
            request.one("user-agent"),
            self._context is not None,
            self.settings.name,
        )
