"""Lists of the management system: filtered, by cursor, as JSON, CSV and JSON lines; imported again, or refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.servers import PostgreSQL, postgresql
from tests.store.conftest import emptied
from tests.web.world import Answer, Web, serving
from voltgate.app.database import upgrade
from voltgate.csms.meters import Reading, Sample, Signed, pack
from voltgate.csms.model import (
    Connector,
    MeterValue,
    Network,
    Note,
    Profile,
    Reservation,
    Row,
    SigningRequest,
    StatusChange,
    Token,
    Transaction,
    Variable,
)
from voltgate.csms.model import Station as StationRow
from voltgate.csms.ports import Needs, StoreAway
from voltgate.directory.register import Change, Register
from voltgate.store import Database
from voltgate.store.address import read_address
from voltgate.store.csms.networks import Networks
from voltgate.store.csms.of_stations import StationQueries
from voltgate.store.csms.stations import Stations
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore
from voltgate.store.csms.tokens import Tokens
from voltgate.store.csms.work import Work
from voltgate.web.access import AccessToken
from voltgate.web.api import csms
from voltgate.web.api.csms import (
    about_stations,
    id_tokens,
    networks,
    readings,
    reservations,
    stations,
    tariffs,
    transactions,
)
from voltgate.web.bearer import digest_of
from voltgate.web.csms import forms, imports
from voltgate.web.csms.parts import CsmsParts

TEN = 1_795_255_200.0
"""2026-11-21T10:00:00Z."""


class Claims:
    """What claims stations, without a gateway that has to follow."""

    def __init__(self) -> None:
        self.register = Register()
        self.register.follow(str.casefold, ["csms", "billing"], "first", 0, 1000)

    async def amend(self, backend: str, add: list[str], remove: list[str], by: str, address: None) -> Change:
        """Claim stations, and take claims back."""
        return await self.register.amend(backend, add, remove, by, address)

    def held(self) -> list[str]:
        """Name the stations that the management system claims."""
        return sorted(claim.identity for _, claim in self.register.claims.of("csms"))


@dataclass(slots=True)
class World:
    """An API with a database behind it."""

    web: Web
    database: Database
    claims: Claims
    backend: str = "csms"

    async def write(self, *rows: Row) -> None:
        """Have rows in the database."""
        await CsmsStore(self.database).round(Needs(), lambda found: rows)

    async def get(self, path: str, role: str = "viewer", **more: Any) -> Answer:
        """GET."""
        return await self.web.get(f"/api/v1{path}", role, **more)

    async def ask(self, method: str, path: str, role: str = "operator", **more: Any) -> Answer:
        """Ask for something."""
        return await self.web.ask(method, f"/api/v1{path}", role, **more)

    async def items(self, path: str, **query: Any) -> list[Any]:
        """Read a list to its end, two items at a time."""
        items: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            part = await self.get(path, params={**query, "limit": 2, **({"cursor": cursor} if cursor else {})})
            assert part.status == 200, part.json
            items += part.json["items"]
            cursor = part.json["next"]
        return items

    async def table(self, path: str, **query: Any) -> list[dict[str, str]]:
        """Read a whole list as CSV."""
        answer = await self.get(path, params=query, headers={"Accept": "text/csv"})
        assert (answer.status, answer.kind) == (200, "text/csv")
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))

    async def take(self, path: str, text: str, kind: str) -> Answer:
        """Import a list."""
        return await self.ask("POST", path, data=text.encode(), headers={"Content-Type": kind})


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for all tests of a process."""
    with postgresql() as running:
        yield running


BOTH = pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)
"""For a test on each kind of database; the others are on SQLite."""


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """An API of the management system."""
    address = read_address("sqlite:///x.db", tmp_path)
    if getattr(request, "param", "sqlite") == "postgresql":
        address = read_address(request.getfixturevalue("server").url)
        await emptied(address)
    await upgrade(address)
    database = Database(address)
    await database.open()
    claims = Claims()
    async with serving(resources=csms.routers()) as web:
        made, work = World(web, database, claims), Work(database)
        web.app.state.csms = CsmsParts(
            StationQueries(database),
            Networks(work),
            Stations(work),
            Tokens(work),
            TariffStore(database),
            claims,  # type: ignore[arg-type]
            str.casefold,
            lambda identity: "has a slash" if "/" in identity else None,
            lambda: made.backend,
            lambda: "EUR",
        )
        yield made
    await database.close()


