"""Pushover, by a real server in its shape: what it is sent, and what is said of each way in which it fails."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.alerts.http_servers import Receiver, receiver
from tests.alerts.messages import AT, faulted
from tests.alerts.smtp_servers import dead_port
from tests.harness.waiting import within
from voltgate.alerts.channels.channel import ChannelFault
from voltgate.alerts.channels.pushover import PushoverChannel, PushoverSettings
from voltgate.alerts.message import Message

USER, TOKEN = "u-TOP-SECRET-1", "t-TOP-SECRET-2"


def pushover(server: Receiver, **more: Any) -> PushoverChannel:
    """A channel to a server in Pushover's shape."""
    endpoint = more.pop("endpoint", f"http://127.0.0.1:{server.port}/1/messages.json")
    return PushoverChannel(PushoverSettings(USER, TOKEN, endpoint, **more))


def sent(server: Receiver) -> dict[str, str]:
    """The form that the server got last."""
    path, headers, body = server.got[-1]
    assert path == "/1/messages.json"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    return {name: "".join(values) for name, values in parse_qs(body.decode(), strict_parsing=True).items()}


async def fault(channel: PushoverChannel, message: Message | None = None) -> ChannelFault:
    """Send a message that does not get through; return why."""
    with pytest.raises(ChannelFault) as failed:
        await within(channel.send(message or faulted()), "the channel gives up")
    assert "TOP-SECRET" not in failed.value.reason + repr(channel.settings)
    assert failed.value.reason.isprintable()
    return failed.value


async def test_a_message() -> None:
    """Title, text and time go to one user from one application."""
    async with receiver() as server:
        assert await within(pushover(server).send(faulted()), "the message is sent") == ""
        assert sent(server) == {
            "user": USER,
            "token": TOKEN,
            "title": "[North Parking] Connector #1 is now Faulted",
            "message": faulted().text,
            "timestamp": str(int(AT)),
            "priority": "0",
        }


async def test_how_loud_it_is() -> None:
    """Priority, sound, device and a link are by setting; what endangers people is louder than the rest."""
    async with receiver() as server:
        channel = pushover(server, priority=-1, urgent=2, sound="siren", device="phone", url="https://ops.example/")
        await channel.send(faulted())
        quiet = sent(server)
        assert quiet.items() >= {"priority": "-1", "sound": "siren", "device": "phone"}.items()
        assert quiet["url"] == "https://ops.example/"
        assert not {"retry", "expire"} & quiet.keys()
        await channel.send(faulted(severity="danger"))
        assert sent(server).items() >= {"priority": "2", "retry": "60", "expire": "3600"}.items()
        await channel.send(faulted(severity="danger", kind="recovery"))
        assert sent(server)["priority"] == "-1"


async def test_its_limits() -> None:
    """A title has 250 characters at most, a text 1024, and no message is empty; also in other scripts."""
    async with receiver() as server:
        channel = pushover(server)
        await channel.send(faulted(subject="北" * 300, text="ü" * 2000))
        form = sent(server)
        assert (len(form["title"]), len(form["message"])) == (250, 1024)
        assert form["title"].endswith("北…")
        await channel.send(faulted(text=" \n"))
        assert sent(server)["message"] == faulted().subject
        await channel.send(faulted(subject="one\ntwo & three=4 \ud800", text="\ud800"))
        assert sent(server)["title"] == "one two & three=4"


@pytest.mark.parametrize(
    ("answer", "told", "lasting"),
    [
        (
            (400, {"user": "invalid", "errors": ["user identifier is invalid", "no"], "status": 0}),
            "127.0.0.1 answered 400 user identifier is invalid; no",
            True,
        ),
        (
            (400, {"errors": [f"token {TOKEN} is not active"], "status": 0}),
            "answered 400 token *** is not active",
            True,
        ),
        ((429, {"errors": ["application is over its quota"], "status": 0}), "429 application is over its quota", False),
        ((500, "<html>oops</html>"), "127.0.0.1 answered 500", False),
        ((503, {"errors": "none"}), "127.0.0.1 answered 503", False),
        ((400, "[" * 5000), "127.0.0.1 answered 400", True),
        ((301, "moved"), "127.0.0.1 answered 301", True),
        (None, "127.0.0.1 did not answer within 0.3 s", False),
    ],
)
async def test_an_answer_that_is_no_yes(answer: tuple[int, Any] | None, told: str, lasting: bool) -> None:
    """What Pushover says is wrong is told, without the keys; only what it has refused for good is given up."""
    async with receiver() as server:
        server.answers = [answer]
        failed = await fault(pushover(server, timeout=0.3 if answer is None else 30.0))
    assert told in failed.reason
    assert failed.lasting is lasting


async def test_how_long_to_wait() -> None:
    """A server may say when to try again."""
    async with receiver() as server:
        server.answers = [(429, {})]
        for said, after in (("120", 120.0), ("999999999", 86_400.0), ("soon", None), ("-1", None)):
            server.headers = {"Retry-After": said}
            assert (await fault(pushover(server))).after == after


async def test_nobody_is_there() -> None:
    """A host that cannot be reached is tried again."""
    for endpoint in (f"http://127.0.0.1:{dead_port()}/", "http://pushover.invalid/"):
        away = await fault(pushover(Receiver(), endpoint=endpoint))
        assert "cannot be reached" in away.reason
        assert not away.lasting


async def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment that cannot be read is a fault like others."""
    monkeypatch.setenv("HTTP_PROXY", "nonsense://proxy")
    assert not (await fault(pushover(Receiver(), endpoint="http://pushover.invalid/"))).lasting


async def test_an_answer_without_end() -> None:
    """No more is read than an answer has, and no longer than the deadline."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except OSError:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failed = await fault(pushover(Receiver(), endpoint=f"http://127.0.0.1:{port}/"))
    assert failed.lasting
