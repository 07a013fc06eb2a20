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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.contenders import CONTENDERS, Manner, Place, settings, voltgate_command
from bench.machine import Cores, cores, nanoseconds, started
from bench.phases import STATIONS, Bench
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


def path_of(rounds: int, place: Cores) -> None:
    """Print what a message costs the gateway with the log and without, in pairs.

    `held`: while the writer stands still, which is what the gateway does itself: where the cores of the machine are two
    threads of one, whatever the writer does slows the gateway down.
    """
    plain = CONTENDERS["voltgate"]
    logging = replace(plain, command=voltgate_command(_recorded))
    both = {"without": plain, "held": logging, "with": logging}
    costs: dict[str, list[float]] = {name: [] for name in both}
    writers: list[float] = []
    for number in range(rounds):
        for name in list(both)[:: 1 if number % 2 else -1]:
            with Bench(both[name], place, awake=True) as bench:
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
                lost = bench.faults(counts)
                for child in children:
                    os.kill(child, signal.SIGCONT)
            calls = sum(count["sent"] for count in counts) - sum(count["sent"] for count in warm)
            costs[name].append(used["gateway"] / calls / 2 / 1000)
            if "writer" in used:
                writers.append(used["writer"] / calls / 2 / 1000)
            print(
                f"{number + 1} {name:8} {costs[name][-1]:6.2f} µs a message  {calls:,} calls {lost or ''}", flush=True
            )
    for name in ("held", "with"):
        ratio = median(with_ / without for with_, without in zip(costs[name], costs["without"], strict=True))
        print(f"path, {name}: {median(costs[name]):.2f} µs a message, × {ratio:.3f}")
    print(f"path, without: {median(costs['without']):.2f} µs a message; the writer takes {median(writers):.2f} µs")


# What one core writes.


def writing(number: int) -> None:
    """Print how many messages a second one core writes: each is two frames and a record, masked and indexed."""
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
        print(
            f"writing: {last.written / seconds:,.0f} messages a second, {last.dropped} dropped, "
            f"{spent / number / 1000:.1f} µs of CPU each or less, {last.bytes / number:.0f} bytes each on disk"
        )
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


def asking(number: int, questions: int) -> None:
    """Print how long questions to a log of so many messages take."""
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
            p95 = took[int(len(took) * 0.95)]
            print(f"{name:42} p50 {median(took):7.1f} ms  p95 {p95:7.1f} ms  ({len(found.records)} found)", flush=True)
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
        writing(200_000)
    if "asking" in wanted:
        asking(given.records, 60)


if __name__ == "__main__":
    main()
