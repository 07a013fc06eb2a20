"""The door that SOAP requests come by: a listener like that of websockets, whose connections bring requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from voltgate.carriers.soap.connection import Answered, Connection, Limits, Post
from voltgate.carriers.websocket import origin
from voltgate.carriers.websocket.arrival import Arrival
from voltgate.carriers.websocket.door import Door, DoorSettings, Knock
from voltgate.carriers.websocket.heads import Refused, Request
from voltgate.carriers.websocket.link import Clock, Link
from voltgate.ocpp.wheel import Wheel

Take = Callable[[Post, Answered], None]
"""Takes a request; returns at once."""


async def _nobody(knock: Knock) -> Refused:
    return Refused(400, "Nobody is let in here.")


class SoapDoor(Door):
    """One listener for SOAP. Its connections count and are limited as those of any door."""

    def __init__(
        self,
        settings: DoorSettings,
        bounds: Limits,
        take: Take,
        wheel: Wheel,
        clock: Clock,
        *,
        report: Callable[[Exception, Link | Knock], None],
        refusals: dict[str, int] | None = None,
    ) -> None:
        super().__init__(settings, _nobody, wheel, clock, report=report, refusals=refusals)
        self.bounds = bounds
        self.clock = clock
        self._take = take

    def limits(self) -> Limits:
        """Give the limits that hold now."""
        return self.bounds

    def wake(self, seconds: float, wake: Callable[[float], None]) -> None:
        """Have something called later."""
        self._wheel.at(self.clock() + seconds, wake)

    def _arrival(self, peer: str = "") -> Arrival:
        return Connection(self, self._head_limits(), peer)

    def posted(self, connection: Connection, request: Request, body: bytes, answered: Answered) -> None:
        """Take a request from one of the connections."""
        if not connection.address:
            refused = self._placed(connection, origin.station_address(connection.hop, request, self.settings.trusted))
            if refused is not None:
                connection.refuse(refused)
                return
        self._take(self._post(connection, request, body), answered)

    def _post(self, connection: Connection, request: Request, body: bytes) -> Post:
        knock = self._knock(connection, request)
        return Post(
            target=request.target,
            body=body,
            authorization=knock.authorization,
            # not the connection's: a proxy sends the requests of many stations by one
            address=origin.station_address(connection.hop, request, self.settings.trusted),
            forwarded_for=knock.forwarded_for,
            user_agent=knock.user_agent,
            secure=knock.secure,
            listener=knock.listener,
        )

    def follow(self, settings: DoorSettings, bounds: Limits) -> None:
        """Go by other settings for the connections to come. Raises OSError and changes nothing."""
        self.change(replace(settings, port=self.settings.port))
        self.bounds = bounds
