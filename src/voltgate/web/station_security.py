"""The security of one station, for the API: what it may come with, and a new password for it.

A new password counts from before it is sent; the one before it until the station has said that it took the new one, or
has come with it. Sources: OCPP-J 1.6 section 6.2 and the security whitepaper, edition 3, A01 (AuthorizationKey); 2.1
Part 2, A01 (SecurityCtrlr.BasicAuthPassword).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import string
from typing import Any, Literal, NamedTuple

import structlog

from voltgate.directory.hashes import hashed
from voltgate.directory.security import SecurityRecord, StationSecurity
from voltgate.directory.stations import Credentials, Station
from voltgate.ocpp.dialect import is_modern
from voltgate.relay.records import StoreAway
from voltgate.web import models
from voltgate.web.calling import Asker
from voltgate.web.problems import Problem, invalid
from voltgate.web.queries import Queries, unchanged
from voltgate.web.times import stamp
from voltgate.web.wide import one_station

_KEY = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
"""A key of 1.6: 16 to 20 bytes, as digits."""
_LETTERS = string.ascii_letters + string.digits
_SHORTEST = 16
_LONGEST = {"ocpp1.6": 40, "ocpp2.0": 40, "ocpp2.0.1": 40, "ocpp2.1": 64}
"""Characters of a password: 1.6 has the 40 digits of a key, 2.1 may have a smaller maxLimit, which the station says."""

log = structlog.get_logger("voltgate.web")


def security_of(queries: Queries) -> StationSecurity:
    """Return what is known of stations' security. Raise Problem 503 while nobody knows it."""
    if not queries.security.is_read:
        raise Problem(503, "Service Unavailable", "The database is away.", headers={"Retry-After": "5"})
    return queries.security


def show(queries: Queries, identity: str) -> models.StationSecurity:
    """Show what is known of a station's security. Raise Problem: 404, 503."""
    station = queries.find(identity)
    return _shown(station, security_of(queries).of(station.key))


async def lower(queries: Queries, identity: str, profile: int, by: str) -> models.StationSecurity:
    """Let a station come with a lower security profile. Raise Problem: 404, 409, 503."""
    station, security = queries.find(identity), security_of(queries)
    least = security.least(station.key)
    if profile >= least:
        detail = f"The station may come with security profile {least} already; only itself raises that, as it comes."
        raise Problem(409, "Conflict", detail)
    try:
        record = await security.lower(station.key, station.identity, profile, by)
    except StoreAway as away:
        raise unchanged(away) from None
    log.warning("a station may come with a lower security profile", station=station.identity, profile=profile, by=by)
    return _shown(station, record)


async def forget_password(queries: Queries, identity: str, by: str) -> None:
    """Have the password of a station's entry count again. Raise Problem: 404, 503."""
    station = queries.find(identity)
    try:
        known = await security_of(queries).forget_password(station.key)
    except StoreAway as away:
        raise unchanged(away) from None
    if not known:
        raise Problem(404, "Not Found", "The station was given no password through Voltgate.")
    log.info("the password of a station's entry counts again", station=station.identity, by=by)


class New(NamedTuple):
    """A new password: as it is sent, and as it is kept, of which a station may send either spelling."""

    sent: str
    kept: str


async def change_password(
    queries: Queries, identity: str, by: Asker, asked: models.PasswordAsked
) -> models.PasswordChanged:
    """Give a station a new password. Raise Problem: 404, 409, 422, 503, 504."""
    station, security = queries.find(identity), security_of(queries)
    credentials = station.credentials
    if credentials is None or credentials.password is None:
        detail = "The password of this station is not checked here: its entry has no `password`."
        raise Problem(409, "Conflict", detail)
    version = (await one_station.show(queries, identity)).version
    if version is None:
        raise Problem(409, "Conflict", "The station is not connected.")
    new = _new(asked, version, credentials)
    password = await asyncio.to_thread(hashed, new.kept)
    try:
        await security.offer(station.key, station.identity, password)
        outcome, status = await _given(queries, identity, by, _call(new.sent, version, asked.timeout))
        if outcome != "unknown":
            await security.settle(station.key, password, taken=outcome == "taken")
    except StoreAway as away:
        raise unchanged(away) from None
    log.info(
        "a station is given a new password", station=station.identity, outcome=outcome, status=status, by=by.caller
    )
    return models.PasswordChanged(station=station.identity, outcome=outcome, status=status)


