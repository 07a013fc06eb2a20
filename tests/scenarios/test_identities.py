"""Identities as chargers of 1.6 have them: whatever can be printed is one, percent-encoded in the path."""

from __future__ import annotations

import pytest

from tests import soap_ends
from tests.harness import Stage
from tests.soap_ends import HEARTBEAT_ANSWER, SoapServer, SoapStation, response


@pytest.mark.parametrize(
    ("segment", "identity"),
    [
        ("RDAM%20123", "RDAM 123"),
        ("%C3%9Cberlingen", "\u00dcberlingen"),
        ("%c3%9cberlingen", "\u00dcberlingen"),
        ("CP%25201", "CP%201"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("CP*1=x@y|z", "CP*1=x@y|z"),
        ("CP:1", "CP:1"),
        ("CP%23%3F1", "CP#?1"),
        ("%F0%9F%94%8C", "\U0001f50c"),
    ],
)
async def test_a_backend_is_dialled_with_the_stations_own_bytes(stage: Stage, segment: str, identity: str) -> None:
    """A station is let in and known by its decoded identity; its backend gets the segment as the station wrote it."""
    main = await stage.backend("main")
    gateway = await stage.gateway()
    raw = await stage.raw()
    assert (await raw.handshake(f"/{segment}")).status_code == 101
    (handshake,) = main.handshakes
    assert (handshake.path.rpartition("/")[2], handshake.station) == (segment, identity)
    await gateway.logged("station came")


async def test_an_identity_in_a_query_is_encoded(stage: Stage) -> None:
    """In the query of a backend's URL an identity ends no parameter and begins none."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"url": main.url.replace("{station}", "x?id={station}&role=cp")}})
    raw = await stage.raw()
    assert (await raw.handshake("/a&role=admin+1")).status_code == 101
    assert main.handshakes[0].path.endswith("/x?id=a%26role%3Dadmin%2B1&role=cp")


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ("CP%FC", "not UTF-8"),
        ("CP%C3", "not UTF-8"),
        ("CP%ED%A0%80", "not UTF-8"),
        ("CP%zz", "hexadecimal"),
        ("CP%", "hexadecimal"),
        ("CP%00", "control characters"),
        ("CP%0A1", "control characters"),
        ("CP%1B[31m", "control characters"),
        ("CP%7F", "control characters"),
        ("CP%C2%85", "control characters"),
        ("CP%E2%80%AE1", "control characters"),
        ("CP%E2%81%A61", "control characters"),
        ("a%2Fb", "slash"),
        ("..%2F..", "slash"),
        ("a%5Cb", "slash"),
        ("%2E%2E", "dots"),
        ("%20a", "space"),
    ],
)
async def test_what_no_identity_may_hold(stage: Stage, segment: str, words: str) -> None:
    """What could be another path, or would turn a line of a log, is refused with a sentence that says so."""
    main = await stage.backend("main")
    gateway = await stage.gateway()
    answer = await (await stage.raw()).handshake(f"/{segment}")
    assert answer.status_code == 400
    assert words in (answer.body or b"").decode()
    assert main.handshakes == []
    line = await gateway.logged("station refused")
    assert line.isprintable()


@pytest.mark.parametrize("identity", ["RDAM 123", "\u00dcberlingen", "CP%201", "a+b&c", "CP<1>"])
async def test_a_soap_station_of_that_name(stage: Stage, identity: str) -> None:
    """In a header of SOAP an identity stands as it is; a command finds the station at its callback address."""
    west = await SoapServer.start(stage, "west")
    await soap_ends.gateway(stage)
    old = await SoapStation.start(stage, identity)
    asked = await old.ask(old.request("Heartbeat"))
    taken = await west.expect("Heartbeat")
    assert taken.seen.header("chargeBoxIdentity") == identity
    await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
    assert (await asked.reply()).status == 200


@pytest.mark.parametrize("identity", ["a/b", "a\\b", "CP\u202e1", "CP\x851"])
async def test_no_soap_station_of_that_name(stage: Stage, identity: str) -> None:
    """What no websocket station may be called no SOAP station is."""
    west = await SoapServer.start(stage, "west")
    await soap_ends.gateway(stage)
    old = await SoapStation.start(stage, identity)
    reply = await old.call(old.request("Heartbeat"))
    assert reply.seen.fault == ("Sender", "ProtocolError")
    assert west.unread == []
