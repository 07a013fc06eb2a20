"""Hostile SOAP, over the wire of a real gateway: what it must refuse, and that it goes on."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import pytest

from tests import soap_ends
from tests.harness import Gateway, Stage, basic, merged, toml, until
from tests.soap_ends import (
    HEARTBEAT_ANSWER,
    NOW,
    Client,
    SoapServer,
    SoapStation,
    answered,
    enveloped,
    identified,
    namespace,
    posted,
    request,
    response,
    soap_url,
)

ACCEPTED = "<status>Accepted</status>"
TOKEN = "<idTag>04E1</idTag>"
LAUGHS = '<!DOCTYPE l [<!ENTITY a "haha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


def hostile(station: SoapStation, trap: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Give envelopes of each kind, with headers of HTTP that they need."""
    good = station.request("Authorize", TOKEN)

    def declared(doctype: str, tag: str = "&j;") -> bytes:
        return good.replace(b"?>\n", b"?>\n" + doctype.encode()).replace(b"04E1", tag.encode())

    deep = "<a>" * 200 + "</a>" * 200
    plain: dict[str, bytes] = {
        "billion laughs": declared(f"{LAUGHS}]>"),
        "billion laughs, unused": declared(f"{LAUGHS}]>", "04E1"),
        "external entity": declared(f'<!DOCTYPE e [<!ENTITY j SYSTEM "{trap}">]>'),
        "external entity of a file": declared('<!DOCTYPE e [<!ENTITY j SYSTEM "file:///etc/hostname">]>'),
        "parameter entity": declared(f'<!DOCTYPE e [<!ENTITY % p SYSTEM "{trap}"> %p;]>', "04E1"),
        "external document type": declared(f'<!DOCTYPE e SYSTEM "{trap}">', "04E1"),
        "external entity in UTF-16": declared(f'<!DOCTYPE e [<!ENTITY j SYSTEM "{trap}">]>')
        .decode()
        .replace("UTF-8", "UTF-16")
        .encode("utf-16"),
        "undeclared entity": good.replace(b"04E1", b"&j;"),
        "wrong namespace": good.replace(namespace().encode(), b"urn://Ocpp/Cs/2099/01/"),
        "no namespace": good.replace(b' xmlns="' + namespace().encode() + b'"', b""),
        "two identities": good.replace(b"<w:Action", identified("CP2").encode() + b"<w:Action"),
        "two identities in the body": good.replace(b"<s:Body>", b"<s:Body>" + identified("CP2").encode()),
        "an identity in pieces": good.replace(b">CP1<", b"><b>CP</b>1<"),
        "no identity": station.request("Authorize", TOKEN, identity=""),
        "an identity with a path": station.request("Authorize", TOKEN, identity="../CP1"),
        "an identity of a line break": station.request("Authorize", TOKEN, identity="CP&#10;1").replace(b"amp;", b""),
        "oversized": good.replace(b"04E1", b"x" * (1 << 20)),
        "not XML": b"\x00\x01\x02" * 100,
        "JSON": b'[2,"1","Heartbeat",{}]',
        "half of it": good[: len(good) // 2],
        "nothing": b"",
        "twice": good + good,
        "no envelope": b"<html><body>Log in</body></html>",
        "another envelope inside": good.replace(TOKEN.encode(), b"<idTag>" + good.partition(b"?>")[2] + b"</idTag>"),
        "deeply nested": good.replace(TOKEN.encode(), deep.encode()),
        "deeply nested beyond any parser": good.replace(TOKEN.encode(), deep.encode() * 1 + b"<a>" * 30_000),
        "deep header": good.replace(b"<w:Action", f"<x>{deep}</x><w:Action".encode()),
        "crowded header": good.replace(b"<w:Action", b"<x/>" * 300 + b"<w:Action"),
        "another operation's action": station.request("Authorize", TOKEN, action="/StopTransaction"),
        "two bodies": good.replace(b"</s:Body>", b'<heartbeatRequest xmlns="%s"/></s:Body>' % namespace().encode()),
        "instructions": good.replace(b"?>\n", b'?>\n<?xml-stylesheet href="%s"?>' % trap.encode()),
        "a command": request("Reset", "<type>Hard</type>", service="Cp"),
        "an answer": response("Authorize", f"<idTagInfo>{ACCEPTED}</idTagInfo>"),
        "gzip of nothing": b"",
    }
    kinds = {name: (raw, {}) for name, raw in plain.items()}
    kinds["gzip of nothing"] = (b"", {"Content_Encoding": "gzip"})
    kinds["gzip bomb"] = (gzip.compress(b"\0" * 50_000_000), {"Content_Encoding": "gzip"})
    kinds["not what its coding says"] = (good, {"Content_Encoding": "gzip"})
    kinds["a coding that nobody knows"] = (good, {"Content_Encoding": "br"})
    return kinds


async def beat(station: SoapStation, client: Client, backend: Any) -> None:
    """Make a heartbeat by a connection; the backend is a SOAP server, or answers by itself."""
    await client.send(posted(station.request("Heartbeat")))
    if isinstance(backend, SoapServer):
        taken = await backend.expect("Heartbeat")
        await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
    assert (await client.reply()).status == 200


@pytest.mark.parametrize("kind", ["websocket", "SOAP"])
async def test_envelopes_of_each_kind(stage: Stage, kind: str) -> None:
    """Each is refused with a fault or a status, by a new connection and by one that is known; nobody else hears."""
    trap = await SoapServer.start(stage, "trap", configured=False)
    backend: Any = await (SoapServer.start(stage) if kind == "SOAP" else stage.backend("main"))
    if kind != "SOAP":
        backend.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage, stations=[{"match": "CP*", "route": "main"}])
    station = await SoapStation.start(stage)
    known = await Client.connect(stage, station.url, "known")
    for name, (raw, headers) in hostile(station, trap.url).items():
        began = time.monotonic()
        for client in (await Client.connect(stage, station.url, name), known):
            if client is known:
                await beat(station, known, backend)
                await beat(station, known, backend)
            await client.send(posted(raw, **headers))
            reply = await client.reply()
            assert 400 <= reply.status < 600, name
            if reply.headers["content-type"].startswith("application/soap+xml"):
                role, subcode = reply.seen.fault
                assert (role, reply.status) in (("Sender", 400), ("Receiver", 500)), name
                assert subcode in ("ProtocolError", "IdentityMismatch", "SecurityError", "NotSupported"), name
            else:
                assert reply.status in (413, 415), name
            if reply.headers.get("connection") == "close":
                await client.ended()
                if client is known:
                    known = await Client.connect(stage, station.url, "known")
            if client is not known:
                await client.drop()
        assert time.monotonic() - began < 20, name
    assert trap.connections == 0
    if isinstance(backend, SoapServer):
        assert {each.seen.operation for each in backend.requests} == {"heartbeatRequest"}
    else:
        link = await backend.station("CP1")
        assert len(backend.handshakes) == 1
        await link.silence()


