"""The simulator's commands: `voltgate simulate`, `voltgate backend`, `voltgate demo`."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
from rich.console import Console

from voltgate.carriers.amqp.settings import NodeSettings
from voltgate.ocpp.soap.names import VERSIONS as SOAP_VERSIONS
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.backend import VERSIONS, SimulatedBackend, open_listener
from voltgate.simulator.behaviour import Behaviour, Boot, Lie
from voltgate.simulator.clock import Clock
from voltgate.simulator.event_loop import TICK, run, stopping, ticking
from voltgate.simulator.fleet import Fleet, Plan
from voltgate.simulator.output import follow, latencies, progress, summary
from voltgate.simulator.profile import DEFAULT, PROFILES, Boots, Ids, Profile, StationSettings
from voltgate.simulator.queues import SCHEMES, consume, node_settings
from voltgate.simulator.soap_transport import INNER_VERSION, SoapSettings
from voltgate.simulator.tally import Fault

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - refused, not bound
_DEFAULT = ("1.6", "2.0.1", "2.1")

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    url: Annotated[
        str,
        typer.Argument(
            help="Where stations connect; the identity is appended, or is `{station}`. With --soap nothing is appended."
        ),
    ],
    stations: Annotated[int, typer.Option("-n", "--stations", min=1, max=100_000, help="How many stations.")] = 10,
    versions: Annotated[str | None, typer.Option(help="Versions that take turns.  [default: 1.6,2.0.1,2.1]")] = None,
    soap: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Stations of OCPP-S 1.2, 1.5 or 1.6, not websockets.")
    ] = None,
    callback: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="--soap: where commands arrive.  [default: 127.0.0.1, any free port]"),
    ] = None,
    profile: Annotated[str, typer.Option(help=f"Daily life: {', '.join(PROFILES)}.")] = DEFAULT,
    duration: Annotated[float, typer.Option(min=0, help="Seconds to run; 0 runs until stopped.")] = 60.0,
    ramp: Annotated[float, typer.Option(min=0, help="Seconds over which the stations are switched on.")] = 0.0,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Calls a second in all, and no daily life.")] = None,
    transactions: Annotated[int | None, typer.Option(min=0, help="Transactions in all; more are not begun.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet again.")] = 1,
    prefix: Annotated[str, typer.Option(help="What identities begin with.")] = "CP-",
    password: Annotated[str | None, typer.Option(envvar="VOLTGATE_SIMULATE_PASSWORD", help="For HTTP Basic.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds until a call counts as unanswered.")] = 30.0,
    ping: Annotated[float, typer.Option(min=0, help="Seconds between websocket pings; 0 sends none.")] = 60.0,
    open_calls: Annotated[int, typer.Option(min=1, help="Calls that a station may have open at a time.")] = 1,
    ids: Annotated[Ids, typer.Option(help="Message ids: unique, or plain counters that collide.")] = Ids.UNIQUE,
    boots: Annotated[Boots, typer.Option(help="BootNotification: once, or always after a reconnect too.")] = Boots.ONCE,
    echo: Annotated[bool, typer.Option(help="`voltgate backend` answers: check for whom its answers are.")] = False,
    impatient: Annotated[bool, typer.Option(help="Short waits before coming back, for loopback.")] = False,
    ca: Annotated[Path | None, typer.Option(exists=True, help="wss: the authorities to trust, as PEM.")] = None,
    tolerate: Annotated[str, typer.Option(help="Faults that do not fail the run, with commas.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Drive simulated stations at any URL, and judge every answer. Exit code 1 when anything was wrong."""
    settings = StationSettings(
        timeout=timeout, ping=ping, open_calls=open_calls, ids=ids, boots=boots, echo=echo, transactions=transactions
    )
    plan = Plan(
        _target(url, ("http", "https") if soap is not None else ("ws", "wss")),
        stations,
        _versions(versions or ",".join(_DEFAULT)) if soap is None else (INNER_VERSION,),
        _profile("treadmill" if rate is not None else profile),
        settings.impatient() if impatient else settings,
        prefix=prefix,
        password=password,
        ramp=ramp,
        duration=duration or None,
        rate=rate,
        seed=seed,
        ca=str(ca) if ca is not None else None,
        tolerated=_faults(tolerate),
        soap=_soap(soap, callback, versions, open_calls),
    )
    fleet = run(_simulate(plan, Console(stderr=True)))
    _report(fleet, as_json)
    raise typer.Exit(1 if fleet.tally.failures or fleet.failures else 0)


