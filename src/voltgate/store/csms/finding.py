"""Reading what the calls of a round need, many rows with one statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from voltgate.csms.model import (
    Connector,
    Network,
    Profile,
    Report,
    Reservation,
    SigningRequest,
    Station,
    Token,
    Transaction,
)
from voltgate.csms.ports import Found, Needs
from voltgate.store.address import POSTGRESQL
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import shape, token_id
from voltgate.store.csms.speech import reading, writing

R = TypeVar("R")

_RUNNING = "t.state = 'running'"
_WAITING = "t.status = 'waiting'"
_LAST = (
    "t.ref = (SELECT ref FROM csms_transactions WHERE station = wanted.station AND evse = wanted.evse"
    " AND ended IS NOT NULL ORDER BY ended DESC LIMIT 1)"
)
_NEWEST = (
    "t.called != '' AND t.nth > (SELECT max(nth) - 5 FROM csms_transactions"
    " WHERE called = wanted.called AND station = wanted.station AND called != '')"
)
"""The last few transactions of an id: events of those before do not come any more."""


async def find(link: Link, needs: Needs) -> Found:
    """Return what the calls of a round need. On PostgreSQL stations, and tokens whose use is counted, are locked."""
    found = Found(stations=await have_stations(link, needs.stations, needs.there))
    found.networks = {row.id: row for row in await _all(link, Network, ("id",), _networks_of(found))}
    for connector in await _all(link, Connector, ("station",), found.stations):
        found.connectors[connector.station, connector.evse, connector.connector] = connector
    await _find_tokens(link, needs, found)
    await _find_transactions(link, needs, found)
    for row in await _all(link, Reservation, ("station", "number"), needs.reservations):
        found.reservations[row.station, row.number] = row
    for report in await _all(link, Report, ("station", "kind", "request"), needs.reports):
        found.reports[report.station, report.kind, report.request] = report
    for profile in await _all(link, Profile, ("station",), needs.profiles, "NOT t.cleared"):
        found.profiles[profile.station, profile.evse, profile.profile, profile.source] = profile
    for request in await _all(link, SigningRequest, ("station",), needs.signing, _WAITING):
        found.signing[request.station, request.number] = request
    return found


def _networks_of(found: Found) -> set[str]:
    return {station.network for station in found.stations.values()}


async def find_stations(link: Link, keys: Collection[str]) -> dict[str, Station]:
    """Read stations by key, and lock them in the order of their keys."""
    return {station.key: station for station in await _all(link, Station, ("key",), keys, lock="key")}


async def have_stations(link: Link, wanted: dict[str, str], there: Collection[str] = ()) -> dict[str, Station]:
    """Read stations, locked, and make those of `wanted` that are not there; identities are by key."""
    found = await find_stations(link, wanted.keys() | there)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        made = shape(Station).written([Station(key, wanted[key]) for key in missing])
        await link.write(writing(link.driver, shape(Station), anew=True), *made)
        found |= await find_stations(link, missing)  # another node may have made them meanwhile
    return found


async def _find_tokens(link: Link, needs: Needs, found: Found) -> None:
    """Read tokens; those whose use is counted are locked, so that nobody else counts them meanwhile."""
    found.tokens = {row.id: row for row in await _all(link, Token, ("id",), needs.used, lock="id")}
    found.tokens |= {row.id: row for row in await _all(link, Token, ("id",), needs.tokens - needs.used)}
    found.used = {token: set() for token in needs.used}
    ids = {token_id(token) for token in needs.used}
    for row in await _all(link, Transaction, ("token_id",), ids, _RUNNING):
        if (known := found.used.get(row.token.casefold())) is not None:
            known.add((row.station, row.ref))


async def _find_transactions(link: Link, needs: Needs, found: Found) -> None:
    rows = await _all(link, Transaction, ("station",), needs.running, _RUNNING)
    rows += await _all(link, Transaction, ("station", "ref"), needs.transactions)
    rows += await _all(link, Transaction, ("station", "called"), needs.called, _NEWEST)
    rows += await _all(link, Transaction, ("station", "evse"), needs.last, _LAST)
    rows += await _all(link, Transaction, ("station", "ended"), needs.ended)
    for row in rows:
        found.transactions.setdefault((row.station, row.ref), row)


async def unused(link: Link, numbers: Sequence[int]) -> list[int]:
    """Return those of some numbers that no transaction is called by: stations bring some from where they were."""
    used = {row.ref for row in await _all(link, Transaction, ("ref",), [str(number) for number in numbers])}
    return [number for number in numbers if str(number) not in used]


async def _all(
    link: Link, kind: type[R], names: tuple[str, ...], values: Collection[Any], more: str = "", lock: str = ""
) -> list[R]:
    """Return all rows in which columns have one of some values."""
    mine = shape(kind)
    columns = mine.looked_for(names, values)
    if not columns:
        return []
    end = f'ORDER BY t."{lock}" FOR UPDATE OF t' if lock and link.driver == POSTGRESQL else ""
    return mine.read(await link.read(reading(link.driver, mine, names, more, end), *columns))