async def test_content_that_a_template_does_not_look_at(stage: Stage) -> None:
    """On a connection whose envelopes are known, content is bounded in depth all the same, and stays one operation."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)

    def meter(content: str) -> bytes:
        return station.request("MeterValues", f"<connectorId>1</connectorId>{content}")

    for _ in range(2):
        await client.send(posted(meter("")))
        taken = await old.expect("MeterValues")
        await taken.answer(response("MeterValues", "", taken.id))
        assert (await client.reply()).status == 200
    for content in (
        "<a>" * 300 + "</a>" * 300,
        "<a>" * 10_000,
        "<a b='/>'>" * 200 + "</a>" * 200,
        '</meterValuesRequest><resetRequest xmlns="urn://Ocpp/Cs/2015/10/"/><meterValuesRequest>',
        "</meterValuesRequest></s:Body><s:Body><meterValuesRequest>",
        "<!-- -->" * 10 + "<a>" * 300 + "</a>" * 300,
        "q:",
    ):
        written = meter(content)
        if content == "q:":  # as if the prefix were a template's own; it is bound to nothing
            written = meter("").replace(b"<connectorId>1</connectorId>", b"q:<q:connectorId>1</q:connectorId>")
        await client.send(posted(written))
        reply = await client.reply()
        assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError")), content[:60]
    await client.send(posted(meter("")))
    taken = await old.expect("MeterValues")
    await taken.answer(response("MeterValues", "", taken.id))
    assert (await client.reply()).status == 200


LOGIN = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form><br></form></body></html>"


async def test_pages_instead_of_answers(stage: Stage) -> None:
    """A page of HTML, a redirection, rubbish or too much from a backend or a station is an error and no more."""
    old = await SoapServer.start(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    await beat(station, client, old)
    callback = old.requests[-1].seen.header("From")
    backend = await Client.connect(stage, callback, "old")
    path = "/" + callback.removeprefix("http://").partition("/")[2]
    for data in (
        answered(LOGIN, Content_Type="text/html"),
        answered(LOGIN, 401, Content_Type="text/html", WWW_Authenticate="Basic"),
        answered(b"", 302, Location=trap.url),
        answered(b"", 204, Content_Length=""),
        answered(b"x" * (2 << 20)),
        answered(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip"),
        answered(enveloped("", "<x/>")),
        answered(response("Authorize", f"<idTagInfo>{ACCEPTED}</idTagInfo>")),
        answered(request("Heartbeat")),
        b"\x00\x01\x02\r\n\r\n",
    ):
        await client.send(posted(station.request("Heartbeat")))
        await (await old.next()).raw(data)
        reply = await client.reply()
        assert reply.status in (400, 500, 503), data[:60]
        assert reply.seen.fault[1] in ("InternalError", "ProtocolError", "SecurityError"), data[:60]
        await backend.send(posted(request("Reset", "<type>Soft</type>", service="Cp"), path))
        await (await station.server.next()).raw(data)
        reply = await backend.reply()
        assert reply.status in (400, 500, 503), data[:60]
        assert reply.seen.fault[1] in ("InternalError", "ProtocolError"), data[:60]
    await beat(station, client, old)
    assert trap.connections == 0


async def test_slow_and_greedy_clients(stage: Stage) -> None:
    """Heads and bodies that never end, and floods, are ended, while a station beside them is served."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage, limits={"head_seconds": 1})
    station = await SoapStation.start(stage)
    whole = posted(station.request("Heartbeat"))
    slow = [await Client.connect(stage, station.url, f"slow {number}") for number in range(50)]
    for number, client in enumerate(slow):
        await client.send(whole[: 20 if number % 2 else -1])
    flood = await Client.connect(stage, station.url, "flood")
    await flood.send(whole * 300)
    for _ in range(10):
        assert (await station.call(station.request("Heartbeat"))).status == 200
    for client in slow:
        assert (await client.ended()).startswith(b"HTTP/1.1 408 ")
    said = await flood.ended()
    assert 1 <= said.count(b"HTTP/1.1 200 ") <= 20
    assert said.count(b"HTTP/1.1 400 ") == 1
    assert (await station.call(station.request("Heartbeat"))).status == 200