def tx(number: int, **more: Any) -> Transaction:
    """Return a transaction that began at ten, an hour for each number later."""
    began = TEN + 3600 * number
    return Transaction(
        f"cp-{number % 2}",
        str(number),
        number=number,
        network="north" if number % 2 else "main",
        token=f"Tag{number}",
        began=began,
        **{"evse": 1, "ended": began + 60, "state": "ended", "energy": 1000.5, "currency": "EUR", "cost": 123} | more,
    )


@BOTH
async def test_transactions(world: World) -> None:
    """A list goes on where it ended, in either order; each filter leaves what it says; all of it is CSV and lines."""
    await world.write(
        StationRow("cp-1", "CP-1", network="north"),
        *(tx(number) for number in range(5)),
        tx(5, ended=None, state="running", energy=None, cost=None, missing="3 4", cost_data=b'{"tariff": null}'),
        tx(6, estimated="the connector was free again", currency="JPY", cost_data=b'{"tariff": "night"}'),
    )
    every = await world.items("/transactions")
    assert [each["ref"] for each in every] == ["6", "5", "4", "3", "2", "1", "0"]
    assert [each["ref"] for each in await world.items("/transactions", sort="ended")] == list("0123465")
    assert (every[1]["station"], every[2]["station"]) == ("CP-1", "cp-0"), "one that is not there is called by its key"
    assert (every[0]["cost"], every[2]["cost"]) == (
        {"amount": "123", "currency": "JPY"},
        {"amount": "1.23", "currency": "EUR"},
    )
    assert (every[1]["energy"], every[1]["cost"], every[1]["ended"]) == (None, None, None)
    for query, refs in {
        "station=CP-1": "531",
        "network=north&state=ended": "31",
        "token=tAG4": "4",
        "evse=2": "",
        "state=running": "5",
        "began_from=2026-11-21T12:00:00Z&began_to=2026-11-21T13:00:00%2B00:00": "2",
        "began_from=2026-11-21T14:00:00+02:00&began_to=2026-11-21T13:00:00": "2",
        "ended_from=2026-11-21&ended_to=2026-11-21T12:00:00Z": "10",
        "estimated=true": "6",
        "text=cp-1": "531",
    }.items():
        found = (await world.get(f"/transactions?{query}")).json["items"]
        assert "".join(each["ref"] for each in found) == refs, query
    lines = await world.table("/transactions", network="north")
    assert [line["ref"] for line in lines] == ["5", "3", "1"]
    assert (lines[0]["energy"], lines[0]["cost_amount"], lines[0]["cost_currency"]) == ("", "", "")
    assert (lines[1]["energy"], lines[1]["cost_amount"], lines[1]["offline"]) == ("1000.5", "1.23", "false")
    text = (await world.get("/transactions?format=jsonl")).content.decode()
    assert [json.loads(line) for line in text.splitlines()] == every
    totals = (await world.get("/transactions/totals?state=ended")).json["items"]
    assert [(each["currency"], each["transactions"], each["energy"], each["cost"]) for each in totals] == [
        ("EUR", 5, 5002.5, {"amount": "6.15", "currency": "EUR"}),
        ("JPY", 1, 1000.5, {"amount": "123", "currency": "JPY"}),
    ]
    whole = (await world.get("/transactions/cp-1/5")).json
    assert (whole["missing"], whole["number"], whole["computed_from"]) == (["3", "4"], 5, None), "it has no cost"
    assert (await world.get("/transactions/cp-0/6")).json["computed_from"] == {"tariff": "night"}


