"""A fleet that speaks SOAP: the central system's site, the callback server, and a line for each station."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.operations import operations
from voltgate.simulator.charger import Charger, StationState
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.soap_callback import Callback, Reply
from voltgate.simulator.soap_channel import SoapChannel
from voltgate.simulator.soap_client import Endpoint, SoapClient
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_protocol import SoapProtocol
from voltgate.simulator.tally import Fault
from voltgate.simulator.websocket_channel import ChannelSettings

INNER_VERSION = "ocpp1.6"
"""What a simulated SOAP station is inside, whatever its version of OCPP-S: the codec translates."""


@dataclass(frozen=True, slots=True)
class SoapSettings:
    """What a plan says of SOAP: the version of all stations, and where their callback listens (port 0: any free)."""

    version: Version
    host: str = "127.0.0.1"
    port: int = 0


class SoapTransport:
    """What the SOAP stations of one fleet share. Failures of the simulator itself are told to `report`."""

    def __init__(
        self,
        soap: SoapSettings,
        url: str,
        simulation: Simulation,
        chargers: Mapping[str, Charger],
        trust: ssl.SSLContext | None,
        report: Callable[[BaseException], None],
    ) -> None:
        self._soap = soap
        self._url = url
        self._scene = simulation
        self._chargers = chargers
        self._trust = trust
        self._report = report
        self._settings = ChannelSettings(INNER_VERSION, operations(soap.version, "Cp"), simulation.settings.timeout)
        most = 64 + 4 * len(chargers)
        self.callback = Callback(self._take, self._stray, simulation.wheel, simulation.clock.now, report, most=most)

    async def open(self) -> None:
        """Listen for commands. Raises OSError."""
        await self.callback.open(self._soap.host, self._soap.port)

    async def close(self) -> None:
        """Listen no longer, and cut what is open."""
        for charger in self._chargers.values():
            if isinstance(charger.channel, SoapChannel):
                charger.channel.client.close()
        await self.callback.close()

    async def connect(self, charger: Charger) -> None:
        """Give a station its line; one that was accepted before begins with a Heartbeat."""
        simulation, clock = self._scene, self._scene.clock
        endpoint = Endpoint.of(self._url, charger.identity, self._trust)
        password = charger.password
        credentials = None if password is None else (charger.identity, password)
        client = SoapClient(endpoint, clock.now, self._report, credentials=credentials)
        try:
            await client.open()
        except OSError as problem:
            charger.handshake_failed(f"cannot connect: {problem or 'no answer'}", clock.now())
            return
        if charger.state is StationState.STOPPED:  # it was switched off meanwhile
            client.close()
            return
        protocol = SoapProtocol(
            self._soap.version, charger.identity, endpoint.url, self.callback.address(charger.identity)
        )
        channel = SoapChannel(
            charger, client, protocol, self._settings, simulation.tally, simulation.wheel, clock.now, clock.stamp
        )
        now = clock.now()
        if charger.registered:
            channel.probe(now)
        charger.attach(channel, now)

    def _take(self, identity: str, message: Message, reply: Reply) -> None:
        charger = self._chargers.get(identity)
        if charger is None:
            self._stray(f"a command for {identity[:50]!r}, which is no station of this fleet")
            reply.refuse(404, "There is no such station here.")
        elif not isinstance(charger.channel, SoapChannel):
            reply.refuse(503, "The station is away.")
        else:
            charger.channel.command_received(message, reply)

    def _stray(self, what: str) -> None:
        self._scene.tally.fault(Fault.STRAY, "the callback", what)
