"""The simulator's commands: `voltgate simulate`, `voltgate backend`, `voltgate demo`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
import uvloop
from rich.console import Console
from rich.live import Live
from rich.table import Table

from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.backend import VERSIONS, Lie, Manners, StandIn, stand
from voltgate.simulator.clock import Clock
from voltgate.simulator.fleet import TICK, Fleet, Plan
from voltgate.simulator.profile import DEFAULT, PROFILES, Conduct
from voltgate.simulator.tally import Tally

app = typer.Typer(add_completion=False)

_SHOWN = 0.5
"""Seconds between two looks at the progress."""


@app.command()
def simulate(
    url: Annotated[
        str, typer.Argument(help="Where the stations connect; the identity is appended, or is `{station}`.")
    ],
    stations: Annotated[int, typer.Option("-n", "--stations", min=1, max=100_000, help="How many stations.")] = 10,
    versions: Annotated[str, typer.Option(help="Versions that take turns.")] = "1.6,2.0.1,2.1",
    profile: Annotated[str, typer.Option(help=f"Daily life: {', '.join(PROFILES)}.")] = DEFAULT,
    duration: Annotated[float, typer.Option(help="Seconds to run; 0 runs until stopped.")] = 60.0,
    ramp: Annotated[float, typer.Option(help="Seconds over which the stations are switched on.")] = 0.0,
    rate: Annotated[float | None, typer.Option(help="Calls a second of the whole fleet, at a fixed pace.")] = None,
    transactions: Annotated[int | None, typer.Option(help="Transactions in all; more are not begun.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet again.")] = 1,
    prefix: Annotated[str, typer.Option(help="What identities begin with.")] = "SIM-",
    password: Annotated[str | None, typer.Option(envvar="VOLTGATE_SIMULATE_PASSWORD", help="For HTTP Basic.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds until a call counts as unanswered.")] = 30.0,
    open_calls: Annotated[int, typer.Option(min=1, help="Calls that a station has open at a time.")] = 1,
    ids: Annotated[str, typer.Option(help='Message ids: "unique", or "plain" counters that collide.')] = "unique",
    echo: Annotated[
        bool, typer.Option(help="The backend is `voltgate backend`: check for whom its answers are.")
    ] = False,
    impatient: Annotated[bool, typer.Option(help="Short waits before coming back, for loopback.")] = False,
    ca: Annotated[Path | None, typer.Option(help="wss only: the authorities to trust, as PEM.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Drive simulated stations at any URL, and judge every answer. Exit code 1 when anything was wrong."""
    if profile not in PROFILES:
        raise typer.BadParameter(f"there is no profile {profile}; there are {', '.join(PROFILES)}")
    if ids not in {"unique", "plain"}:
        raise typer.BadParameter('ids are "unique" or "plain"')
    life = PROFILES["treadmill"] if rate is not None else PROFILES[profile]
    conduct = Conduct(
        timeout=timeout,
        open_calls=open_calls,
        ids="plain" if ids == "plain" else "unique",
        echo=echo,
        transactions=transactions,
    )
    plan = Plan(
        url,
        stations,
        _versions(versions),
        life,
        conduct.impatient() if impatient else conduct,
        prefix=prefix,
        password=password,
        ramp=ramp,
        duration=duration or None,
        rate=rate,
        seed=seed,
        ca=str(ca) if ca is not None else None,
    )
    tally = _run(_simulate(plan, Console(stderr=True)))
    if as_json:
        typer.echo(json.dumps(tally.as_dict()))
    else:
        Console().print(_summary(tally))
        for line in _verdict(tally):
            typer.echo(line)
    raise typer.Exit(1 if tally.failures else 0)


def _versions(text: str) -> tuple[str, ...]:
    names = tuple(f"ocpp{name.strip().removeprefix('ocpp')}" for name in text.split(","))
    unknown = [name for name in names if name not in VERSIONS]
    if unknown:
        raise typer.BadParameter(f"stations of {', '.join(unknown)} are not simulated; there are {', '.join(VERSIONS)}")
    return names


async def _simulate(plan: Plan, console: Console) -> Tally:
    fleet = Fleet(plan, lambda fault: console.print(f"a fault of the simulator: {fault!r}"))
    stop = asyncio.Event()
    with _stopping(stop):
        running = asyncio.ensure_future(fleet.run(stop))
        await _show(fleet, running, console)
        await running
    return fleet.tally


async def _show(fleet: Fleet, running: asyncio.Future[None], console: Console) -> None:
    """Show the progress: in place on a terminal, a line every ten seconds otherwise."""
    if console.is_terminal:
        with Live(_progress(fleet), console=console, refresh_per_second=4, transient=True) as live:
            while not running.done():
                await asyncio.wait([running], timeout=_SHOWN)
                live.update(_progress(fleet))
        return
    while not running.done():
        await asyncio.wait([running], timeout=10)
        console.print(_progress(fleet), soft_wrap=True)