async def test_a_row_with_a_time_that_no_calendar_has_keeps_nobody_from_the_others(world: World) -> None:
    """It is written as the end of all time, in every form of the list."""
    spoilt = replace(tx(2), began=1e12, ended=-5.0)
    await world.write(tx(1), spoilt)
    times = {each["ref"]: (each["began"], each["ended"]) for each in await world.items("/transactions")}
    assert times["2"] == ("9999-12-31T23:59:59.000Z", "1970-01-01T00:00:00.000Z")
    assert {line["ref"] for line in await world.table("/transactions")} == {"1", "2"}
    assert (await world.get("/transactions/cp-0/2")).status == 200


async def test_what_is_no_question(world: World) -> None:
    """A time that is none, a cursor that is none or of another list, and a misspelt filter are named."""
    await world.write(*(tx(number) for number in range(3)))
    cursor = (await world.get("/transactions?limit=1")).json["next"]
    for query, where in {
        "began_from=yesterday": "query.began_from",
        "ended_to=1969-01-01": "query.ended_to",
        "cursor=abcd": "query.cursor",
        f"cursor={cursor}&sort=ended": "query.cursor",
        "stations=CP-1": "query.stations",
        "format=xml": "query.format",
    }.items():
        answer = await world.get(f"/transactions?{query}")
        assert (answer.status, answer.json["errors"][0]["where"]) == (422, where)
    assert (await world.get(f"/transactions?cursor={cursor}")).status == 200
    for path in ("/transactions/CP-9/1", "/transactions/CP-9/1/readings", "/transactions/CP-9/1/plot.svg"):
        assert (await world.get(path)).status == 404


@BOTH
async def test_what_no_column_can_hold_is_not_there(world: World) -> None:
    """A name that is too long for the database is refused as such: the database is not away for it."""
    long = quote("😀" * 255)
    for path in (
        f"/id-tokens/{long}",
        f"/csms/stations/{long}",
        f"/transactions/{long}/1",
        f"/transactions/CP-1/{long}",
        f"/transactions?station={long}",
        f"/transactions?text={long}",
    ):
        assert (await world.get(path)).status == 422, path
    assert (await world.get("/id-tokens/%00%ED%A0%80")).status == 404
    made = await world.ask("POST", "/id-tokens", json={"token": "😀" * 255})
    assert made.status == 422
    taken = await world.take("/id-tokens/import", f"token,group\nA,\n{'😀' * 255},\nB,{'😀' * 255}\n", "text/csv")
    assert [each["where"] for each in taken.json["errors"]] == ["line 3.token", "line 4.group"]
    assert (await world.get("/id-tokens")).json["items"] == []


