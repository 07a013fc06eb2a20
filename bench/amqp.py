"""The measurement of RabbitMQ: calls of websocket stations through Voltgate and quorum queues to a node, and back."""

from __future__ import annotations

from dataclasses import replace

from bench import mqtt
from bench.contenders import CONTENDERS, Place, voltgate_command
from bench.machine import Cores
from bench.mqtt import LATENCIES, BrokerBench, paced, through
from bench.phases import STATIONS, Plan, Sample
from bench.results import Results


def settings(place: Place) -> str:
    """Write Voltgate's configuration: one backend behind RabbitMQ."""
    return mqtt.settings(place).replace(f"mqtt://127.0.0.1:{place.backend}/cs", f"amqp://127.0.0.1:{place.backend}")


class AmqpBench(BrokerBench):
    """The broker is RabbitMQ."""

    backend, scheme = "bench.amqp_consumer", "amqp"
    contender = replace(CONTENDERS["voltgate"], title="Voltgate, RabbitMQ", command=voltgate_command(settings))


def amqp(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure calls through RabbitMQ."""
    return through(AmqpBench, number, plan, cores)


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("amqp", "voltgate", "rate"):
        return []
    names = ("rate", "capacity", "micros", "user", "share", *LATENCIES, "broker", "kilobytes")
    found = {name: results.median("amqp", "voltgate", name) for name in names}
    return [
        "## Through RabbitMQ, on one core",
        f"{STATIONS} websocket stations in a closed loop, the calls of above; RabbitMQ, four quorum queues, and one "
        f"node share what cores are left. {found['rate']:,.0f} calls a second are answered, at {found['share']:.2f} of "
        f"Voltgate's core: {found['capacity']:,.0f} for a full one. A message costs {found['micros']:.1f} µs of "
        f"Voltgate ({found['user']:.1f} in user space), its confirmation included; a call "
        f"costs the broker {found['broker']:.0f} µs.",
        paced(found),
        f"A station that says nothing holds {found['kilobytes']:.1f} kB.",
    ]
