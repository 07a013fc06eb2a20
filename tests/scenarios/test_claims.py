"""Claims: which backend a station goes to is what the backends say, while everything runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest

from tests.claimants import ADMIN, Api, api_of, token_of
from tests.harness import (
    Json,
    Link,
    Message,
    ScriptedBackend,
    ScriptedStation,
    Stage,
    basic,
    boot_accepted,
    boot_payload,
    until,
    within,
)

ONLY_CLAIMS: Json = {"routes": {"main": None}}
"""No routes at all: claims are enough."""
QUICK = {"retry": {"first": 0.1, "max": 0.3}}
BEAT = {"currentTime": "2026-01-01T00:00:00Z"}
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
START = {"connectorId": 1, "idTag": "T1", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
VALUES = {"connectorId": 1, "transactionId": 7, "meterValue": []}
STOP = {"transactionId": 7, "meterStop": 9, "timestamp": "2026-01-01T11:00:00Z"}


async def answered(station: Link, backend: Link, action: str, payload: Any = None, reply: Any = None) -> Message:
    """Have a backend answer a call of a station, and give the call as the backend got it."""
    asked = await station.ask(action, payload)
    call = await backend.expect(action, id=asked)
    await backend.answer(call, reply)
    assert (await station.expect_result(asked)).payload == ({} if reply is None else reply)
    return call


async def beats(station: Link, backend: Link) -> None:
    """See that a backend answers a station."""
    await answered(station, backend, "Heartbeat", {}, BEAT)


async def booted(stage: Stage, backend: ScriptedBackend, identity: str = "CP1") -> tuple[ScriptedStation, Link]:
    """Connect a station that boots at a backend."""
    station = await stage.station(identity)
    link = await backend.station(identity)
    await answered(station, link, "BootNotification", boot_payload("ocpp1.6"), boot_accepted())
    return station, link


async def charging(stage: Stage, backend: ScriptedBackend, identity: str = "CP1") -> tuple[ScriptedStation, Link]:
    """Connect a station that boots and begins transaction 7."""
    station, link = await booted(stage, backend, identity)
    await answered(station, link, "StartTransaction", START, {"transactionId": 7, **ACCEPTED})
    return station, link


async def moved(backend: ScriptedBackend, identity: str = "CP1") -> Link:
    """See that a backend that gets a station is told of its boot before anything else."""
    link = await backend.station(identity)
    boot = await link.expect("BootNotification")
    assert boot.payload == boot_payload("ocpp1.6")
    await link.answer(boot, boot_accepted())
    return link


# Coming in.


async def test_a_claim_alone_admits_and_routes(stage: Stage) -> None:
    """Stations that share one URL come in as soon as a backend claims them, and go to that backend; others do not."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        assert (await stage.refused("CP1")).status_code == 404
        (await api.put("a", "CP1", "CP3")).gives(200)
        (await api.put("b", "CP2")).gives(200)
        for identity, backend in (("CP1", a), ("cp2", b), ("CP3", a)):
            station = await stage.station(identity)
            await beats(station, await backend.station(identity))
        assert (await stage.refused("CP4")).status_code == 404
        assert (len(a.handshakes), len(b.handshakes)) == (2, 1)
        shown = await api.get("/stations/CP2")
        assert (shown["claimed_by"], shown["source"], shown["route"]) == ("b", "claim", "claimed")


async def test_a_claiming_backend_may_still_refuse(stage: Stage) -> None:
    """The verdict of the backend that claims a station is the station's."""
    a = await stage.backend("a")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        a.refuse(401)
        assert (await stage.refused("CP1")).status_code == 401


async def test_an_identity_is_never_a_host_name(stage: Stage) -> None:
    """Whatever a station calls itself, and whoever claims it, only the backend's own host is dialled."""
    a, b = await stage.backend("a"), await stage.backend("b")
    names = [f"127.0.0.1:{b.port}", f"@127.0.0.1:{b.port}", f"x@127.0.0.1:{b.port}#", "{station}", "?x=1&y", "%2F.."]
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", *names)).gives(200)
        for name in names:
            station = await stage.station(name)
            await beats(station, await a.station(name))
        assert [handshake.path for handshake in a.handshakes] == [f"/ocpp/{quote(name, safe='')}" for name in names]
        assert {handshake.headers["Host"] for handshake in a.handshakes} == {f"127.0.0.1:{a.port}"}
        assert b.handshakes == []