async def test_a_long_list_is_streamed_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole list is read a part at a time; when the database goes away in between, the answer is broken off."""
    monkeypatch.setattr(forms, "_PART", 10)
    await world.write(*(Token(f"t{n:03}", f"T{n:03}", holder='"A;\n,B"') for n in range(35)))
    lines = await world.table("/id-tokens")
    assert [line["token"] for line in lines] == [f"T{n:03}" for n in range(35)]
    assert {line["holder"] for line in lines} == {'"A;\n,B"'}
    reading = world.web.app.state.csms.queries
    list_tokens, asked = reading.list_tokens, 0

    async def tired(*args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise StoreAway("the disk is gone")
        return await list_tokens(*args)

    monkeypatch.setattr(reading, "list_tokens", tired)
    with pytest.raises(aiohttp.ClientPayloadError):
        await world.get("/id-tokens?format=jsonl")
    answer = await world.get("/id-tokens")
    assert (answer.status, answer.headers["Retry-After"], "the disk is gone" in answer.json["detail"]) == (
        503,
        "5",
        True,
    )


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("*/*", "json"),
        ("text/html, application/json;q=0.9, text/csv", "json"),
        ("text/csv;charset=utf-8", "csv"),
        ("TEXT/CSV, application/json", "csv"),
        ("application/x-ndjson", "jsonl"),
        ("", "json"),
    ],
)
def test_what_is_accepted(header: str, form: str) -> None:
    """Of the forms that there are the one that is named first is given; JSON where none is."""
    assert forms.accepted(header) == form


async def test_readings(world: World) -> None:
    """Meter values come in the order of time, signed ones letter for letter, whatever the transaction is called."""
    signed = Signed("OCMF|{\n}|==", "ECDSA", "base64", "KEY+/=")
    energy = Sample("Energy.Active.Import.Register", "", "Outlet", "Transaction.End", None, "Wh", "1.5", signed)
    strange = "a/b c%2F#?"
    rows = [
        MeterValue("cp-1", 1, strange, TEN + n, TEN + n, 1000.0 + n, 50.0, pack(Reading(TEN + n, (energy,))))
        for n in (2, 1, 0)
    ]
    await world.write(
        tx(1, ref=strange) if False else Transaction("cp-1", strange, began=TEN, meter_start=1000.0), *rows
    )
    path = "/transactions/CP-1/a%2Fb%20c%252F%23%3F"
    assert (await world.get(path)).json["ref"] == strange
    readings = await world.items(f"{path}/readings")
    assert [each["energy"] for each in readings] == [1000, 1001, 1002]
    assert readings[0]["samples"][0]["signed"] == {
        "data": "OCMF|{\n}|==",
        "signing_method": "ECDSA",
        "encoding_method": "base64",
        "public_key": "KEY+/=",
    }
    (line, *_) = await world.table(f"{path}/readings")
    assert (line["signed_data"], line["raw"], line["value"], line["at"]) == (
        "OCMF|{\n}|==",
        "1.5",
        "",
        "2026-11-21T10:00:00.000Z",
    )
    drawn = await world.get(f"{path}/plot.svg")
    assert (drawn.status, drawn.kind) == (200, "image/svg+xml")
    assert b"<script" not in drawn.content


async def test_what_stands_about_a_station(world: World) -> None:
    """Connectors, what they reported, notes, variables, profiles, certificates and reservations of one station."""
    await world.write(
        StationRow("cp-1", "CP-1", vendor="Finch", seen=TEN),
        Connector("cp-1", 1, 1, "Charging", at=TEN),
        Connector("cp-1", 0, 0, "Available"),
        *(StatusChange("cp-1", 1, 1, TEN + n, TEN + n, f"S{n}") for n in range(5)),
        Note("cp-1", "SecurityEventNotification", TEN, TEN, "", b'{"type": "Tamper"}'),
        Note("cp-1", "set aside", TEN + 1, TEN + 1, "", b"no JSON"),
        Variable("cp-1", "Connector@1.1", "Available", "Actual", "true", "ReadOnly", b"{}", TEN),
        Profile("cp-1", 1, 5, "CSO", "TxProfile", 0, TEN, b'{"id": 5}', "operator"),
        Profile("cp-1", 1, 6, "CSO", "TxProfile", 0, TEN, b'{"id": 6}', "operator", cleared=True),
        SigningRequest("cp-1", 1, "", "-----BEGIN", TEN, "waiting"),
        Reservation("cp-1", 3, 1, "Tag", "", "", TEN, TEN, "Accepted"),
    )
    whole = (await world.get("/csms/stations/cp-1")).json
    assert (whole["identity"], whole["vendor"], whole["seen"]) == ("CP-1", "Finch", "2026-11-21T10:00:00.000Z")
    assert [(each["evse"], each["status"]) for each in whole["connectors"]] == [(0, "Available"), (1, "Charging")]
    root = "/csms/stations/CP-1"
    assert [each["evse"] for each in await world.items(f"{root}/connectors", status="Charging")] == [1]
    assert [each["status"] for each in await world.items(f"{root}/history")] == ["S4", "S3", "S2", "S1", "S0"]
    assert await world.items(f"{root}/history", evse=2) == []
    assert [each["data"] for each in await world.items(f"{root}/notes")] == ["no JSON", {"type": "Tamper"}]
    assert len(await world.items(f"{root}/notes", kind="set aside", since="2026-11-21", until="2026-11-22")) == 1
    assert [each["value"] for each in await world.items(f"{root}/variables")] == ["true"]
    assert [(each["data"], each["origin"]) for each in await world.items(f"{root}/profiles")] == [
        ({"id": 5}, "operator")
    ]
    assert [each["status"] for each in await world.items(f"{root}/certificates")] == ["waiting"]
    assert [each["station"] for each in await world.items("/reservations", station="CP-1")] == ["CP-1"]
    assert (await world.table(f"{root}/notes"))[1]["data"] == '{"type": "Tamper"}'
    for what in ("", "/connectors", "/history", "/notes", "/variables", "/profiles", "/certificates"):
        assert (await world.get(f"/csms/stations/CP-9{what}")).status == 404


async def test_tokens_are_made_changed_and_deleted(world: World) -> None:
    """A token is one however it is written; what a change does not name stays."""
    made = await world.ask(
        "POST", "/id-tokens", json={"token": "04/Ab", "group": "G", "expires": "2027-01-01T00:00:00Z"}
    )
    assert made.status == 201
    again = await world.ask("POST", "/id-tokens", json={"token": "04/aB"})
    assert (again.status, again.json["detail"]) == (
        409,
        'There is a token "04/aB" already: PATCH changes it, and so does a list that is imported.',
    )
    changed = await world.ask("PATCH", "/id-tokens/04%2FAB", json={"status": "Blocked"})
    assert changed.json == made.json | {"status": "Blocked"}
    changed = await world.ask("PATCH", "/id-tokens/04%2FAB", json={"expires": None, "type": "ISO14443"})
    assert (changed.json["expires"], changed.json["type"], changed.json["status"]) == (None, "ISO14443", "Blocked")
    assert (await world.get("/id-tokens/04%2fab")).json == changed.json
    for body in (
        {"status": "Gone"},
        {"network": "nowhere"},
        {"expires": "soon"},
        {"token": "other"},
        {"concurrent": -1},
    ):
        assert (await world.ask("PATCH", "/id-tokens/04%2FAB", json=body)).status == 422, body
    assert (await world.ask("DELETE", "/id-tokens/04%2FAB")).status == 204
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {})):
        assert (await world.ask(method, "/id-tokens/04%2FAB", json=body)).status == 404


FORMULAS = {
    "=1+1": "'=1+1",
    "'=1": "''=1",
    "@a": "'@a",
    "+49 1": "'+49 1",
    "-5": "-5",
    "-0.5": "-0.5",
    "'a": "'a",
    "'": "'",
}
"""What somebody may be called, and what stands in CSV: no spreadsheet calculates it."""


@BOTH
async def test_no_text_is_a_formula(world: World) -> None:
    """What a spreadsheet would calculate stands behind a sign in CSV, which an import takes away again."""
    held = [Token(f"t{place}", f"T{place}", holder=text) for place, text in enumerate(FORMULAS)]
    await world.write(*held)
    assert [row["holder"] for row in await world.table("/id-tokens")] == list(FORMULAS.values())
    written = (await world.get("/id-tokens?format=csv")).content.decode()
    for token in held:
        assert (await world.ask("DELETE", f"/id-tokens/{token.id}")).status == 204
    assert (await world.take("/id-tokens/import", written, "text/csv")).json == {"items": len(FORMULAS)}
    assert [item["holder"] for item in await world.items("/id-tokens")] == list(FORMULAS)


@BOTH
async def test_tokens_are_exported_and_imported(world: World) -> None:
    """What the list gives in any of its forms can be imported again, by hand made lists with fewer columns as well."""
    await world.write(
        Network("north", "North"),
        Token("b", "B", "ISO14443", "G", "Blocked", TEN, 2, "north", 'a "quoted", name', "de", "Moin;"),
        Token("a", "A"),
    )
    given = {kind: await world.get(f"/id-tokens?format={form}") for form, kind in forms.MEDIA_TYPES.items()}
    before = (await world.get("/id-tokens")).json["items"]
    for kind, answer in given.items():
        for token in "ab":
            assert (await world.ask("DELETE", f"/id-tokens/{token}")).status == 204
        taken = await world.take("/id-tokens/import", answer.content.decode(), kind)
        assert (taken.status, taken.json) == (200, {"items": 2}), taken.json
        assert (await world.get("/id-tokens")).json["items"] == before
    taken = await world.take(
        "/id-tokens/import", "\ufefftoken;concurrent\r\n\r\nC;3\r\nb;\r\n", "text/csv; charset=utf-8"
    )
    assert taken.json == {"items": 2}
    assert [
        (each["token"], each["concurrent"], each["holder"]) for each in (await world.get("/id-tokens")).json["items"]
    ] == [
        ("A", 0, ""),
        ("b", 0, ""),
        ("C", 3, ""),
    ]


WRONG = [
    ("text/csv", "token,status\nA,Accepted\nB,Gone\nC\n", ["line 3.status", "line 4"]),
    ("text/csv", 'token,holder\n"A","two\nlines"\nB,"x"y\n,Z\na,\n', ["line 5.token"]),
    ("text/csv", "token,colour\nA,red\n", ["line 2.colour"]),
    ("text/csv", "token,network\nA,nowhere\nB,\n", ["line 2.network"]),
    ("text/csv", "token,concurrent\nA,many\nB,-1\n", ["line 2.concurrent", "line 3.concurrent"]),
    (
        "application/jsonl",
        '{"token": "A"}\n{"token": "B"\n\n7\n{"tok": "C"}\n',
        ["line 2", "line 4", "line 5.token", "line 5.tok"],
    ),
    ("application/jsonl", '{"token": "A"}\n{"token": "a"}\n', ["line 2.token"]),
    ("application/json", '[{"token": "A"}, 7, {"token": " B"}]', ["items[1]", "items[2].token"]),
    ("application/json", '{"tokens": []}', ["body"]),
]


@pytest.mark.parametrize(("kind", "text", "where"), WRONG)
async def test_every_mistake_of_a_list_is_named(world: World, kind: str, text: str, where: list[str]) -> None:
    """A list with mistakes changes nothing, and each of them is named by its line."""
    answer = await world.take("/id-tokens/import", text, kind)
    assert answer.status == 422
    assert [each["where"] for each in answer.json["errors"]] == where
    assert (await world.get("/id-tokens")).json["items"] == []


async def test_lists_that_are_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that is none, bytes that are no text, and more than may be at once are refused with what to do."""
    monkeypatch.setattr(imports, "MOST", 2)
    assert (await world.take("/id-tokens/import", "A", "text/plain")).status == 415
    assert (await world.take("/id-tokens/import", "{", "application/json")).status == 400
    latin = await world.ask("POST", "/id-tokens/import", data=b"token\nA\n\xe9\n", headers={"Content-Type": "text/csv"})
    assert (latin.status, latin.json["detail"]) == (400, "The list is not UTF-8 text: see line 3.")
    long = await world.take("/id-tokens/import", "token\nA\nB\nC\n", "text/csv")
    assert (long.status, long.json["title"]) == (413, "Content Too Large")
    assert (await world.take("/id-tokens/import", "", "text/csv")).json == {"items": 0}


