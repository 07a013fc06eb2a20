"""The listener that SOAP requests come by: one like that of websockets, whose connections bring requests."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from functools import partial

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.soap.allowance import Allowance, Purse
from voltgate.carriers.soap.connection import Answer, Answered, Connection, Head, Limits, Origin, Post
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
        self._allowance = Allowance(self.limits().rates)

    def limits(self) -> Limits:
        """Return the limits that hold now."""
        assert isinstance(self.settings.how, Limits)  # noqa: S101 - the composition root hands in nothing else
        return self.settings.how

    def wake(self, seconds: float, wake: Callable[[float], None]) -> None:
        """Have something called later."""
        self._wheel.at(self.clock() + seconds, wake)

    def _new_pending(self, peer: str = "") -> Pending:
        return Connection(self, self._head_limits(), peer)

    def change(self, settings: ListenerSettings, context: ssl.SSLContext | None = None) -> None:
        """Go by other settings; what addresses may bring is theirs, too."""
        super().change(settings, context)
        self._allowance.change(self.limits().rates)

    def purse(self, connection: Connection, head: Head) -> Purse | None:
        """Return what a request has to spend: the share of its address. None if its connection was refused."""
        address, trusted = connection.address, self.settings.trusted
        if not address or (trusted and origin.is_trusted(connection.hop, trusted)):
            address = origin.station_address(connection.hop, head.request(), trusted)
        refused = None if connection.address else self._placed(connection, address)
        if refused is not None:
            connection.refuse(refused)
            return None
        return self._allowance.purse(address, head.known.get(b"authorization"), self.clock())

    def too_much(self, purse: Purse, size: int) -> Answer:
        """Count a request that has brought too much, and return what it is answered."""
        self._count("soap bytes")
        wait = max(1, math.ceil(purse.wait(min(size, self.limits().body), self.clock())))
        what = b"More came from this address than may; see soap.bytes_per_second."
        return Answer(429, what, headers=(("Retry-After", str(wait)),))

    def posted(self, connection: Connection, head: Head, body: bytes, purse: Purse, answered: Answered) -> None:
        """Take a request from one of the connections."""
        authorization = head.known.get(b"authorization")
        origin_of = partial(self._origin, connection, head)
        vouch = None if purse.is_known else partial(self._vouch, connection, purse)
        self._take(Post(head.target, body, authorization, connection.memory, origin_of, vouch), answered)

    def _vouch(self, connection: Connection, purse: Purse) -> None:
        """Know who has posted something, and his address as that of a station that returns."""
        purse.vouch()
        self.shares.let_in(connection.address, self.clock())

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
