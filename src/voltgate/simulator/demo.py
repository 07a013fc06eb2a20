"""The demonstration: a stand-in backend, a gateway and a few stations of every version, alive on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from voltgate.app import Running, serve
from voltgate.config import read
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.backend import VERSIONS, Manners, StandIn, stand
from voltgate.simulator.clock import Clock
from voltgate.simulator.fleet import TICK, Fleet, Plan
from voltgate.simulator.profile import PROFILES, Conduct
from voltgate.telemetry import logs

_CONFIGURATION = """\
[listen]
stations = ["ws://127.0.0.1:{stations}"]
http = "127.0.0.1:{http}"

[backends.stand-in]
url = "ws://127.0.0.1:{backend}/{{station}}"

[routes.demo]
rules = [{{ answer = "stand-in" }}]

[[stations]]
match = "*"
route = "demo"

[log]
level = "warning"
"""


async def show(stations: int, duration: float | None, console: Console) -> int:
    """Run the demonstration until Ctrl-C, or for `duration` seconds. Returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ports = {"stations": _port(9000), "http": _port(8000), "backend": _port(9100)}
    standing = StandIn(Manners(interval=30), Wheel(time.monotonic(), TICK), Clock(time.monotonic))
    door = await stand(standing, "127.0.0.1", ports["backend"])
    with tempfile.TemporaryDirectory(prefix="voltgate-demo-") as folder:
        file = Path(folder) / "voltgate.toml"
        file.write_text(_CONFIGURATION.format(**ports))
        loaded = read(file, os.environ)
        logs.configure(loaded.config.log.level, loaded.config.log.format)
        ready: asyncio.Future[Running] = loop.create_future()
        leaving = asyncio.Event()
        async with asyncio.TaskGroup() as parts:
            ticking = parts.create_task(_tick(standing.wheel))
            parts.create_task(serve(loaded, ready.set_result, leaving, asyncio.Event()))
            await ready
            _explain(console, ports, file)
            await _play(stations, duration, ports["stations"], stop, console, standing)
            leaving.set()
            ticking.cancel()
    await door.close()
    return 0


async def _play(
    stations: int, duration: float | None, port: int, stop: asyncio.Event, console: Console, standing: StandIn
) -> None:
    plan = Plan(
        f"ws://127.0.0.1:{port}",
        stations,
        VERSIONS,
        PROFILES["lively"],
        Conduct(echo=True).impatient(),
        prefix="DEMO-",
        ramp=5.0,
        duration=duration,
    )
    fleet = Fleet(plan, lambda fault: console.print(f"a fault of the simulator: {fault!r}"))
    running = asyncio.ensure_future(fleet.run(stop))
    if not console.is_terminal:
        while not running.done():
            await asyncio.wait([running], timeout=10)
            console.print(_status(fleet, standing))
    else:
        with Live(_status(fleet, standing), console=console, refresh_per_second=4) as live:
            while not running.done():
                await asyncio.wait([running], timeout=0.5)
                live.update(_status(fleet, standing))
    await running


def _status(fleet: Fleet, standing: StandIn) -> str:
    online = sum(charger.online for charger in fleet.chargers)
    cars = sum(len(charger.sessions) for charger in fleet.chargers)
    ended = sum(entry.ended for book in standing.books.values() for entry in book.transactions.values())
    answered, slow = sum(fleet.tally.answered.values()), fleet.tally.total.percentile(0.99) * 1e3
    return (
        f"{online} stations on line, {cars} cars charging, {ended} sessions finished, {answered} calls answered "
        f"(99 % within {slow:.1f} ms), {fleet.tally.failures} faults"
    )


def _explain(console: Console, ports: dict[str, int], file: Path) -> None:
    console.print(
        f"""Voltgate listens for stations on ws://127.0.0.1:{ports["stations"]}
  the stand-in backend on ws://127.0.0.1:{ports["backend"]}, health and metrics on http://127.0.0.1:{ports["http"]}
  the configuration is {file}
Try next, in another terminal:
  curl http://127.0.0.1:{ports["http"]}/readyz
  curl http://127.0.0.1:{ports["http"]}/metrics
  .venv/bin/voltgate simulate ws://127.0.0.1:{ports["stations"]} -n 50 --profile busy --duration 10 --echo
  .venv/bin/voltgate check -c {file}
Stop with Ctrl-C.""",
        highlight=False,
        soft_wrap=True,
    )


async def _tick(wheel: Wheel) -> None:
    clock = time.monotonic
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            wheel.tick(clock())
            await asyncio.sleep(TICK)


def _port(wanted: int) -> int:
    """Give the port that is wanted, or a free one when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")
