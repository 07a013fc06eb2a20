"""The measurement of MQTT: calls of websocket stations through Voltgate and Mosquitto to a consumer, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.contenders import CONTENDERS, Place, voltgate_command
from bench.machine import Cores, Failure, nanoseconds, started
from bench.phases import STATIONS, Bench, Plan, Sample
from bench.results import Results

PACE = 1000.0
"""Calls a second at which latency is measured: as many as 100,000 stations make."""


def settings(place: Place) -> str:
    """Write Voltgate's configuration: one backend behind a broker."""
    return f"""
[listen]
stations = ["ws://127.0.0.1:{place.port}"]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000
messages_per_second = 100000

[backends.first]
url = "mqtt://127.0.0.1:{place.backend}/cs"

[routes.bench]
rules = [{{ answer = "first" }}]

[[stations]]
match = "*"
route = "bench"
"""


MQTT = replace(CONTENDERS["voltgate"], title="Voltgate, MQTT", command=voltgate_command(settings))


class BrokerBench(Bench):
    """Voltgate between websocket stations and a consumer behind a broker, which is the consumer's child."""

    contender = MQTT
    scheme: str

    def __init__(self, cores: Cores, alone: bool = False) -> None:
        """Prepare. `alone`: without Voltgate; the stations speak to the broker themselves."""
        super().__init__(CONTENDERS["none"] if alone else self.contender, cores, awake=cores.ample)
        self._count = 1
        if alone:
            self.generator, self.task = "bench.direct", {"scheme": self.scheme}
            self._calling = (cores.proxy,)  # where Voltgate would be that speaks to the broker

    def open(self, stations: int, seconds: float = 120.0) -> None:
        """Connect so many stations more: each has its topic subscribed to before it is let in."""
        opened = self.connect(stations, seconds)
        if opened < stations:
            raise Failure(f"{opened} of {stations} stations connected\n{self.proxy.log() if self.proxy else ''}")

    @property
    def broker(self) -> float:
        """CPU seconds that the broker has spent."""
        return sum(nanoseconds(pid) for worker in self._backends for pid in started(worker.pid)) / 1e9

    def faults(self, counts: list[dict[str, Any]]) -> dict[str, int]:
        """Compare what was sent, answered and heard by the consumer."""
        found = {name: sum(count.get(name, 0) for count in counts) for name in ("lost", "doubled", "wrong", "broken")}
        found["unheard"] = sum(count["sent"] for count in counts) - self.heard("answer", "calls")
        found["misheard"] = self.heard("answer", "out_of_order") + self.heard("answer", "wrong")
        return {name: count for name, count in found.items() if count}


class MqttBench(BrokerBench):
    """The broker is Mosquitto."""

    backend, scheme = "bench.mqtt_consumer", "mqtt"


def mqtt(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure calls through Mosquitto."""
    return through(MqttBench, number, plan, cores)


def through(broker: type[BrokerBench], number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure CPU time a message, latency at a fixed rate, and what an idle station holds."""
    with broker(cores) as bench:
        bench.open(STATIONS)
        before = bench.broker
        counts, spent = bench.drive({"do": "load"}, plan.warm, plan.load)
        brokers = (bench.broker - before) / sum(count["answered"] for count in counts)
        faults = bench.faults(counts)
    rate = sum(count["in_window"] / count["seconds"] for count in counts)
    calls = rate * spent.seconds
    figures = {
        "rate": rate,
        "capacity": calls / spent.total,
        "micros": spent.total / calls / 2 * 1e6,
        "user": spent.user / calls / 2 * 1e6,
        "share": spent.share,
        "broker": brokers * 1e6,
    }
    figures |= _latencies(broker(cores), plan)
    direct = _latencies(broker(cores, alone=True), plan)
    figures |= {f"direct {name}": value for name, value in direct.items()}
    return Sample("voltgate", number, figures | _held(broker, plan, cores), faults, spent.foreign)


def _latencies(made: BrokerBench, plan: Plan) -> dict[str, float]:
    with made as bench:
        bench.open(STATIONS)
        before = bench.broker
        counts, spent = bench.drive({"do": "pace", "rate": PACE}, plan.warm, plan.pace)
        (count,) = counts
        found = {name: count[name] for name in ("p50", "p99")}
        if bench.proxy is None:
            return found
        found["paced"] = spent.total / count["wanted"] / 2 * 1e6
        return found | {"broker paced": (bench.broker - before) / count["sent"] * 1e6}


def _held(broker: type[BrokerBench], plan: Plan, cores: Cores) -> dict[str, float]:
    few = max(50, plan.idle // 50)
    with broker(cores) as bench:
        bench.open(few)
        time.sleep(plan.settle)
        held, before = bench.resident, bench.usage()
        bench.open(plan.idle - few)
        spent = bench.usage().since(before)
        time.sleep(plan.settle)
        grown = bench.resident - held
    stations = plan.idle - few
    return {"kilobytes": grown / stations / 1000, "accepted": stations / spent.total}


LATENCIES = ("paced", "broker paced", "p50", "p99", "direct p50", "direct p99")


def paced(found: Mapping[str, float]) -> str:
    """Say what a message costs and how long a call takes at a steady rate, and what of that is not Voltgate's."""
    p50, p99 = found["direct p50"], found["direct p99"]
    return (
        f"At {PACE:,.0f} calls a second, the traffic of 100,000 stations, a message costs {found['paced']:.0f} µs, as "
        f"Voltgate is woken for each, and a call costs the broker "
        f"{found['broker paced']:.0f} µs. From a station's call to its answer: p50 {found['p50']:,.0f} µs, p99 "
        f"{found['p99']:,.0f} µs; when stations speak to the broker themselves, by the same client, p50 {p50:,.0f} µs, "
        f"p99 {p99:,.0f} µs. So Voltgate adds {found['p50'] - p50:,.0f} µs to the one and "
        f"{found['p99'] - p99:,.0f} µs to the other."
    )


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    names = ("rate", "capacity", "micros", "user", "share", *LATENCIES, "broker", "kilobytes", "accepted")
    found = {name: results.median("mqtt", "voltgate", name) for name in names}
    if not results.of("mqtt", "voltgate", "rate"):
        return []
    return [
        "## Through an MQTT broker, on one core",
        f"{STATIONS} websocket stations in a closed loop, the calls of above; Mosquitto and one consumer, QoS 1, share "
        f"what cores are left. {found['rate']:,.0f} calls a second are answered, at {found['share']:.2f} of "
        f"Voltgate's core: {found['capacity']:,.0f} for a full one. A message costs {found['micros']:.1f} µs of "
        f"Voltgate ({found['user']:.1f} in user space), its acknowledgement included; a call "
        f"costs the broker {found['broker']:.0f} µs.",
        paced(found),
        f"A station that says nothing holds {found['kilobytes']:.1f} kB with its subscription; "
        f"{found['accepted']:,.0f} stations a second of a core are let in, each when the broker has "
        "acknowledged its subscription.",
    ]