async def test_claims_outlive_the_gateway(stage: Stage) -> None:
    """What was claimed holds after a power cut, from the first station that comes."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, gateway):
        (await api.put("a", "CP1")).gives(200)
        (await api.put("b", "CP2", "CP1")).gives(200)
        (await api.patch("b", "CP3", remove=("CP2",))).gives(200)
        await gateway.kill()
        await gateway.start()
        await beats(await stage.station("CP1"), await a.station("CP1"))
        await beats(await stage.station("CP3"), await b.station("CP3"))
        assert (await stage.refused("CP2")).status_code == 404
        assert (await api.get("/claims", contested="true"))["total"] == 2


# Moving.


async def test_a_claim_moves_a_charging_station(stage: Stage) -> None:
    """The open call finishes, what charges stays with its owner, all else goes to the new one; nobody else notices."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1", "CP2")).gives(200)
        station, old = await charging(stage, a)
        other, others = await booted(stage, a, "CP2")
        (await api.put("b", "CP1")).gives(200)
        await stage.quiet(station, old, other, others)
        open_call = await station.ask("Authorize", {"idTag": "T2"})
        at_old = await old.expect("Authorize", id=open_call)
        (await api.patch("a", remove=("CP1",))).gives(200)
        new = await moved(b)
        await old.answer(at_old, ACCEPTED)
        assert (await station.expect_result(open_call)).payload == ACCEPTED
        await beats(station, new)
        call = await answered(station, old, "MeterValues", VALUES)
        assert call.payload == VALUES
        call = await answered(station, old, "StopTransaction", STOP, ACCEPTED)
        assert call.payload == STOP
        await old.closed()
        await answered(station, new, "StartTransaction", START | {"meterStart": 9}, {"transactionId": 8, **ACCEPTED})
        await answered(station, new, "StopTransaction", STOP | {"transactionId": 8}, ACCEPTED)
        await stage.quiet(station, new, other, others)
        assert [len(backend.handshakes) for backend in (a, b)] == [2, 1]
        assert stage.transcript.got("b/CP2") == []
        await beats(other, others)


async def test_who_owns_what_charges_may_stop_it(stage: Stage) -> None:
    """After the move both backends command the station: the owner its transaction, the new one the rest."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1", "CP2")).gives(200)
        station, old = await charging(stage, a)
        (await api.put("b", "CP1")).gives(200)
        (await api.patch("a", remove=("CP1",))).gives(200)
        new = await moved(b)
        for backend, action, payload in (
            (old, "RemoteStopTransaction", {"transactionId": 7}),
            (new, "Reset", {"type": "Soft"}),
        ):
            asked = await backend.ask(action, payload)
            call = await station.expect(action)
            assert call.payload == payload
            await station.answer(call, {"status": "Accepted"})
            assert (await backend.expect_result(asked)).payload == {"status": "Accepted"}


async def test_it_waits_until_it_charges_no_more(stage: Stage) -> None:
    """By setting, a station that charges stays where it is, whole, and moves when nothing runs any more."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS, claims={"running": "wait", "conflict": "newest"}) as (api, _):
        (await api.put("a", "CP1", "CP2")).gives(200)
        station, old = await charging(stage, a)
        idle, at_old = await booted(stage, a, "CP2")
        (await api.put("b", "CP1", "CP2")).gives(200)
        await at_old.closed()
        await beats(idle, await moved(b, "CP2"))
        for _ in range(3):
            await beats(station, old)
        await answered(station, old, "MeterValues", VALUES)
        assert [handshake.station for handshake in b.handshakes] == ["CP2"]
        await answered(station, old, "StopTransaction", STOP, ACCEPTED)
        new = await moved(b)
        await old.closed()
        await beats(station, new)


