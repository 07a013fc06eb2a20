"""What the commands for stations do: tell one station, or make a job for many, and say what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.identities import read_list
from voltgate.client.imports import text_of
from voltgate.client.output import Json, print_json, remark
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import clean, counted, word

_MARGIN = 15.0
"""Seconds that the gateway may take in addition to the station."""
_MESSAGES = 10
"""Messages of one command that are waited for."""
_NAME, _STATUS = Column("setting", "name"), Column("status", "status")
_PROBLEM = Column("status", "status", lambda status: "" if status == "Accepted" else word(status))
_SETTINGS = {
    "configuration-get": (_NAME, Column("value", "value"), Column("read only", "readonly"), _PROBLEM),
    "configuration-set": (_NAME, _STATUS, Column("info", "info")),
}
"""The commands whose result is a list of settings, and how that is shown."""
_SHOWN_BY = {
    "NotifyReport": "csms-stations variables",
    "ReportChargingProfiles": "csms-stations profiles",
    "StartTransaction": "transactions",
    "TransactionEvent": "transactions",
}
"""The commands that show what stations send; all else is among their notes."""
_FLAGS = {"true": True, "false": False}


def tell(api: Api, command: str, station: str, fields: Json, timeout: float, as_json: bool) -> None:
    """Tell a station, and print what it answered. Raise Refused if it does not do it, or nobody knows."""
    where = path("csms", "stations", station, "commands", command) + f"?timeout={timeout}"
    answer: Json = api.ask("POST", where, fields, wait=timeout * _MESSAGES + _MARGIN)
    result, table = answer.get("result"), _SETTINGS.get(command)
    if as_json:
        print_json(answer)
    elif result and table and not answer.get("accepted"):
        show(table, result.get("items") or [])
    said = f": {answer['status']}" if answer.get("status") else ""
    info = f" ({answer['info']})" if answer.get("info") else ""
    if not answer.get("accepted"):
        raise Refused(clean(f"{answer.get('station')} refused {command}{said}{info}"))
    if as_json:
        return
    typer.echo(clean(f"{answer.get('station')} accepted {command}{said}{info}"))
    if result and table:
        show(table, result.get("items") or [])
    elif result:
        typer.echo(json.dumps(result, indent=2))
    if (follow := answer.get("follow")) is not None:
        remark(clean(f"it will send {', '.join(follow['actions'])}{_where(str(answer.get('station')), follow)}"))


def _where(station: str, follow: Json) -> str:
    """Return where that will be seen."""
    action, request = next(iter(follow["actions"]), ""), follow.get("request")
    if action in _SHOWN_BY:
        return f": voltgate {_SHOWN_BY[action]} {station}"
    return "" if request is None else f", request {request}: voltgate csms-stations notes {station} --about {request}"


def make_job(api: Api, command: str, wanted: Json, as_json: bool) -> None:
    """Make a job, and print how to follow it."""
    job: Json = api.ask("POST", "jobs", {"command": command, **wanted})
    if as_json:
        print_json(job)
        return
    made = clean(str(job["id"]))
    typer.echo(made)
    remark(f"{command} for {counted(job['stations'], 'station')}: voltgate jobs show {made}")


def stations_of(on: str | None, file: str | None) -> Json:
    """Return which stations a job is for: a filter like "network=north,connected=true", "all", or a list in a file."""
    if file is not None:
        return {"stations": read_list(text_of(file), file)}
    words = [] if on is None or on == "all" else on.split(",")
    pairs = [word.partition("=") for word in words]
    if not all(name and equal for name, equal, _ in pairs):
        raise Refused('--on is "all", or a filter like network=north,version=ocpp1.6,connected=true')
    return {"filter": {name.strip(): _FLAGS.get(value, value) for name, _, value in pairs}}


def fields_of(api: Api, command: str, words: Sequence[str]) -> Json:
    """Return the parameters that words "key=value" say, of the types that the command's schema says. Raise Refused."""
    known = {each["name"]: each for each in api.get("commands")["items"]}
    if command not in known:
        raise Refused(f"there is no command {clean(command)}: `voltgate commands` lists them")
    kinds = known[command]["parameters"]["properties"]
    fields: Json = {}
    for each in words:
        name, equal, value = each.partition("=")
        if not equal or name not in kinds:
            raise Refused(f'"{clean(each)}" is no parameter of {command}: it has {", ".join(kinds) or "none"}')
        fields[name] = value if _is_text(kinds[name]) else _read(value)
    return fields


def _is_text(schema: Json) -> bool:
    """Return whether a schema takes texts."""
    if "anyOf" in schema:
        return any(map(_is_text, schema["anyOf"]))
    return schema.get("type") == "string" or any(isinstance(each, str) for each in schema.get("enum", ()))


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
