"""What is taken over from EVerythingcharge: networks, stations with their connectors, and users."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from voltgate.csms.model import Connector, Network, Station
from voltgate.store.everythingcharge import Old
from voltgate.store.users import UserRecord
from voltgate.web.access import ALL, PersonRole
from voltgate.web.bearer import fresh
from voltgate.web.csms.stations import NAME
from voltgate.web.user_access import LOGIN, invited

IMPORT = "import"
"""The caller named for what is taken over."""

_VERSIONS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
_AWAY = "Unavailable"
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Here:
    """What there is already: names of networks by id, keys of stations, names of users. Functions are of identities."""

    networks: Mapping[str, str]
    stations: Collection[str]
    users: Collection[str]
    key: Callable[[str], str]
    objection: Callable[[str], str | None]
    claimants: Callable[[str], list[str]]
    """The other backends that claim a station, by its key."""


@dataclass(slots=True)
class Taken:
    """What is taken over, how much of each was there already, and what is left, each with the reason.

    `invitations` are the tokens with which users choose a password, by login.
    """

    networks: list[Network] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    connectors: list[Connector] = field(default_factory=list)
    users: list[UserRecord] = field(default_factory=list)
    invitations: dict[str, str] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("networks", "stations", "users"), 0))
    left: list[str] = field(default_factory=list)

    def leave(self, what: str, why: str) -> None:
        """Note what cannot be taken, and why."""
        self.left.append(f"{what}: {why}")


def taken_over(old: Old, here: Here, role: PersonRole, now: float, until: float) -> Taken:
    """Return what there is to take. Users get a role in all networks, and an invitation that ends at `until`."""
    taken = Taken()
    networks = _networks(old, here, taken)
    stations = _stations(old, here, taken, networks)
    _connectors(old, here, taken, stations)
    _users(old, here, taken, role, now, until)
    return taken


def _networks(old: Old, here: Here, taken: Taken) -> dict[str, str]:
    """Return our id of each of their networks: their own, or that of the network here that has the same name."""
    named = {name.casefold(): id_ for id_, name in here.networks.items()}
    ids: dict[str, str] = {}
    for row in old.networks:
        id_, name = _text(row, "id"), _text(row, "name")
        if not _is_active(row):
            taken.leave(f"network {name}", "it is not active")
        elif id_ in here.networks or name.casefold() in named:
            ids[id_] = id_ if id_ in here.networks else named[name.casefold()]
            taken.there["networks"] += 1
        elif re.fullmatch(NAME, id_) is None:
            taken.leave(f"network {name}", "its id is none that a network can have here")
        else:
            ids[id_] = id_
            taken.networks.append(Network(id_, name or id_, _text(row, "location")))
    return ids


def _stations(old: Old, here: Here, taken: Taken, networks: Mapping[str, str]) -> dict[str, Station]:
    """Return the stations that are taken, by their ids there."""
    found: dict[str, Station] = {}
    keys: dict[str, str] = {}
    for row in old.charge_points:
        id_, network = _text(row, "id"), _text(row, "network_id")
        key = here.key(id_)
        if key in here.stations:
            taken.there["stations"] += 1
        elif why := _objection(row, key, keys, here, networks):
            taken.leave(f"station {id_}", why)
        else:
            keys[key] = id_
            found[id_] = Station(
                key,
                id_,
                network=networks[network],
                name=_text(row, "description"),
                location=_text(row, "location"),
                version=_VERSIONS.get(_text(row, "ocpp_version"), ""),
                vendor=_text(row, "vendor"),
                model=_text(row, "model"),
                serial=_text(row, "serial_number"),
            )
            taken.stations.append(found[id_])
            taken.connectors.append(_connector(key, 0, 0, row))
    return found


def _objection(
    row: Mapping[str, Any], key: str, keys: Mapping[str, str], here: Here, networks: Mapping[str, str]
) -> str:
    """Return why a station cannot be taken; "" if it can."""
    if not _is_active(row):
        return "it is not active"
    if why := here.objection(_text(row, "id")):
        return why
    if key in keys:
        return f"only case tells it from {keys[key]}: directory.case_sensitive = true keeps them apart"
    if _text(row, "network_id") not in networks:
        return "its network is not taken"
    others = here.claimants(key)
    return f"{' and '.join(others)} claims it, by another backend's list" if others else ""


def _connectors(old: Old, here: Here, taken: Taken, stations: Mapping[str, Station]) -> None:
    for row in old.connectors:
        station, number = stations.get(_text(row, "charge_point_id")), _number(row.get("id"))
        if station is None:
            continue
        if number is None:
            taken.leave(f"connector {row.get('id')} of {station.identity}", "it has no number")
        elif station.version == "ocpp2.0.1":
            taken.leave(f"connector {number} of {station.identity}", "nobody wrote down which EVSE it is on")
        elif number:
            taken.connectors.append(_connector(station.key, number, 1, row))


def _connector(station: str, evse: int, connector: int, row: Mapping[str, Any]) -> Connector:
    """Return a connector that is away; what it had reported counts again when its station comes."""
    reported = _text(row, "status")
    return Connector(station, evse, connector, _AWAY, _text(row, "error_code"), reported=reported)


def _users(old: Old, here: Here, taken: Taken, role: PersonRole, now: float, until: float) -> None:
    names = set(here.users)
    for row in old.users:
        login = _text(row, "email")
        if login.casefold() in names:
            taken.there["users"] += 1
        elif not _is_active(row):
            taken.leave(f"user {login}", "it is not active")
        elif re.fullmatch(LOGIN, login) is None:
            taken.leave(f"user {login or _text(row, 'id')}", "the address is none that a user can have here")
        else:
            names.add(login.casefold())
            person = f"{_text(row, 'first_name')} {_text(row, 'last_name')}".strip()
            user = UserRecord(login.casefold(), login, person, {ALL: role}, at=now, by=IMPORT)
            taken.invitations[login] = fresh()
            taken.users.append(invited(user, taken.invitations[login], until))


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    return str(getattr(value, "value", value)).strip()


def _number(value: Any) -> int | None:
    text = str(value)
    number = int(text) if text.isdecimal() and len(text) < 10 else None
    return number if number is not None and number <= _LARGEST else None


def _is_active(row: Mapping[str, Any]) -> bool:
    return bool(row.get("is_active", True))


def without_secrets(taken: Taken) -> Taken:
    """Return what would be taken, when nothing is: without the tokens, which are worth nothing then."""
    return replace(taken, invitations=dict.fromkeys(taken.invitations, ""))