async def test_a_claim_moves_a_station_that_is_being_let_in(stage: Stage) -> None:
    """A station whose backend takes its time to let it in goes where it was claimed for meanwhile."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        a.hold()
        coming = asyncio.ensure_future(stage.station("CP1"))
        await a.expect_handshakes(1)
        (await api.put("b", "CP1")).gives(200)
        (await api.patch("a", remove=("CP1",))).gives(200)
        a.release()
        await beats(await coming, await b.station("CP1"))


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_claim_moves_a_station_of_2(stage: Stage, version: str) -> None:
    """The same in OCPP 2: the events of a transaction go to its owner to the last."""
    a, b = await stage.backend("a"), await stage.backend("b")

    def event(kind: str, seq: int, name: str = "T1") -> Json:
        info = {"transactionInfo": {"transactionId": name}, "timestamp": "2026-01-01T10:00:00Z", "evse": {"id": 1}}
        return {"eventType": kind, "triggerReason": "Authorized", "seqNo": seq, **info}

    async with api_of(stage, **ONLY_CLAIMS, claims={"conflict": "newest"}) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        station = await stage.station("CP1", version)
        old = await a.station("CP1")
        await answered(station, old, "BootNotification", boot_payload(version), boot_accepted())
        await answered(station, old, "TransactionEvent", event("Started", 0))
        (await api.put("b", "CP1")).gives(200)
        new = await b.station("CP1")
        assert new.subprotocol == version
        boot = await new.expect("BootNotification")
        await new.answer(boot, boot_accepted())
        await beats(station, new)
        await answered(station, old, "TransactionEvent", event("Updated", 1))
        await answered(station, old, "TransactionEvent", event("Ended", 2))
        await old.closed()
        await answered(station, new, "TransactionEvent", event("Started", 0, "T2"))


async def test_the_new_backend_speaks_another_version(stage: Stage) -> None:
    """A station that speaks what its new backend does not take is asked to come again, when no call is open."""
    a, b = await stage.backend("a"), await stage.backend("b", ("ocpp2.0.1",))
    backends: dict[str, Json] = {"b": {"versions": ["ocpp2.0.1"]}}
    async with api_of(stage, backends, **ONLY_CLAIMS, claims={"conflict": "newest"}) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        station = await stage.station("CP1", "ocpp1.6", "ocpp2.0.1")
        link = await a.station("CP1")
        asked = await station.ask("Authorize", {"idTag": "T1"})
        call = await link.expect("Authorize")
        (await api.put("b", "CP1")).gives(200)
        await link.answer(call, ACCEPTED)
        assert (await station.expect_result(asked)).payload == ACCEPTED
        assert (await station.closed()).code == 1001
        again = await stage.station("CP1", "ocpp1.6", "ocpp2.0.1")
        assert again.subprotocol == "ocpp2.0.1"
        await beats(again, await b.station("CP1"))
        assert len(b.handshakes) == 1


async def test_a_claim_is_withdrawn_while_its_station_charges(stage: Stage) -> None:
    """A station that nobody claims any more charges on where it is, and is let go when the transaction has ended."""
    a = await stage.backend("a")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1", "CP2")).gives(200)
        station, link = await charging(stage, a)
        idle, _ = await booted(stage, a, "CP2")
        (await api.patch("a", remove=("CP1", "CP2"))).gives(200)
        assert (await idle.closed()).code == 1008
        await beats(station, link)
        await answered(station, link, "StopTransaction", STOP, ACCEPTED)
        assert (await station.closed()).code == 1008
        assert (await stage.refused("CP1")).status_code == 404


async def test_a_claim_comes_back_while_its_station_charges(stage: Stage) -> None:
    """A list that was wrong for a moment costs a station that charges nothing."""
    a = await stage.backend("a")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        station, link = await charging(stage, a)
        (await api.put("a", "CP9", force=True)).gives(200)
        (await api.put("a", "CP1")).gives(200)
        await answered(station, link, "StopTransaction", STOP, ACCEPTED)
        await _a_look_later(api)
        await beats(station, link)
        assert len(a.handshakes) == 1


async def _a_look_later(api: Api) -> None:
    """Wait until a station that is moved now must have been looked at again: its next claim was seen to move."""
    end = asyncio.get_running_loop().time() + 1.5
    while asyncio.get_running_loop().time() < end:
        await api.get("/claims")


# Where a backend is.


async def test_a_backend_on_a_new_address_moves_all_its_stations(stage: Stage) -> None:
    """With one call every station of a backend goes where the backend is now, and so does what charges."""
    a, b = await stage.backend("a"), await stage.backend("b")
    fleet = [f"CP{n}" for n in range(8)]
    async with api_of(stage, {"a": QUICK}, **ONLY_CLAIMS) as (api, gateway):
        (await api.put("a", *fleet)).gives(200)
        (await api.put("b", "other")).gives(200)
        elsewhere = await stage.backend("elsewhere")
        stations = [await charging(stage, a, fleet[0]), *[await booted(stage, a, each) for each in fleet[1:]]]
        other, others = await booted(stage, b, "other")
        (await api.patch("a", url=elsewhere.url)).gives(200)
        links = [await moved(elsewhere, each) for each in fleet]
        for (station, old), link in zip(stations, links, strict=True):
            await old.closed()
            await beats(station, link)
        await answered(stations[0][0], links[0], "StopTransaction", STOP, ACCEPTED)
        await stage.quiet(other, others)
        assert (len(a.handshakes), len(b.handshakes)) == (len(fleet), 1)
        await gateway.kill()
        await gateway.start()
        await stage.station("CP1")
        await elsewhere.station("CP1")
        assert len(a.handshakes) == len(fleet)


# Conflicts.


@pytest.mark.parametrize("conflict", ["first", "newest", "neither"])
async def test_claims_in_conflict(stage: Stage, conflict: str) -> None:
    """The first keeps the station, the newest gets it, or neither has it; it is reported, with who and when."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS, claims={"conflict": conflict}) as (api, gateway):
        (await api.put("a", "CP1")).gives(200)
        station, link = await booted(stage, a)
        async with events(api, "ClaimContested") as happened:
            body = (await api.put("b", "CP1")).gives(200)
            holder = {"first": "a", "newest": "b", "neither": None}[conflict]
            assert body["conflicts"][0]["held_by"] == holder
            event = await happened()
        assert (event["station"], event["holder"], event["backends"]) == ("CP1", holder or "", ["a", "b"])
        assert event["by"] == "b"
        assert event["at"].endswith("Z")
        await gateway.logged("station claimed by several backends", '"station":"CP1"', '"by":"b"')
        contested = (await api.get("/claims", contested="true"))["items"]
        assert [(claim["backend"], claim["holds"]) for claim in contested] == [
            ("a", holder == "a"),
            ("b", holder == "b"),
        ]
        if conflict == "neither":
            assert (await station.closed()).code == 1008
            assert (await stage.refused("CP1")).status_code == 404
            station = None
        else:
            await beats(station, link if conflict == "first" else await moved(b))
        (await api.patch("a", remove=("CP1",))).gives(200)
        if conflict == "first":
            await beats(station, await moved(b))
        elif conflict == "newest":
            await stage.quiet(station)
        else:
            await stage.station("CP1")
            await b.station("CP1")


