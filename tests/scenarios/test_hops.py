"""Chargers that hop between two gateways on one database, and what each of the two does not know, over real sockets."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from tests.harness import Gateway, Stage
from tests.scenarios.test_promises import START, STARTED, newest, stop

COPY = [{"answer": "main", "copy": ["billing"]}]
BY_CARD = [{"tokens": ["EMP*"], "answer": "main"}, {"answer": "billing"}]
NOW = {"currentTime": "2026-01-01T10:00:00Z"}


async def two(stage: Stage, rules: list[dict[str, Any]]) -> tuple[Gateway, Gateway]:
    """Start two gateways on one database, for chargers of two backends."""
    await stage.backend("main")
    await stage.backend("billing")
    shared: dict[str, Any] = {
        "routes": {"main": {"admit": "gateway", "rules": rules}},
        "store": {"url": f"sqlite:///{stage.folder}/shared.db", "patience": 0.5},
    }
    return await stage.gateway(**shared), await stage.gateway(**shared)


def event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    """Write an event of 2.0.1."""
    at, about = f"2026-01-01T10:00:{number:02}Z", {"transactionId": "T1"}
    return {
        "eventType": kind, "timestamp": at, "triggerReason": "CablePluggedIn", "seqNo": number,
        "transactionInfo": about, "evse": {"id": 1, "connectorId": 1}, **more,
    }  # fmt: skip


def read(stage: Stage, question: str) -> list[Any]:
    """Ask the database that both gateways have."""
    with sqlite3.connect(stage.folder / "shared.db") as connection:
        return connection.execute(question).fetchall()


async def on_disk(stage: Stage, question: str) -> None:
    """Wait until the database has an answer to this: it is written behind."""
    async with asyncio.timeout(20):
        while not read(stage, question):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("rules", [COPY, BY_CARD], ids=["copy", "by card"])
@pytest.mark.parametrize("late", [True, False], ids=["late", "early"])
async def test_a_start_that_is_open_at_one_gateway_and_said_again_at_the_other(
    stage: Stage, rules: list[dict[str, Any]], late: bool
) -> None:
    """Both answers mean the number that the charger has: its stop, wherever it says that, goes to the owner."""
    one, other = await two(stage, rules)
    main = stage.backends["main"]
    station = await stage.station("CP1", url=one.url("CP1"), name="first")
    at_one = await main.station("CP1")
    await station.ask("StartTransaction", START)
    start = await at_one.expect("StartTransaction")
    station.kill()
    await one.logged("station went")
    station = await stage.station("CP1", url=other.url("CP1"), name="second")
    link = await newest(main, at_one)
    asked = await station.ask("StartTransaction", START)
    again = await link.expect("StartTransaction")
    if not late:
        await at_one.answer(start, STARTED)
        await at_one.closed()
    await link.answer(again, STARTED)
    number = (await station.expect_result(asked)).payload["transactionId"]
    if late:
        await at_one.answer(start, STARTED)
        await at_one.closed()
    await station.close()
    station = await stage.station("CP1", url=one.url("CP1"), name="third")
    link = await newest(main, link)
    asked = await station.ask("StopTransaction", stop(number))
    ended = await link.expect("StopTransaction")
    assert ended.payload == stop(5)
    await link.answer(ended)
    await station.expect_result(asked)


async def test_a_remote_start_that_was_followed_at_the_other_gateway(stage: Stage) -> None:
    """It is used up: the next session of that card is whose the rules say, also where the old connection stood."""
    one, other = await two(stage, BY_CARD)
    main, billing = stage.backends["main"], stage.backends["billing"]
    station = await stage.station("CP1", url=one.url("CP1"), name="first")
    at_main, at_billing = await main.station("CP1"), await billing.station("CP1")
    asked = await station.ask("Heartbeat")
    await at_billing.answer(await at_billing.expect("Heartbeat"), NOW)
    await station.expect_result(asked)
    asked = await at_billing.ask("RemoteStartTransaction", {"idTag": "EMP1", "connectorId": 1})
    await station.answer(await station.expect("RemoteStartTransaction"), {"status": "Accepted"})
    await at_billing.expect_result(asked)
    station = await stage.station("CP1", url=other.url("CP1"), name="second")
    link = await newest(billing, at_billing)
    asked = await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    number = (await station.expect_result(asked)).payload["transactionId"]
    asked = await station.ask("StopTransaction", stop(number))
    await link.answer(await link.expect("StopTransaction"))
    await station.expect_result(asked)
    await on_disk(stage, "select * from transactions where ended is not null")
    station = await stage.station("CP1", url=one.url("CP1"), name="third")
    asked = await station.ask("StartTransaction", START | {"meterStart": 9})
    await at_main.answer(await at_main.expect("StartTransaction"), STARTED)
    await station.expect_result(asked)
    assert at_billing.unread == []


async def test_a_start_that_is_said_again_while_the_database_is_away(stage: Stage) -> None:
    """A gateway that remembers the charger cannot know that the other one has had it answered: it asks nobody."""
    one, other = await two(stage, COPY)
    main = stage.backends["main"]
    station = await stage.station("CP1", url=one.url("CP1"), name="first")
    link = await main.station("CP1")
    await station.close()
    station = await stage.station("CP1", url=other.url("CP1"), name="second")
    link = await newest(main, link)
    asked = await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    given = await station.expect_result(asked)
    await station.close()
    lock = sqlite3.connect(stage.folder / "shared.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    noticing = await stage.station("CP2", url=one.url("CP2"))
    await noticing.ask("StartTransaction", START)
    at_main = await main.station("CP2")
    await at_main.answer(await at_main.expect("StartTransaction"), STARTED)
    await one.logged("the database is away")
    station = await stage.station("CP1", url=one.url("CP1"), name="third")
    link = await newest(main, link)
    await station.ask("StartTransaction", START)
    assert (await station.closed()).code == 1013
    assert link.unread == []
    lock.execute("ROLLBACK")
    lock.close()
    station = await stage.station("CP1", url=one.url("CP1"), name="fourth")
    link = await newest(main, link)
    assert (await station.call("StartTransaction", START)).payload == given.payload
    await stage.quiet(link)


async def test_an_owner_that_became_known_at_the_other_gateway(stage: Stage) -> None:
    """2.x: the late answer to an event from before makes nobody forget whose the transaction is by now."""
    one, other = await two(stage, [{"tokens": ["EMP*"], "answer": "billing"}, {"answer": "main"}])
    main, billing = stage.backends["main"], stage.backends["billing"]
    station = await stage.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="first")
    at_main, at_billing = await main.station("CP1"), await billing.station("CP1")
    await station.ask("TransactionEvent", event("Started", 0))
    started = await at_main.expect("TransactionEvent")
    station.kill()
    await one.logged("station went")
    station = await stage.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="second")
    link, at_billing = await newest(main, at_main), await newest(billing, at_billing)
    link.answers("TransactionEvent")
    at_billing.answers("TransactionEvent")
    await station.call("TransactionEvent", event("Started", 0))
    await station.call("TransactionEvent", event("Updated", 1, idToken={"idToken": "EMP1", "type": "ISO14443"}))
    await on_disk(stage, "select * from transactions where owner = 'billing' and not exists (select * from owed)")
    await at_main.answer(started)
    await at_main.closed()
    await station.close()
    station = await stage.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="third")
    at_billing = await newest(billing, at_billing)
    asked = await station.ask("TransactionEvent", event("Ended", 2))
    ended = await at_billing.expect("TransactionEvent")
    assert ended.payload == event("Ended", 2)
    await at_billing.answer(ended)
    await station.expect_result(asked)


async def test_a_gateway_that_sees_late_that_its_charger_has_gone(stage: Stage) -> None:
    """What ended at the other gateway meanwhile stays so, with all that was answered there."""
    one, other = await two(stage, [{"answer": "main"}])
    main = stage.backends["main"]
    first = await stage.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="first")
    link = await main.station("CP1")
    link.answers("TransactionEvent")
    await first.call("TransactionEvent", event("Started", 0, idToken={"idToken": "EMP1", "type": "ISO14443"}))
    await first.call("TransactionEvent", event("Updated", 1))
    second = await stage.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="second")
    link = await newest(main, link)
    link.answers("TransactionEvent")
    await second.call("TransactionEvent", event("Ended", 2))
    second.kill()
    await other.logged("station went")
    first.kill()
    await one.logged("station went")
    await one.stop()
    assert len(read(stage, "select ended from transactions where ended is not null")) == 1
    again = await stage.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="again")
    link = await newest(main, link)
    await again.call("TransactionEvent", event("Ended", 2))
    await stage.quiet(link)


async def test_a_stop_without_a_number_that_is_said_again(stage: Stage) -> None:
    """The stop of a start that nobody numbered is answered from the ledger, too, when its answer was lost."""
    await stage.backend("main")
    await stage.backend("billing")
    await stage.gateway(routes={"main": {"admit": "gateway", "rules": BY_CARD}})
    station, at_main, at_billing = await stage.meet()
    asked = await station.ask("Heartbeat")
    await at_billing.answer(await at_billing.expect("Heartbeat"), NOW)
    await station.expect_result(asked)
    asked = await at_billing.ask("RemoteStartTransaction", {"idTag": "EMP1", "connectorId": 1})
    await station.answer(await station.expect("RemoteStartTransaction"), {"status": "Accepted"})
    await at_billing.expect_result(asked)
    asked = await station.ask("StartTransaction", START)
    await at_billing.fail(await at_billing.expect("StartTransaction"), "InternalError")
    await station.expect_error(asked)
    said = stop(-1) | {"idTag": "EMP1"}
    asked = await station.ask("StopTransaction", said)
    await at_billing.answer(await at_billing.expect("StopTransaction"), {"idTagInfo": {"status": "Expired"}})
    await station.expect_result(asked)
    await station.close()
    station, at_main, at_billing = await stage.meet()
    assert (await station.call("StopTransaction", said)).payload == {"idTagInfo": {"status": "Expired"}}
    await stage.quiet(at_main, at_billing)
