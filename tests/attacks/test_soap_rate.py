"""SOAP: what one address may post goes by its unpacked bytes, and is little before somebody is known there."""

from __future__ import annotations

import gzip

import pytest

from tests import soap_ends
from tests.harness import Json, Stage, basic
from tests.soap_ends import HEARTBEAT_ANSWER, Client, SoapServer, SoapStation, response
from voltgate.carriers.soap import allowance
from voltgate.carriers.soap.allowance import Allowance, Rates

PASSWORDS: list[Json] = [{"identity": "CP1", "route": "main", "password": "secret"}]
SHOWN = {"Authorization": basic("CP1", "secret")}
PADDED = b"<!-- " + b"x" * 200_000 + b" -->"


def bomb(station: SoapStation) -> bytes:
    """Write an envelope of 200 kB that takes a few hundred bytes on the wire."""
    return gzip.compress(station.request("Heartbeat").replace(b"<s:Body>", PADDED + b"<s:Body>"))


async def beats(client: Client, old: SoapServer, body: bytes, **headers: str) -> int:
    """Post something that the backend answers if it comes through; returns the status."""
    await client.send(soap_ends.posted(body, **headers))
    taken = await old.expect("Heartbeat")
    await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
    return (await client.reply()).status


async def test_bombs_of_strangers(stage: Stage) -> None:
    """A stranger's gzip counts unpacked: after 256 kB he is answered 429, and a station elsewhere is served."""
    old = await SoapServer.start(stage)
    rates = {"stranger_bytes_per_second": 128 << 10}
    gateway = await soap_ends.gateway(stage, soap=rates, stations=PASSWORDS)
    station = await SoapStation.start(stage)
    stranger = await Client.connect(stage, station.url, "stranger", source="127.0.0.2")
    packed, wrong = bomb(station), {"Authorization": basic("CP1", "wrong"), "Content_Encoding": "gzip"}
    assert len(packed) < 2000
    statuses = [(await stranger.post(packed, **wrong)).status for _ in range(12)]
    assert statuses[0] == 401
    assert 429 in statuses
    refused = next(reply for reply in [await stranger.post(packed, **wrong) for _ in range(12)] if reply.status == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert await gateway.metric("voltgate_refusals_total", reason="soap bytes") > 0
    client = await Client.connect(stage, station.url)
    assert await beats(client, old, station.request("Heartbeat"), **SHOWN) == 200


async def test_a_station_is_not_held_up_by_strangers_of_its_address(stage: Stage) -> None:
    """Who was answered 200 has a share of its own, and a larger one: strangers at the same address spend theirs."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, soap={"stranger_bytes_per_second": 1 << 10}, stations=PASSWORDS)
    station = await SoapStation.start(stage)
    client, stranger = [await Client.connect(stage, station.url, name) for name in ("known", "stranger")]
    assert await beats(client, old, station.request("Heartbeat"), **SHOWN) == 200
    wrong = {"Authorization": basic("CP1", "wrong")}
    while (await stranger.post(station.request("Heartbeat"), **wrong)).status != 429:
        pass
    for _ in range(3):
        assert await beats(client, old, bomb(station), Content_Encoding="gzip", **SHOWN) == 200


async def test_a_message_larger_than_a_stranger_may_send(stage: Stage) -> None:
    """What is larger than all that a stranger may send at once is refused from him, and taken when he is known."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, soap={"stranger_bytes_per_second": 1 << 10}, stations=PASSWORDS)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    large = station.request("Heartbeat").replace(b"<s:Body>", PADDED + b"<s:Body>")
    assert (await client.post(large, **SHOWN)).status == 429
    assert await beats(client, old, station.request("Heartbeat"), **SHOWN) == 200
    assert await beats(client, old, large, **SHOWN) == 200


async def test_without_limits(stage: Stage) -> None:
    """With 0 nothing is counted."""
    await SoapServer.start(stage)
    rates = {"stranger_bytes_per_second": 0, "bytes_per_second": 0}
    await soap_ends.gateway(stage, soap=rates, stations=PASSWORDS)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    statuses = {(await client.post(bomb(station), Content_Encoding="gzip")).status for _ in range(5)}
    assert statuses == {401}


# The shares themselves.


def test_shares_of_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A /64 is one address; who is known there is known by his credentials; what is remembered is bounded."""
    shares = Allowance(Rates(known=10_000.0, strangers=1024.0, largest=50_000))
    for n in range(1, 3):
        purse = shares.purse(f"2001:db8::{n:x}", b"a", 0.0)
        assert purse.room(1 << 20, 0.0) == 1024 * (3 - n)
        purse.spend(10, 0.0)
    purse = shares.purse("2001:db8::3", b"a", 0.0)
    assert (purse.room(1 << 20, 0.0), purse.wait(1024, 0.0), purse.room(1 << 20, 1.0)) == (0, 1.0, 1024)
    purse.vouch()
    assert shares.purse("2001:db8::4", b"a", 0.0).room(1 << 20, 0.0) == 50_000
    assert not shares.purse("2001:db8::4", b"b", 0.0).is_known
    assert not shares.purse("2001:db8:0:1::4", b"a", 0.0).is_known
    shares.change(Rates(known=10_000.0, strangers=2048.0))
    assert shares.purse("2001:db8::4", b"a", 0.0).is_known
    assert shares.purse("2001:db8::4", b"b", 0.0).room(1 << 20, 0.0) == 4096
    monkeypatch.setattr(allowance, "REMEMBERED", 2)
    for n in range(5):
        shares.purse(f"192.0.2.{n}", None, 0.0)
    assert len(shares._by_network) == 2
