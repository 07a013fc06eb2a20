"""The measurement of alerts: what a message costs with a thousand rules against none, in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.contenders import CONTENDERS, Manner, Place, settings, voltgate_command
from bench.machine import Cores
from bench.phases import Plan, Sample, load
from bench.results import Results
from bench.tables import table

RULES = 1000
WARM = 3.0
"""Seconds after which what came of the stations' arrival has been looked at."""
PAIRS = 3
"""Pairs of one round: of each pair another one begins."""

_CHANNEL = '[alerts.channels.none.webhook]\nurl = "http://127.0.0.1:9/"\n'
"""Where nobody listens."""


GENERAL = 10
"""Rules that are for all stations; the others are for single ones and for patterns of them."""


def with_rules(place: Place) -> str:
    """Write the configuration of a gateway with rules: a few for all stations, hundreds for those of single sites."""
    rules = []
    for number in range(RULES):
        events = '"conStatusFaulted", "*Transaction*"' if number < GENERAL else '"*"'
        stations = "*" if number < GENERAL else f"SITE-{number}-*" if number % 2 else f"SITE-{number}"
        rules.append(
            f'[[alerts.rules]]\nevents = [{events}]\nstations = ["{stations}"]\nhours = "06:00-22:00"\n'
            'channels = ["none"]\n'
        )
    return settings(place, Manner()) + _CHANNEL + "\n".join(rules)


def alerts(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure a gateway without rules and one with a thousand, one after the other, in pairs."""
    plan = replace(plan, warm=max(plan.warm, WARM))
    bare = CONTENDERS["voltgate"]
    ruled = replace(bare, command=voltgate_command(with_rules))
    pairs: list[dict[str, Sample]] = []
    for turn in range(PAIRS):
        both = (("without", bare), ("with", ruled))
        order = both if (number + turn) % 2 else both[::-1]
        pairs.append({name: load(contender, number, plan, cores) for name, contender in order})
    faults = {name: fault for pair in pairs for each in pair.values() for name, fault in each.faults.items()}
    cleanest = min(pairs, key=_foreign)
    figures = {name: each.figures["micros"] for name, each in cleanest.items()}
    times = figures["with"] / figures["without"]
    return Sample("voltgate", number, figures | {"times": times}, faults, _foreign(cleanest))


def _foreign(pair: Mapping[str, Sample]) -> float:
    """Return for what part of its time a pair did not have its core to itself."""
    return max(each.foreign for each in pair.values())


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("alerts", "voltgate", "times"):
        return []
    without, ruled, times = (results.median("alerts", "voltgate", name) for name in ("without", "with", "times"))
    return [
        "## A thousand rules of alerts",
        f"The calls of above, of a gateway without alerts and of one with {RULES:,} rules ({GENERAL} for all stations, "
        "the others for single sites), one after the other in pairs. A message that is no event costs nothing more; "
        "what an event matters to is found out by a task that no message waits for.",
        table(
            ["", "µs a message"], [["without", f"{without:.1f}"], ["with", f"{ruled:.1f}"], ["times", f"{times:.2f}"]]
        ),
    ]
