"""The page of transactions: the table with totals and filters, and one of them with its plot, cost and owner."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.managed import MANAGED, asked
from tests.dashboard.theatre import Theatre
from tests.harness.station import ScriptedStation
from tests.web.csms import charge_16

CONFIG = MANAGED
START = {"connectorId": 1, "idTag": "04A2B3", "meterStart": 12_345, "timestamp": "2026-11-21T14:00:00Z"}


async def _charge(station: ScriptedStation) -> str:
    """Charge once, and begin once more; return what the first transaction is called."""
    await station.boot()
    ref = await charge_16(station, "04A2B3", 1000, 12_345)
    await station.call("StartTransaction", START)
    return ref


@pytest.fixture(scope="module")
def ref(theatre: Theatre) -> Iterator[str]:
    """What a transaction is called that has ended at CP-1; another one runs there."""
    asked(
        theatre,
        "POST",
        "/networks",
        {"id": "north", "name": "North", "currency": "EUR", "timezone": "America/New_York"},
    )
    asked(theatre, "POST", "/networks/north/stations", {"identity": "CP-1", "name": "Gate"})
    asked(theatre, "POST", "/networks/north/stations", {"identity": "CP-2"})
    asked(theatre, "POST", "/id-tokens", {"token": "04A2B3", "holder": "Ada"})
    prices = {"currency": "EUR", "per_kwh": "0.40", "vat": "19", "since": "2026-11-01T00:00:00Z"}
    asked(theatre, "PUT", "/tariffs/day", prices)
    with theatre.station("CP-1") as station:
        yield theatre.play(_charge(station))


def test_the_table_with_totals_and_filters(browser: Browser, ref: str) -> None:
    """What was charged is listed with what it comes to; filters stand in the address and can be cleared."""
    browser.sign_in("viewer", "/transactions")
    browser.sees("Running", "tbody tr")
    assert len(browser.all("tbody tr")) == 2
    browser.with_text("label", "Ended").click()
    browser.until(lambda: len(browser.all("tbody tr")) == 1, "what has ended")
    assert browser.address == "/transactions?state=ended"
    row = browser.find("tbody tr").text
    assert all(part in row for part in (ref, "CP-1", "04A2B3", "north", "1 h", "11.3 kWh", "€5.40")), row
    browser.sees("1 transaction\n11.3 kWh\n1 h\n€5.40", "section[aria-label=Totals]")
    browser.find("input[data-search]").send_keys("nobody")
    browser.sees("No transaction matches")
    browser.with_text("main button", "Clear the filter").click()
    browser.until(lambda: len(browser.all("tbody tr")) == 2, "all")
    assert browser.address == "/transactions"


def test_a_list_is_exported(browser: Browser, ref: str) -> None:
    """The whole list comes as CSV, filtered as it is."""
    browser.sign_in("viewer", "/transactions?state=ended")
    browser.sees("04A2B3", "tbody")
    browser.with_text("main a", "Export CSV").click()
    file = browser.downloads / "transactions.csv"
    browser.until(file.is_file, "the file")
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["ref"], row["cost_amount"]) == (ref, "5.40")


def test_one_transaction(browser: Browser, ref: str) -> None:
    """It has its facts, its curve also as a table, its cost with the parts, who owns it, and a way to its messages."""
    browser.sign_in("operator", "/transactions?state=ended")
    browser.with_text("tbody a", ref).click()
    browser.sees(f"Transaction {ref}", "h1")
    browser.sees("Belongs to\ncsms", "dl")
    browser.sees("GMT-5", "dl time")  # where the station is
    bill = browser.find("table[aria-label=Cost]").text
    assert "11.345 kWh × €0.40/kWh" in bill
    assert "19 % of €4.538" in bill
    assert "€5.40" in bill
    browser.find(".u-over")
    browser.with_text("label", "Table").click()
    browser.sees("7.4 kW", "section td")
    browser.sees("11.3 kWh", "section tr:last-child td")
    browser.with_text("main a", "Its messages").click()
    assert browser.address.startswith("/messages?station=CP-1&since=")


def test_one_that_runs_and_a_viewer(browser: Browser, ref: str) -> None:
    """A viewer sees whose a running transaction is, as its session says, and no way to messages."""
    browser.sign_in("viewer", "/transactions?state=running")
    browser.click("tbody a")
    browser.sees("Belongs to\ncsms", "dl")
    browser.sees("The cost is known when it has ended.")
    assert "Its messages" not in browser.text
    assert browser.complaints() == []


def test_totals_are_of_the_list(browser: Browser, theatre: Theatre, ref: str) -> None:
    """What transactions come to is asked for anew with the list: one that begins is in both."""
    assert ref
    opening = {**START, "connectorId": 2, "timestamp": "2026-11-21T15:00:00Z"}
    with browser.hurried(), theatre.station("CP-2") as station:
        browser.sign_in("viewer", "/transactions?station=CP-2")
        browser.sees("No transaction matches")
        theatre.play(station.boot())
        theatre.play(station.call("StartTransaction", opening))
        browser.sees("1 transaction", "section[aria-label=Totals]")
        theatre.play(station.call("StartTransaction", {**opening, "connectorId": 1}))
        browser.sees("2 transactions", "section[aria-label=Totals]")
        browser.until(lambda: len(browser.all("tbody tr")) == 2, "both")


def test_the_curve_goes_on_to_the_end(browser: Browser, theatre: Theatre, ref: str) -> None:
    """What the meter said before a transaction ended is shown also when the end was seen before it."""
    assert ref
    opening = {**START, "connectorId": 3, "timestamp": "2026-11-21T15:00:00Z"}
    value = {"value": "14345", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    reading = {"timestamp": "2026-11-21T15:30:00Z", "sampledValue": [value]}

    async def end(station: ScriptedStation, number: int) -> None:
        await station.call("MeterValues", {"connectorId": 3, "transactionId": number, "meterValue": [reading]})
        over = {"transactionId": number, "meterStop": 15_345, "timestamp": "2026-11-21T16:00:00Z"}
        await station.call("StopTransaction", over)

    with browser.hurried(15), theatre.station("CP-2") as station:
        number = theatre.play(station.call("StartTransaction", opening)).payload["transactionId"]
        browser.sign_in("viewer", f"/transactions/CP-2/{number}")
        browser.with_text("label", "Table").click()
        browser.sees("0 Wh", "section td")
        theatre.play(end(station, number))
        browser.sees("Ended", "main")
        browser.sees("2 kWh", "section td")


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_it_can_be_used_by_everybody(browser: Browser, ref: str, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on the table, filled and empty, nor on one transaction, drawn and as a table."""
    browser.start(scheme, language="de" if scheme == "dark" else "en", size=size)
    browser.sign_in("operator", f"/transactions/CP-1/{ref}")
    browser.find(".u-over")
    browser.find("input[value=table]").find_element("xpath", "following-sibling::label").click()
    browser.find("section table tbody td time")
    browser.picture("transactions-table")
    assert browser.violations() == []
    browser.walk(["/transactions", "/transactions?station=nobody", f"/transactions/CP-1/{ref}", "/transactions/x/1"])
