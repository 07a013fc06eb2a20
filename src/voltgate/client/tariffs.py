"""The commands `tariffs`: what transactions cost."""

from __future__ import annotations

from voltgate.client.api import Api, path
from voltgate.client.output import Json, print_page, report
from voltgate.client.table import Column
from voltgate.client.terminal_text import moment, word


def _price(value: object) -> str:
    """Return a price; nothing for none."""
    text = str(value or "")
    return "" if not text.strip("0.") else word(text)


TARIFF = (
    Column("name", "name"),
    Column("version", "version", number=True),
    Column("currency", "currency"),
    Column("kWh", "per_kwh", _price, number=True),
    Column("minute", "per_minute", _price, number=True),
    Column("session", "per_session", _price, number=True),
    Column("idle minute", "per_idle_minute", _price, number=True),
    Column("free minutes", "free_minutes", _price, number=True),
    Column("VAT %", "vat", _price, number=True),
    Column("network", "network"),
    Column("group", "group"),
    Column("since", "since", moment),
)


def list_tariffs(api: Api, offset: int, limit: int, as_json: bool) -> None:
    """Print all versions of all tariffs."""
    print_page(api.items("tariffs", offset, limit), TARIFF, "tariff", as_json)


def put_tariff(api: Api, name: str, wanted: Json, as_json: bool) -> None:
    """Make a version of a tariff."""
    made = api.ask("PUT", path("tariffs", name), wanted)
    version, since = word(made.get("version")), moment(made.get("since"))
    report(made, f"{word(made.get('name'))} has version {version}, in force from {since} on", as_json)


def remove_tariff(api: Api, name: str, version: int | None, as_json: bool) -> None:
    """Delete a tariff, or one version of it."""
    api.ask("DELETE", path("tariffs", name), query={"version": version})
    which = f"tariff {word(name)}" if version is None else f"version {version} of tariff {word(name)}"
    report({"removed": name}, f"there is no {which} any more", as_json)
