"""The demonstration: a simulated backend, a gateway and a few stations of every version on loopback."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from voltgate.app import Running, serve
from voltgate.carriers.websocket.listener import Listener
from voltgate.config import read
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.backend import VERSIONS, SimulatedBackend, open_listener
from voltgate.simulator.behaviour import Behaviour
from voltgate.simulator.clock import Clock
from voltgate.simulator.event_loop import TICK, stopping, ticking
from voltgate.simulator.fleet import Fleet, Plan
from voltgate.simulator.output import examples, follow
from voltgate.simulator.profile import PROFILES, StationSettings
from voltgate.telemetry import logs

_RAMP = 3.0
"""Seconds over which the stations are switched on."""

_BACKEND = 9100
"""The usual port of the simulated backend."""

_BEHAVIOUR = Behaviour(interval=30, commands=15.0)

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

[shutdown]
grace = 2
spread = 0

[log]
level = "warning"
"""

_WELCOME = """\
Voltgate listens for stations on ws://127.0.0.1:{stations}
The stand-in backend listens on  ws://127.0.0.1:{backend}
Health, metrics and API are on   http://127.0.0.1:{http}
The dashboard is on              http://127.0.0.1:{http}/
  sign in with the token in      {token}
The configuration is             {file}

Try next, in another terminal:
  curl http://127.0.0.1:{http}/readyz
  curl http://127.0.0.1:{http}/metrics
  .venv/bin/voltgate simulate ws://127.0.0.1:{stations} -n 50 --profile busy --duration 10 --echo
  .venv/bin/voltgate check -c {file}
  .venv/bin/voltgate stations -c {file}
  .venv/bin/voltgate tail -c {file}
Stop with Ctrl-C.
"""


@dataclass(frozen=True, slots=True)
class _Ports:
    """The ports on loopback: the usual ones, or free ones when those are taken."""

    stations: int
    http: int
    backend: int


async def show(stations: int, duration: float | None, console: Console) -> None:
    """Run the demonstration until Ctrl-C, or for `duration` seconds. Raise OSError when no port is free."""
    backend = SimulatedBackend(_BEHAVIOUR, Wheel(time.monotonic(), TICK), Clock(time.monotonic))
    with tempfile.TemporaryDirectory(prefix="voltgate-demo-") as folder, stopping() as stop:
        listener = await _listen(backend)
        try:
            ports = _ports(listener.port)
            file = Path(folder) / "voltgate.toml"
            file.write_text(_CONFIGURATION.format(stations=ports.stations, http=ports.http, backend=ports.backend))
            await _gateway(file, ports, backend, _plan(ports, stations, duration), stop, console)
        finally:
            await listener.close()


async def _listen(backend: SimulatedBackend) -> Listener:
    try:
        return await open_listener(backend, "127.0.0.1", _BACKEND)
    except OSError:
        return await open_listener(backend, "127.0.0.1", 0)


def _ports(backend: int) -> _Ports:
    """Choose ports. The process that has the backend's usual port is the only demonstration: nothing races it."""
    usual = backend == _BACKEND
    return _Ports(_port(9000 if usual else 0), _port(8000 if usual else 0), backend)


async def _gateway(
    file: Path, ports: _Ports, backend: SimulatedBackend, plan: Plan, stop: asyncio.Event, console: Console
) -> None:
    """Run the gateway, and the stations while it runs."""
    loaded = read(file, {})
    logs.configure(loaded.config.log.level, loaded.config.log.format)
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    over, empty = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as parts:
        parts.create_task(ticking(backend.wheel, time.monotonic, empty))
        serving = parts.create_task(serve(loaded, ready.set_result, over, asyncio.Event()))
        await ready
        token = file.parent / "var" / "admin-token"
        console.print(
            _WELCOME.format(stations=ports.stations, http=ports.http, backend=ports.backend, file=file, token=token),
            highlight=False,
            soft_wrap=True,
        )
        await _play(plan, stop, console, backend)
        over.set()
        await serving
        empty.set()


def _plan(ports: _Ports, stations: int, duration: float | None) -> Plan:
    return Plan(
        f"ws://127.0.0.1:{ports.stations}",
        stations,
        VERSIONS,
        PROFILES["lively"],
        StationSettings(echo=True).impatient(),
        prefix="DEMO-",
        ramp=min(_RAMP, duration or _RAMP),
        duration=duration,
    )


async def _play(plan: Plan, stop: asyncio.Event, console: Console, backend: SimulatedBackend) -> None:
    fleet = Fleet(plan, lambda fault: console.print(f"a fault of the simulator: {fault!r}", markup=False))
    running = asyncio.ensure_future(fleet.run(stop))
    await follow(running, lambda: _status(fleet, backend), console)
    await running
    for line in (*examples(fleet.tally), *examples(backend.tally)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _status(fleet: Fleet, backend: SimulatedBackend) -> str:
    online = sum(charger.online for charger in fleet.chargers)
    cars = sum(len(charger.sessions) for charger in fleet.chargers)
    tally, commands = fleet.tally, sum(fleet.tally.commands.values())
    slow = tally.total.percentile(0.99) * 1e3
    return (
        f"{online} stations on line, {cars} cars, {tally.confirmed} transactions done; {sum(tally.answered.values())} "
        f"calls answered (99 % within {slow:.1f} ms), {commands} commands obeyed, "
        f"{tally.failures + backend.tally.failures} faults"
    )


def _port(wanted: int) -> int:
    """Return the port that is wanted, or a free one when it is taken. Raise OSError when there is none."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")
