"""The carrier of ws:// and wss://: one websocket to a backend for each station."""

from __future__ import annotations

import ssl as tls
from dataclasses import dataclass, field

from voltgate.carriers.introduction import Introduction
from voltgate.carriers.websocket.dial import dial
from voltgate.carriers.websocket.link import Clock, Link, LinkCounts, LinkSettings, Report
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Verdict


@dataclass(frozen=True, slots=True)
class WebsocketDialling:
    """How a backend is dialled. `timeout` is in seconds.

    `trust` names the files that `ssl` was made of: with the same ones, it is the same backend.
    """

    introduction: Introduction = Introduction()  # noqa: RUF009 - frozen
    timeout: float = 10.0
    link: LinkSettings = field(default_factory=LinkSettings)
    trust: tuple[object, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, compare=False, repr=False)


class WebsocketCarrier:
    """Dials websockets. `counts` says what befell the links; `names` looks up the backends' hosts."""

    def __init__(self, wheel: Wheel, clock: Clock, report: Report, names: Resolver) -> None:
        self.counts = LinkCounts()
        self._wheel = wheel
        self._clock = clock
        self._report = report
        self._names = names

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> Link | Verdict:
        """Open a websocket, or return the backend's verdict."""
        how = endpoint.how
        assert isinstance(how, WebsocketDialling)  # noqa: S101 - the composition root hands in nothing else
        return await dial(
            endpoint.address(dial_context.identity, dial_context.target),
            offer=offer,
            headers=how.introduction.of(dial_context, answering=answering),
            ssl=how.ssl,
            settings=how.link,
            wheel=self._wheel,
            clock=self._clock,
            timeout=how.timeout,
            report=self._report,
            counts=self.counts,
            name=f"{backend.name}/{dial_context.identity}",
            names=self._names,
        )
