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


def _measured(
    consumer: str, settings: Callable[[Place], str], plan: Plan, cores: Cores, gateways: int
) -> dict[str, float]:
    cluster = Subscribed(settings, cores, (cores.proxy,) * gateways)
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
    stations = plan.many - few
    return {
        "kilobytes": grown / stations / 1000,
        "broker": more / stations / 1000,
        "accepted": stations / spent.total,
        "seconds": spent.seconds,
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
        "resident, once they are there and quiet.",
        f"Mosquitto: {found('mqtt kilobytes'):.1f} kB a station in the gateways, {found('mqtt broker'):.2f} kB in the "
        f"broker; {found('mqtt accepted'):,.0f} stations are let in a CPU second of gateway. RabbitMQ, where stations "
        f"share queues: {found('amqp kilobytes'):.1f} kB a station in the gateways, {found('amqp accepted'):,.0f} let "
        "in a CPU second.",
    ]