async def test_callback_addresses_of_others(stage: Stage) -> None:
    """A backend commands its own stations by the addresses that it was told, and nobody commands by any other."""
    first, second = await SoapServer.start(stage, "first"), await SoapServer.start(stage, "second")
    routes = {"main": {"rules": [{"answer": "first"}]}, "other": {"rules": [{"answer": "second"}]}}
    stations = [{"match": "CP2", "route": "other"}, {"match": "*", "route": "main"}]
    await soap_ends.gateway(stage, routes=routes, stations=stations)
    one, two = await SoapStation.start(stage, "CP1"), await SoapStation.start(stage, "CP2")
    for station, backend in ((one, first), (two, second)):
        client = await Client.connect(stage, station.url)
        await beat(station, client, backend)
    mine = first.requests[0].seen.header("From")
    theirs = second.requests[0].seen.header("From")
    host, _, code = mine.partition("/callback/first/CP1/")
    other_code = theirs.rpartition("/")[2]
    client = await Client.connect(stage, one.url, "thief")

    async def refused(url: str, raw: bytes) -> tuple[str, str]:
        path = url.removeprefix("http://").partition("/")[2]
        reply = await client.post(raw, f"/{path}")
        assert reply.status in (400, 500), url
        return reply.seen.fault

    reset = request("Reset", "<type>Hard</type>", service="Cp")
    for url in (
        f"{host}/callback/first/CP1/{code[:-1]}{'y' if code.endswith('x') else 'x'}",
        f"{host}/callback/first/CP1/",
        f"{host}/callback/first/CP1",
        f"{host}/callback/first/CP2/{code}",
        f"{host}/callback/first/CP2/{other_code}",
        f"{host}/callback/second/CP1/{code}",
        f"{host}/callback/second/CP1/{other_code}",
        f"{host}/callback/first%2FCP1/{code}",
        f"{host}/callback/first/CP1%00/{code}",
        f"{host}/callback/first/CP1/%C3%A4{code}",
        f"{host}/callback/" + "a/" * 500,
        f"{one.url}",
    ):
        assert await refused(url, reset) == ("Sender", "SecurityError"), url
    for identity in ("CP2", "CP3", ""):
        raw = request("Reset", "<type>Hard</type>", service="Cp", identity=identity)
        assert await refused(mine, raw) == ("Sender", "IdentityMismatch")
    assert await refused(mine, request("Heartbeat", identity="CP1")) == ("Sender", "ProtocolError")
    assert await refused(mine, response("Reset", ACCEPTED, service="Cp")) == ("Sender", "ProtocolError")
    assert not one.server.requests
    assert not two.server.requests
    for spelt in (mine, mine.replace("CP1", "%43P1"), f"{mine}?a=b"):
        await client.send(posted(reset, "/" + spelt.removeprefix("http://").partition("/")[2]))
        taken = await one.server.expect("Reset")
        await taken.answer(response("Reset", ACCEPTED, taken.id, service="Cp"))
        assert (await client.reply()).status == 200