@asynccontextmanager
async def events(api: Api, kind: str) -> AsyncIterator[Any]:
    """Listen to the events of one kind; gives what waits for the next one."""
    headers = {"Authorization": f"Bearer {token_of(ADMIN)}"}
    async with api._session.get(f"{api._root}/events", params={"kind": kind}, headers=headers) as response:
        assert response.status == 200

        async def read() -> Any:
            async for line in response.content:
                if line.startswith(b"data:"):
                    return json.loads(line[5:])
            raise AssertionError("the stream of events ended")

        yield lambda: within(read(), f"an event {kind}")


async def test_claims_expire(stage: Stage) -> None:
    """A claim that is not said again ends: its station goes to the next who claims it, or is let go."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS, claims={"expire": 3}) as (api, _):
        (await api.put("a", "CP1", "CP2", "CP3")).gives(200)
        first, _ = await booted(stage, a)
        second, _ = await booted(stage, a, "CP2")
        third, link = await charging(stage, a, "CP3")

        async def renewed() -> bool:
            (await api.put("b", "CP1")).gives(200)
            return len(b.links) > 0

        await until(renewed, "CP1 goes to b")
        await moved(b)
        assert (await second.closed()).code == 1008
        assert (await stage.refused("CP2")).status_code == 404
        await beats(third, link)
        await answered(third, link, "StopTransaction", STOP, ACCEPTED)
        assert (await third.closed()).code == 1008
        assert first.is_open


# A fleet.


async def test_a_list_of_100_000(stage: Stage) -> None:
    """A whole list is replaced in one call: others are answered all along, and nobody ever sees half a list."""
    b = await stage.backend("b")
    await stage.backend("a")
    old, new = ([f"{letter}{n:06}" for n in range(100_000)] for letter in "AB")
    async with api_of(stage, **ONLY_CLAIMS) as (api, _):
        (await api.put("b", "CP1")).gives(200)
        station, link = await booted(stage, b)
        link.answers("Heartbeat", BEAT)
        (await api.put("a", *old)).gives(200)
        changing = asyncio.ensure_future(api.put("a", *new))
        looking = asyncio.ensure_future(_looks(api, changing))
        answers = 0
        while not changing.done():
            assert (await station.call("Heartbeat", {})).payload == BEAT
            answers += 1
        assert (await changing).gives(200)["added"] == 100_000
        seen = await within(looking, "the last look at the list")
        assert answers > 10
        assert seen <= {("A000000", 100_000), ("B000000", 100_000)}
        assert await _look(api) == ("B000000", 100_000)
        assert (await stage.refused("A050000")).status_code == 404
        await stage.station("B050000")
        await stage.quiet(station)


async def _looks(api: Api, changing: asyncio.Future[Any]) -> set[tuple[str, int]]:
    seen = set()
    while not changing.done():
        seen.add(await _look(api))
    return seen


async def _look(api: Api) -> tuple[str, int]:
    page = await api.get("/backends/a/stations", limit="1")
    return page["items"][0]["station"], page["total"]


# What else is said of stations.


async def test_claims_and_the_waiting_room(stage: Stage) -> None:
    """Who waits comes in by a claim or by an operator's word, is on the list no more, and may be forgotten again."""
    a, main = await stage.backend("a"), await stage.backend("main")
    routes = {"main": {"rules": [{"answer": "main"}]}}
    async with api_of(stage, routes=routes, unknown={"policy": "quarantine"}) as (api, _):
        for identity in ("CP1", "CP2", "CP3"):
            assert (await stage.refused(identity)).status_code == 404
        assert [item["identity"] for item in (await api.get("/waiting"))["items"]] == ["CP3", "CP2", "CP1"]
        (await api.put("a", "cp1")).gives(200)
        (await api.ask("POST", "/waiting/CP2/accept", {"route": "main"})).gives(201)
        await beats(await stage.station("CP1"), await a.station("CP1"))
        accepted = await stage.station("CP2")
        await beats(accepted, await main.station("CP2"))
        assert [item["identity"] for item in (await api.get("/waiting"))["items"]] == ["CP3"]
        (await api.patch("a", "CP2")).gives(200)
        await stage.quiet(accepted)
        assert (await api.ask("DELETE", "/stations/CP2")).status == 204
        await beats(accepted, await a.station("CP2"))


