"""Asking OCSP responders, on real sockets: who shares an answer, how long it is remembered, and how much of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus

from tests.harness import until
from tests.ocsp_responder import UNSAID, Canned, answer, canned, certificate, http
from tests.openssl_authority import OpenSSLAuthority
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.directory import revocation
from voltgate.directory.asking import Undecided
from voltgate.directory.revocation import Revocation

HOUR = 3600


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> OpenSSLAuthority:
    """An authority that has signed certificates of three stations."""
    authority = OpenSSLAuthority(tmp_path_factory.mktemp("authority") / "root", "root")
    for each in ("CP1", "CP2", "CP3"):
        authority.issue(each)
    return authority


@pytest.fixture
async def there() -> AsyncIterator[Canned]:
    """A responder that lets whoever asks wait, until it is told what to answer."""
    async with canned() as responder:
        yield responder


class Scene:
    """A client whose clock the test moves, and the certificates that it asks about."""

    def __init__(self, root: OpenSSLAuthority, there: Canned, patience: float = 30, most: int = 100) -> None:
        self.root, self.there, self.now = root, there, 1000.0
        self.client = Revocation(partial(Attempt, Resolver()), lambda: self.now, time.time, patience, most)

    def file(self, name: str) -> Path:
        """Return the file of a certificate."""
        return self.root.folder / f"{name}.pem"

    async def ask(self, name: str = "CP1") -> str:
        """Ask about a certificate; return its status."""
        authority = der(self.root.certificate)
        return await self.client.status((der(self.file(name)), authority), (), self.there.url)

    def will_say(self, name: str = "CP1", **said: object) -> None:
        """Have the responder answer about a certificate."""
        self.there.answer = http(answer(self.file(name), self.root, **said))  # type: ignore[arg-type]

    @property
    def asked(self) -> int:
        """How often the responder was asked."""
        return len(self.there.requests)


def der(file: Path) -> bytes:
    """Return a certificate as DER."""
    return certificate(file).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("ends", "seconds"), [(timedelta(minutes=30), HOUR / 2), (timedelta(days=3), HOUR)])
async def test_good_is_remembered(root: OpenSSLAuthority, there: Canned, ends: timedelta, seconds: float) -> None:
    """Until the end of the answer, and no longer than an hour."""
    scene = Scene(root, there)
    scene.will_say(ends=ends)
    assert [await scene.ask() for _ in range(3)] == ["good"] * 3
    assert scene.asked == 1
    scene.now += seconds - 60
    assert await scene.ask() == "good"
    assert scene.asked == 1
    scene.now += 61
    assert await scene.ask() == "good"
    assert scene.asked == 2


async def test_nothing_else_is_remembered(root: OpenSSLAuthority, there: Canned) -> None:
    """What was revoked, is not known, has no end or no answer is asked about each time."""
    scene = Scene(root, there)
    for number, said in enumerate((OCSPCertStatus.REVOKED, OCSPCertStatus.UNKNOWN)):
        scene.will_say(status=said)
        assert [await scene.ask() for _ in range(2)] == [said.name.lower()] * 2
        assert scene.asked == 2 * number + 2
    there.answer = http(b"")
    for _ in range(2):
        with pytest.raises(Undecided):
            await scene.ask()
    scene.will_say(ends=UNSAID)
    assert [await scene.ask() for _ in range(2)] == ["good"] * 2
    assert scene.asked == 8


async def test_what_is_remembered_is_bounded(root: OpenSSLAuthority, there: Canned) -> None:
    """Beyond the bound the oldest answer goes; one certificate is not another."""
    scene = Scene(root, there, most=2)
    for name in ("CP1", "CP2", "CP3"):
        scene.will_say(name)
        assert await scene.ask(name) == "good"
    there.answer = http(b"")
    assert [await scene.ask(name) for name in ("CP2", "CP3")] == ["good"] * 2
    with pytest.raises(Undecided):
        await scene.ask("CP1")


async def test_those_who_ask_at_once_share_an_answer(root: OpenSSLAuthority, there: Canned) -> None:
    """One question for all, also when the first of them leaves; and when it fails it fails for all."""
    scene = Scene(root, there)
    waiting = [asyncio.ensure_future(scene.ask()) for _ in range(5)]
    await until(lambda: scene.asked == 1, "it was asked")
    waiting[0].cancel()
    with suppress(asyncio.CancelledError):
        await waiting[0]
    there.tell(http(answer(scene.file("CP1"), root)))
    assert await asyncio.gather(*waiting[1:]) == ["good"] * 4
    assert scene.asked == 1


async def test_a_silent_responder_is_waited_for_once(root: OpenSSLAuthority, there: Canned) -> None:
    """Whoever asks hears when the time is up that there is no answer; nothing is left under way."""
    scene = Scene(root, there, patience=0.2)
    said = await asyncio.gather(*(scene.ask() for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in said] == [f"127.0.0.1:{there.port} did not answer within 0.2 s"] * 5
    assert scene.asked == 1
    scene.will_say()
    assert await scene.ask() == "good"


async def test_the_end_of_the_process_waits_for_nobody(root: OpenSSLAuthority, there: Canned) -> None:
    """What is under way ends when the gateway does."""
    scene = Scene(root, there)
    waiting = asyncio.ensure_future(scene.ask())
    await until(lambda: scene.asked == 1, "it was asked")
    scene.client.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_there_must_be_somebody_to_ask(root: OpenSSLAuthority) -> None:
    """A certificate that names no responder cannot be asked about, unless the listener names one."""
    client = Revocation(partial(Attempt, Resolver()), time.monotonic, time.time)
    with pytest.raises(Undecided, match="names no responder"):
        await client.status((der(root.folder / "CP1.pem"),), [der(root.certificate)])


async def test_authorities_that_were_seen(
    root: OpenSSLAuthority, there: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One between is known from a verified chain on, of so many the last; without any nobody can be asked."""
    monkeypatch.setattr(revocation, "_MOST_SIGNERS", 1)
    between = [OpenSSLAuthority(tmp_path / f"between{each}", f"between{each}", root) for each in range(2)]
    leaves = [der(each.issue(f"CP{number}").certificate) for number, each in enumerate(between)]
    scene = Scene(root, there)
    there.answer = http(b"")

    async def why(*chain: bytes) -> str:
        with pytest.raises(Undecided) as said:
            await scene.client.status(chain, [der(root.certificate)], there.url)
        return str(said.value)

    assert "name it in client_authority" in await why(leaves[0])
    assert "cannot be read" in await why(leaves[0], der(between[0].certificate))
    assert "cannot be read" in await why(leaves[0])
    assert "cannot be read" in await why(leaves[1], der(between[1].certificate))
    assert "name it in client_authority" in await why(leaves[0])
