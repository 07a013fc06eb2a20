"""Webhooks, by a real server that checks signatures: what it is sent, and what is said of each failure."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.http_servers import Receiver, receiver
from tests.alerts.messages import AT, faulted
from tests.alerts.smtp_servers import server_context
from tests.harness.waiting import within
from tests.keypair import write_chain
from voltgate.alerts.channels.channel import ChannelFault
from voltgate.alerts.channels.webhook import WebhookChannel, WebhookSettings, key_of

KEY = b"TOP-SECRET of 24 bytes.."
SECRET = f"whsec_{b64encode(KEY).decode()}"


GOOD_FOR_NOTHING = (301, 307, 400, 404, 410)
NOT_NOW = (408, 425, 429, 500, 503)


def webhook(server: Receiver, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> WebhookChannel:
    """A channel to a server of this machine."""
    url = f"{scheme}://{host}:{server.port}/hooks/TOP-SECRET?key=TOP-SECRET"
    return WebhookChannel(WebhookSettings(url, **{"secret": SECRET, **more}), lambda: AT)


def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    """Check a signature as a receiver of Standard Webhooks does."""
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    version, _, given = headers["webhook-signature"].partition(",")
    expected = hmac.new(KEY, signed, hashlib.sha256).digest()
    return version == "v1" and hmac.compare_digest(b64decode(given), expected)


def test_what_the_page_tells_receivers() -> None:
    """The code in docs/alerts.md that checks a signature checks ours, by either kind of secret."""
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    for secret in (SECRET, "any text"):
        headers = WebhookChannel(WebhookSettings("http://x/", secret))._headers("id", b"body")
        assert names["is_genuine"](headers, b"body", secret)
        assert not names["is_genuine"](headers, b"other", secret)


async def fault(channel: WebhookChannel) -> ChannelFault:
    """Send a message that does not get through; return why."""
    with pytest.raises(ChannelFault) as failed:
        await within(channel.send(faulted()), "the channel gives up")
    assert "TOP-SECRET" not in failed.value.reason + repr(channel.settings)
    return failed.value


async def test_a_message() -> None:
    """The body is JSON and signed, with the time; the URL is kept with its query, and headers of one's own are sent."""
    async with receiver() as server:
        channel = webhook(server, headers={"Authorization": "Bearer TOP-SECRET"})
        assert await within(channel.send(faulted(subject="Süd")), "the message is sent") == ""
        path, headers, body = server.got[0]
    assert path == "/hooks/TOP-SECRET?key=TOP-SECRET"
    assert is_genuine(headers, body)
    assert not is_genuine(headers, body + b" ")
    assert headers["authorization"] == "Bearer TOP-SECRET"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == "1767225600"
    told = faulted()
    assert json.loads(body) == {
        "id": "3f6c-0001",
        "kind": "alert",
        "severity": "error",
        "event": "conStatusFaulted",
        "at": AT,
        "subject": "Süd",
        "text": told.text,
        "items": [dict(told.items[0])],
    }


async def test_it_is_told_apart_when_it_comes_twice() -> None:
    """Each try of one message has the same key, and another message has another."""
    async with receiver() as server:
        server.answers = [(503, "later"), (200, "")]
        channel = webhook(server)
        assert not (await fault(channel)).lasting
        await channel.send(faulted())
        await channel.send(faulted(id="another"))
    keys = [(headers["idempotency-key"], headers["webhook-id"]) for _, headers, _ in server.got]
    assert keys == [("3f6c-0001",) * 2, ("3f6c-0001",) * 2, ("another",) * 2]


async def test_without_a_secret() -> None:
    """Nothing is signed then."""
    async with receiver() as server:
        await webhook(server, secret=None).send(faulted())
    assert "webhook-signature" not in server.got[0][1]


def test_what_a_secret_stands_for() -> None:
    """Behind `whsec_` stands Base64, as libraries for Standard Webhooks have it; else a secret is what it is."""
    assert key_of(SECRET) == KEY
    assert key_of("plain ü") == "plain ü".encode()
    with pytest.raises(ValueError, match="must be Base64"):
        key_of("whsec_!")


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(201, None), *((each, True) for each in GOOD_FOR_NOTHING), *((each, False) for each in NOT_NOW)],
)
async def test_each_answer(status: int, lasting: bool | None) -> None:
    """Any 2xx is a yes; a redirect is not followed, so that nothing of ours goes to whoever is named there."""
    async with receiver() as server:
        server.answers = [(status, "said TOP-SECRET\nand more")]
        server.headers = {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}
        if lasting is None:
            assert await webhook(server).send(faulted()) == ""
        else:
            failed = await fault(webhook(server))
            assert failed.lasting is lasting
            assert failed.reason == f"127.0.0.1 answered {status} said *** and more"
        assert len(server.got) == 1


async def test_a_server_that_hangs() -> None:
    """It costs no more than the deadline, and is tried again."""
    async with receiver() as server:
        server.answers = [None]
        failed = await fault(webhook(server, timeout=0.3))
    assert (failed.reason, failed.lasting) == ("127.0.0.1 did not answer within 0.3 s", False)


async def test_by_tls(tmp_path: Path) -> None:
    """The certificate is verified, by the system's authorities or by a file of one's own."""
    chain, key, root = write_chain(tmp_path)
    async with receiver(server_context(chain, key)) as server:
        await webhook(server, "https", "localhost", ca=str(root)).send(faulted())
        stranger = await fault(webhook(server, "https", "localhost"))
        gone = await fault(webhook(server, "https", "localhost", ca=str(tmp_path / "gone.pem")))
    assert len(server.got) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.reason
    assert "gone.pem cannot be read" in gone.reason
    assert not stranger.lasting
