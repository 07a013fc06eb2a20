"""SOAP: a text that two readers read differently is acted on by nobody."""

from __future__ import annotations

import pytest

from tests import soap_ends
from tests.harness import Stage, basic
from tests.soap_ends import HEARTBEAT_ANSWER, Client, SoapServer, SoapStation, identified, posted, response

BROKEN = ("CP1<!-- -->X", "<!-- -->CP1X", "CP1<![CDATA[X]]>", "<![CDATA[CP1]]>X", "CP1<![CDATA[]]>X", "CP1<?x?>X")


@pytest.mark.parametrize("text", BROKEN)
async def test_a_name_in_two_pieces(stage: Stage, text: str) -> None:
    """CP1X proves itself by its own password, with a comment in its name where a backend would read CP1: refused."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, stations=[{"identity": "CP1X", "route": "main", "password": "secret"}])
    station = await SoapStation.start(stage, "CP1X")
    good = station.request("Heartbeat")
    broken = good.replace(identified("CP1X").encode(), identified("@").replace("@", text).encode())
    assert broken != good
    known = await Client.connect(stage, station.url, "known")
    shown = {"Authorization": basic("CP1X", "secret")}
    for _ in range(2):  # the second time by its template
        await known.send(posted(good, **shown))
        await (await old.expect("Heartbeat")).answer(response("Heartbeat", HEARTBEAT_ANSWER))
        assert (await known.reply()).status == 200
    for client in (known, await Client.connect(stage, station.url, "new")):
        reply = await client.post(broken, **shown)
        assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError"))
    assert len(old.requests) == 2


@pytest.mark.parametrize("text", ["04<!-- -->E1", "<![CDATA[04E1]]>", "04E1<!---->"])
async def test_a_token_in_two_pieces(stage: Stage, text: str) -> None:
    """A token that a rule would read in one way and a backend in another is refused, and reaches no backend."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    reply = await client.post(station.request("Authorize", f"<idTag>{text}</idTag>"))
    assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError"))
    assert not old.requests


async def test_a_remark_and_wrapped_data(stage: Stage) -> None:
    """A comment between elements and a CDATA section where a DataTransfer has its data pass, byte for byte."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    client = await Client.connect(stage, station.url)
    content = "<vendorId>v</vendorId><!-- a remark --><data><![CDATA[<a>1</a>]]></data>"
    await client.send(posted(station.request("DataTransfer", content)))
    taken = await old.expect("DataTransfer")
    assert content.encode() in taken.http.body
    await taken.answer(response("DataTransfer", "<status>Accepted</status>", taken.id))
    assert (await client.reply()).status == 200
