"""The measurement of the message log: `python -m bench.messages`.

What it costs the path of a message, in pairs of rounds with the log on for all stations and without; how many messages
a second one core writes; and how long a question takes to a log of ten million.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from bench.contenders import CONTENDERS, Contender, Manner, Place, settings, voltgate_command
from bench.machine import Cores, cores, nanoseconds, started
from bench.phases import STATIONS, Bench, Plan, Sample
from bench.results import Results
from bench.tables import table
from voltgate.telemetry.messages.reading import Search, find
from voltgate.telemetry.messages.segments import COLUMNS, Bounds, Record, Segments, first_id
from voltgate.telemetry.messages.writer import HEAD, Report, framed
from voltgate.telemetry.messages.writer import Settings as WriterSettings

WARM, LOAD = 0.5, 2.5
RATE = 5000.0
"""Calls a second, with the log and without: at another rate another number of messages shares a wake-up."""
_RECORDED = '\n[messages]\nstations = ["*"]\n'
_ACTIONS = ("Heartbeat", "MeterValues", "StatusNotification", "Authorize", "StartTransaction", "StopTransaction")
_FLEET = 20_000
_A_MONTH = 2_592_000.0


# The path of a message.


def _recorded(place: Place) -> str:
    return settings(place, Manner()) + _RECORDED


class Cost(NamedTuple):
    """What a message cost in one round: microseconds of the gateway's CPU, and of the writer's (0: there is none)."""

    gateway: float
    writer: float
    calls: int
    faults: dict[str, int]
    waited: float


def contenders() -> dict[str, Contender]:
    """Return a gateway without a log, and one that records all stations, twice.

    `held`: while the writer stands still, which is what the gateway does itself: where the cores of the machine are two
    threads of one, whatever the writer does slows the gateway down.
    """
    plain = CONTENDERS["voltgate"]
    logging = replace(plain, command=voltgate_command(_recorded))
    return {"without": plain, "held": logging, "with": logging}


def cost(name: str, place: Cores) -> Cost:
    """Measure one round of one of the contenders."""
    with Bench(contenders()[name], place, awake=True) as bench:
        bench.open(STATIONS)
        warm, _ = bench.drive({"do": "pace", "rate": RATE}, WARM, 0.2)
        assert bench.proxy is not None
        children = started(bench.proxy.pid)
        for child in children:
            os.sched_setaffinity(child, place.others)
            if name == "held":
                os.kill(child, signal.SIGSTOP)
        pids = {"gateway": bench.proxy.pid} | ({"writer": children[-1]} if children else {})
        before = {who: nanoseconds(pid) for who, pid in pids.items()}
        counts, _ = bench.drive({"do": "pace", "rate": RATE}, 0.0, LOAD)
        used = {who: nanoseconds(pid) - before[who] for who, pid in pids.items()}
        faults = bench.faults(counts)
        for child in children:
            os.kill(child, signal.SIGCONT)
        calls = sum(count["sent"] for count in counts) - sum(count["sent"] for count in warm)
        each = {who: nanos / calls / 2 / 1000 for who, nanos in used.items()}
        return Cost(each["gateway"], each.get("writer", 0.0), calls, faults, bench.waited)


def path_of(rounds: int, place: Cores) -> None:
    """Print what a message costs the gateway with the log and without, in pairs."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders()}
    for number in range(rounds):
        for name in list(costs)[:: 1 if number % 2 else -1]:
            found = cost(name, place)
            costs[name].append(found)
            lost = found.faults or ""
            print(f"{number + 1} {name:8} {found.gateway:6.2f} µs a message  {found.calls:,} calls {lost}", flush=True)
    for name in ("held", "with"):
        ratio = median(a.gateway / b.gateway for a, b in zip(costs[name], costs["without"], strict=True))
        print(f"path, {name}: {median(each.gateway for each in costs[name]):.2f} µs a message, × {ratio:.3f}")
    without, writer = (
        median(each) for each in ([c.gateway for c in costs["without"]], [c.writer for c in costs["with"]])
    )
    print(f"path, without: {without:.2f} µs a message; the writer takes {writer:.2f} µs")


# What one core writes.


