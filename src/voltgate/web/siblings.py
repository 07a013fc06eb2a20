"""Several gateways on one address: what one of them says of all, whichever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client import Metric
from prometheus_client.registry import Collector

_PATIENCE = 2.0
"""Seconds that another one has to answer."""
_BALANCER = 0.4
"""Seconds that it has for /readyz: a balancer that asks each second gives one answer no more, whoever hangs."""
_AWAY = "no answer"
_HELP = "# HELP "


class Labelled(Collector):
    """A collector whose samples name their worker. `restarts` is how often that was started again."""

    def __init__(self, inner: Collector, worker: int, restarts: int) -> None:
        self._inner = inner
        self._worker = str(worker)
        self._restarts = restarts

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        for family in self._inner.collect():
            for at, sample in enumerate(family.samples):
                family.samples[at] = sample._replace(labels={"worker": self._worker, **sample.labels})
            yield family
        restarts = Metric("voltgate_worker_restarts", "How often a worker was started again", "counter")
        restarts.add_sample("voltgate_worker_restarts_total", {"worker": self._worker}, self._restarts)
        yield restarts


class Siblings:
    """The other workers, of which each answers on a socket of its own. `numbers` are of all, `own` of this one."""

    def __init__(self, own: int, numbers: Iterable[int], socket_of: Callable[[int], Path]) -> None:
        self._own = own
        self._socket_of = socket_of
        self._others = [each for each in numbers if each != own]

    async def health(self, own: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body of /healthz: that all of them live."""
        answers = {number: "ok" if answer else _AWAY for number, answer in (await self._ask("/healthz")).items()}
        is_well = _AWAY not in answers.values()
        workers = self._by_name(answers | {self._own: "ok"})
        return 200 if is_well else 503, own | {"status": "ok" if is_well else "failing", "workers": workers}

    async def readiness(self, own: dict[str, Any]) -> dict[str, Any]:
        """Return the body of /readyz: ready if one of them takes stations; the rest is of the one that was asked."""
        answers = (await self._ask("/readyz", _BALANCER)).items()
        states = {number: answer.json()["state"] if answer else _AWAY for number, answer in answers}
        states[self._own] = own["state"]
        ready = "serving" in states.values()
        return own | {"ready": ready, "worker": self._own, "workers": self._by_name(states)}

    async def metrics(self, own: bytes) -> bytes:
        """Return the page of /metrics: the series of all, those of one family together, as Prometheus asks for."""
        answers = await self._ask("/metrics")
        families: dict[str, str] = {}
        for page in (own.decode(), *(answer.text for answer in answers.values() if answer)):
            for family in page.split(_HELP)[1:]:
                name, _, rest = family.partition(" ")
                text, kind, samples = rest.split("\n", 2)
                families.setdefault(name, f"{_HELP}{name} {text}\n{kind}\n")
                families[name] += samples
        alive = {number: int(answer is not None) for number, answer in answers.items()} | {self._own: 1}
        lines = [f'voltgate_worker_up{{worker="{number}"}} {alive[number]}\n' for number in sorted(alive)]
        head = f"{_HELP}voltgate_worker_up Whether a worker answers\n# TYPE voltgate_worker_up gauge\n"
        return "".join([*families.values(), head, *lines]).encode()

    def _by_name(self, states: dict[int, str]) -> dict[str, str]:
        return {str(number): states[number] for number in sorted(states)}

    async def _ask(self, path: str, patience: float = _PATIENCE) -> dict[int, httpx2.Response | None]:
        """Ask each of the others; None for one that does not answer in time."""
        answers = await asyncio.gather(*(self._ask_one(number, path, patience) for number in self._others))
        return dict(zip(self._others, answers, strict=True))

    async def _ask_one(self, number: int, path: str, patience: float) -> httpx2.Response | None:
        transport = httpx2.AsyncHTTPTransport(uds=str(self._socket_of(number)))
        async with httpx2.AsyncClient(transport=transport, base_url="http://worker") as client:
            try:
                async with asyncio.timeout(patience):
                    return await client.get(path)
            except (httpx2.HTTPError, OSError, TimeoutError):
                return None