def _target(url: str, schemes: tuple[str, str]) -> str:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise typer.BadParameter(f"a URL begins with {wanted} and names a host", param_hint="URL")
    return url


def _soap(version: str | None, callback: str | None, versions: str | None, open_calls: int) -> SoapSettings | None:
    """Return the SOAP settings, None without --soap. Raise BadParameter for options that exclude each other."""
    if version is None:
        if callback is not None:
            raise typer.BadParameter("only SOAP stations have one: give --soap too", param_hint="--callback")
        return None
    known = next((one for one in SOAP_VERSIONS if one == version), None)
    if known is None:
        raise typer.BadParameter(f"there are {', '.join(SOAP_VERSIONS)}", param_hint="--soap")
    if versions is not None:
        raise typer.BadParameter("--soap names the version", param_hint="--versions")
    if open_calls != 1:
        raise typer.BadParameter("a SOAP station has one call open at a time", param_hint="--open-calls")
    return SoapSettings(known, *_address(callback)) if callback is not None else SoapSettings(known)


def _address(text: str) -> tuple[str, int]:
    """Return the parts of HOST:PORT. Stations send the host as their address, so that it must name one machine."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or parts.path:
        raise typer.BadParameter("give HOST:PORT, such as 192.0.2.7:9300", param_hint="--callback")
    if host in _EVERYWHERE:
        raise typer.BadParameter("give the address at which the backend reaches this machine", param_hint="--callback")
    return host, port


def _versions(text: str) -> tuple[str, ...]:
    names = tuple(f"ocpp{name.strip().removeprefix('ocpp')}" for name in text.split(","))
    unknown = [name for name in names if name not in VERSIONS]
    if unknown:
        known = ", ".join(name.removeprefix("ocpp") for name in VERSIONS)
        raise typer.BadParameter(f"only stations of {known} are simulated", param_hint="--versions")
    return names


def _faults(text: str) -> frozenset[Fault]:
    names = {fault.value: fault for fault in Fault}
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if not names.keys() >= set(wanted):
        raise typer.BadParameter(f"there are {', '.join(names)}", param_hint="--tolerate")
    return frozenset(names[name] for name in wanted)


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise typer.BadParameter(f"there are {', '.join(PROFILES)}", param_hint="--profile")
    return PROFILES[name]


async def _simulate(plan: Plan, console: Console) -> Fleet:
    fleet = Fleet(plan, lambda fault: console.print(f"a fault of the simulator: {fault!r}", markup=False))
    with stopping() as stop:
        running = asyncio.ensure_future(fleet.run(stop))
        await follow(running, lambda: progress(fleet), console)
        await running
    return fleet


def _report(fleet: Fleet, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(fleet.tally.as_dict()))
        return
    Console().print(latencies(fleet.tally))
    for line in summary(fleet.tally):
        typer.echo(line)


@app.command()
def backend(
    listen: Annotated[
        str,
        typer.Option(help="Where stations or gateways connect; or amqp(s)://, to answer what gateways put in queues."),
    ] = "ws://127.0.0.1:9100",
    boot: Annotated[Boot, typer.Option(help="The answer to a BootNotification.")] = Boot.ACCEPTED,
    interval: Annotated[int, typer.Option(help="The heartbeat interval that it gives, in seconds.")] = 300,
    commands: Annotated[float, typer.Option(min=0, help="Seconds between two commands to each station.")] = 0.0,
    silent: Annotated[str, typer.Option(help='Actions that it does not answer, with commas; "*" for all.')] = "",
    delay: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
    lie: Annotated[Lie, typer.Option(help="Answer wrongly.")] = Lie.NONE,
    babble: Annotated[float, typer.Option(min=0, help="Seconds between two frames of nonsense.")] = 0.0,
    hang_up: Annotated[float, typer.Option(min=0, help="Seconds after which each connection is closed.")] = 0.0,
    refuse: Annotated[int | None, typer.Option(min=400, max=599, help="Refuse every station with this status.")] = None,
    password: Annotated[str | None, typer.Option(envvar="VOLTGATE_BACKEND_PASSWORD", help="By HTTP Basic.")] = None,
    book: Annotated[Path | None, typer.Option(help="Write what it was told here at the end, as JSON.")] = None,
    ca: Annotated[Path | None, typer.Option(exists=True, help="amqps: the authorities to trust, as PEM.")] = None,
) -> None:
    """Run the stand-in backend: a strict little CSMS to try things with, and to test with by its bad manners."""
    behaviour = Behaviour(
        boot=boot,
        interval=interval,
        silent=frozenset(filter(None, silent.split(","))),
        delay=delay,
        lie=lie,
        refuses=refuse,
        commands=commands,
        babble=babble,
        hang_up=hang_up,
        password=password,
    )
    simulated = run(_serving(behaviour, listen, ca))
    if book is not None:
        book.write_text(json.dumps(simulated.as_dict()))


def _serving(behaviour: Behaviour, listen: str, ca: Path | None) -> Coroutine[object, object, SimulatedBackend]:
    """Return what serves at an address. Raise BadParameter for one that it cannot be."""
    parts = urlsplit(listen)
    if parts.scheme in SCHEMES:
        try:
            return _consume(behaviour, node_settings(listen, ca), f"{parts.scheme}://{parts.hostname}")
        except (ValueError, OSError) as problem:
            raise typer.BadParameter(str(problem), param_hint="--listen") from None
    if parts.scheme != "ws" or not parts.hostname or parts.port is None:
        addresses = "give an address like ws://127.0.0.1:9100, or of RabbitMQ: amqp://127.0.0.1:5672"
        raise typer.BadParameter(addresses, param_hint="--listen")
    return _serve(behaviour, parts.hostname, parts.port, parts.path.rstrip("/"))


async def _consume(behaviour: Behaviour, settings: NodeSettings, host: str) -> SimulatedBackend:
    clock = Clock(time.monotonic)
    simulated = SimulatedBackend(behaviour, Wheel(time.monotonic(), TICK), clock, secrets.randbelow(2000) * 1_000_000)
    where = f"{host}:{settings.broker.port}, queues {settings.layout.prefix}.calls.*"
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with stopping() as stop:
        await consume(simulated, settings, stop, lambda: typer.echo(f"the stand-in backend answers on {where}"))
    return simulated


async def _serve(behaviour: Behaviour, host: str, port: int, prefix: str) -> SimulatedBackend:
    simulated = SimulatedBackend(behaviour, Wheel(time.monotonic(), TICK), Clock(time.monotonic))
    with stopping() as stop:
        listener = await open_listener(simulated, host, port, prefix=prefix)
        typer.echo(f"the stand-in backend listens on ws://{host}:{listener.port}{prefix}")
        await ticking(simulated.wheel, time.monotonic, stop)
        await listener.close()
    return simulated


@app.command()
def demo(
    stations: Annotated[int, typer.Option("-n", "--stations", min=1, max=1000, help="How many stations.")] = 20,
    duration: Annotated[float, typer.Option(min=0, help="Seconds to run; 0 runs until Ctrl-C.")] = 0.0,
) -> None:
    """Show a living gateway on loopback: a stand-in backend, simulated stations, and Voltgate between them."""
    from voltgate.simulator.demo import show  # noqa: PLC0415 - it needs the whole gateway

    run(show(stations, duration or None, Console()))
