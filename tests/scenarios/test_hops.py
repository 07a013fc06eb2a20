"""Chargers that hop between two gateways of a cluster, and what each of the two does not know, over real sockets."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import asyncpg

from tests.harness import Gateway, Link, Stage
from tests.harness.station import Refused, ScriptedStation
from tests.harness.waiting import until
from tests.scenarios.conftest import COPY, node
from tests.scenarios.test_database import until_store_is
from tests.scenarios.test_promises import QUICK, START, STARTED, newest, stop
from tests.servers import PostgreSQL

BY_CARD = [{"tokens": ["EMP*"], "answer": "main"}, {"answer": "billing"}]
NOW = {"currentTime": "2026-01-01T10:00:00Z"}


async def two(stage: Stage, server: PostgreSQL, rules: list[dict[str, Any]], **more: Any) -> tuple[Gateway, Gateway]:
    """Start two gateways on one database, for chargers of two backends."""
    one, other = await asyncio.gather(node(stage, server, rules, **more), node(stage, server, rules, **more))
    return one, other


async def read(server: PostgreSQL, question: str) -> list[Any]:
    """Ask the database that both gateways have."""
    connection = await asyncpg.connect(server.url)
    try:
        return list(await connection.fetch(question))
    finally:
        await connection.close()


async def on_disk(server: PostgreSQL, question: str) -> None:
    """Wait until the database has an answer to this: it is written behind."""
    await until(lambda: read(server, question), f"an answer to {question}")


async def at_rest(gateway: Gateway) -> bool:
    """Return whether all that a gateway has put is on disk."""
    return await gateway.metric("voltgate_store_pending_records") == 0


async def sent_away(stage: Stage, gateway: Gateway, name: str, action: str, payload: Any) -> int:
    """Have the charger come and say something while the database is away; return how it is sent away, and keeps that.

    It is with 503 if the gateway has seen already that another one has had it, else with 1013.
    """
    try:
        station = await stage.station("CP1", url=gateway.url("CP1"), name=name)
    except Refused as refused:
        return refused.response.status_code
    await station.ask(action, payload)
    return (await station.closed()).code


def event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    """Write an event of 2.0.1."""
    at, about = f"2026-01-01T10:00:{number:02}Z", {"transactionId": "T1"}
    return {
        "eventType": kind, "timestamp": at, "triggerReason": "CablePluggedIn", "seqNo": number,
        "transactionInfo": about, "evse": {"id": 1, "connectorId": 1}, **more,
    }  # fmt: skip


async def test_a_start_that_is_open_at_one_gateway_and_said_again_at_the_other(
    cluster: Stage, server: PostgreSQL
) -> None:
    """Both answers mean the number that the charger has: its stop, wherever it says that, goes to the owner."""
    routes = {"copy": {"admit": "gateway", "rules": COPY}, "card": {"admit": "gateway", "rules": BY_CARD}}
    stations = [{"match": f"{name}-*", "route": name} for name in routes]
    one, other = await two(cluster, server, COPY, routes=routes, stations=stations)
    for identity in ("copy-1", "card-1"):
        await start_open_at_two(cluster, one, other, identity, late=True)
    for identity in ("copy-2", "card-2"):
        await start_open_at_two(cluster, one, other, identity, late=False)


async def start_open_at_two(stage: Stage, one: Gateway, other: Gateway, identity: str, *, late: bool) -> None:
    """Have the backend answer it at one gateway after it has at the other, if `late`, else before."""
    main = stage.backends["main"]
    station = await stage.station(identity, url=one.url(identity), name=f"{identity} first")
    at_one = await main.station(identity)
    await station.ask("StartTransaction", START)
    start = await at_one.expect("StartTransaction")
    station.kill()
    await one.logged("station went", identity)
    station = await stage.station(identity, url=other.url(identity), name=f"{identity} second")
    link = await newest(main, at_one, identity)
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
    station = await stage.station(identity, url=one.url(identity), name=f"{identity} third")
    link = await newest(main, link, identity)
    asked = await station.ask("StopTransaction", stop(number))
    ended = await link.expect("StopTransaction")
    assert ended.payload == stop(5)
    await link.answer(ended)
    await station.expect_result(asked)


async def test_a_remote_start_that_was_followed_at_the_other_gateway(cluster: Stage, server: PostgreSQL) -> None:
    """It is used up: the next session of that card is whose the rules say, also where the old connection stood."""
    one, other = await two(cluster, server, BY_CARD)
    main, billing = cluster.backends["main"], cluster.backends["billing"]
    station = await cluster.station("CP1", url=one.url("CP1"), name="first")
    at_main, at_billing = await main.station("CP1"), await billing.station("CP1")
    asked = await station.ask("Heartbeat")
    await at_billing.answer(await at_billing.expect("Heartbeat"), NOW)
    await station.expect_result(asked)
    asked = await at_billing.ask("RemoteStartTransaction", {"idTag": "EMP1", "connectorId": 1})
    await station.answer(await station.expect("RemoteStartTransaction"), {"status": "Accepted"})
    await at_billing.expect_result(asked)
    station = await cluster.station("CP1", url=other.url("CP1"), name="second")
    link, at_main = await newest(billing, at_billing), await newest(main, at_main)
    asked = await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    number = (await station.expect_result(asked)).payload["transactionId"]
    asked = await station.ask("StopTransaction", stop(number))
    await link.answer(await link.expect("StopTransaction"))
    await station.expect_result(asked)
    await on_disk(server, "select 1 from transactions where ended is not null")
    station = await cluster.station("CP1", url=one.url("CP1"), name="third")
    at_main = await newest(main, at_main)
    asked = await station.ask("StartTransaction", START | {"meterStart": 9})
    await at_main.answer(await at_main.expect("StartTransaction"), STARTED)
    await station.expect_result(asked)


async def test_a_start_that_is_said_again_while_the_database_is_away(cluster: Stage, server: PostgreSQL) -> None:
    """A gateway that remembers the charger cannot know that the other one has had it answered: it asks nobody."""
    one, other = await two(cluster, server, COPY)
    main = cluster.backends["main"]
    starts: list[Any] = []
    main.answers("StartTransaction", lambda start: starts.append(start.payload) or STARTED)
    station = await cluster.station("CP1", url=one.url("CP1"), name="first")
    await main.station("CP1")
    await station.close()
    station = await cluster.station("CP1", url=other.url("CP1"), name="second")
    given = await station.call("StartTransaction", START)
    await station.close()
    server.kill()
    try:
        assert await sent_away(cluster, one, "third", "StartTransaction", START) in (503, 1013)
    finally:
        server.start()
    await until_store_is(one, "ok")
    station = await cluster.station("CP1", url=one.url("CP1"), name="fourth")
    assert (await station.call("StartTransaction", START)).payload == given.payload
    assert starts == [START]


async def shows_its_card(station: ScriptedStation, *links: Link) -> None:
    """Begin a transaction of 2.x whose card comes with its second event; these backends answer whatever they hear."""
    for link in links:
        link.answers("TransactionEvent")
    await station.call("TransactionEvent", event("Started", 0))
    await station.call("TransactionEvent", event("Updated", 1, idToken={"idToken": "EMP1", "type": "ISO14443"}))


async def ends(station: ScriptedStation, link: Link) -> None:
    """End that transaction: this backend hears of it, and answers."""
    asked = await station.ask("TransactionEvent", event("Ended", 2))
    ended = await link.expect("TransactionEvent")
    assert ended.payload == event("Ended", 2)
    await link.answer(ended)
    await station.expect_result(asked)


async def test_an_owner_that_became_known_at_the_other_gateway(cluster: Stage, server: PostgreSQL) -> None:
    """2.x: the late answer to an event from before makes nobody forget whose the transaction is by now."""
    one, other = await two(cluster, server, [{"tokens": ["EMP*"], "answer": "billing"}, {"answer": "main"}])
    main, billing = cluster.backends["main"], cluster.backends["billing"]
    station = await cluster.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="first")
    at_main, at_billing = await main.station("CP1"), await billing.station("CP1")
    await station.ask("TransactionEvent", event("Started", 0))
    started = await at_main.expect("TransactionEvent")
    station.kill()
    await one.logged("station went")
    station = await cluster.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="second")
    link, at_billing = await newest(main, at_main), await newest(billing, at_billing)
    await shows_its_card(station, link, at_billing)
    await on_disk(server, "select 1 from transactions where owner = 'billing' and not exists (select 1 from owed)")
    await at_main.answer(started)
    await at_main.closed()
    await until(lambda: at_rest(one), "it has written of that what it may: nothing, and it may know that already")
    await station.close()
    station = await cluster.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="third")
    at_billing = await newest(billing, at_billing)
    await ends(station, at_billing)


async def test_an_answer_to_a_session_before_the_one_at_the_other_gateway(cluster: Stage, server: PostgreSQL) -> None:
    """2.x: a charger is back from the other gateway before its first event is answered; it stays the new owner's."""
    one, other = await two(cluster, server, [{"tokens": ["EMP*"], "answer": "billing"}, {"answer": "main"}])
    main, billing = cluster.backends["main"], cluster.backends["billing"]
    first = await cluster.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="first")
    at_main, at_billing = await main.station("CP1"), await billing.station("CP1")
    await first.ask("TransactionEvent", event("Started", 0))
    started = await at_main.expect("TransactionEvent")
    second = await cluster.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="second")
    link, at_billing = await newest(main, at_main), await newest(billing, at_billing)
    await shows_its_card(second, link, at_billing)
    await cluster.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="third")
    at_billing = await newest(billing, at_billing)
    await at_main.answer(started)
    await at_main.closed()
    fourth = await cluster.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="fourth")  # all is on disk before
    at_billing = await newest(billing, at_billing)
    await ends(fourth, at_billing)


