"""The commands that show stations, sessions, backends, claims and waiting stations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.output import Json, facts, print_facts, print_json, print_page, report, tally, warn_of_missing
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import counted, moment, word

MOST_BACKENDS = 100_000
"""Backends that a list may have at most."""


def _legs(legs: object) -> str:
    """Return the legs of a session as one cell: "billing up, watcher away"."""
    return ", ".join(_leg(leg) for leg in legs) if isinstance(legs, list) else ""


def _leg(leg: Mapping[str, Any]) -> str:
    return word(f"{leg.get('backend')} {leg.get('state')}")


def _number(them: object) -> str:
    return str(len(them)) if isinstance(them, list) and them else ""


STATION = (
    Column("identity", "identity"),
    Column("name", "name"),
    Column("route", "route"),
    Column("claimed by", "claimed_by"),
    Column("source", "source"),
    Column("connected", "connected"),
    Column("version", "version"),
    Column("address", "address"),
    Column("since", "since", moment),
    Column("node", "node"),
)
SESSION = (
    Column("station", "station"),
    Column("version", "version"),
    Column("carrier", "carrier"),
    Column("route", "route"),
    Column("address", "address"),
    Column("since", "since", moment),
    Column("node", "node"),
    Column("open", "open_calls", number=True),
    Column("waiting", "waiting_calls", number=True),
    Column("left out", "left_out"),
    Column("legs", "legs", _legs),
    Column("transactions", "transactions", _number),
)
BACKEND = (
    Column("name", "name"),
    Column("state", "state"),
    Column("url", "url"),
    Column("soap", "soap_url"),
    Column("claimed url", "claimed_url"),
    Column("legs up", "legs_up", number=True),
    Column("legs", "legs", number=True),
    Column("claims", "claims", number=True),
    Column("permit", "permit"),
    Column("deliver", "deliver"),
)
CLAIM = (
    Column("station", "station"),
    Column("backend", "backend"),
    Column("gets it", "holds"),
    Column("since", "since", moment),
    Column("renewed", "renewed", moment),
    Column("by", "by"),
    Column("contested", "contested"),
)
WAITING = (
    Column("identity", "identity"),
    Column("address", "address"),
    Column("tries", "tries", number=True),
    Column("first", "first", moment),
    Column("last", "last", moment),
    Column("offered", "offered"),
    Column("reason", "reason"),
)
_LEG = (
    Column("leg", "backend"),
    Column("state", "state"),
    Column("answers", "answers"),
    Column("open", "open_calls", number=True),
    Column("waiting", "waiting_calls", number=True),
    Column("away (s)", "away_seconds", number=True),
)
_TRANSACTION = (
    Column("transaction", "id"),
    Column("owner", "owner"),
    Column("connector", "connector"),
    Column("began", "began", moment),
)


def list_stations(api: Api, offset: int, limit: int, as_json: bool, **query: Any) -> None:
    """Print the stations that match."""
    page = api.items("stations", offset, limit, **query)
    if not as_json:
        page["items"] = [_without_own_name(station) for station in page["items"]]
    print_page(page, STATION, "station", as_json)


def _without_own_name(station: Json) -> Json:
    """Return the station without a name that only repeats the identity."""
    return station | {"name": None} if station.get("name") == station.get("identity") else station


def show_station(api: Api, identity: str, as_json: bool) -> None:
    """Print one station, with its session."""
    station = api.get(path("stations", identity))
    if as_json:
        print_json(station)
        return
    station, session = _without_own_name(station), station.get("session") or {}
    more = {key: word(station.get(key)) for key in ("tags", "carrier")} | {"left out": word(session.get("left_out"))}
    print_facts(facts(STATION, station) | more)
    print_inside(session)


def list_sessions(api: Api, offset: int, limit: int, as_json: bool, **query: Any) -> None:
    """Print the sessions that match."""
    print_page(api.items("sessions", offset, limit, **query), SESSION, "session", as_json)


def show_session(api: Api, identity: str, as_json: bool) -> None:
    """Print one session, with its legs and transactions."""
    session = api.get(path("sessions", identity))
    if as_json:
        print_json(session)
        return
    print_facts(facts(SESSION[:-2], session) | {"busy": word(session.get("busy"))})
    print_inside(session)


def print_inside(session: Json) -> None:
    """Print the legs of a session and its transactions."""
    for columns, items in ((_LEG, session.get("legs")), (_TRANSACTION, session.get("transactions"))):
        if items:
            typer.echo()
            show(columns, items)


def list_backends(api: Api, as_json: bool) -> None:
    """Print all backends."""
    print_page(all_backends(api), BACKEND, "backend", as_json)


def all_backends(api: Api) -> Json:
    """Return the list of all backends."""
    return api.items("backends", 0, MOST_BACKENDS)


def show_backend(api: Api, name: str, as_json: bool) -> None:
    """Print one backend, with the counters of its calls and commands."""
    backend = api.get(path("backends", name))
    warn_of_missing(backend)
    if as_json:
        print_json(backend)
        return
    counters = ("calls", "commands", "copies_dropped", "commands_refused")
    counted_ = {counter.replace("_", " "): tally(backend.get(counter)) for counter in counters}
    for counter, what in (("given_up", "message"), ("left_out", "session")):
        number = backend.get(counter)
        counted_[counter.replace("_", " ")] = counted(number, what) if number else ""
    print_facts(facts(BACKEND, backend) | counted_)


def list_claims(api: Api, offset: int, limit: int, as_json: bool, **query: Any) -> None:
    """Print the claims that match."""
    print_page(api.items("claims", offset, limit, **query), CLAIM, "claim", as_json)


def list_waiting(api: Api, offset: int, limit: int, as_json: bool) -> None:
    """Print the stations that wait to be admitted."""
    print_page(api.items("waiting", offset, limit), WAITING, "waiting station", as_json)


def accept(api: Api, identity: str, route: str, as_json: bool) -> None:
    """Admit a waiting station."""
    station = api.ask("POST", path("waiting", identity, "accept"), {"route": route})
    if as_json:
        print_json(station)
    else:
        typer.echo(f"{word(identity)} is let in on {word(route)} when it comes again")


def dismiss(api: Api, identity: str, as_json: bool) -> None:
    """Remove a station from the list of waiting ones."""
    api.ask("DELETE", path("waiting", identity))
    report({"dismissed": identity}, f"{word(identity)} is off the list until it comes again", as_json)


def disconnect(api: Api, identity: str, as_json: bool) -> None:
    """Close the connection of a station."""
    api.ask("POST", path("stations", identity, "disconnect"))
    report({"disconnected": identity}, f"{word(identity)} is disconnected: it will come again", as_json)
