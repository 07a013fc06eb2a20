"""The command `transactions`: what was charged, as a table, a sum, a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import Json, facts, print_facts, print_json, print_part, print_text, remark
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import moment, word


def money(value: object) -> str:
    """Return an amount of money: "12.34 EUR"."""
    return word(f"{value.get('amount')} {value.get('currency')}") if isinstance(value, Mapping) else ""


def kilowatt_hours(value: object) -> str:
    """Return an energy in kWh, to the Wh."""
    return f"{value / 1000:.3f}" if isinstance(value, int | float) else ""


def duration(value: object) -> str:
    """Return seconds as hours, minutes and seconds."""
    if not isinstance(value, int | float):
        return ""
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


TRANSACTION = (
    Column("station", "station"),
    Column("transaction", "ref"),
    Column("evse", "evse", number=True),
    Column("token", "token"),
    Column("state", "state"),
    Column("began", "began", moment),
    Column("ended", "ended", moment),
    Column("duration", "seconds", duration, number=True),
    Column("kWh", "energy", kilowatt_hours, number=True),
    Column("cost", "cost", money, number=True),
    Column("reason", "reason"),
    Column("estimated", "estimated"),
)
_MORE = (
    Column("network", "network"),
    Column("version", "version"),
    Column("meter start", "meter_start"),
    Column("meter stop", "meter_stop"),
    Column("meter last", "meter_last"),
    Column("computed from", "computed_from"),
)
_TOTAL = (
    Column("currency", "currency"),
    Column("transactions", "transactions", number=True),
    Column("kWh", "energy", kilowatt_hours, number=True),
    Column("duration", "seconds", duration, number=True),
    Column("cost", "cost", money, number=True),
)


def list_transactions(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print the transactions that match."""
    print_part(api.cursor_items("transactions", limit, **query), TRANSACTION, "transaction", as_json)


def print_totals(api: Api, as_json: bool, **query: Any) -> None:
    """Print what the transactions that match come to."""
    totals: Json = api.get("transactions/totals", **query)
    if as_json:
        print_json(totals)
    elif totals["items"]:
        show(_TOTAL, totals["items"])
    else:
        remark("no transactions")


def print_csv(api: Api, **query: Any) -> None:
    """Print all transactions that match as CSV."""
    print_text(api.text("transactions", format="csv", **query))


def one(api: Api, station: str, ref: str, *, as_json: bool, as_csv: bool, plot: Path | None) -> None:
    """Print one transaction, or its meter values as CSV, or draw it."""
    resource = path("transactions", station, ref)
    if plot is not None:
        _draw(api, f"{resource}/plot.svg", plot)
    elif as_csv:
        print_text(api.text(f"{resource}/readings", format="csv"))
    else:
        found = api.get(resource)
        if as_json:
            print_json(found)
        else:
            print_facts(facts((*TRANSACTION, *_MORE), found))


def _draw(api: Api, resource: str, file: Path) -> None:
    """Write a picture. Raises Refused for a file that cannot be written."""
    picture = "".join(api.text(resource))
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
    remark(f"drawn: {file}")
