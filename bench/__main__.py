"""The command: `python -m bench`, or `make bench`."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from bench import report
from bench.alerts import alerts
from bench.amqp import amqp
from bench.claims import claims
from bench.collection import full_collection
from bench.commands import commands
from bench.contenders import CONTENDERS
from bench.csms import csms
from bench.installs import node_modules, prepare
from bench.machine import ROOT, Cores, Failure, cores, describe, descriptors, go_first
from bench.many import many
from bench.messages import messages
from bench.mqtt import mqtt
from bench.outage import outage
from bench.pages import pages
from bench.pair import pair
from bench.phases import Plan, Sample, arrive, load, pace
from bench.profiling import by_function, by_library
from bench.records import records
from bench.results import Results
from bench.soap import SOAP, SoapBench, soap
from bench.soap import STATIONS as SOAP_STATIONS

FULL = Plan(
    rounds=7, warm=0.4, load=1.2, paced_rounds=5, pace=2.0, accept_rounds=3, accepted=2000, idle=10_000, settle=1.5
)
QUICK = Plan(
    rounds=3,
    warm=0.4,
    load=1.0,
    paced_rounds=2,
    pace=2.0,
    accept_rounds=1,
    accepted=0,
    idle=2000,
    settle=0.7,
    many=6000,
)
FEW = ("nginx", "haproxy", "naive", "node", "voltgate")
"""Who is measured idle and arriving: a second backend or a check of payloads is no matter there."""
PACED = ("none", *FEW)
BROKERS = ("mqtt", "amqp", "many")
CLUSTER = ("commands", "pair", "records", "csms")
KNOWN = (
    "load",
    "pace",
    "ws",
    "wss",
    "soap",
    *BROKERS,
    *CLUSTER,
    "alerts",
    "messages",
    "claims",
    "pages",
    "outage",
    "gc",
    "profile",
)
BROKER_ROUNDS = 3
NEEDS = {
    "mqtt": ("mosquitto",),
    "amqp": ("rabbitmq-server",),
    "many": ("mosquitto", "rabbitmq-server"),
    **dict.fromkeys(CLUSTER, ("pg_ctlcluster",)),
}
"""What measurements need installed, besides what contenders do."""
OURS = {
    "mqtt": (mqtt, BROKER_ROUNDS),
    "amqp": (amqp, BROKER_ROUNDS),
    "many": (many, 1),
    "commands": (commands, 1),
    "pair": (pair, BROKER_ROUNDS),
    "records": (records, 1),
    "csms": (csms, BROKER_ROUNDS),
    "alerts": (alerts, BROKER_ROUNDS),
    "messages": (messages, 1),
}
"""Measurements of Voltgate alone, and their rounds at most."""
ALLOWED = 330.0
"""Seconds after which no window is measured again."""


class Session:
    """One run of the bench."""

    def __init__(self, names: Sequence[str], measurements: Sequence[str], plan: Plan, place: Cores) -> None:
        self._names = names
        self._measurements = measurements
        self._plan = plan
        self._cores = place
        self._until = time.monotonic() + ALLOWED
        self._slow: set[str] = set()
        """Who did not carry the fixed rate once, with its core to itself: that needs no second proof."""
        self.results = Results()

    def run(self) -> None:
        """Measure everything that was asked for, in turn."""
        steps = {"load": self._load, "pace": self._pace, "ws": self._arrive, "wss": self._arrive, "gc": self._collect}
        steps |= {"soap": self._soap, "claims": self._claims, "pages": self._pages, "outage": self._outage}
        steps |= dict.fromkeys(OURS, self._voltgate) | {"profile": self._profile}
        for name in self._measurements:
            steps[name](name)

    def _load(self, name: str) -> None:
        for number in range(self._plan.rounds):
            for contender in self._turns(self._names, number):
                self._measure(name, number, contender, lambda c, n: load(CONTENDERS[c], n, self._plan, self._cores))

    def _pace(self, name: str) -> None:
        if not self.results.of("load", "nginx", "capacity"):
            self._load_reference()
        self.results.rate = rate = round(self.results.median("load", "nginx", "capacity") / 3, -2)
        for number in range(self._plan.paced_rounds):
            for contender in self._turns([n for n in PACED if n in self._names], number):
                if contender in self._slow:
                    continue
                self._measure(
                    name, number, contender, lambda c, n: pace(CONTENDERS[c], n, self._plan, self._cores, rate)
                )

    def _load_reference(self) -> None:
        self._measure("load", 0, "nginx", lambda c, n: load(CONTENDERS[c], n, self._plan, self._cores))

    def _arrive(self, listener: str) -> None:
        plan = self._plan
        counts = [plan.idle] + [plan.accepted] * (plan.accept_rounds - 1)
        for number, count in enumerate(counts):
            step = partial(self._arrived, count, listener == "wss")
            for contender in self._turns([n for n in FEW if n in self._names], number):
                self._measure(listener, number, contender, step)

    def _arrived(self, count: int, secure: bool, contender: str, number: int) -> Sample:
        sample = arrive(CONTENDERS[contender], number, count, self._plan.settle, self._cores, secure)
        if count < self._plan.idle:  # memory a station is that of many
            del sample.figures["kilobytes"]
        return sample

    def _soap(self, name: str) -> None:
        for number in range(self._plan.rounds):
            for contender in self._turns([n for n in SOAP if n in self._names], number):
                self._measure(name, number, contender, lambda c, n: soap(c, n, self._plan, self._cores))

    def _voltgate(self, name: str) -> None:
        """Measure what nobody else does."""
        step, rounds = OURS[name]
        for number in range(min(self._plan.rounds, rounds) if "voltgate" in self._names else 0):
            self._measure(name, number, "voltgate", lambda _c, n: step(n, self._plan, self._cores))

    def _claims(self, name: str) -> None:
        if "voltgate" in self._names:
            self._measure(name, 0, "voltgate", lambda _c, _n: claims(self._cores))

    def _pages(self, name: str) -> None:
        if "voltgate" in self._names:
            self._measure(name, 0, "voltgate", lambda _c, _n: pages())

    def _outage(self, name: str) -> None:
        if "voltgate" in self._names:
            self._measure(name, 0, "voltgate", lambda _c, _n: outage())

    def _collect(self, _: str) -> None:
        if "voltgate" in self._names:
            self._try("gc", lambda: self._collected(self._plan.idle))

    def _collected(self, stations: int) -> None:
        self.results.collection = full_collection(stations, self._cores)
        self.results.collected = stations
        print(f"gc     Voltgate: {self.results.collection * 1000:.1f} ms with {stations} stations", flush=True)

    def _profile(self, _: str) -> None:
        if "voltgate" in self._names:
            self._try("profile", self._profiled)

    def _profiled(self) -> None:
        results, cores = self.results, self._cores
        results.functions, results.libraries = by_function(cores), by_library(cores)
        soap_load = (cores, SOAP["voltgate"], SoapBench, SOAP_STATIONS)
        results.soap_functions, results.soap_libraries = by_function(*soap_load), by_library(*soap_load)

    def _turns(self, names: Sequence[str], number: int) -> list[str]:
        """Let another one begin in each round."""
        start = number % len(names) if names else 0
        return [*names[start:], *names[:start]]

    def _measure(self, name: str, number: int, contender: str, measured: Callable[[str, int], Sample]) -> None:
        self._try(f"{name} of {CONTENDERS[contender].title}", lambda: self._cleanest(name, number, contender, measured))

    def _cleanest(self, name: str, number: int, contender: str, measured: Callable[[str, int], Sample]) -> None:
        best = measured(contender, number)
        for _ in range(2):
            if not best.disturbed or time.monotonic() > self._until:
                break
            self.results.rejected += 1
            best = min(best, measured(contender, number), key=lambda sample: sample.foreign)
        if best.disturbed and name == "pace":  # CPU time survives being interrupted, latency does not
            self.results.dropped += 1
            return
        self.results.add(name, best)
        if not best.figures.get("carried", 1.0):
            self._slow.add(contender)
        figures = "  ".join(f"{figure} {value:,.2f}" for figure, value in best.figures.items())
        print(f"{name:5}{number + 1:2} {CONTENDERS[contender].title:30} {figures}  {best.faults or ''}", flush=True)

    def _try(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Failure as failure:
            self.results.failures.append(f"{what}: {str(failure).splitlines()[0]}")
            print(f"{what} failed: {failure}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one to two minutes instead of ten; coarser")
    parser.add_argument("--only", default="", help=f"contenders, with commas: {','.join(CONTENDERS)}")
    parser.add_argument("--measure", default=",".join(KNOWN), help=f"measurements: {','.join(KNOWN)}")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of the throughput measurement")
    parser.add_argument("--first", action="store_true", help="go before all other work on the machine (as root)")
    parser.add_argument(
        "--document",
        action="store_true",
        help="write docs/benchmarks.md, or what of it was measured; a full run always does",
    )
    return parser.parse_args()


def plan_of(given: argparse.Namespace, files: int) -> Plan:
    """Choose durations, and as many idle stations as the limit of open files lets a proxy have."""
    plan = QUICK if given.quick else FULL
    idle = min(plan.idle, (files - 200) // 2)
    return replace(plan, idle=idle, rounds=given.rounds or plan.rounds)


def chosen(given: argparse.Namespace) -> list[str]:
    """Give the contenders that are asked for, in their order."""
    wanted = set(given.only.split(",")) if given.only else set(CONTENDERS)
    if unknown := wanted - set(CONTENDERS):
        raise Failure(f"no contender {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    return [name for name in CONTENDERS if name in wanted]


def measured(given: argparse.Namespace) -> list[str]:
    """Give the measurements that are asked for, in their order."""
    wanted = set(given.measure.split(","))
    if unknown := wanted - set(KNOWN):
        raise Failure(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(KNOWN)}")
    return [name for name in KNOWN if name in wanted]


def main() -> int:
    """Measure, print, and write down; 1 when the bench could not run or an answer was lost."""
    given = options()
    try:
        names, measurements = chosen(given), measured(given)
        needs = [need for name in {*names, "nginx"} for need in CONTENDERS[name].needs]
        prepare(needs + [need for name in measurements for need in NEEDS.get(name, ())])
        if "node" in names:
            node_modules()
        return bench(given, names, measurements)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1


def bench(given: argparse.Namespace, names: list[str], measurements: list[str]) -> int:
    """Run, and report."""
    if given.first:
        go_first()
    place, plan = cores(), plan_of(given, descriptors())
    session = Session(names, measurements, plan, place)
    now = datetime.datetime.now(datetime.UTC)
    with contextlib.suppress(KeyboardInterrupt):
        session.run()
    run = described(now, names, plan, place)
    print("\n" + report.tables(session.results, run))
    keep(now, run, plan, session.results)
    whole = names == list(CONTENDERS) and measurements == list(KNOWN)
    if (whole and not given.quick) or given.document:
        path = ROOT / "docs" / "benchmarks.md"
        told = report.document if whole else partial(report.renewed, path.read_text(encoding="utf-8"))
        path.write_text(told(session.results, run), encoding="utf-8")
        print(f"written: {path}")
    return 1 if session.results.failures or session.results.faults() else 0


def described(now: datetime.datetime, names: list[str], plan: Plan, place: Cores) -> report.Run:
    """Say what the run is."""
    others = ", ".join(map(str, place.others))
    return report.Run(
        date=f"{now:%Y-%m-%d %H:%M} UTC",
        machine=describe(),
        versions={name: CONTENDERS[name].version() for name in names},
        contenders=tuple(names),
        options="".join(f" {word}" for word in sys.argv[1:]),
        cores=f"the proxy on {place.proxy}, the stations and the backend on {others}",
        rounds=plan.rounds,
        idle=plan.idle,
    )


def keep(now: datetime.datetime, run: report.Run, plan: Plan, results: Results) -> None:
    """Write everything that was measured to bench/results."""
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    content: dict[str, Any] = {"run": asdict(run), "plan": asdict(plan), "results": results.as_json()}
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
