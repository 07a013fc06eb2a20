"""The commands of the management system, against a real one where somebody charges."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.client.counterpart import Counterpart
from tests.client.counterpart import Terminal as Typist
from tests.client.test_real import terminal
from tests.harness import Stage
from tests.web.csms import LOCAL, charge_16
from voltgate.client.transactions import duration, kilowatt_hours, money


async def test_a_site_is_run(stage: Stage) -> None:
    """A network, a station and tokens are made, somebody charges, and what it came to is listed, summed and drawn."""
    voltgate = await terminal(stage, **LOCAL)
    folder = voltgate.gateway.folder
    assert (await voltgate("networks", "add", "north", "--name", "North")).out == "there is a network north\n"
    assert (await voltgate("networks", "station", "north", "CP-1")).out == "CP-1 is let in, in the network north\n"
    (folder / "cards.csv").write_text("token,holder\n04A2B3,Ada\n04A2B4,Bob\n")
    assert (await voltgate("id-tokens", "import", "cards.csv")).out == "2 tokens imported\n"
    assert (await voltgate("id-tokens", "block", "04a2b4")).out == "04A2B4 is blocked\n"
    (folder / "wrong.csv").write_text("token,colour\n04A2B5,red\n,\n05,\n")
    wrong = await voltgate("id-tokens", "import", "wrong.csv")
    assert (wrong.code, "line 2.colour" in wrong.err) == (1, True)
    listed = (await voltgate("id-tokens")).out.splitlines()
    assert [line.split() for line in listed[1:]] == [["04A2B3", "Accepted", "Ada"], ["04A2B4", "Blocked", "Bob"]]
    exported = await voltgate("id-tokens", "export")
    assert (await voltgate("id-tokens", "import", "-", "--format", "csv", stdin=exported.out)).code == 0

    charger = await stage.station("CP-1")
    await charger.boot()
    ref = await charge_16(charger, "04A2B3", 0, 11_345)
    headings, line = (await voltgate("transactions")).out.splitlines()
    assert line[headings.index("duration") :].split() == ["1:00:00", "11.345", "Local"]
    (whole,) = (await voltgate("transactions", "--network", "north", "--json")).json["items"]
    assert (whole["energy"], whole["token"]) == (11_345, "04A2B3")
    (row,) = csv.DictReader(io.StringIO((await voltgate("transactions", "CP-1", "--csv")).out))
    assert (row["ref"], float(row["energy"])) == (ref, 11_345)
    assert "11.345" in (await voltgate("transactions", "--totals")).out
    one = (await voltgate("transactions", "CP-1", ref)).out
    assert re.search(r"^kWh +11\.345$", one, re.MULTILINE)
    assert "computed from" not in one, "there is no tariff"
    assert len((await voltgate("transactions", "CP-1", ref, "--csv")).out.splitlines()) == 1 + 6
    assert (await voltgate("transactions", "CP-1", ref, "--plot", "one.svg")).code == 0
    assert (folder / "one.svg").read_text().startswith("<svg")
    assert (await voltgate("networks")).out.splitlines()[2].split() == ["north", "North", "1", "1"]
    kept = await voltgate("networks", "remove", "north")
    assert (kept.code, len(kept.err.splitlines())) == (1, 1)


def test_parts_of_a_list_are_one(voltgate: Typist, api: Counterpart) -> None:
    """A long list is read by its cursor, as far as it was asked for; how much there is more is said."""
    items = [{"token": f"T{number}", "status": "Accepted"} for number in range(3)]
    parts = [
        {"items": items[:2], "next": "abc", "total": 10_000, "more": True},
        {"items": items[2:], "next": "def", "total": 10_000, "more": True},
    ]
    api.says("GET id-tokens", *parts)
    said = voltgate("id-tokens", "--limit", "3", "--status", "Accepted")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["T0", "T1", "T2"]
    assert said.err == "the first 3 of more than 10,000 tokens; --limit shows more\n"
    assert [(each.query.get("cursor"), each.query["limit"]) for each in api.asked] == [(None, "3"), ("abc", "1")]


def test_a_list_whose_form_is_not_known(voltgate: Typist, api: Counterpart, tmp_path: Path) -> None:
    """A file of tokens says by its name what it is, or the command does."""
    said = voltgate("id-tokens", "import", "cards.xls")
    assert (said.code, said.err.count("\n"), "--format" in said.err) == (1, 1, True)
    said = voltgate("id-tokens", "import", "none.csv")
    assert (said.code, "none.csv cannot be read" in said.err) == (1, True)
    assert api.asked == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (money({"amount": "12.30", "currency": "EUR"}), "12.30 EUR"),
        (money(None), ""),
        (kilowatt_hours(11_345.0), "11.345"),
        (kilowatt_hours(None), ""),
        (duration(3661.4), "1:01:01"),
        (duration(None), ""),
    ],
)
def test_what_is_shown(written: str, meant: str) -> None:
    """Energy is in kWh to the Wh, times are in hours, money has its currency."""
    assert written == meant
