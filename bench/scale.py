"""What many stations need, computed from measured figures: `python -m bench.scale` writes the tables of docs/scale.md.

It reads what runs of the bench have left in bench/results, all files or those that are named, and takes medians.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import ROOT
from bench.phases import Sample
from bench.results import Results
from bench.tables import number, table

FLEETS = (100_000, 1_000_000)
A_GATEWAY = 50_000
"""Stations of one gateway: half of what `limits.connections` lets in, so that it can take those of another."""
BACK = 300.0
"""Seconds within which all stations come back after all were cut off."""
PINGS = 55.0
"""Seconds between two pings to a station, by default."""
OVERHEAD = 100.0
"""Bytes that a message takes on the wire beside its payload: frame, TLS, TCP and IP, and its acknowledgement."""
POOL = 16
"""Connections to PostgreSQL that a gateway may open: 15, and one that listens."""
KEPT = 30
"""Days that a transaction is kept after its end, by default."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a station says, per second. Estimates: defaults of OCPP 1.6, two connectors, and how much these are used."""

    connected: float
    """The part of the time in which a connector has a car that charges."""
    sessions: float
    """Sessions of a connector a day, at this rate."""

    CONNECTORS = 2

    @property
    def transactions(self) -> float:
        """Transactions of a station, each of eight calls besides its meter values."""
        return self.CONNECTORS * self.sessions / 86400

    @property
    def calls(self) -> float:
        """Calls: 21 an hour when idle (heartbeats, some news), 66 an hour of a connector that charges."""
        return (21 + 66 * self.CONNECTORS * self.connected) / 3600 + 8 * self.transactions

    @property
    def payload(self) -> float:
        """Bytes of calls and their answers."""
        charging = 76_932 * self.CONNECTORS * self.connected
        return (4_743 + charging) / 3600 + 1_783 * self.transactions


AVERAGE = Traffic(connected=0.1, sessions=2)
BUSY = Traffic(connected=0.4, sessions=8)
"""The average of a day, and its busiest hour: four times as many cars."""


