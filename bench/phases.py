"""The measurements: what one contender shows in one round of each kind."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from bench.contenders import Contender, Running, free_ports
from bench.machine import Cores, Failure, Spent, Usage, resident, tasks, usage, waited
from bench.worker import Worker

TOGETHER = 64
"""Handshakes under way at once."""
STATIONS = 500
BEHIND = 0.005
"""The part of the calls of a window that may wait at its end; more means that the rate is not carried."""
LEAD = 0.1
"""Seconds between an order to the generators and the moment that it names."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often: seconds, rounds, stations."""

    rounds: int
    warm: float
    load: float
    paced_rounds: int
    pace: float
    accept_rounds: int
    accepted: int
    idle: int
    settle: float
    many: int = 50_000
    """Stations that are connected through a broker."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round: its figures, and whether they may be used."""

    contender: str
    round: int
    figures: dict[str, float]
    faults: dict[str, int] = field(default_factory=dict)
    """What was lost, doubled, wrong or broken; nothing of it is tolerated."""
    foreign: float = 0.0
    """The part of the time in which somebody else had the proxy's core; for latencies, the generator's counts too."""
    tolerated: float = 0.05
    """How much of that is let pass; more, and the window is measured again."""

    @property
    def disturbed(self) -> bool:
        """Tell whether somebody else has spoilt the figures."""
        return self.foreign > self.tolerated


class Bench:
    """One contender between the bench's own generator and backend, all started for one measurement."""

    generator, backend = "bench.generator", "bench.backend"
    task: Mapping[str, Any] = {}
    """What the generators are told besides."""

    def __init__(self, contender: Contender, cores: Cores, secure: bool = False, awake: bool = False) -> None:
        """Prepare. `awake`: one generator and one backend that never sleep, where there are cores enough for that.

        Otherwise each message that a proxy writes wakes a process on this machine, at the proxy's expense. A network
        card needs no waking, so that would be a cost that only benches have, and greater for slower proxies.
        """
        self.contender = contender
        self._cores = cores
        self._secure = secure
        self._awake = awake and cores.ample
        self._count = 1 if awake or not cores.ample else 2
        self._calling = cores.others[:1] if self._awake else cores.others
        self._answering = cores.others[1:2] if self._awake else cores.others
        self._stack = contextlib.ExitStack()
        self._generators: list[Worker] = []
        self._backends: list[Worker] = []
        self.proxy: Running | None = None
        self.waited = 0.0
        """The part of the last window in which the proxy wanted a core in vain, or the bench itself did. The bench's
        own waits weigh 2.5 times: its processes are never woken, so they have no reason to wait at all."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        answer, copy = free_ports(2)
        ports = {"answer": answer, "copy": copy}
        listen = {"ports": ports}
        self._backends = [self._worker(stack, self.backend, listen, self._answering) for _ in range(self._count)]
        for worker in self._backends:
            worker.ready()
        port = answer
        if self.contender.name != "none":
            self.proxy = stack.enter_context(Running(self.contender, self._cores.proxy, ports, self._secure))
            port = self.proxy.port
        self._generate(stack, [port] * self._count)

    def _generate(self, stack: contextlib.ExitStack, ports: Sequence[int]) -> None:
        """Start a process of stations for each of these ports."""
        for number, port in enumerate(ports):
            task = {"port": port, "tls": self._secure, "first": number * 20000, **self.task}
            self._generators.append(self._worker(stack, self.generator, task, self._calling))
        for worker in self._generators:
            worker.ready()

    def _worker(self, stack: contextlib.ExitStack, module: str, task: dict[str, Any], cores: tuple[int, ...]) -> Worker:
        worker = Worker(module, task | {"spin": self._awake}, cores)
        stack.callback(worker.close)
        return worker

    def open(self, stations: int, seconds: float = 120.0) -> None:
        """Connect so many stations more, and wait until the backend has them all."""
        before = self._links()
        opened = self.connect(stations, seconds)
        until = time.monotonic() + 10
        while self._links() < before + stations:
            if time.monotonic() > until:
                raise Failure(
                    f"{self.contender.title}: {opened} stations connected, {self._links()} reached their backend, "
                    f"{before + stations} wanted\n{self.proxy.log() if self.proxy else ''}"
                )
            time.sleep(0.005)

    def connect(self, stations: int, seconds: float = 120.0) -> int:
        """Connect so many stations more, and give how many have been connected."""
        parts = [stations // self._count + (n < stations % self._count) for n in range(self._count)]
        for worker, part in zip(self._generators, parts, strict=True):
            worker.say({"do": "open", "stations": part, "together": TOGETHER // self._count})
        return sum(worker.hear(seconds)["opened"] for worker in self._generators)

    def _links(self) -> int:
        return self.heard("answer", "links")

    def heard(self, port: str, figure: str) -> int:
        """Ask the backends for a figure of what came to one of their ports."""
        return sum(worker.ask({"do": "tell"})[port][figure] for worker in self._backends)

    def boot(self) -> dict[str, int]:
        """Let each station send its BootNotification, and give what went wrong with that."""
        for worker in self._generators:
            worker.say({"do": "boot"})
        return self.faults([worker.hear(60) for worker in self._generators])

    def drive(self, order: dict[str, Any], warm: float, seconds: float) -> tuple[list[dict[str, Any]], Spent]:
        """Let the generators work, and read the proxy's clocks at both ends of the window."""
        start = time.monotonic() + LEAD
        first, last = start + warm, start + warm + seconds
        for worker in self._generators:
            worker.say(order | {"start": start, "from": first, "to": last})
        sleep_until(first)
        before, waits = self.usage(), self._waits()
        sleep_until(last)
        spent = self.usage().since(before)
        *own, proxy = (now - then for now, then in zip(self._waits(), waits, strict=True))
        # Several threads of a proxy on its one core wait for each other: that tells nothing, so ticks must do.
        alone = self.proxy is None or len(tasks(self.proxy.worker)) == 1
        self.waited = max(2.5 * max(own) / seconds, proxy / seconds if alone else spent.foreign - 0.01)
        return [worker.hear(60) for worker in self._generators], spent

    def _waits(self) -> list[float]:
        workers = [worker.pid for worker in (*self._generators, *self._backends)]
        return [waited(pid) for pid in (*workers, self.proxy.worker if self.proxy else workers[0])]

    def usage(self) -> Usage:
        """Read the proxy's clocks; without a proxy those of the bench itself, for the sake of the window."""
        return usage(self.proxy.pid if self.proxy else os.getpid(), self._cores.proxy)

    def faults(self, counts: list[dict[str, Any]]) -> dict[str, int]:
        """Compare what was sent, answered and heard by the backends."""
        found = {name: sum(count.get(name, 0) for count in counts) for name in ("lost", "doubled", "wrong", "broken")}
        sent = sum(count["sent"] for count in counts)
        found["unheard"] = sent - self.heard("answer", "calls")
        for port in ("answer", "copy"):
            found["misheard"] = found.get("misheard", 0) + self.heard(port, "out_of_order") + self.heard(port, "wrong")
        found["uncopied"] = self.contender.copies * sent - self.heard("copy", "calls")
        return {name: count for name, count in found.items() if count}

    @property
    def resident(self) -> int:
        """Bytes of memory that the proxy holds."""
        return resident(self.proxy.pid) if self.proxy else 0