async def called(link: Any, server: SoapServer) -> bool:
    """Tell whether a command of the backend comes to this server; if not, it fails."""
    asked = await link.ask("ClearCache", {})
    await until(lambda: server.unread or any(asked in each.text for each in link.unread), "the command ends")
    if not server.unread:
        await link.expect_error(asked, "InternalError")
        return False
    taken = await server.expect("ClearCache")
    await taken.answer(response("ClearCache", ACCEPTED, taken.id, service="Cp"))
    await link.expect_result(asked)
    return True


async def test_where_stations_are_called(stage: Stage) -> None:
    """An address is taken only if the station may lie there: not a name, not another network, not another's."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    station = await SoapStation.start(stage)
    link = None
    for address in (
        f"http://localhost:{trap.port}/",
        f"http://127.0.0.2:{trap.port}/",
        f"http://user:word@127.0.0.1:{trap.port}/",
        f"http://127.1:{trap.port}/",
        f"http://2130706433:{trap.port}/",
        f"http://[::1]:{trap.port}/",
        f"http://[::ffff:127.0.0.2]:{trap.port}/",
        f"http://127.0.0.1:{trap.port}/a HTTP/1.1 b",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:99999/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1",
        "http://",
        "http://[::1/",
        soap_ends.ANONYMOUS,
    ):
        assert (await station.call(station.request("Heartbeat", sender=address))).status == 200
        link = link or await main.station("CP1")
        assert not await called(link, trap), address
    assert trap.connections == 0
    assert (await station.call(station.request("Heartbeat"))).status == 200
    assert link is not None
    assert await called(link, station.server)
    assert (await station.call(station.request("Heartbeat", sender=trap.url))).status == 200
    assert await called(link, station.server), "an unauthenticated sender does not replace a known address"
    assert trap.connections == 0


async def test_networks_of_stations(stage: Stage) -> None:
    """With networks of their own, stations may lie nowhere else, and narrower networks count at once."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    started = await soap_ends.gateway(stage, soap={"stations_at": ["127.0.0.0/8", "192.0.2.0/24"]})
    station = await SoapStation.start(stage)
    elsewhere = SoapServer("elsewhere", stage.transcript, "127.0.0.3")
    await elsewhere.listen()
    stage._ends.append(elsewhere)  # type: ignore[arg-type]
    assert (await station.call(station.request("Heartbeat", sender=elsewhere.url))).status == 200
    link = await main.station("CP1")
    assert await called(link, elsewhere)
    await reloaded(stage, started, soap={"stations_at": ["192.0.2.0/24"]})
    assert (await station.call(station.request("Heartbeat", sender=""))).status == 200
    assert not await called(link, elsewhere)
    assert (await station.call(station.request("Heartbeat"))).status == 200
    assert not await called(link, station.server)


async def reloaded(stage: Stage, started: Gateway, **changes: Any) -> None:
    """Give the running gateway a configuration that is changed as told."""
    listen = {
        "stations": [f"ws://127.0.0.1:{started.address[1]}"],
        "http": f"127.0.0.1:{started.http_port}",
        "soap": [soap_url(stage)],
    }
    started.reload(toml(merged(stage.configuration(), {"listen": listen} | changes)))
    await started.logged("configuration changed")


