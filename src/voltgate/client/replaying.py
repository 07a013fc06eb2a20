"""The command `replay`: a recorded charger plays against a backend or gateway; or the backend it had against it."""

from __future__ import annotations

import asyncio
import math
import signal
import ssl
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from voltgate.client.cli import AsJson

if TYPE_CHECKING:
    from voltgate.replay.differences import Report
    from voltgate.replay.playing import Replay

app = typer.Typer(add_completion=False)

_MAX = "max"
_COLUMNS = ("station", "at", "action", "message_id", "field", "recorded", "given")


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `voltgate log --export FILE` has written.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Play the stations against what is there; `{station}` or the end is theirs."),
    ] = None,
    as_backend: Annotated[bool, typer.Option("--as-backend", help="Play the backend, and wait for stations.")] = False,
    listen: Annotated[
        str, typer.Option(metavar="URL", help="Where to wait for them, with --as-backend.")
    ] = "ws://127.0.0.1:9900",
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="So many times as fast; max: as fast as answers come.")
    ] = "1",
    leg: Annotated[
        str, typer.Option(metavar="NAME", help="station, or the backend of which the connection is played.")
    ] = "station",
    ocpp: Annotated[str | None, typer.Option(metavar="VERSION", help="1.6, 2.0.1, …; without it as recorded.")] = None,
    stand_in: Annotated[
        list[str] | None,
        typer.Option(metavar="MASK=TOKEN", help="What is said for a masked token; `*=TOKEN`: for all others."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that an answer may take.")] = 30.0,
    linger: Annotated[
        float, typer.Option(min=0, help="Seconds to stay for recorded commands that have not come when all is said.")
    ] = 5.0,
    password: Annotated[str | None, typer.Option(envvar="VOLTGATE_REPLAY_PASSWORD", help="For HTTP Basic.")] = None,
    ca: Annotated[Path | None, typer.Option(exists=True, help="wss: the authorities to trust, as PEM.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play a recording again and report answers that differ, ids and times apart: exit code 1 if there are any.

    Exit code 2 says that not all of it could be played.
    """
    from voltgate.client.failure import Failure  # noqa: PLC0415
    from voltgate.client.output import remark  # noqa: PLC0415
    from voltgate.client.terminal_text import clean  # noqa: PLC0415
    from voltgate.replay.differences import Report  # noqa: PLC0415
    from voltgate.replay.player import Pace  # noqa: PLC0415
    from voltgate.replay.playing import Replay  # noqa: PLC0415
    from voltgate.replay.recording import NoRecording, Recording  # noqa: PLC0415

    if as_backend is (to is not None):
        raise typer.BadParameter("give either --to URL, or --as-backend with --listen URL")
    url = _checked(listen, ("ws",), "--listen") if to is None else _checked(to, ("ws", "wss"), "--to")
    pace = Pace(_speed(speed), timeout)
    given = dict(_stand_in(each) for each in stand_in or ())
    report = Report()
    try:
        trusted = ssl.create_default_context(cafile=ca) if url.startswith("wss:") else None
        with Recording(file) as recording:
            recording.check(leg)
            version = None if ocpp is None else f"ocpp{ocpp.removeprefix('ocpp')}"
            what = Replay(recording, leg, pace, given, version, password, trusted, linger)
            asyncio.run(_played(what, url, as_backend, report))
    except (NoRecording, Failure) as failure:
        remark(f"voltgate: {clean(str(failure))}")
        raise typer.Exit(2) from None
    except ssl.SSLError as error:
        remark(f"voltgate: {ca} holds no certificates: {error}")
        raise typer.Exit(2) from None
    _show(report, as_json)
    raise typer.Exit(report.code)


async def _played(what: Replay, url: str, as_backend: bool, report: Report) -> None:
    """Play until all is said, or until a signal ends it: the report is of what there was then."""
    from voltgate.replay import playing  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if as_backend:
        await playing.as_backend(what, url, report, stop, _ready)
    else:
        await _until(stop, playing.as_stations(what, url, report), report)


def _ready(url: str, stations: int) -> None:
    from voltgate.client.output import remark  # noqa: PLC0415
    from voltgate.client.terminal_text import counted  # noqa: PLC0415

    remark(f"waits on {url} for {counted(stations, 'station')}; Ctrl-C ends it")


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None], report: Report) -> None:
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
        report.fault("it was stopped before all was played")
    else:
        await task


def _checked(url: str, schemes: tuple[str, ...], option: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in schemes and bool(parts.hostname) and (parts.port != 0 or option == "--listen")
    except ValueError:
        sound = False
    if not sound:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise typer.BadParameter(f"a URL begins with {wanted} and names a host", param_hint=option)
    return url


def _speed(text: str) -> float:
    try:
        speed = math.inf if text == _MAX else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise typer.BadParameter("give a number above 0, or max", param_hint="--speed")
    return speed


def _stand_in(text: str) -> tuple[str, str]:
    mask, is_one, token = text.partition("=")
    if not is_one or not mask:
        raise typer.BadParameter("give MASK=TOKEN, such as ~0123456789=04A2B3C4D5", param_hint="--stand-in")
    return mask, token


def _show(report: Report, as_json: bool) -> None:
    from voltgate.client.output import print_json, remark  # noqa: PLC0415
    from voltgate.client.table import Column, show  # noqa: PLC0415
    from voltgate.client.terminal_text import clean, counted  # noqa: PLC0415

    if as_json:
        print_json(asdict(report))
        return
    if report.differences:
        show([Column(name, name) for name in _COLUMNS], [asdict(each) for each in report.differences])
    for fault in report.faults:
        remark(clean(fault))
    typer.echo(
        f"{counted(report.calls, 'call')} made: {report.same:,} answered as recorded, {report.different:,} not; "
        f"{counted(report.asked, 'call')} answered as recorded"
    )
    for number, what in (
        (report.unknown, "of the far end for which nothing was recorded"),
        (report.untold, "recorded that could not be made"),
        (report.skipped, "in the file that cannot be played"),
    ):
        if number:
            remark(f"{number:,} {what}")