async def test_claims_and_unknown_stations_that_are_refused(stage: Stage) -> None:
    """Where unknown stations are refused, a claim makes one known."""
    a = await stage.backend("a")
    async with api_of(stage, **ONLY_CLAIMS, unknown={"policy": "refuse"}) as (api, _):
        assert (await stage.refused("CP1")).status_code == 404
        assert (await api.get("/waiting"))["total"] == 0
        (await api.put("a", "CP1")).gives(200)
        await beats(await stage.station("CP1"), await a.station("CP1"))


async def test_claims_and_unknown_stations_that_go_somewhere(stage: Stage) -> None:
    """An unknown station is the default backend's until it is claimed, and again when the claim is withdrawn."""
    a, main = await stage.backend("a"), await stage.backend("main")
    routes = {"lobby": {"rules": [{"answer": "main"}]}, "main": None}
    async with api_of(stage, routes=routes, unknown={"policy": "route", "route": "lobby"}) as (api, _):
        station, link = await booted(stage, main)
        (await api.put("a", "CP1")).gives(200)
        at_a = await moved(a)
        await link.closed()
        await beats(station, at_a)
        (await api.put("a", force=True)).gives(200)
        await beats(station, await moved(main))


async def test_what_is_written_beats_a_claim(stage: Stage) -> None:
    """An entry with a route stays on it, whoever claims the station; one without goes where the claim leads."""
    a, main = await stage.backend("a"), await stage.backend("main")
    stations = [
        {"identity": "OWN", "route": "main"},
        {"match": "FREE-*"},
        {"identity": "SAFE", "password": "0123456789abcdef"},
        {"match": "ONLY-*", "route": "claimed"},
    ]
    routes = {"main": {"rules": [{"answer": "main"}]}}
    async with api_of(stage, routes=routes, stations=stations) as (api, _):
        own, free = await booted(stage, main, "OWN"), await booted(stage, main, "FREE-1")
        assert (await stage.refused("ONLY-1")).status_code == 404
        (await api.put("a", "OWN", "FREE-1", "SAFE", "ONLY-1")).gives(200)
        await beats(free[0], await moved(a, "FREE-1"))
        await beats(*own)
        assert (await api.get("/stations/OWN"))["claimed_by"] == "a"
        await beats(await stage.station("FREE-2"), await main.station("FREE-2"))
        await beats(await stage.station("ONLY-1"), await a.station("ONLY-1"))
        assert (await stage.refused("SAFE")).status_code == 401
        safe = await stage.station("SAFE", headers={"Authorization": basic("SAFE", "0123456789abcdef")})
        await beats(safe, await a.station("SAFE"))