def sleep_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


def load(contender: Contender, number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure round trips a second and CPU time a message, 500 stations in a closed loop."""
    with Bench(contender, cores, awake=True) as bench:
        bench.open(STATIONS)
        counts, spent = bench.drive({"do": "load"}, plan.warm, plan.load)
        faults = bench.faults(counts)
    rate = sum(count["in_window"] / count["seconds"] for count in counts)
    figures = {"rate": rate}
    if contender.name != "none":
        calls = rate * spent.seconds
        figures |= {
            "capacity": calls / spent.total,
            "micros": spent.total / calls / 2 * 1e6,
            "user": spent.user / calls / 2 * 1e6,
            "system": (spent.total - spent.user) / calls / 2 * 1e6,
            "share": spent.share,
        }
    return Sample(contender.name, number, figures, faults, spent.foreign if bench.proxy else 0.0)


def pace(contender: Contender, number: int, plan: Plan, cores: Cores, rate: float) -> Sample:
    """Measure latency at a fixed rate of calls a second over all stations."""
    with Bench(contender, cores, awake=True) as bench:
        bench.open(STATIONS)
        counts, spent = bench.drive({"do": "pace", "rate": rate}, plan.warm, plan.pace)
        count = counts[0]
        carried = count["behind"] <= BEHIND * count["wanted"]
        faults = bench.faults(counts) if carried else {}
    figures = {name: count[name] for name in ("p50", "p99", "p999")} | {"carried": float(carried)}
    if contender.name != "none":
        figures["share"] = spent.share
    return Sample(contender.name, number, figures, faults, bench.waited, tolerated=0.005)


def arrive(contender: Contender, number: int, stations: int, settle: float, cores: Cores, secure: bool) -> Sample:
    """Measure how many stations a second a core accepts, their backend's dial included, and what an idle one holds.

    A first few stations warm the proxy up, so that neither figure counts what it allocates once.
    """
    few = max(50, stations // 50)
    with Bench(contender, cores, secure) as bench:
        bench.open(few)
        bench.boot()
        time.sleep(settle / 2)
        held, before = bench.resident, bench.usage()
        bench.open(stations - few)
        spent = bench.usage().since(before)
        faults = bench.boot()
        time.sleep(settle)
        grown = bench.resident - held
    figures = {
        "accepted": (stations - few) / spent.total,
        "accepted_wall": (stations - few) / spent.seconds,
        "kilobytes": grown / (stations - few) / 1000,
    }
    return Sample(contender.name, number, figures, faults, spent.foreign)
