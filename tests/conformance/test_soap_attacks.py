"""SOAP under attack: what a hostile station, or a thief of a password, tries at a real gateway."""

from __future__ import annotations

from typing import Any

import pytest

from tests import soap_ends
from tests.harness import Stage, basic
from tests.soap_ends import HEARTBEAT_ANSWER, Client, SoapServer, SoapStation, request, response

DATA = "<vendorId>Finch</vendorId>"
DONE = "<status>Accepted</status>"
OURS = [{"identity": "CP1", "route": "main"}]
RIGHT, OTHER = (basic("CP1", password) for password in ("right-right", "other-other"))


async def asked_by(client: Client, body: bytes, old: SoapServer, **headers: str) -> soap_ends.Taken:
    """Send a DataTransfer that the backend gets and answers; give what it got."""
    await client.send(soap_ends.posted(body, **headers))
    call = await old.expect("DataTransfer")
    await call.answer(response("DataTransfer", DONE, call.id))
    assert (await client.reply()).status == 200
    return call


async def test_an_identity_cannot_change_on_a_kept_connection(stage: Stage) -> None:
    """Whoever makes its MessageID look like its identity speaks for no other station by envelopes alike."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, stations=OURS)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    body = request("DataTransfer", DATA, message_id=" CP1 ")
    await asked_by(client, body, old)
    await asked_by(client, body, old)
    reply = await client.post(body.replace(b">CP1<", b">CP2<"))
    assert reply.seen.fault == ("Sender", "IdentityMismatch")
    assert not old.unread


async def beat(client: Client, old: SoapServer, own: str, **more: Any) -> None:
    """Make a Heartbeat with a password, which the backend gets and answers."""
    await client.send(soap_ends.posted(request("Heartbeat", **more), Authorization=own))
    call = await old.expect("Heartbeat")
    assert call.http.headers.get("authorization", "") == own
    await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
    assert (await client.reply()).status == 200


async def vouched(old: SoapServer, own: str, status: int) -> None:
    """Answer the Heartbeat by which the gateway asks the backend about a password."""
    call = await old.expect("Heartbeat")
    assert call.http.headers.get("authorization", "") == own
    if status == 200:
        await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
    else:
        await call.answer(b"", status)


async def test_nobody_speaks_with_the_password_of_another(stage: Stage) -> None:
    """Where the backend checks passwords it sees that of the request, not that by which the session began."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    body = request("DataTransfer", DATA)
    before = None
    for own in (RIGHT, OTHER, OTHER, "", RIGHT):
        await client.send(soap_ends.posted(body, Authorization=own))
        if before not in (None, own):
            await vouched(old, own, 200)
        before = own
        call = await old.expect("DataTransfer")
        assert call.http.headers.get("authorization", "") == own
        await call.answer(response("DataTransfer", DONE, call.id))
        assert (await client.reply()).status == 200


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_stranger_ends_no_session(stage: Stage, status: int) -> None:
    """Whom the backend does not know hears so alone; the session, its address and its password stay what they are."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    client = await Client.connect(stage, station.url)
    await beat(client, old, RIGHT, sender=station.address)
    callback = old.requests[-1].seen.header("From")
    for own in ("", OTHER):
        stranger = await station.ask(
            request("StopTransaction", "<transactionId>7</transactionId>", sender=trap.url), Authorization=own
        )
        await vouched(old, own, status)
        reply = await stranger.reply()
        assert reply.status == (503 if status == 503 else 401)
        assert reply.seen.fault[1] == ("InternalError" if status == 503 else "SecurityError")
        await beat(client, old, RIGHT, sender=station.address)
    backend = await Client.connect(stage, callback, "old")
    path = "/" + callback.removeprefix("http://").partition("/")[2]
    await backend.send(soap_ends.posted(request("Reset", "<type>Soft</type>", service="Cp"), path))
    call = await station.server.expect("Reset")
    await call.answer(response("Reset", DONE, call.id, service="Cp"))
    assert (await backend.reply()).status == 200
    assert not old.unread
    assert trap.connections == 0


async def test_a_websocket_backend_refuses_a_stranger(stage: Stage) -> None:
    """The handshake that it refuses is the stranger's; the link of the station stays."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": soap_ends.NOW})
    await soap_ends.gateway(stage)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    assert (await client.post(request("Heartbeat"), Authorization=RIGHT)).status == 200
    link = await main.station("CP1")
    main.refuse(401)
    assert (await client.post(request("Heartbeat"))).status == 401
    assert (await client.post(request("Heartbeat"), Authorization=RIGHT)).status == 200
    assert len(main.handshakes) == 2, "that of the station, and the one refused"
    await link.silence()