async def test_rules_that_speak_of_claimants(stage: Stage) -> None:
    """Rules name whoever claims a station, and stations by who claims them."""
    a, b, main, audit = [await stage.backend(name) for name in ("a", "b", "main", "audit")]
    rules = [
        {"claimed_by": ["b"], "actions": ["Authorize"], "answer": "main", "copy": ["claimant"]},
        {"answer": "claimant", "copy": ["audit"]},
        {"answer": "main"},
    ]
    routes = {"main": {"admit": "gateway", "rules": rules}}
    async with api_of(stage, routes=routes, stations=[{"match": "*", "route": "main"}]) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        (await api.put("b", "CP2")).gives(200)
        first, second, nobodys = [await stage.station(name) for name in ("CP1", "CP2", "CP3")]
        await beats(first, at_a := await a.station("CP1"))
        await answered(first, at_a, "Authorize", {"idTag": "T1"}, ACCEPTED)
        at_audit = await audit.station("CP1")
        await at_audit.expect("Heartbeat")
        await at_audit.expect("Authorize")
        await beats(second, at_b := await b.station("CP2"))
        await answered(second, await main.station("CP2"), "Authorize", {"idTag": "T1"}, ACCEPTED)
        await at_b.answer(await at_b.expect("Authorize"), ACCEPTED)
        await beats(nobodys, await main.station("CP3"))
        assert [handshake.station for handshake in audit.handshakes] == ["CP1", "CP2"]
        (await api.patch("b", "CP3")).gives(200)
        await beats(nobodys, await b.station("CP3"))
        (await api.put("a", force=True)).gives(200)
        await beats(first, await main.station("CP1"))
        found = await api.get("/routes/match", station="CP2", action="Authorize")
        assert (found["rule"], found["answer"], found["copy"]) == (0, ["main"], ["b"])


# The configuration changes.


async def test_a_backend_that_is_no_more(stage: Stage) -> None:
    """Claims of a backend that is taken out of the configuration count no more, and count again when it is back."""
    a, b = await stage.backend("a"), await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS) as (api, gateway):
        (await api.put("a", "CP1")).gives(200)
        (await api.put("b", "CP1")).gives(200)
        station, link = await booted(stage, a)
        written = gateway.file.read_text()
        gone = written.replace("[backends.a", "[backends.gone")
        gateway.reload(gone)
        at_b = await moved(b)
        await link.closed()
        await beats(station, at_b)
        gateway.reload(written)
        await beats(station, await moved(a))


async def test_letters_that_count_from_the_next_start_on(stage: Stage) -> None:
    """Whether letters count is settled at the start: a change is announced, and until then claims hold as before."""
    a = await stage.backend("a")
    async with api_of(stage, **ONLY_CLAIMS, directory={"case_sensitive": False}) as (api, gateway):
        (await api.put("a", "Depot-1")).gives(200)
        station, link = await booted(stage, a, "DEPOT-1")
        gateway.reload(gateway.file.read_text().replace("case_sensitive = false", "case_sensitive = true"))
        await gateway.logged("directory.case_sensitive", "takes a restart")
        await gateway.logged("configuration changed")
        await beats(station, link)
        again, link = await booted(stage, a, "depot-1")
        await station.closed()
        await beats(again, link)
        await gateway.stop()
        await gateway.start()
        assert (await stage.refused("DEPOT-1")).status_code == 404
        await booted(stage, a, "Depot-1")


async def test_a_configuration_that_cannot_be_taken(stage: Stage) -> None:
    """A change that fails changes nothing at all, also not how conflicts end."""
    a = await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, **ONLY_CLAIMS, claims={"conflict": "first"}) as (api, gateway):
        (await api.put("a", "CP1")).gives(200)
        (await api.put("b", "CP1")).gives(200)
        await booted(stage, a)
        taken = f"ws://127.0.0.1:{a.port}"
        written = gateway.file.read_text()
        there = f"ws://127.0.0.1:{gateway.stations_port}"
        gateway.reload(written.replace('"first"', '"newest"').replace(f'"{there}"', f'"{there}", "{taken}"'))
        await gateway.logged("configuration not changed")
        assert (await api.get("/stations/CP1"))["claimed_by"] == "a"
        again, link = await booted(stage, a)
        await beats(again, link)
