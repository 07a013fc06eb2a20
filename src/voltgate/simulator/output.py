"""What the simulator prints: the progress of a run, and its summary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voltgate.simulator.fleet import Fleet
from voltgate.simulator.tally import Tally

_TERMINAL_INTERVAL = 0.25
"""Seconds between two updates, on a terminal."""
_LINE_INTERVAL = 10.0
"""Seconds between two lines elsewhere."""
_COLUMNS = ("count", "p50", "p90", "p99", "p99.9", "max")


async def follow(running: asyncio.Future[None], status: Callable[[], str], console: Console) -> None:
    """Show a status until `running` is done: in place on a terminal, a line now and then otherwise."""
    if not console.is_terminal:
        while not running.done():
            await asyncio.wait([running], timeout=_LINE_INTERVAL)
            console.print(status(), soft_wrap=True, highlight=False)
        return
    with Live(Text(status()), console=console, auto_refresh=False) as live:
        while not running.done():
            await asyncio.wait([running], timeout=_TERMINAL_INTERVAL)
            live.update(Text(status()), refresh=True)


def progress(fleet: Fleet) -> str:
    """Return the progress of a run in one line."""
    tally = fleet.tally
    online = sum(charger.online for charger in fleet.chargers)
    charging = sum(len(charger.sessions) for charger in fleet.chargers)
    sent, answered = sum(tally.sent.values()), sum(tally.answered.values())
    return (
        f"{online} of {len(fleet.chargers)} stations on line, {charging} cars, {sent} calls sent, {answered} answered "
        f"(99 % within {tally.total.percentile(0.99) * 1e3:.1f} ms), {tally.failures} faults"
    )


def latencies(tally: Tally) -> Table:
    """Return the percentiles of each action's latency, in milliseconds."""
    table = Table(title="Latency in milliseconds")
    table.add_column("action")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for action, figures in tally.as_dict()["latency_ms"].items():
        table.add_row(action, *(f"{figures[column]:g}" for column in _COLUMNS))
    return table


def summary(tally: Tally) -> Iterator[str]:
    """Yield the lines of the summary: what was sent, its outcome, and the faults."""
    counts = tally.as_dict()
    commands, charged = sum(counts["commands"].values()), counts["transactions"]
    yield f"{counts['sent']} calls sent, {counts['answered']} answered; {commands} commands obeyed"
    yield f"{charged['begun']} transactions begun, {charged['confirmed']} confirmed, {charged['lost']} lost"
    yield ", ".join(f"{number} {name}" for name, number in counts["faults"].items())
    if tally.behind:
        yield f"{tally.behind} calls were not sent: the stations were too busy for this rate"
    yield from examples(tally)


def examples(tally: Tally) -> Iterator[str]:
    """Yield a line for each fault that is kept as an example."""
    for fault, kept in tally.examples.items():
        for example in kept:
            yield f"  {fault.value}: {example}"
