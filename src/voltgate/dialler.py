"""The dialler: opens wires to backends on a station's behalf, by the carrier of their URL's scheme."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping

import structlog

from voltgate.gates import Gates, Slots
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import Carrier, DialContext, DialledWire, Verdict
from voltgate.relay.ports import Dialled, Wanted

log = structlog.get_logger(__name__)


class Dialler:
    """Opens wires, a bounded number at a time to each backend. `carriers` are known by the schemes of URLs."""

    def __init__(
        self,
        carriers: Mapping[str, Carrier],
        slots: Slots = Slots(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._carriers = carriers
        self._slots = slots
        self._clock = clock
        self.gates: dict[tuple[str, str], Gates] = {}
        """Those of each backend that was dialled, by its name and URL: what hangs at one may answer at another."""
        self._under_way: set[asyncio.Task[None]] = set()

    async def dial(
        self,
        backend: Backend,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
        within: float = math.inf,
        link: Wanted | None = None,
    ) -> DialledWire | Verdict:
        """Open one wire, which is not started yet, or return why there is none within so many seconds.

        The wait for a slot counts. It is for the `link` of a session, or else for a newcomer that is let in by the
        verdict. For a station that has gone by the time of its slot, or is coming in again, nobody is dialled.
        """
        endpoint = backend.settings.endpoint_for(dial_context.carrier)
        carrier = None if endpoint is None else self._carriers.get(endpoint.scheme)
        if endpoint is None or carrier is None:
            return Verdict(None, f"{backend.name} has no address that a carrier is known for")
        gates = self._gates(backend, endpoint.url)

        async def opened() -> DialledWire | Verdict:
            if link is not None and not link.wanted:
                return Verdict(None, "is not wanted any more", shared=True)
            return await carrier.dial(backend, endpoint, dial_context, offer, answering=answering)

        return await gates.through(gates.newcomers if link is None else gates.sessions, within, opened)

    def answers(self, backend: str) -> None:
        """Take note that a backend answers: the connection is there that its stations share."""
        for (name, _), gates in self.gates.items():
            if name == backend:
                gates.answered()

    def _gates(self, backend: Backend, url: str) -> Gates:
        """Return the gates of an address; forget those of addresses that the backend has left, once nobody is there."""
        key = backend.name, url
        if key not in self.gates:
            urls = {endpoint.url for endpoint in backend.settings.endpoints}
            left = [(name, at) for name, at in self.gates if name == backend.name and at not in urls]
            for each in [each for each in left if self.gates[each].is_idle]:
                del self.gates[each]
            self.gates[key] = Gates(backend.name, self._slots, self._clock)
        return self.gates[key]

    def start(self, leg: Dialled, dial_context: DialContext | None, offer: tuple[str, ...], *, answering: bool) -> None:
        """Open a leg's wire in the background; ends in `Leg.opened` or `Leg.failed`."""
        assert dial_context is not None  # noqa: S101 - the gateway makes no session without
        task = asyncio.get_running_loop().create_task(self._bring(leg, dial_context, offer, answering=answering))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    async def _bring(self, leg: Dialled, dial_context: DialContext, offer: tuple[str, ...], *, answering: bool) -> None:
        try:
            result = await self.dial(leg.backend, dial_context, offer, answering=answering, link=leg.link)
        except Exception:
            leg.failed("a fault of Voltgate")  # tried again like any other failure
            raise
        if isinstance(result, Verdict):
            leg.failed(result.reason, shared=result.shared)
        else:
            leg.opened(result)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("dialling failed by a fault of Voltgate", exc_info=task.exception())

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
