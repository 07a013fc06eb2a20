"""Nobody can tell that envelopes go on by templates: what a real gateway says, seen from both sides of it."""

from __future__ import annotations

import pytest

from tests import soap_ends
from tests.harness import Stage
from tests.soap_ends import HEARTBEAT_ANSWER, SOAP, SOAP_11, Client, SoapServer, SoapStation, posted, request, response


@pytest.mark.parametrize(
    ("version", "soap"), [("1.5", SOAP), ("1.2", SOAP), ("1.6", SOAP_11)], ids=["1.5", "1.2", "SOAP 1.1"]
)
async def test_a_backend_that_answers_in_another_version(stage: Stage, version: str, soap: str) -> None:
    """Whatever a backend answers in, and however often: the station hears what it speaks itself."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    for number in range(8):
        await client.send(posted(station.request("Heartbeat", message_id=f"urn:uuid:{number}")))
        taken = await old.expect("Heartbeat")
        await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id, version=version, soap=soap))
        seen = (await client.reply()).seen
        assert (seen.soap, seen.namespace) == (SOAP, soap_ends.namespace("1.6")), number
        assert seen.header("RelatesTo") == f"urn:uuid:{number}"


async def test_content_is_judged_each_time(stage: Stage) -> None:
    """What is not XML, or says two things, is refused on a connection whose envelopes are known, too."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    for connector in (
        "<connectorId>1</connectorId>",
        "<connectorId>1</connectorId>",
        "<connectorId>1</connectorId><connectorId>2</connectorId>",
        "<connectorId>1<idTag>x</idTag></connectorId>",
        "<connectorId>1</idTag>",
        "<connectorId>&one;</connectorId>",
        "<x:connectorId>1</x:connectorId>",
        "<connectorId a='1' a='2'>1</connectorId>",
        "<connectorId>1</connectorId>",
    ):
        await client.send(posted(station.request("MeterValues", connector)))
        if connector == "<connectorId>1</connectorId>":
            taken = await old.expect("MeterValues")
            await taken.answer(response("MeterValues", "", taken.id))
            assert (await client.reply()).status == 200
        else:
            assert (await client.reply()).seen.fault == ("Sender", "ProtocolError"), connector
    assert not old.unread


async def test_a_callback_address_is_no_place_for_stations(stage: Stage) -> None:
    """A request of a station to an address at which backends call is refused however well its envelope is known."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    client = await Client.connect(stage, soap_ends.soap_url(stage))
    for number in range(4):
        await client.send(posted(request("Heartbeat", message_id=f"{number}")))
        taken = await old.expect("Heartbeat")
        await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
        assert (await client.reply()).status == 200
    reply = await client.post(request("Heartbeat"), "/soap/callback/old/CP1/code")
    assert reply.seen.fault == ("Sender", "SecurityError")
