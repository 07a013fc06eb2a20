"""The SOAP transport of a fleet: the central system's endpoint, the callback server, and a channel for each station."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.operations import operations
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.soap_callback import Callback, HttpReply
from voltgate.simulator.soap_channel import SoapChannel
from voltgate.simulator.soap_client import Endpoint, SoapClient
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_protocol import SoapProtocol
from voltgate.simulator.station import Station, StationState
from voltgate.simulator.tally import Fault

INNER_VERSION = "ocpp1.6"
"""The version of a simulated SOAP station itself, whatever its version of OCPP-S: the codec translates."""


@dataclass(frozen=True, slots=True)
class SoapSettings:
    """The SOAP settings of a plan: the version of all stations, and where their callback listens (port 0: any free)."""

    version: Version
    host: str = "127.0.0.1"
    port: int = 0


class SoapTransport:
    """What the SOAP stations of one fleet share. `report` is called with failures of the simulator itself."""

    def __init__(
        self,
        soap: SoapSettings,
        url: str,
        simulation: Simulation,
        stations: Mapping[str, Station],
        trust: ssl.SSLContext | None,
        report: Callable[[BaseException], None],
    ) -> None:
        self._soap = soap
        self._url = url
        self._simulation = simulation
        self._stations = stations
        self._trust = trust
        self._report = report
        self._settings = ChannelSettings(INNER_VERSION, operations(soap.version, "Cp"), simulation.settings.timeout)
        most = 64 + 4 * len(stations)
        self.callback = Callback(self._take, self._stray, simulation.wheel, simulation.clock.now, report, most=most)

    async def open(self) -> None:
        """Listen for commands. Raise OSError when the address is not available."""
        await self.callback.open(self._soap.host, self._soap.port)

    async def close(self) -> None:
        """Stop listening, and cut every connection."""
        for station in self._stations.values():
            if isinstance(station.channel, SoapChannel):
                station.channel.client.close()
        await self.callback.close()

    async def connect(self, station: Station) -> None:
        """Connect a station; one that was accepted before begins with a Heartbeat."""
        simulation, clock = self._simulation, self._simulation.clock
        endpoint = Endpoint.of(self._url, station.identity, self._trust)
        password = station.password
        credentials = None if password is None else (station.identity, password)
        client = SoapClient(endpoint, clock.now, self._report, credentials=credentials)
        try:
            await client.open()
        except OSError as problem:
            station.handshake_failed(f"cannot connect: {problem or 'no answer'}", clock.now())
            return
        if station.state is StationState.STOPPED:  # it was switched off meanwhile
            client.close()
            return
        protocol = SoapProtocol(
            self._soap.version, station.identity, endpoint.url, self.callback.address(station.identity)
        )
        channel = SoapChannel(
            station, client, protocol, self._settings, simulation.tally, simulation.wheel, clock.now, clock.stamp
        )
        now = clock.now()
        if station.registered:
            channel.probe(now)
        station.attach(channel, now)

    def _take(self, identity: str, message: Message, reply: HttpReply) -> None:
        station = self._stations.get(identity)
        if station is None:
            self._stray(f"a command for {identity[:50]!r}, which is no station of this fleet")
            reply.refuse(404, "There is no such station here.")
        elif not isinstance(station.channel, SoapChannel):
            reply.refuse(503, "The station is away.")
        else:
            station.channel.command_received(message, reply)

    def _stray(self, what: str) -> None:
        self._simulation.tally.fault(Fault.STRAY, "the callback", what)
