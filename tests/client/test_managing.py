"""The commands for stations as the management system knows them, for tariffs, reservations, and what can be told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from typer import Typer
from typer.testing import CliRunner, Result

from tests.client.counterpart import Answer, Counterpart, problem
from tests.client.test_real import terminal
from tests.harness import Stage
from tests.web.csms import LOCAL
from voltgate.client.charging import app as charging
from voltgate.client.managing import app


def typed(api: Counterpart, line: str, commands: Typer = app) -> Result:
    """Run a command in this process, which is much quicker."""
    return CliRunner().invoke(commands, line.split(), env={"VOLTGATE_URL": api.url, "VOLTGATE_TOKEN": "x"})


async def test_stations_of_a_site(stage: Stage) -> None:
    """Stations are made, moved, exported, imported and deleted, and what they told is listed."""
    voltgate = await terminal(stage, **LOCAL)
    assert (await voltgate("networks", "add", "north")).code == 0
    assert (await voltgate("networks", "change", "north", "--name", "N", "--currency", "CHF")).out == (
        "north has name N, currency CHF\n"
    )
    made = await voltgate("csms-stations", "add", "CP-1", "--registration", "Pending")
    assert made.out == "CP-1 is let in, in the network main\n"
    again = await voltgate("csms-stations", "add", "CP-1")
    assert (again.code, "There is a station" in again.err, len(again.err.splitlines())) == (1, True, 1)
    moved = await voltgate("csms-stations", "change", "cp-1", "--network", "north", "--registration", "")
    assert moved.out == "CP-1 has network north, no registration\n"
    charger = await stage.station("CP-1")
    await charger.boot()
    await charger.call("StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "HighTemperature"})
    await charger.call("DataTransfer", {"vendorId": "v", "data": "d"})
    headings, line = (
        await voltgate("csms-stations", "--match", "c*", "--network", "north", "--connected")
    ).out.splitlines()
    assert (headings.split()[:2], line.split()[:4]) == (["identity", "network"], ["CP-1", "north", "yes", "ocpp1.6"])
    assert (await voltgate("csms-stations", "--match", "d*")).err == "no stations\n"
    shown = (await voltgate("csms-stations", "show", "CP-1")).out
    assert re.search(r"^vendor +Finch$", shown, re.MULTILINE)
    assert re.search(r"^ +1 +1 +Faulted +HighTemperature ", shown, re.MULTILINE)
    assert "HighTemperature" in (await voltgate("csms-stations", "history", "CP-1", "--evse", "1")).out
    (note,) = (await voltgate("csms-stations", "notes", "CP-1", "--kind", "DataTransfer", "--json")).json["items"]
    assert note["data"] == {"vendorId": "v", "data": "d"}
    exported = (await voltgate("csms-stations", "export", "--network", "north")).out
    for these in (exported, "identity,network\nCP-2,north\n"):
        imported = await voltgate("csms-stations", "import", "-", "--format", "csv", stdin=these)
        assert (imported.out, imported.err) == ("1 station imported\n", "")
    assert (await voltgate("csms-stations", "remove", "CP-2")).out == "CP-2 is not known any more\n"
    gone = await voltgate("csms-stations", "show", "CP-2")
    assert (gone.code, "does not know this station" in gone.err) == (1, True)
    none = await voltgate("csms-stations", "uploads", "CP-1")
    assert (none.code, "csms.uploads" in none.err) == (1, True)

    assert (await voltgate("id-tokens", "add", "0412", "--holder", "Ada", "--expires", "2030-01-01")).code == 0
    changed = await voltgate("id-tokens", "change", "0412", "--holder", "Bob", "--expires", "")
    assert changed.out == "0412 has no expires, holder Bob\n"
    put = await voltgate("tariffs", "put", "day", "--per-kwh", "0.40", "--vat", "19", "--network", "north")
    assert put.out.startswith("day has version 1, in force from ")
    assert "0.40" in (await voltgate("tariffs")).out
    assert (await voltgate("tariffs", "remove", "day", "--version", "2")).code == 1
    assert (await voltgate("tariffs", "remove", "day")).out == "there is no tariff day any more\n"
    reserve = (await voltgate("commands", "reserve")).out
    assert re.search(r"^command +reserve$", reserve, re.MULTILINE)
    assert re.search(r"^token +yes +string", reserve, re.MULTILINE)
    assert (await voltgate("reservations")).err == "no reservations\n"


ASKED: list[tuple[str, str, dict[str, str]]] = [
    (
        "csms-stations --match A-* --ocpp 1.6 --away --text x",
        "GET csms/stations",
        {"match": "A-*", "version": "ocpp1.6", "connected": "false", "text": "x", "limit": "100"},
    ),
    (
        "csms-stations notes CP1 --about 7 --since 2026-11-21",
        "GET csms/stations/CP1/notes",
        {"about": "7", "since": "2026-11-21", "limit": "100"},
    ),
    ("csms-stations variables CP1", "GET csms/stations/CP1/variables", {"limit": "1000"}),
    ("csms-stations profiles CP1 --limit 2", "GET csms/stations/CP1/profiles", {"limit": "2"}),
    ("csms-stations certificates CP1", "GET csms/stations/CP1/certificates", {"limit": "100"}),
    ("reservations CP1 --status Used", "GET reservations", {"station": "CP1", "status": "Used", "limit": "100"}),
    ("tariffs --offset 3", "GET tariffs", {"offset": "3", "limit": "100"}),
]
"""What is typed, and what is asked of the API."""


def test_what_is_asked(api: Counterpart) -> None:
    """Filters go to the API as it has them, and an empty list says so."""
    for line, request, query in ASKED:
        api.says(request, {"items": [], "next": None, "total": 0, "more": False})
        ended = typed(api, line)
        assert (ended.exit_code, ended.stdout, ended.stderr[:3]) == (0, "", "no "), ended.output
        assert api.asked[-1].query == query


def test_a_download(api: Counterpart, tmp_path: Path) -> None:
    """A log is written where nothing is yet, byte for byte; where it is not there nothing is made."""
    api.says("GET csms/stations/CP1/uploads", {"items": [{"id": "7", "about": "logs", "size": 3}]})
    assert typed(api, "csms-stations uploads CP1").stdout.splitlines()[1].split() == ["7", "logs", "3"]
    here = tmp_path / "log.gz"
    api.says("GET csms/stations/CP1/uploads/7", problem(404, "Not Found", "There is no such upload."))
    assert downloaded(api, here) == (1, "voltgate: There is no such upload\n")
    assert not here.exists()
    api.says("GET csms/stations/CP1/uploads/7", Answer(kind="application/octet-stream", pieces=("\0ab", "c\n")))
    assert downloaded(api, here) == (0, f"{here}: 5 bytes\n")
    assert here.read_bytes() == b"\0abc\n"
    assert downloaded(api, here) == (1, f"voltgate: {here} exists already; it is left as it is\n")
    assert downloaded(api, tmp_path / "none" / "x")[1].endswith("cannot be written: No such file or directory\n")


def downloaded(api: Counterpart, file: Path) -> tuple[int, str]:
    """Return how a download ended, and what it said."""
    words = ["csms-stations", "download", "CP1", "7", str(file)]
    ended = CliRunner().invoke(app, words, env={"VOLTGATE_URL": api.url, "VOLTGATE_TOKEN": "x"})
    return ended.exit_code, ended.output


NOTHING: list[tuple[str, Typer]] = [
    ("csms-stations change CP1", app),
    ("networks change north", charging),
    ("id-tokens change 0412", charging),
]


def test_a_change_of_nothing(api: Counterpart) -> None:
    """Who says what is to change of nothing is told which options there are."""
    for line, commands in NOTHING:
        ended = typed(api, line, commands)
        assert ended.exit_code == 2
        assert "say what is to change" in " ".join(ended.stderr.replace("│", " ").split())
    assert api.asked == []


def test_what_a_parameter_takes(api: Counterpart) -> None:
    """A parameter is shown in a few words, however its schema is written."""
    properties: dict[str, Any] = {
        "kind": {"enum": ["", "hard", "soft"], "default": "soft"},
        "evse": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "values": {"type": "array", "items": {"type": "object", "properties": {"setting": {}, "value": {}}}},
        "some": {"type": "array"},
        "data": {},
    }
    one = {
        "name": "x",
        "description": "Do.\n\nAs said.",
        "versions": ["ocpp1.6", "ocpp2.1"],
        "nearest": "",
        "repeatable": True,
    }
    other = one | {"name": "y", "parameters": {"properties": {}}}
    api.says(
        "GET commands", {"items": [one | {"parameters": {"properties": properties, "required": ["values"]}}, other]}
    )
    assert typed(api, "commands").stdout.splitlines()[1].split() == ["x", "1.6,", "2.1", "Do."]
    lines = typed(api, "commands x").stdout.splitlines()
    assert lines[-8:-5] == ["As said.", "", lines[-6]]
    assert [line.split() for line in lines[-5:]] == [
        ["kind", "hard,", "soft", "soft"],
        ["evse", "integer"],
        ["values", "yes", "list", "of", "{setting,", "value}"],
        ["some", "list"],
        ["data", "JSON"],
    ]
    assert typed(api, "commands y").stdout.splitlines()[-1] == "As said."
    assert json.loads(typed(api, "commands y --json").stdout) == other
    assert "there is no command z; there are x, y" in typed(api, "commands z").stderr