async def test_stations_are_imported(world: World) -> None:
    """Stations of a list are made, or changed, and claimed; what they said of themselves stays as it is."""
    await world.write(Network("north", "North"), StationRow("cp-1", "CP-1", vendor="Finch", name="old"))
    taken = await world.take("/csms/stations/import", "identity,network,name\nCP-1,north,Gate\nCP-2,,\n", "text/csv")
    assert (taken.status, taken.json) == (200, {"items": 2}), taken.json
    found = (await world.get("/csms/stations")).json["items"]
    assert [(each["identity"], each["network"], each["name"], each["vendor"]) for each in found] == [
        ("CP-1", "north", "Gate", "Finch"),
        ("CP-2", "main", "", ""),
    ]
    assert world.claims.held() == ["CP-1", "CP-2"]
    exported = await world.get("/csms/stations?format=csv")
    assert (await world.take("/csms/stations/import", exported.content.decode(), "text/csv")).json == {"items": 2}
    assert (await world.get("/csms/stations")).json["items"] == found
    wrong = await world.take("/csms/stations/import", "identity,network\nCP-3,south\na/b,north\ncp-3,\n", "text/csv")
    assert [each["where"] for each in wrong.json["errors"]] == ["line 2.network", "line 3.identity", "line 4.identity"]
    await world.claims.amend("billing", ["CP-8"], [], "me", None)
    held = await world.take("/csms/stations/import", "identity\nCP-7\nCP-8\n", "text/csv")
    assert (held.status, held.json["claims"]) == (409, {"billing": ["CP-8"]})
    assert "billing claims CP-8" in held.json["detail"]
    assert (await world.get("/csms/stations/CP-7")).status == 404
    assert world.claims.held() == ["CP-1", "CP-2"]


