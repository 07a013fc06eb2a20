"""The measurement of many stations behind one broker: what 50,000 with a subscription each hold."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import amqp, mqtt
from bench.cluster import Cluster
from bench.contenders import Place
from bench.machine import Cores, Failure, descriptors
from bench.phases import Plan, Sample
from bench.results import Results

SPARE = 2000
"""Descriptors of a process that are left for other things than stations."""
WARM = 200
PING = 10
"""Seconds between pings: each station has two while they are counted."""
BROKERS: dict[str, tuple[str, Callable[[Place], str]]] = {
    "mqtt": ("bench.mqtt_consumer", mqtt.settings),
    "amqp": ("bench.amqp_consumer", amqp.settings),
}


class Subscribed(Cluster):
    """Gateways behind a broker, which is the consumer's child."""

    def open(self, stations: int, seconds: float = 600.0) -> None:
        """Connect so many stations more."""
        opened = self.connect(stations, seconds)
        if opened < stations:
            raise Failure(f"{opened} of {stations} stations connected\n{self.gateways[0].log()}")


def many(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure memory a station through each broker: of the gateways and of the broker."""
    gateways = -(-plan.many // (descriptors() - SPARE))
    figures = {"stations": float(plan.many), "gateways": float(gateways), "descriptors": float(descriptors())}
    for name, (consumer, settings) in BROKERS.items():
        found = _measured(consumer, settings, plan, cores, gateways)
        figures |= {f"{name} {figure}": value for figure, value in found.items()}
    return Sample("voltgate", number, figures)


def pinging(configuration: str, place: Place) -> str:
    """Have stations pinged often."""
    listener = f'"ws://127.0.0.1:{place.port}"'
    return configuration.replace(listener, f"{{ url = {listener}, ping = {PING} }}")


def _measured(
    consumer: str, settings: Callable[[Place], str], plan: Plan, cores: Cores, gateways: int
) -> dict[str, float]:
    cluster = Subscribed(lambda place: pinging(settings(place), place), cores, (cores.proxy,) * gateways)
    cluster.backend = consumer
    few = WARM * gateways
    with cluster:
        cluster.open(few)
        time.sleep(plan.settle)
        held, behind, before = cluster.resident, cluster.behind, cluster.usage()
        cluster.open(plan.many - few)
        spent = cluster.usage().since(before)
        time.sleep(plan.settle)
        grown, more = cluster.resident - held, cluster.behind - behind
        quiet = cluster.usage()
        time.sleep(2 * PING)
        idle = cluster.usage().since(quiet)
    stations = plan.many - few
    return {
        "kilobytes": grown / stations / 1000,
        "base": held / gateways / 1e6,
        "broker": more / stations / 1000,
        "accepted": stations / spent.total,
        "seconds": spent.seconds,
        "ping": idle.total / idle.seconds * PING / plan.many * 1e6,
    }


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("many", "voltgate", "stations"):
        return []

    def found(figure: str) -> float:
        return results.median("many", "voltgate", figure)

    gateways = found("gateways")
    why = f"{gateways:.0f} gateways, as a process may have {found('descriptors'):,.0f} descriptors here"
    where = "one gateway" if gateways == 1 else why
    return [
        f"## {found('stations'):,.0f} stations behind a broker",
        f"Real sockets, at {where}; a station holds its socket and, with MQTT, a subscription. Growth of what is "
        f"resident, once they are there and quiet. A ping and its pong cost {found('mqtt ping'):.1f} µs "
        "of CPU.",
        f"Mosquitto: {found('mqtt kilobytes'):.1f} kB a station in the gateways, {found('mqtt broker'):.2f} kB in the "
        f"broker; {found('mqtt accepted'):,.0f} stations are let in a CPU second of gateway. RabbitMQ, where stations "
        f"share queues: {found('amqp kilobytes'):.1f} kB a station in the gateways, {found('amqp accepted'):,.0f} let "
        "in a CPU second.",
    ]