class Figures:
    """Medians of what was measured."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def of(self, measurement: str, figure: str, contender: str = "voltgate") -> float:
        """Give a figure; NaN when it was not measured."""
        return self._results.median(measurement, contender, figure)

    @property
    def handshake(self) -> float:
        """CPU milliseconds that TLS adds to a station that comes."""
        return 1000 / self.of("wss", "accepted") - 1000 / self.of("ws", "accepted")

    @property
    def tls(self) -> float:
        """Kilobytes that TLS adds to a station."""
        return self.of("wss", "kilobytes") - self.of("ws", "kilobytes")


PATHS = {"ws": "websocket backends", "mqtt": "an MQTT broker", "amqp": "RabbitMQ"}


def message(figures: Figures, path: str) -> float:
    """Give the microseconds that a message costs a gateway which is busy."""
    return figures.of("load" if path == "ws" else path, "micros")


def stations(_: Figures) -> str:
    """Write what stations say."""
    rows = []
    for what, each in (
        ("calls a second", lambda traffic: traffic.calls),
        ("messages a second", lambda traffic: 2 * traffic.calls),
        ("transactions a second", lambda traffic: traffic.transactions),
        ("pings a second, both ways", lambda _: 1 / PINGS + 1 / 60),
    ):
        rows.append([what, *(number(fleet * each(when), 0) for fleet in FLEETS for when in (AVERAGE, BUSY))])
    megabits = [
        number(fleet * (when.payload + (2 * when.calls + 2 * (1 / PINGS + 1 / 60)) * OVERHEAD) * 8 / 1e6, 0)
        for fleet in FLEETS
        for when in (AVERAGE, BUSY)
    ]
    rows.append(["Mbit/s on the stations' side", *megabits])
    return table(["", *(f"{fleet:,}{when}" for fleet in FLEETS for when in ("", ", busy hour"))], rows)


def gateways(figures: Figures) -> str:
    """Write what gateways need in the busy hour, by how they reach who answers."""
    rows = []
    for path, title in PATHS.items():
        kilobytes = figures.of("ws" if path == "ws" else "many", "kilobytes" if path == "ws" else f"{path} kilobytes")
        for fleet in FLEETS:
            messages = 2 * fleet * BUSY.calls * message(figures, path) / 1e6
            pings = fleet * (1 / PINGS + 1 / 60) * figures.of("many", "mqtt ping") / 1e6
            records = fleet * BUSY.transactions * figures.of("records", "alone gateway") / 1e3
            memory = fleet * (kilobytes + figures.tls) / 1e6
            cores = (messages, pings, records, messages + pings + records)
            quiet = 2 * fleet * BUSY.calls * figures.of(path, "paced") / 1e6 + pings + records
            row = [title, f"{fleet:,}", *(number(each, 2) for each in (*cores, quiet))]
            rows.append([*row, number(-(-fleet // A_GATEWAY) + 1), number(memory, 1)])
    return table(["through", "stations", "messages", "pings", "transactions", "cores", "quiet", "gateways", "GB"], rows)


def storm(figures: Figures) -> str:
    """Write what it takes to let all stations in again."""
    coming = figures.of("records", "returning gateway")
    rows = []
    for fleet in FLEETS:
        second = fleet / BACK
        row = [f"{fleet:,}", number(second), number(second * coming / 1e3, 1)]
        row += [number(second * (coming + figures.handshake) / 1e3, 1)]
        row += [number(second * figures.of("records", "returning database") / 1e3, 2)]
        rows.append([*row, number(second * figures.of("records", "returning wal") / 1e6, 1)])
    head = ["stations", "a second", "cores, ws", "cores, wss", "cores of PostgreSQL", "MB of log a second"]
    return table(head, rows)


def brokers(figures: Figures) -> str:
    """Write what brokers need in the busy hour, by what a call costs them at little and at much traffic."""
    rows = []
    for fleet in FLEETS:
        calls = fleet * BUSY.calls
        row = [f"{fleet:,}", number(calls)]
        row += [number(calls * figures.of("mqtt", name) / 1e6, 2) for name in ("broker", "broker paced")]
        row += [number(math.ceil(fleet / A_GATEWAY))]
        row += [number(calls * figures.of("amqp", name) / 1e6, 2) for name in ("broker", "broker paced")]
        rows.append(row)
    head = ["stations", "calls a second", "Mosquitto", "quiet", "connections", "RabbitMQ", "quiet"]
    return table(head, rows)


def database(figures: Figures) -> str:
    """Write what PostgreSQL does in the busy hour, without and with a copy that is journalled."""
    rows = []
    for name, title in (("alone", "one backend"), ("copied", "and a journalled copy")):
        for fleet in FLEETS:
            second = fleet * BUSY.transactions
            row = [title, f"{fleet:,}", number(second)]
            row += [number(second * figures.of("records", f"{name} {each}")) for each in ("commits", "statements")]
            row += [number(second * figures.of("records", f"{name} wal") / 1e6, 2)]
            row += [number(second * figures.of("records", f"{name} database") / 1e3, 2)]
            row += [number(fleet * AVERAGE.transactions * 86400 * KEPT * figures.of("records", f"{name} row") / 1e9)]
            rows.append([*row, number(POOL * (-(-fleet // A_GATEWAY) + 1))])
    head = [
        "",
        "stations",
        "transactions",
        "commits",
        "statements",
        "MB of log",
        "cores",
        f"GB in {KEPT} days",
        "connections",
    ]
    return table(head, rows)


def commands(figures: Figures) -> str:
    """Write how many commands a second cores carry, when asked of another gateway than the station's."""
    rows = []
    for gateways_there in (1, 2, 4):
        cost, theirs = (figures.of("commands", f"{name}{gateways_there}") for name in ("milliseconds", "database"))
        rows.append([str(gateways_there), number(1000 / cost), number(1000 / theirs)])
    return table(["gateways", "commands a second of a core", "of a core of PostgreSQL"], rows)


PARTS = (stations, gateways, storm, brokers, database, commands)


def read(paths: Sequence[Path]) -> Results:
    """Read what runs have found."""
    results = Results()
    for path in paths:
        found = json.loads(path.read_text(encoding="utf-8"))["results"]["samples"]
        for measurement, samples in found.items():
            for each in samples:
                results.add(measurement, Sample(**each | {"round": len(results.samples.get(measurement, []))}))
    return results


def main() -> int:
    """Write all tables."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted((ROOT / "bench" / "results").glob("*.json"))
    figures = Figures(read(paths))
    for part in PARTS:
        print(f"{part.__name__}\n\n{part(figures)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