@BOTH
async def test_networks(world: World) -> None:
    """A network is made once, changed, and deleted when nobody needs it; that of all others stays."""
    assert [each["id"] for each in (await world.get("/networks")).json["items"]] == ["main"]
    assert (await world.ask("POST", "/networks", json={"id": "north"})).json["name"] == "north"
    assert (await world.ask("POST", "/networks", json={"id": "north"})).status == 409
    changed = await world.ask("PATCH", "/networks/north", json={"name": "North", "interval": 60})
    assert (changed.json["name"], changed.json["interval"]) == ("North", 60)
    changed = await world.ask("PATCH", "/networks/north", json={"interval": None})
    assert (changed.json["name"], changed.json["interval"]) == ("North", None)
    assert (await world.ask("POST", "/networks/north/stations", json={"identity": "CP-1"})).status == 201
    assert (await world.ask("POST", "/networks/south/stations", json={"identity": "CP-2"})).status == 404
    assert (await world.ask("POST", "/csms/stations", json={"identity": "CP-2", "network": "south"})).status == 422
    assert (await world.get("/networks/north")).json["stations"] == 1
    assert [each["identity"] for each in await world.items("/networks/north/stations")] == ["CP-1"]
    assert (await world.ask("DELETE", "/networks/north")).status == 403, "an operator deletes no network"
    kept = await world.ask("DELETE", "/networks/north", "admin")
    assert (kept.status, kept.json["stations"], kept.json["tokens"]) == (409, 1, 0)
    moved = await world.ask("PATCH", "/csms/stations/CP-1", json={"network": "main", "registration": "Pending"})
    assert (moved.json["network"], moved.json["registration"]) == ("main", "Pending")
    assert (await world.ask("PATCH", "/csms/stations/CP-1", json={"network": "south"})).status == 422
    assert (await world.ask("DELETE", "/networks/north", "admin")).status == 204
    assert (await world.ask("DELETE", "/networks/north", "admin")).status == 404
    assert (await world.ask("DELETE", "/networks/main", "admin")).status == 409


