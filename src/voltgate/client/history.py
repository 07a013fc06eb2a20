"""The commands `log` and `record`: what was said earlier, from the message log, and what is written to it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voltgate.client.cli import AsJson, ConfigFile, TokenFile, Url, asking

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)


class Form(StrEnum):
    """The forms of an export."""

    JSONL = "jsonl"
    HAR = "har"


_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST = 100
_MOST_EXPORTED = 1_000_000
_SHORT = 160

When = Annotated[str | None, typer.Option(metavar="TIME", help="1h, 30m or 2d ago; or 2026-11-21T07:30:00Z.")]
Text = Annotated[str | None, typer.Option(metavar="TEXT", help="Only what has it in it somewhere.")]


@app.command()
def log(
    station: Annotated[str | None, typer.Argument(help="Only this station's.", show_default=False)] = None,
    since: When = None,
    until: When = None,
    action: Annotated[str | None, typer.Option(metavar="NAME", help="StopTransaction, TransactionEvent, …")] = None,
    backend: Annotated[str | None, typer.Option(metavar="NAME", help="What it asked, answered or was told.")] = None,
    outcome: Annotated[str | None, typer.Option(metavar="KIND", help="result, error or unanswered.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="call, send, malformed, refused or lost.")] = None,
    text: Text = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The last so many; without it 100, of an export a million.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show payloads whole.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them to a file, which `voltgate replay` plays.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--form", help="Of the file: JSON lines, or HAR for tools that show websockets.")
    ] = Form.JSONL,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Show what was said earlier, by stations that are recorded; the last comes last."""
    wanted = {"station": station, "action": action, "backend": backend, "outcome": outcome, "kind": kind, "text": text}
    wanted |= {"since": asked_time(since, "--since"), "until": asked_time(until, "--until")}
    with asking(url, token_file, config) as api:
        most = limit or (_MOST if export is None else _MOST_EXPORTED)
        found = _records(api, wanted, most)
        if export is not None:
            from voltgate.client.exporting import export as write  # noqa: PLC0415

            write(api, found, export, form)
        else:
            _show(list(found)[::-1], None if full else _SHORT, as_json)


@app.command()
def record(
    stations: Annotated[
        list[str] | None, typer.Argument(metavar="[STATION]...", help="Identities, or globs of them.")
    ] = None,
    route: Annotated[list[str] | None, typer.Option(metavar="NAME", help="All stations on this route.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.001, max=8760, help="How long.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Record no more but what the configuration says.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Have what these stations say written to the message log; without any, show what is."""
    if off and (stations or route or hours):
        raise typer.BadParameter("goes alone", param_hint="--off")
    with asking(url, token_file, config) as api:
        from voltgate.client.output import print_json  # noqa: PLC0415

        if stations or route:
            wanted = {"stations": stations or [], "routes": route or [], "hours": hours}
            shown = api.ask("PUT", "messages/recording", wanted)
        else:
            shown = api.ask("PUT", "messages/recording", {}) if off else api.get("messages/recording")
        if as_json:
            print_json(shown)
        else:
            _show_recordings(shown)


def asked_time(text: str | None, option: str) -> str | None:
    """Return a time as the API takes it, of an option as `When`. Raises BadParameter."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        seconds = time.time() - float(ago[1]) * _SECONDS[ago[2]]
        return datetime.fromtimestamp(max(0.0, seconds), UTC).isoformat()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is no time: 1h, 30m, 2d, or 2026-11-21T07:30:00Z', param_hint=option
        ) from None
    return at.astimezone(UTC).isoformat()  # one without an offset is meant as the terminal's


def _records(api: Api, wanted: Mapping[str, Any], most: int) -> Iterator[dict[str, Any]]:
    """Yield what the log has, the newest first."""
    from voltgate.client.api import PAGE  # noqa: PLC0415
    from voltgate.client.output import warn_of_missing  # noqa: PLC0415

    cursor, left, missing = None, most, set[str]()
    while left > 0:
        part = api.get("messages", **wanted, cursor=cursor, limit=min(PAGE, left))
        missing |= set(part.get("missing", ()))
        yield from part["items"][:left]
        left -= len(part["items"])
        cursor = part["next"]
        if cursor is None:
            break
    warn_of_missing({"missing": sorted(missing)})


def _show(found: list[dict[str, Any]], longest: int | None, as_json: bool) -> None:
    from voltgate.client.live import message_line  # noqa: PLC0415
    from voltgate.client.output import print_json, remark  # noqa: PLC0415
    from voltgate.client.terminal_text import moment  # noqa: PLC0415

    if as_json:
        for each in found:
            print_json(each)
        return
    day = ""
    for each in found:
        today = moment(each.get("at"))[:10]
        if today != day:
            typer.echo(f"--- {today}")
            day = today
        typer.echo(message_line(each, longest) if each.get("kind") in ("call", "send") else _odd_line(each, longest))
    if not found:
        remark("nothing of that is in the log: `voltgate record` shows whose messages are written down")


def _odd_line(record: Mapping[str, Any], longest: int | None) -> str:
    """Return what was no message as one line."""
    from voltgate.client.live import cut  # noqa: PLC0415
    from voltgate.client.terminal_text import clock, word  # noqa: PLC0415

    said = cut(record.get("payload"), longest) if record.get("payload") is not None else ""
    parts = [clock(record.get("at")), word(record.get("station")), word(record.get("kind")), said]
    return "  ".join(filter(None, [*parts, word(record.get("description"))]))


def _show_recordings(shown: dict[str, Any]) -> None:
    from voltgate.client.output import print_facts, warn_of_missing  # noqa: PLC0415
    from voltgate.client.table import Column, show  # noqa: PLC0415

    warn_of_missing(shown)
    print_facts({"by the configuration": _what(shown["configured"]), "as asked": _what(shown["asked"])})
    names = ("node", "recorded", "written", "dropped", "bytes", "segments", "problem")
    show([Column(name, name, number=name not in ("node", "problem")) for name in names], shown["logs"])


def _what(recording: Mapping[str, Any]) -> str:
    from voltgate.client.terminal_text import moment, word  # noqa: PLC0415

    what = [*recording["stations"], *(f"route {name}" for name in recording["routes"])]
    until = f" until {moment(recording['until'])}" if recording["until"] else ""
    return (word(what) + until) if what else "nothing"