def _new(asked: models.PasswordAsked, version: str, credentials: Credentials) -> New:
    """Return the password to give to a station that speaks this version. Raise Problem: 409, 422."""
    if version not in _LONGEST:
        raise Problem(409, "Conflict", f"No station of {version} can be given a password.")
    if is_modern(version):
        if asked.spelling is not None:
            raise _unfit("spelling", "is for stations of 1.6 only")
        password = asked.password or "".join(secrets.choice(_LETTERS) for _ in range(40))
        return New(*[_of_length(password, version)] * 2)
    password = asked.password or secrets.token_hex(20).upper()
    is_key = _KEY.fullmatch(password) is not None
    spelling = asked.spelling or ("key" if is_key else "text")
    needed = {"text"} if spelling == "text" else {"bytes", "hex"}
    if needed.isdisjoint(credentials.spellings):
        raise _unfit("spelling", f"`basic_passwords` of the station does not take it: it needs {' or '.join(needed)}")
    if spelling == "text":
        return New(*[_of_length(password, version)] * 2)
    if spelling == "hex":
        password = password.encode().hex().upper()
    if _KEY.fullmatch(password) is None:
        what = "16 to 20 bytes" if spelling == "hex" else "16 to 20 bytes, as hexadecimal digits"
        raise _unfit("password", f"must have {what}")
    return New(password, password.upper())


def _of_length(password: str, version: str) -> str:
    if not _SHORTEST <= len(password) <= _LONGEST[version]:
        raise _unfit("password", f"must have {_SHORTEST} to {_LONGEST[version]} characters")
    return password


def _unfit(field: str, message: str) -> Problem:
    return invalid([{"loc": ("body", field), "msg": message}])


def _call(sent: str, version: str, timeout: float) -> models.CallAsked:
    if not is_modern(version):
        payload: dict[str, Any] = {"key": "AuthorizationKey", "value": sent}
        return models.CallAsked(action="ChangeConfiguration", payload=payload, timeout=timeout)
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    payload = {"setVariableData": [{**variable, "attributeValue": sent}]}
    return models.CallAsked(action="SetVariables", payload=payload, timeout=timeout)


async def _given(
    queries: Queries, identity: str, by: Asker, call: models.CallAsked
) -> tuple[Literal["taken", "refused", "unknown"], str]:
    """Send it; return what came of it, and what the station said: it says nothing, or that it takes it later."""
    try:
        answered = await one_station.call(queries, identity, by, call)
    except Problem as problem:
        is_sent = problem.status == 504 and problem.more.get("sent", True)
        return ("unknown", "") if is_sent else ("refused", problem.detail or problem.title)
    if answered.error is not None:
        return "refused", answered.error.code
    status = _status(answered.result)
    outcome: dict[str, Literal["taken", "unknown"]] = {"Accepted": "taken", "RebootRequired": "unknown"}
    return outcome.get(status, "refused"), status


def _status(result: Any) -> str:
    """Return what a station says: to ChangeConfiguration, or of the one variable; "" for what cannot be read."""
    found = result if isinstance(result, dict) else {}
    of_variables = found.get("setVariableResult")
    if isinstance(of_variables, list) and of_variables and isinstance(of_variables[0], dict):
        return str(of_variables[0].get("attributeStatus", ""))[:50]
    return str(found.get("status", ""))[:50]


def _shown(station: Station, record: SecurityRecord) -> models.StationSecurity:
    return models.StationSecurity(
        station=station.identity,
        profile=record.profile,
        since=stamp(record.at) if record.at else None,
        lowered_by=record.by or None,
        certificate_until=None if record.until is None else stamp(record.until),
        password="unknown" if record.offered else "given" if record.password else "entry",
        password_since=None if record.password_at is None else stamp(record.password_at),
    )
