"""The measurement of two gateways against one: what a message costs, and how many more of them two can carry."""

from __future__ import annotations

from functools import partial

from bench.cluster import Cluster, databank
from bench.contenders import Manner, settings
from bench.machine import Cores
from bench.phases import STATIONS, Plan, Sample
from bench.results import Results
from bench.tables import table

MANNERS = {"plain": Manner(), "journal": Manner(copy=True, journal=True)}
"""One backend; and a copy besides whose meter values are on disk first."""
TITLES = {"plain": "one backend", "journal": "and a copy, journalled"}
ENOUGH = 6
"""Cores: two for gateways, and four for those who load them."""


def pair(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure one gateway, and two with as many stations each, on one PostgreSQL.

    Where there are cores enough each gateway has one to itself, and their calls a second are compared. With fewer both
    share one: then what is compared is the CPU time of a message, as two with a core each would carry so many more.
    """
    figures: dict[str, float] = {}
    faults: dict[str, int] = {}
    foreign = 0.0
    for name, manner in MANNERS.items():
        for gateways in (1, 2):
            found = _measured(manner, gateways, plan, cores)
            figures |= {f"{name} {figure}{gateways}": value for figure, value in found.figures.items()}
            faults |= found.faults
            foreign = max(foreign, found.foreign)
        times = figures[f"{name} rate2"] / figures[f"{name} rate1"]
        if not apart(cores):
            times = 2 * figures[f"{name} micros1"] / figures[f"{name} micros2"]
        figures[f"{name} times"] = times
    return Sample("voltgate", number, figures | {"apart": float(apart(cores))}, faults, foreign)


def apart(cores: Cores) -> bool:
    """Tell whether two gateways can have a core each, and those who load them enough."""
    return len(cores.others) + 1 >= ENOUGH


def _measured(manner: Manner, gateways: int, plan: Plan, cores: Cores) -> Sample:
    on = (cores.proxy, cores.others[-1] if apart(cores) else cores.proxy)[:gateways]
    rest = Cores(cores.proxy, cores.others[:-1]) if apart(cores) else cores
    with (
        databank(rest) as database,
        Cluster(partial(settings, manner=manner, database=database.url), rest, on, copies=int(manner.copy)) as cluster,
    ):
        cluster.open(STATIONS * gateways)
        counts, spent = cluster.drive({"do": "load"}, plan.warm, 2 * plan.load)
        faults = cluster.faults(counts)
    rate = sum(count["in_window"] / count["seconds"] for count in counts)
    figures = {
        "rate": rate,
        "micros": spent.total / (rate * spent.seconds) / 2 * 1e6,
        "share": spent.share / len(set(on)),
    }
    return Sample("voltgate", 0, figures, faults, spent.foreign / len(set(on)))


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("pair", "voltgate", "plain times"):
        return []
    rows = []
    for name, title in TITLES.items():
        found = [results.median("pair", "voltgate", f"{name} {figure}") for figure in ("micros1", "micros2", "times")]
        rows.append([title, f"{found[0]:.1f}", f"{found[1]:.1f}", f"{found[2]:.2f}"])
    how = (
        "Each has a core to itself; times is their calls a second against those of one."
        if results.median("pair", "voltgate", "apart")
        else f"That needs {ENOUGH} cores, and this machine has fewer: both gateways share one, and those who load them "
        "and PostgreSQL have the rest. So times is not measured: it is what follows from the CPU time of a message, "
        "and too low, as two processes that share a core cost each other their caches."
    )
    return [
        "## Two gateways against one",
        f"{STATIONS} stations of each gateway in a closed loop, the calls of above, gateways on one PostgreSQL whose "
        f"commits are on disk. {how}",
        table(["", "µs a message, one", "µs a message, each of two", "times"], rows),
    ]