class Written(NamedTuple):
    """How many messages a second one core wrote, how many were dropped, and what one took in CPU and on disk."""

    per_second: float
    dropped: int
    micros: float
    bytes: float


def writing(number: int) -> Written:
    """Measure how many messages a second one core writes: each is two frames and a record, masked and indexed."""
    draw = random.Random(1)
    batches = [_batch(draw, 500, turn) for turn in range(number // 500)]
    folder = Path(tempfile.mkdtemp(prefix="messages-"))
    try:
        command = [sys.executable, "-m", "voltgate.telemetry.messages.writer"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write(framed(WriterSettings(str(folder), 1 << 34, _A_MONTH)))
            begun, spent = time.monotonic(), 0
            for batch in batches:
                writer.stdin.write(batch)
            spent = nanoseconds(writer.pid)
            writer.stdin.close()
            last = [msgspec.json.decode(line, type=Report) for line in writer.stdout][-1]
            seconds = time.monotonic() - begun
        return Written(last.written / seconds, last.dropped, spent / number / 1000, last.bytes / number)
    finally:
        shutil.rmtree(folder)


def _batch(draw: random.Random, number: int, turn: int) -> bytes:
    now = 1_800_000_000 + turn / 100
    entries = []
    for each in range(number):
        action = draw.choice(_ACTIONS)
        call = msgspec.json.encode([2, f"{draw.getrandbits(128):032x}", action, _payload(draw, action)])
        reply = msgspec.json.encode([3, f"{draw.getrandbits(128):032x}", {"idTagInfo": {"status": "Accepted"}}])
        station = f"CP-{draw.randrange(_FLEET):06d}"
        entries.append((0, now + each / 1e5, station, each % 2, "billing", 0.012, call, reply, each, "home", 0, "rule"))
    body = msgspec.msgpack.encode({"type": "batch", "entries": entries})
    return len(body).to_bytes(HEAD, "big") + body


def _payload(draw: random.Random, action: str) -> object:
    if action == "MeterValues":
        sampled = [{"value": str(draw.random()), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}] * 3
        return {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-22T10:00:00Z", "sampledValue": sampled}]}
    token = {} if action in ("Heartbeat", "StatusNotification") else {"idTag": f"{draw.getrandbits(32):08X}"}
    return {"connectorId": 1, "timestamp": "2026-11-22T10:00:00Z", **token}


# Questions.


class Asked(NamedTuple):
    """How long a question took, in milliseconds, and how much the last one found."""

    question: str
    median: float
    p95: float
    found: int


def asking(number: int, questions: int) -> Iterator[Asked]:
    """Measure how long questions to a log of so many messages take."""
    folder = Path(tempfile.mkdtemp(prefix="messages-"))
    try:
        begun = time.monotonic()
        log = Segments(folder, Bounds(1 << 40, _A_MONTH))
        draw, now = random.Random(2), time.time() - 86_400
        for start in range(0, number, 5000):
            log.write([_record(draw, log, now, start + each, number) for each in range(5000)], time.time())
        log.close()
        print(f"a log of {number:,}: {log.count} segments, {log.size / 1e9:.1f} GB, {time.monotonic() - begun:.0f} s")
        for name, ask in _QUESTIONS.items():
            took = []
            for _ in range(questions):
                search = ask(draw, now)
                begun = time.perf_counter()
                found = find(folder, search)
                took.append((time.perf_counter() - begun) * 1000)
            took.sort()
            yield Asked(name, median(took), took[int(len(took) * 0.95)], len(found.records))
    finally:
        shutil.rmtree(folder)


def _record(draw: random.Random, log: Segments, began: float, number: int, of: int) -> Record:
    action = draw.choices(_ACTIONS, (30, 40, 20, 4, 3, 3))[0]
    outcome = 0 if draw.random() < 0.99 else draw.choice((1, 2))
    at = began + number * 86_400 / of
    payload = msgspec.json.encode(_payload(draw, action)).decode()
    values = {
        "id": log.number(at), "kind": 0, "station": f"CP-{draw.randrange(_FLEET):06d}", "direction": number % 2,
        "backend": draw.choice(("billing", "employer", "grid")), "message_id": f"{draw.getrandbits(64):016x}",
        "action": action, "payload": payload, "outcome": outcome, "reply": "{}", "took": 0.01, "route": "home",
        "rule": 0, "decided": "rule", "call": number,
    }  # fmt: skip
    return tuple(values.get(column) for column in COLUMNS)


def _of_station(draw: random.Random, began: float, **more: Any) -> Search:
    return Search(station=f"CP-{draw.randrange(_FLEET):06d}", **more)


_QUESTIONS: dict[str, Callable[[random.Random, float], Search]] = {
    "the last 100 of all": lambda draw, began: Search(),
    "the last 100 of a station": _of_station,
    "the last 100 stops of a station": lambda draw, began: _of_station(draw, began, action="StopTransaction"),
    "a station, an hour": lambda draw, began: _of_station(
        draw, began, since=(at := began + draw.random() * 80_000), until=at + 3600, limit=1000
    ),
    "the last 100 of a backend": lambda draw, began: Search(backend="grid"),
    "the last 100 errors": lambda draw, began: Search(outcome="error"),
    "the last 1,000 of an action before a time": lambda draw, began: Search(
        action="StopTransaction", until=began + draw.random() * 86_400, limit=1000
    ),
    "a station that is not there": lambda draw, began: Search(station="CP-NONE"),
    "a page far behind": lambda draw, began: Search(before=first_id(began + draw.random() * 86_400)),
    "a text of a station": lambda draw, began: _of_station(draw, began, text="idTag"),
}


# As a part of the bench.

FEW, FEW_QUESTIONS = 200_000, 20
"""Messages in the log of a short run, and questions of each kind to it."""
PAIRS = 2


def messages(number: int, plan: Plan, place: Cores) -> Sample:
    """Measure all of it shortly: pairs of the path, what one core writes, and questions to a log of 200,000."""
    pairs: list[dict[str, Cost]] = []
    for turn in range(PAIRS):
        order = ("without", "with") if (number + turn) % 2 else ("with", "without")
        pairs.append({name: cost(name, place) for name in order})
    cleanest = min(pairs, key=_waited)
    faults = {name: count for pair in pairs for each in pair.values() for name, count in each.faults.items()}
    written = writing(50_000)
    figures = {name: each.gateway for name, each in cleanest.items()}
    figures |= {"times": figures["with"] / figures["without"], "written": written.per_second}
    figures |= {each.question: each.p95 for each in asking(FEW, FEW_QUESTIONS)}
    return Sample("voltgate", number, figures, faults, _waited(cleanest))


def _waited(pair: Mapping[str, Cost]) -> float:
    return max(each.waited for each in pair.values())


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("messages", "voltgate", "times"):
        return []

    def found(name: str) -> float:
        return results.median("messages", "voltgate", name)

    costs = [[name, f"{found(name):.1f}"] for name in ("without", "with")]
    questions = [[name, f"{found(name):.0f}"] for name in _QUESTIONS]
    return [
        "## The message log",
        f"Calls at {RATE:,.0f} a second, of a gateway without a log and of one that records all stations, in pairs; "
        f"what one core writes; and questions to a log of {FEW:,} messages. docs/messages.md has those to ten million.",
        table(["", "µs a message"], [*costs, ["times", f"{found('times'):.2f}"]]),
        f"Messages written a second by one core: {found('written'):,.0f}.",
        table(["question", "p95, ms"], questions),
    ]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.messages", description=__doc__)
    parser.add_argument("--measure", default="path,writing,asking", help="path, writing, asking")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of rounds of the path")
    parser.add_argument("--records", type=int, default=10_000_000, help="messages in the log that is asked")
    given = parser.parse_args()
    wanted = given.measure.split(",")
    if "path" in wanted:
        path_of(given.rounds, cores())
    if "writing" in wanted:
        found = writing(200_000)
        print(
            f"writing: {found.per_second:,.0f} messages a second, {found.dropped} dropped, "
            f"{found.micros:.1f} µs of CPU each or less, {found.bytes:.0f} bytes each on disk"
        )
    if "asking" in wanted:
        for asked in asking(given.records, 60):
            times = f"p50 {asked.median:7.1f} ms  p95 {asked.p95:7.1f} ms"
            print(f"{asked.question:42} {times}  ({asked.found} found)", flush=True)


if __name__ == "__main__":
    main()