async def test_stations_are_made_and_deleted(world: World) -> None:
    """A station that is made is claimed; one that is there, is another's or charges is left as it is."""
    await world.claims.amend("billing", ["CP-8"], [], "me", None)
    assert (await world.ask("POST", "/csms/stations", json={"identity": "CP-1", "name": "Gate"})).status == 201
    assert world.claims.held() == ["CP-1"]
    assert (await world.ask("POST", "/csms/stations", json={"identity": "cp-1"})).status == 409
    held = await world.ask("POST", "/csms/stations", json={"identity": "CP-8"})
    assert (held.status, held.json["claims"]) == (409, {"billing": ["CP-8"]})
    assert (await world.get("/csms/stations/CP-8")).status == 404
    assert (await world.ask("POST", "/csms/stations", json={"identity": "a/b"})).status == 422
    world.claims.register.most = 2
    assert (await world.ask("POST", "/csms/stations", json={"identity": "CP-2"})).status == 409
    await world.write(tx(1, ended=None, state="running"))
    busy = await world.ask("DELETE", "/csms/stations/CP-1")
    assert (busy.status, "transaction 1 runs" in busy.json["detail"]) == (409, True)
    await world.write(tx(1))
    assert (await world.ask("DELETE", "/csms/stations/CP-1")).status == 204
    assert world.claims.held() == []
    assert (await world.get("/transactions/CP-1/1")).json["station"] == "cp-1"
    for method in ("GET", "PATCH", "DELETE"):
        assert (await world.ask(method, "/csms/stations/CP-1", json={} if method == "PATCH" else None)).status == 404