async def test_a_gateway_that_sees_late_that_its_charger_has_gone(cluster: Stage, server: PostgreSQL) -> None:
    """What ended at the other gateway meanwhile stays so, with all that was answered there."""
    one, other = await two(cluster, server, [{"answer": "main"}])
    main = cluster.backends["main"]
    first = await cluster.station("CP1", "ocpp2.0.1", url=one.url("CP1"), name="first")
    link = await main.station("CP1")
    link.answers("TransactionEvent")
    await first.call("TransactionEvent", event("Started", 0, idToken={"idToken": "EMP1", "type": "ISO14443"}))
    await first.call("TransactionEvent", event("Updated", 1))
    await until(lambda: at_rest(one), "it writes nothing: a row that it has locked would stay so")
    one.signal(signal.SIGSTOP)
    try:
        second = await cluster.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="second")
        link = await newest(main, link)
        link.answers("TransactionEvent")
        await second.call("TransactionEvent", event("Ended", 2))
        second.kill()
        await other.logged("station went")
        first.kill()
    finally:
        one.signal(signal.SIGCONT)
    await one.logged("station went")
    await one.stop()
    assert len(await read(server, "select ended from transactions where ended is not null")) == 1
    again = await cluster.station("CP1", "ocpp2.0.1", url=other.url("CP1"), name="again")
    link = await newest(main, link)
    await again.call("TransactionEvent", event("Ended", 2))
    await cluster.quiet(link)


