"""Every call of a station of every version: a valid one is answered, a broken one is refused, none by accident."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.csms.payloads import FOLDERS, broken, full, minimal
from tests.csms.stage import KEYS, Stage
from voltgate.csms.handlers.tables import entry_of
from voltgate.csms.model import Note, Row, Station, Transaction
from voltgate.ocpp.actions import from_backends, from_stations, is_transaction
from voltgate.ocpp.errors import spell
from voltgate.ocpp.messages import SEND, Call, Error, Result, Unanswered, unheard
from voltgate.ocpp.schemas import check

ACTIONS = {"ocpp1.6": 13 + 1, "ocpp2.0.1": 24 + 1, "ocpp2.1": 36 + 1}
"""How many actions stations call, with DataTransfer, which both sides do."""

SENDS = {"NotifyPeriodicEventStream"}
"""What is never answered; a station that calls it is, with nothing in it."""

EACH = [(version, action) for version in FOLDERS for action in sorted(from_stations(version))]


def test_no_action_is_missing() -> None:
    assert {version: len(from_stations(version)) for version in FOLDERS} == ACTIONS
    assert [each for each in EACH if entry_of(*each) is None] == []


@pytest.mark.parametrize("version", FOLDERS)
def test_what_stations_do_not_call_is_not_answered_by_accident(version: str) -> None:
    assert [a for a in from_backends(version) - from_stations(version) if entry_of(version, a) is not None] == []
    assert entry_of("ocpp2.0.1", "NotifySettlement") is None  # it is of 2.1


def is_answer(version: str, action: str, payload: dict[str, Any]) -> bool:
    return payload == {} if action in SENDS else check(version, action, "response", payload) is None


@pytest.mark.parametrize(("version", "action"), EACH)
async def test_a_valid_call_is_answered(version: str, action: str) -> None:
    async with Stage() as stage:
        stage.rows.put(Station("cp-1", "CP-1", validation="strict"))
        station = stage.station(protocol=version)
        for payload in (minimal(version, action), full(version, action)):
            assert check(version, action, "request", payload) is None
            answer = await station.say(action, payload)
            assert is_answer(version, action, answer), answer
        assert stage.csms.rounds.counts.forgiven == 0


@pytest.mark.parametrize(("version", "action"), [each for each in EACH if not is_transaction(each[1])])
async def test_a_broken_call_is_refused(version: str, action: str) -> None:
    async with Stage() as stage:
        stage.rows.put(Station("cp-1", "CP-1", validation="strict"))
        station = stage.station(protocol=version)
        for what, payload, code in broken(version, action):
            expected = spell(code, modern=version != "ocpp1.6")
            assert (await station.refused(action, payload))[0] == expected, what
        assert stage.rows.all(Note) == []


@pytest.mark.parametrize(("version", "action"), [each for each in EACH if is_transaction(each[1])])
async def test_a_transaction_message_with_a_broken_form_is_understood(version: str, action: str) -> None:
    async with Stage() as stage:
        stage.rows.put(Station("cp-1", "CP-1", validation="strict"))
        station = stage.station(protocol=version)
        for what, payload, _ in broken(version, action):
            if what not in ("without transactionInfo", "transactionInfo of another type"):
                assert is_answer(version, action, await station.say(action, payload)), what


@pytest.mark.parametrize(
    ("version", "action", "code"),
    [
        ("ocpp1.6", "StartTransaction", "OccurenceConstraintViolation"),
        ("ocpp2.0.1", "TransactionEvent", "OccurrenceConstraintViolation"),
    ],
)
async def test_a_transaction_message_that_says_nothing_is_kept_and_refused(
    version: str, action: str, code: str
) -> None:
    async with Stage() as stage:
        assert (await stage.station(protocol=version).refused(action, {"timestamp": "now"}))[0] == code
        assert json.loads(stage.one(Note).data) == {"action": action, "payload": {"timestamp": "now"}}
        assert stage.rows.all(Transaction) == []


async def test_an_end_that_says_nothing_is_kept_and_not_refused() -> None:
    """There are stations that boot again and again when an end is answered with an error."""
    async with Stage() as stage:
        assert await stage.station().say("StopTransaction", {}) == {}
        assert stage.one(Note).kind == "SetAside"


async def test_a_send_is_taken_and_answered_by_nobody() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.1")
        payload = json.dumps(minimal("ocpp2.1", "NotifyPeriodicEventStream")).encode()
        stage.csms.serve(station)(Call("s1", "NotifyPeriodicEventStream", payload, kind=SEND), unheard)
        await station.say("Heartbeat", {})
        assert stage.one(Note).kind == "NotifyPeriodicEventStream"


@pytest.mark.parametrize("version", FOLDERS)
async def test_what_no_station_calls(version: str) -> None:
    async with Stage() as stage:
        station = stage.station(protocol=version)
        assert (await station.refused("Reset", {"type": "Hard"}))[0] == "NotImplemented"
        assert (await station.refused("Nonsense", {}))[0] == "NotImplemented"
        assert stage.csms.counts.unknown == 2


# Whatever it is.

WORDS = st.text(max_size=10) | st.sampled_from(["x" * 2000, "\0", "-1", "9" * 30, "Available", "2026-05-28T20:26:40Z"])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, -1, 2**31, 2**63])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return a payload of which something has been taken away or replaced, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        name = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 3)):
            return {key: each for key, each in value.items() if key != name}
        return value | {name: draw(changed(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        return [draw(changed(value[0])), *value[1:]]
    return draw(VALUES)


def can_be_stored(row: Row) -> bool:
    """Return whether any database takes a row: numbers of 64 bits, finite ones, keys that are not too long."""
    for name in row.__dataclass_fields__:
        value = getattr(row, name)
        match value:
            case bool() | None:
                continue
            case int():
                fits = -(2**63) <= value < 2**63
            case float():
                fits = math.isfinite(value)
            case str():
                fits = name not in KEYS.get(type(row), ()) or ("\0" not in value and len(value.encode()) <= 1000)
            case bytes():
                json.loads(value or b"{}")
                continue
        if not fits:
            return False
    return True


async def says_anything(version: str, calls: list[tuple[str, Any]], registration: str) -> None:
    async with Stage() as stage:
        stage.rows.put(Station("cp-1", "CP-1", told=registration))  # type: ignore[arg-type]
        station = stage.station(protocol=version)
        for action, payload in calls:
            reply = await station.call(action, payload)
            assert not isinstance(reply, Unanswered)
            assert isinstance(reply, Error) or is_answer(version, action, reply.fields), (action, payload, reply)
            assert isinstance(reply, Result | Error)
        assert stage.csms.rounds.counts.faults == 0
        assert all(can_be_stored(row) for table in stage.rows.tables.values() for row in table.values())


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_nothing_that_a_station_says_makes_a_handler_fail(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(FOLDERS)))
    actions = data.draw(st.lists(st.sampled_from(sorted(from_stations(version))), min_size=1, max_size=4))
    calls = [(a, data.draw(VALUES | changed(full(version, a)) | changed(minimal(version, a)))) for a in actions]
    asyncio.run(says_anything(version, calls, data.draw(st.sampled_from(["", "Pending"]))))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_nothing_that_a_station_says_of_transactions_makes_a_handler_fail(data: st.DataObject) -> None:
    """What is never refused for its form comes to its handler as it is."""
    version = data.draw(st.sampled_from(sorted(FOLDERS)))
    actions = sorted(filter(is_transaction, from_stations(version)))
    several = data.draw(st.lists(st.sampled_from(actions), min_size=1, max_size=5))
    calls = [(a, data.draw(changed(full(version, a)) | changed(minimal(version, a)))) for a in several]
    asyncio.run(says_anything(version, calls, ""))
