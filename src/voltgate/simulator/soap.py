"""A fleet that speaks SOAP: the central system's site, the callback server, and a line for each station."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.operations import operations
from voltgate.simulator.charger import Charger, Stage
from voltgate.simulator.line import Terms
from voltgate.simulator.scene import Scene
from voltgate.simulator.soap_callback import Callback, Reply
from voltgate.simulator.soap_caller import Caller, Site
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_line import SoapLine
from voltgate.simulator.soap_speech import Speech
from voltgate.simulator.tally import Fault

SPOKEN = "ocpp1.6"
"""What a simulated SOAP station is inside, whatever its version of OCPP-S: the codec translates."""


@dataclass(frozen=True, slots=True)
class Soap:
    """What a plan says of SOAP: the version of all stations, and where their callback listens (port 0: any free)."""

    version: Version
    host: str = "127.0.0.1"
    port: int = 0


class Ground:
    """What the SOAP stations of one fleet share. Failures of the simulator itself are told to `report`."""

    def __init__(
        self,
        soap: Soap,
        url: str,
        scene: Scene,
        chargers: Mapping[str, Charger],
        trust: ssl.SSLContext | None,
        report: Callable[[BaseException], None],
    ) -> None:
        self._soap = soap
        self._url = url
        self._scene = scene
        self._chargers = chargers
        self._trust = trust
        self._report = report
        self._terms = Terms(SPOKEN, operations(soap.version, "Cp"), scene.conduct.timeout)
        most = 64 + 4 * len(chargers)
        self.callback = Callback(self._take, self._noise, scene.wheel, scene.clock.now, report, most=most)

    async def open(self) -> None:
        """Listen for commands. Raises OSError."""
        await self.callback.open(self._soap.host, self._soap.port)

    async def close(self) -> None:
        """Listen no longer, and cut what is open."""
        for charger in self._chargers.values():
            if isinstance(charger.line, SoapLine):
                charger.line.caller.close()
        await self.callback.close()

    async def connect(self, charger: Charger) -> None:
        """Give a station its line; one that was accepted before begins with a Heartbeat."""
        scene, clock = self._scene, self._scene.clock
        site = Site.of(self._url, charger.identity, self._trust)
        password = charger.password
        credentials = None if password is None else (charger.identity, password)
        caller = Caller(site, clock.now, self._report, credentials=credentials)
        try:
            await caller.open()
        except OSError as problem:
            charger.turned_away(f"cannot connect: {problem or 'no answer'}", clock.now())
            return
        if charger.stage is Stage.OVER:  # it was switched off meanwhile
            caller.close()
            return
        speech = Speech(self._soap.version, charger.identity, site.url, self.callback.address(charger.identity))
        line = SoapLine(charger, caller, speech, self._terms, scene.tally, scene.wheel, clock.now, clock.stamp)
        now = clock.now()
        if charger.registered:
            line.probe(now)
        charger.join(line, now)

    def _take(self, identity: str, message: Message, reply: Reply) -> None:
        charger = self._chargers.get(identity)
        if charger is None:
            self._noise(f"a command for {identity[:50]!r}, which is no station of this fleet")
            reply.refuse(404, "There is no such station here.")
        elif not isinstance(charger.line, SoapLine):
            reply.refuse(503, "The station is away.")
        else:
            charger.line.ordered(message, reply)

    def _noise(self, what: str) -> None:
        self._scene.tally.fault(Fault.STRAY, "the callback", what)
