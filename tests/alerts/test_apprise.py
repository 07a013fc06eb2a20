"""Apprise, by a real server that its `json://` posts to."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterable

import pytest

from tests.alerts.http_servers import Receiver, receiver
from tests.alerts.messages import faulted
from tests.alerts.smtp_servers import dead_port
from tests.harness.waiting import until, within
from voltgate.alerts.channels.apprise_channel import MISSING, AppriseChannel, AppriseSettings
from voltgate.alerts.channels.channel import ChannelFault, parts_of

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise, in Python 3.11 and 3.12


def address(server: Receiver, path: str = "TOP-SECRET") -> str:
    """An address of Apprise at the server, with a password and a path that are nobody's business."""
    return f"json://user:TOP-SECRET%21@127.0.0.1:{server.port}/{path}"


def apprise(urls: Iterable[str], timeout: float = 30.0) -> AppriseChannel:
    """A channel to these addresses."""
    return AppriseChannel(AppriseSettings(tuple(urls), timeout))


async def fault(channel: AppriseChannel) -> ChannelFault:
    """Send a message that does not get through; return why."""
    with pytest.raises(ChannelFault) as failed:
        await within(channel.send(faulted()), "the channel gives up")
    for told in (failed.value.reason, repr(channel.settings)):
        assert "TOP-SECRET" not in told
    return failed.value


async def test_a_message() -> None:
    """Subject and text arrive as they are; what it is about makes its kind."""
    async with receiver() as server:
        channel = apprise([address(server)])
        assert await within(channel.send(faulted(subject="<b>*Süd*</b>\\n", text="a\\n{b}\n<i>")), "it is sent") == ""
        await channel.send(faulted(kind="recovery"))
        await apprise([address(server, "?format=html")]).send(faulted(text="<i>"))
        await channel.send(faulted(severity="warning"))
        await channel.send(faulted(severity="info"))
    bodies = [json.loads(body) for _, _, body in server.got]
    assert (bodies[0]["title"], bodies[0]["message"]) == ("<b>*Süd*</b>\\n", "a\\n{b}\n<i>")
    assert [body["type"] for body in bodies] == ["failure", "success", "failure", "warning", "info"]
    assert "&lt;i&gt;" in bodies[2]["message"]


async def test_one_of_two_fails() -> None:
    """Only the one that failed gets the message when it is tried again; the reason says which, without its secrets."""
    async with receiver() as server, receiver() as other:
        server.answers = [(503, "TOP-SECRET is busy"), (200, "")]
        channel = apprise([address(server), address(other)])
        failed = await fault(channel)
        assert failed.reason.startswith("json://: ")
        assert not failed.lasting
        assert await channel.send(faulted()) == ""
        assert await channel.send(faulted(id="another")) == ""
    assert (len(server.got), len(other.got)) == (3, 2)


async def test_an_address_that_is_none() -> None:
    """What Apprise does not know, or cannot reach, is told."""
    assert "does not know such an address" in (await fault(apprise(["nonsense://TOP-SECRET"]))).reason
    assert "does not know such an address" in (await fault(apprise(["json://"]))).reason
    away = await fault(apprise([f"json://127.0.0.1:{dead_port()}/TOP-SECRET"]))
    assert not away.lasting


async def test_a_server_that_hangs() -> None:
    """It costs no more than the deadline, and does not hold the next message up."""
    async with receiver() as server:
        server.answers = [None, (200, "")]
        channel = apprise([address(server)], 0.3)
        assert "did not finish within" in (await fault(channel)).reason
        channel.settings = AppriseSettings(channel.settings.urls)
        assert await within(channel.send(faulted()), "the next one is sent") == ""


async def test_a_thread_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise itself may be caught in a service: no second thread is lost to it."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    channel = apprise(["json://127.0.0.1/"], 0.1)

    def caught(*_: object) -> dict[str, str]:
        asyncio.run_coroutine_threadsafe(over.wait(), loop).result()
        return {}

    monkeypatch.setattr("voltgate.alerts.channels.apprise_channel._GRACE", 0.1)
    monkeypatch.setattr(channel, "_send", caught)
    assert (await fault(channel)).reason == "Apprise did not come to an end"
    assert "still busy" in (await fault(channel)).reason
    over.set()
    assert channel._sending is not None
    await within(channel._sending, "the thread ends")


async def test_messages_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for each other, as many as there is room for; whoever waits for too long is tried again."""
    going, most = threading.Event(), 2
    monkeypatch.setattr("voltgate.alerts.channels.apprise_channel.MOST_WAITING", most)
    channel = apprise(["json://127.0.0.1/"], 30)

    def send(*_: object) -> dict[str, str]:
        going.wait(30)
        return {}

    monkeypatch.setattr(channel, "_send", send)
    first = asyncio.ensure_future(channel.send(faulted(id="1")))
    await until(lambda: channel._sending is not None, "the first one is being sent")
    others = [asyncio.ensure_future(channel.send(faulted(id=str(number)))) for number in range(2, 2 + most)]
    await until(lambda: channel._waiting == most, "the others wait")
    assert "still busy" in (await fault(channel)).reason, "there is no more room"
    going.set()
    assert await within(asyncio.gather(first, *others), "all are sent") == ["", "", ""]
    going.clear()
    monkeypatch.setattr("voltgate.alerts.channels.apprise_channel._PATIENCE", 0.0)
    first = asyncio.ensure_future(channel.send(faulted(id="9")))
    await until(channel._turn.locked, "one is being sent")
    assert "still busy" in (await fault(channel)).reason, "it has waited for too long"
    going.set()
    assert await within(first, "it is sent") == ""


async def test_without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; who has not installed it is told how."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert MISSING in (await fault(apprise(["json://127.0.0.1/"]))).reason


def test_every_part_of_an_address_may_be_secret() -> None:
    """The parts are secrets as they are written, and as they are meant."""
    secrets = set(parts_of("T0KEN%2F1/x/%23alerts/?key=s3cr3t"))
    assert {"T0KEN%2F1", "T0KEN/1", "#alerts", "s3cr3t"} <= secrets