async def test_the_first_address_is_that_of_a_station_that_was_taken(stage: Stage) -> None:
    """Where a backend checks passwords, a stranger who comes first does not say where the station is called."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    stranger = await station.ask(station.request("Heartbeat", sender=trap.url))
    await (await old.expect("Heartbeat")).answer(b"", 401)
    assert (await stranger.reply()).seen.fault == ("Sender", "SecurityError")
    client = await station.ask(station.request("Heartbeat"), Authorization=RIGHT)
    await vouched(old, RIGHT, 200)
    call = await old.expect("Heartbeat")
    await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
    assert (await client.reply()).status == 200
    callback = call.seen.header("From")
    backend = await Client.connect(stage, callback, "old")
    path = "/" + callback.removeprefix("http://").partition("/")[2]
    await backend.send(soap_ends.posted(request("Reset", "<type>Soft</type>", service="Cp"), path))
    call = await station.server.expect("Reset")
    await call.answer(response("Reset", DONE, call.id, service="Cp"))
    assert (await backend.reply()).status == 200
    assert trap.connections == 0


async def test_a_websocket_backend_sees_other_credentials(stage: Stage) -> None:
    """A backend that let a station in by its password is asked again when that comes with another one."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": soap_ends.NOW})
    await soap_ends.gateway(stage)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    for own in (RIGHT, OTHER):
        assert (await client.post(request("Heartbeat"), Authorization=own)).status == 200
        link = await main.station("CP1")
        assert link.request.headers.get("Authorization") == own


async def test_a_password_that_was_changed_is_of_no_use(stage: Stage) -> None:
    """A thief's password is refused as soon as another one is configured, on his kept connection, too."""
    old = await SoapServer.start(stage)
    stations = [{"identity": "CP1", "route": "main", "password": "right-right"}]
    gateway = await soap_ends.gateway(stage, stations=stations)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    body = request("DataTransfer", DATA)
    for _ in range(3):
        await asked_by(client, body, old, Authorization=RIGHT)
    gateway.reload(gateway.file.read_text().replace("right-right", "other-other"))
    await gateway.logged("configuration changed")
    assert (await client.post(body, Authorization=RIGHT)).status == 401
    assert not old.unread
    await asked_by(client, body, old, Authorization=OTHER)


async def test_one_address_brings_no_more_stations_than_it_may(stage: Stage) -> None:
    """By one connection a peer begins as many sessions as it might hold connections, and no more."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": soap_ends.NOW})
    await soap_ends.gateway(stage, limits={"connections_per_address": 3})
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    replies = [await client.post(request("Heartbeat", identity=f"CP{n}")) for n in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 503, 503]
    assert (await client.post(request("Heartbeat", identity="CP1"))).status == 200


async def test_there_are_no_more_stations_than_connections_may_be(stage: Stage) -> None:
    """The limit of all connections holds for the stations that share one, too."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": soap_ends.NOW})
    await soap_ends.gateway(stage, limits={"connections": 4})
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    replies = [await client.post(request("Heartbeat", identity=f"CP{n}")) for n in range(6)]
    assert [reply.status for reply in replies] == [200] * 4 + [503] * 2


@pytest.mark.parametrize("target", ["//[x/callback/a/b/c", "/soap/callback/old/CP1/%00", "//[callback/"])
async def test_a_target_that_is_no_url(stage: Stage, target: str) -> None:
    """Whatever stands in the request line, it is answered, and the gateway knows of no fault of its own."""
    await SoapServer.start(stage)
    gateway = await soap_ends.gateway(stage)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    reply = await client.post(request("Reset", "<type>Hard</type>", service="Cp"), target)
    assert reply.seen.fault == ("Sender", "SecurityError")
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize(
    "said",
    ["http://127.0.0.1/a b HTTP/1.1", "http://127.0.0.1/" + "x" * 3000, "http://[::ffff:127.0.0.1]/"],
)
async def test_an_address_that_is_no_place_to_call(stage: Stage, said: str) -> None:
    """What would break a request line, fills the database, or hides an address in another family is not learnt."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": soap_ends.NOW})
    gateway = await soap_ends.gateway(stage, soap={"stations_at": ["10.0.0.0/8", "::/0"] if "[" in said else []})
    station = await SoapStation.start(stage)
    assert (await station.call(station.request("Heartbeat", sender=said))).status == 200
    await gateway.logged("callback address ignored")