BODIES = {
    "/networks": {"id": "north"},
    "/networks/network/stations": {"identity": "CP-1"},
    "/csms/stations": {"identity": "CP-1"},
    "/id-tokens": {"token": "A"},
}


def operations() -> Iterator[tuple[str, str]]:
    """Give every operation on what the management system keeps: its method and a path."""
    for module in (about_stations, id_tokens, networks, readings, reservations, stations, tariffs, transactions):
        for route in module.router.routes:
            path = route.path.replace("{", "").replace("}", "").replace(":path", "")  # type: ignore[attr-defined]
            (method,) = route.methods  # type: ignore[attr-defined]
            yield method, path


async def test_reservations_of_a_network(world: World) -> None:
    """They are those of the stations that are in it now; who has a role in one network alone sees no others."""
    rows = [Reservation(key, 1, None, "A", "", "", TEN, TEN, "Accepted") for key in ("cp-n", "cp-s", "cp-gone")]
    await world.write(StationRow("cp-n", "CP-N", network="north"), StationRow("cp-s", "CP-S", network="south"), *rows)
    world.web.access.replace_issued([AccessToken("nora", "member", digest_of("n"), networks=(("north", "viewer"),))])
    assert len((await world.get("/reservations")).json["items"]) == 3
    for role, query in (("viewer", {"network": "north"}), ("n", {}), ("n", {"network": "north"})):
        found = (await world.get("/reservations", role, params=query)).json["items"]
        assert [each["station"] for each in found] == ["CP-N"], role
    assert (await world.get("/reservations", "n", params={"station": "CP-S"})).json["items"] == []
    assert (await world.get("/reservations", "n", params={"network": "south"})).status == 404


@BOTH
async def test_a_clock_that_was_set_back(world: World) -> None:
    """What ended before it began has taken no time that anybody knows: it takes none from the others."""
    await world.write(*(Transaction("cp-1", n, began=TEN, ended=TEN + at) for n, at in (("1", 60), ("2", -3600))))
    assert [each["seconds"] for each in await world.items("/transactions", sort="-ended")] == [60, 0]
    assert [each["seconds"] for each in (await world.get("/transactions/totals")).json["items"]] == [60]


@BOTH
async def test_reservations_that_have_expired(world: World) -> None:
    """Stations of 1.x never say so: what nobody has used by then is shown, and found, as Expired."""
    rows = [
        Reservation("cp-1", number, None, "A", "", "", expires, TEN, status)
        for number, (status, expires) in enumerate(
            [("Accepted", 4e9), ("Accepted", 1.0), ("Waiting", 1.0), ("Used", 1.0), ("Occupied", 1.0), ("Expired", 4e9)]
        )
    ]
    await world.write(*rows)
    shown = {each["number"]: each["status"] for each in await world.items("/reservations")}
    assert shown == {0: "Accepted", 1: "Expired", 2: "Expired", 3: "Used", 4: "Occupied", 5: "Expired"}
    for status in {*shown.values(), "Waiting"}:
        found = await world.items("/reservations", status=status)
        assert [each["number"] for each in found] == sorted((n for n in shown if shown[n] == status), reverse=True)


async def test_without_a_management_system(world: World) -> None:
    """Where nothing is the management system, each resource says what to configure."""
    there = world.web.app.state.csms
    for method, path in operations():
        for parts, backend, said in ((there, "", 'url = "local:"'), (None, "csms", "store.url")):
            world.web.app.state.csms, world.backend = parts, backend
            answer = await world.ask(method, path, "admin", json=None if method == "GET" else BODIES.get(path, {}))
            assert (answer.status, said in answer.json["detail"]) == (409, True), (method, path)


async def test_roles(world: World) -> None:
    """A viewer only looks, an operator changes, an administrator deletes networks; a backend sees nothing."""
    world.web.access.failures = 0
    for method, path in operations():
        assert (await world.ask(method, path, "backend", json={})).status == 403
        assert (await world.ask(method, path, "nobody", json={})).status == 401
        is_barred = (await world.ask(method, path, "viewer", json={})).status == 403
        assert is_barred is (method != "GET"), (method, path)