async def test_passwords(stage: Stage) -> None:
    """Each request proves itself by the password that holds now; nothing is learnt of one that does not."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    entry = {"match": "*", "route": "main", "password": "the first password"}
    started = await soap_ends.gateway(stage, stations=[entry])
    station = await SoapStation.start(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    right, wrong = basic("CP1", "the first password"), basic("CP1", "another password")
    for bad in ("", wrong, basic("CP2", "the first password"), "Bearer x", "Basic !!"):
        reply = await station.call(station.request("Heartbeat", sender=trap.url), Authorization=bad)
        assert (reply.status, reply.seen.fault) == (401, ("Sender", "SecurityError"))
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert not main.handshakes
    assert (await station.call(station.request("Heartbeat"), Authorization=right)).status == 200
    link = await main.station("CP1")
    for bad in ("", wrong):
        reply = await station.call(station.request("Heartbeat", sender=trap.url), Authorization=bad)
        assert reply.status == 401
    assert await called(link, station.server)
    assert trap.connections == 0
    client = await Client.connect(stage, station.url)
    assert (await client.post(station.request("Heartbeat"), Authorization=right)).status == 200
    await reloaded(stage, started, stations=[entry | {"password": "the second password"}])
    assert (await client.post(station.request("Heartbeat"), Authorization=right)).status == 401
    new = basic("CP1", "the second password")
    assert (await station.call(station.request("Heartbeat"), Authorization=new)).status == 200
    assert (await station.call(station.request("Heartbeat"), Authorization=right)).status == 401
    assert len(main.handshakes) == 1, "its session went on"
    assert await called(link, station.server)


async def test_a_storm_of_wrong_passwords(stage: Stage) -> None:
    """Guesses are slowed down with 429 and its Retry-After, while the station that is here goes on."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    entry = {"match": "*", "route": "main", "password": "the first password"}
    await soap_ends.gateway(stage, stations=[entry], limits={"failed_logins": 3})
    station = await SoapStation.start(stage)
    right = basic("CP1", "the first password")
    assert (await station.call(station.request("Heartbeat"), Authorization=right)).status == 200

    async def guess(number: int) -> int:
        word = basic("CP1", f"guess {number}")
        return (await station.call(station.request("Heartbeat"), Authorization=word)).status

    statuses = await asyncio.gather(*(guess(number) for number in range(30)))
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(401) <= 3
    assert (await station.call(station.request("Heartbeat"), Authorization=right)).status == 200


@pytest.mark.parametrize("comes", ["first", "after a reload"])
async def test_a_stranger_of_its_name_keeps_no_station_out(stage: Stage, comes: str) -> None:
    """Where the backend takes its time for wrong passwords, it is asked about one after the other: others wait less."""
    old = await SoapServer.start(stage)
    started = await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    right = basic("CP1", "the right one")

    async def judge() -> None:
        while True:
            asked = await old.next()
            knows = asked.http.headers.get("authorization") == right
            asyncio.get_running_loop().call_later(0 if knows else 1, answers.put_nowait, (asked, knows))

    async def answer() -> None:
        while True:
            asked, knows = await answers.get()
            body = response("Heartbeat", HEARTBEAT_ANSWER, asked.id) if knows else b""
            await asked.answer(body, 200 if knows else 401)

    async def guess(number: int) -> None:
        while True:
            stranger = await Client.connect(stage, station.url, source="127.0.0.2")
            await stranger.post(station.request("Heartbeat"), Authorization=basic("CP1", f"guess {number}"))
            await stranger.drop()
            await asyncio.sleep(0.1)

    answers: asyncio.Queue[Any] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work()) for work in (judge, answer)]
        if comes == "after a reload":
            assert (await station.call(station.request("Heartbeat"), Authorization=right)).status == 200
        tasks += [group.create_task(guess(number)) for number in range(20)]
        await asyncio.sleep(1)
        if comes == "after a reload":
            await reloaded(stage, started, routes={"other": {"rules": [{"answer": "old"}]}})
        began = time.monotonic()
        reply = await station.call(station.request("Heartbeat"), Authorization=right)
        took = time.monotonic() - began
        for task in tasks:
            task.cancel()
    assert reply.status == 200
    assert took < (8 if comes == "first" else 0.8)