def _progress(fleet: Fleet) -> str:
    tally = fleet.tally
    online = sum(charger.online for charger in fleet.chargers)
    charging = sum(len(charger.sessions) for charger in fleet.chargers)
    answered, sent = sum(tally.answered.values()), sum(tally.sent.values())
    return (
        f"{online} of {len(fleet.chargers)} stations on line, {charging} cars, {sent} calls sent, {answered} answered, "
        f"{tally.failures} faults"
    )


def _summary(tally: Tally) -> Table:
    table = Table(title="Latency in milliseconds")
    table.add_column("action")
    for column in ("count", "p50", "p90", "p99", "p99.9", "max"):
        table.add_column(column, justify="right")
    for action, figures in tally.as_dict()["latency_ms"].items():
        table.add_row(action, *(f"{figures[column]:g}" for column in ("count", "p50", "p90", "p99", "p99.9", "max")))
    return table


def _verdict(tally: Tally) -> Iterator[str]:
    told = tally.as_dict()
    yield f"{told['sent']} calls sent, {told['answered']} answered; {sum(told['commands'].values())} commands obeyed"
    counts = told["transactions"]
    yield f"{counts['begun']} transactions begun, {counts['confirmed']} confirmed, {counts['lost']} lost"
    yield ", ".join(f"{number} {name}" for name, number in told["faults"].items())
    for name, examples in told["examples"].items():
        for example in examples:
            yield f"  {name}: {example}"


@app.command()
def backend(
    listen: Annotated[str, typer.Option(help="Where stations or gateways connect.")] = "ws://127.0.0.1:9100",
    boot: Annotated[
        str, typer.Option(help="The answer to BootNotification: Accepted, Pending or Rejected.")
    ] = "Accepted",
    interval: Annotated[int, typer.Option(help="The heartbeat interval that it gives, in seconds.")] = 300,
    silent: Annotated[str, typer.Option(help='Actions that it does not answer, with commas; "*" for all.')] = "",
    delay: Annotated[float, typer.Option(help="Seconds before each answer.")] = 0.0,
    lie: Annotated[
        str, typer.Option(help="Answer wrongly: wrong-id, doubled, malformed, payload, spaces, another.")
    ] = "",
    refuse: Annotated[int | None, typer.Option(help="Refuse every station with this HTTP status.")] = None,
) -> None:
    """Run the stand-in backend: a strict little CSMS to try things with."""
    if boot not in {"Accepted", "Pending", "Rejected"}:
        raise typer.BadParameter("boot is Accepted, Pending or Rejected")
    if lie not in _LIES:
        raise typer.BadParameter(f"it can lie so: {', '.join(filter(None, _LIES))}")
    manners = Manners(
        boot=boot,  # type: ignore[arg-type]  # it was looked at above
        interval=interval,
        silent=frozenset(filter(None, silent.split(","))),
        delay=delay,
        lie=_LIES[lie],
        refuses=refuse,
    )
    parts = urlsplit(listen)
    if parts.scheme != "ws" or not parts.hostname or parts.port is None:
        raise typer.BadParameter("give an address like ws://127.0.0.1:9100")
    _run(_stand(manners, parts.hostname, parts.port, parts.path.rstrip("/")))


_LIES: dict[str, Lie] = {
    "": "",
    "wrong-id": "wrong-id",
    "doubled": "doubled",
    "malformed": "malformed",
    "payload": "payload",
    "spaces": "spaces",
    "another": "another",
}


async def _stand(manners: Manners, host: str, port: int, prefix: str) -> None:
    stop = asyncio.Event()
    standing = StandIn(manners, Wheel(time.monotonic(), TICK), Clock(time.monotonic))
    with _stopping(stop):
        door = await stand(standing, host, port, prefix=prefix)
        typer.echo(f"the stand-in backend listens on ws://{host}:{door.port}{prefix}")
        sys.stdout.flush()
        await ticking(standing.wheel, time.monotonic, stop)
        await door.close()


async def ticking(wheel: Wheel, clock: Callable[[], float], stop: asyncio.Event) -> None:
    """Tick a wheel until `stop` is set."""
    while not stop.is_set():
        wheel.tick(clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await stop.wait()


@app.command()
def demo(
    stations: Annotated[int, typer.Option("-n", "--stations", min=1, max=1000, help="How many stations.")] = 20,
    duration: Annotated[float, typer.Option(help="Seconds to run; 0 runs until Ctrl-C.")] = 0.0,
) -> None:
    """Show a living gateway on loopback: a stand-in backend, simulated stations, and Voltgate between them."""
    from voltgate.simulator.demo import show  # noqa: PLC0415 - it needs the whole gateway

    raise typer.Exit(_run(show(stations, duration or None, Console())))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def _stopping(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