async def test_what_a_backend_is_owed_of_a_charger_that_hops(cluster: Stage, server: PostgreSQL) -> None:
    """One gateway delivers it at a time: the next begins when the former has heard what came of its last message."""
    one, other = await two(cluster, server, COPY, backends={"billing": {"deliver": "always"} | QUICK})
    main, billing = cluster.backends["main"], cluster.backends["billing"]
    main.answers("StartTransaction", STARTED)
    main.answers("StopTransaction")
    station = await cluster.station("CP1", url=one.url("CP1"))
    at_one = await billing.station("CP1")
    number = (await station.call("StartTransaction", START)).payload["transactionId"]
    start = await at_one.expect("StartTransaction")
    hopped = await cluster.station("CP1", url=other.url("CP1"), name="hopped")
    at_other = await newest(billing, at_one)
    await hopped.call("StopTransaction", stop(number))
    assert at_other.unread == [], "the other gateway delivers"
    await at_one.answer(start, {"transactionId": 900})
    again = await at_other.expect("StartTransaction")
    assert (again.id, again.payload) == (start.id, START), "nobody may write any more what was answered there"
    await at_other.answer(again, {"transactionId": 900})
    ended = await at_other.expect("StopTransaction")
    assert ended.payload == stop(900)
    await at_other.answer(ended)
    await on_disk(server, "select 1 where not exists (select 1 from owed)")
    await cluster.quiet(at_other)


async def beginning(
    stage: Stage, gateway: Gateway, before: Link | None, number: int, name: str
) -> tuple[ScriptedStation, Link, int]:
    """Have a charger begin a transaction at one of two gateways; give it, its backend's link and its number."""
    main = stage.backends["main"]
    station = await stage.station("CP1", url=gateway.url("CP1"), name=name)
    link = await main.station("CP1") if before is None else await newest(main, before)
    asked = await station.ask("StartTransaction", START | {"meterStart": number})
    await link.answer(await link.expect("StartTransaction"), STARTED | {"transactionId": number})
    return station, link, (await station.expect_result(asked)).payload["transactionId"]


async def test_a_memory_that_is_older_than_the_charger(cluster: Stage, server: PostgreSQL) -> None:
    """A gateway that has the charger back, which charged elsewhere meanwhile, knows its transaction from the database.

    While that is away it does not take the number for one of the backend's.
    """
    one, other = await two(cluster, server, COPY)
    main = cluster.backends["main"]
    station, link, first = await beginning(cluster, one, None, 5, "first")
    asked = await station.ask("StopTransaction", stop(first))
    await link.answer(await link.expect("StopTransaction"))
    await station.expect_result(asked)
    await station.close()
    station, link, number = await beginning(cluster, other, link, 6, "second")
    await station.close()
    heard: list[Any] = []
    main.answers("MeterValues", heard.append)
    server.kill()
    try:
        said = {"connectorId": 1, "transactionId": number, "meterValue": []}
        assert await sent_away(cluster, one, "third", "MeterValues", said) in (503, 1013)
    finally:
        server.start()
    await until_store_is(one, "ok")
    main.answers("StopTransaction", heard.append)
    station = await cluster.station("CP1", url=one.url("CP1"), name="fourth")
    await station.call("StopTransaction", stop(number))
    assert [call.payload for call in heard] == [stop(6)]


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
