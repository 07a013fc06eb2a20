"""The check of a station's password: who is let in, who is not, and with which answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import argon2
import pytest

from tests.directory.test_hook import REACH, Server, serving
from tests.harness import free_port
from voltgate.directory.asking import PATIENCE
from voltgate.directory.hashes import Hashes
from voltgate.directory.hook import Hook
from voltgate.directory.lookup import Lookup
from voltgate.directory.passwords import MISSING, WRONG, Denied, Passwords
from voltgate.directory.stations import Credentials, Directory, Entry, Station
from voltgate.directory.throttle import Throttle

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
HOME = "192.0.2.1"


class Clock:
    """A clock in the hands of a test."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Check:
    """Passwords with a clock, and a short way to knock."""

    def __init__(self, per_minute: int = 3, patience: float = PATIENCE, **more: object) -> None:
        self.clock = Clock()
        hook, lookup = Hook(REACH, patience), Lookup(REACH)
        self.passwords = Passwords(Throttle(per_minute), self.clock, hook, lookup, **more)  # type: ignore[arg-type]

    async def handshake(
        self, station: Station, secret: bytes | None, *offered: str, user: str | None = None, address: str = HOME
    ) -> Denied | None:
        """Knock with a secret (None: without the header)."""
        header = None
        if secret is not None:
            name = (station.identity if user is None else user).encode()
            header = b"Basic " + base64.b64encode(name + b":" + secret)
        return await self.passwords.check(station, header, address, offered)


@pytest.fixture
def check() -> Iterator[Check]:
    """A check that allows three failures a minute."""
    found = Check(hashes=Hashes(threads=1))
    yield found
    found.passwords.close()


def station(credentials: Credentials | None, identity: str = "CP-1") -> Station:
    """Give a station with these credentials."""
    found = Directory([Entry("main", identity=identity, credentials=credentials)]).find(identity)
    assert found is not None
    return found


def quick(password: bytes) -> str:
    """Make a hash that is checked in no time."""
    return argon2.low_level.hash_secret(password, b"salt of sixteen.", 1, 8, 1, 16, argon2.Type.ID).decode()


async def test_a_station_without_credentials(check: Check) -> None:
    """Where nothing is checked here, everybody comes in, whatever he brings."""
    assert await check.handshake(station(None), None) is None
    assert await check.handshake(station(None), b"anything") is None


@pytest.mark.parametrize("stored", ["secret", quick(b"secret")])
async def test_right_and_wrong(check: Check, stored: str) -> None:
    """The right password lets in; a wrong one, a wrong name and none at all are 401, with the same words for two."""
    known = station(Credentials(stored))
    assert await check.handshake(known, b"secret") is None
    assert await check.handshake(known, b"Secret") is WRONG
    assert await check.handshake(known, b"secret", user="CP-2") is WRONG
    assert await check.handshake(known, None) is MISSING
    assert WRONG.challenge
    assert MISSING.challenge


@pytest.mark.parametrize("header", [b"Bearer token", b"Basic !", b"", b"Basic \xff"])
async def test_a_header_that_is_not_basic(check: Check, header: bytes) -> None:
    """What is no HTTP Basic is a wrong password."""
    assert await check.passwords.check(station(Credentials("secret")), header, HOME) is WRONG


@pytest.mark.parametrize("stored", [KEY, quick(KEY.encode())])
async def test_keys_of_1_6(check: Check, stored: str) -> None:
    """A station that may speak 1.6 may send its key decoded; one that offers only 2.x sends text."""
    check.passwords.throttle.per_minute = 0
    known, raw = station(Credentials(stored)), bytes.fromhex(KEY)
    for offered in ((), ("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6"), ("something",)):
        assert await check.handshake(known, raw, *offered) is None
    for offered in (("ocpp2.0.1",), ("ocpp2.1", "ocpp2.0.1")):
        assert await check.handshake(known, raw, *offered) is WRONG
        assert await check.handshake(known, KEY.lower().encode(), *offered) is WRONG
        assert await check.handshake(known, KEY.encode(), *offered) is None


async def test_the_case_of_the_name() -> None:
    """The user name has the case of the identity only where identities are told apart by it."""
    known = station(Credentials("secret"))
    assert await Check().handshake(known, b"secret", user="cp-1") is None
    assert await Check(case_sensitive=True).handshake(known, b"secret", user="cp-1") is WRONG


async def test_guessing_is_slowed_down(check: Check) -> None:
    """After too many wrong passwords even the right one is 429 for a while, and then let in."""
    known = station(Credentials("secret"))
    for _ in range(3):
        assert await check.handshake(known, b"guess") is WRONG
    denied = await check.handshake(known, b"secret")
    assert denied is not None
    assert (denied.status, denied.retry_after, denied.challenge) == (429, 20, False)
    assert await check.handshake(known, b"secret", address="198.51.100.1") is None
    check.clock.now = 20
    assert await check.handshake(known, b"secret") is None


async def test_right_passwords_do_not_add_up(check: Check) -> None:
    """A station that comes again and again with the right password, or without any, is never slowed down."""
    known = station(Credentials("secret"))
    for _ in range(50):
        assert await check.handshake(known, b"secret") is None
        assert await check.handshake(known, None) is MISSING


async def test_a_hook_decides(check: Check) -> None:
    """With a hook its verdict counts: let in, refused, or 503 while it does not decide, which is no failure."""
    async with serving(Server()) as server:
        known = station(Credentials(hook=server.url()))
        assert await check.handshake(known, b"secret") is None
        server.status = 403
        assert await check.handshake(known, b"secret") is WRONG
        server.status = 500
        for _ in range(10):
            denied = await check.handshake(known, b"secret")
            assert denied is not None
            assert (denied.status, denied.retry_after) == (503, 10)
            assert "answered 500" in denied.reason
        server.status = 200
        assert await check.handshake(known, b"secret") is None


async def test_a_name_of_somebody_else_is_no_question(check: Check) -> None:
    """A hook is not asked about a station that comes under another's name."""
    async with serving(Server()) as server:
        assert await check.handshake(station(Credentials(hook=server.url())), b"secret", user="CP-2") is WRONG
        assert server.asked == []


async def test_a_hook_that_is_away() -> None:
    """While the hook cannot be reached nobody is let in, and nobody is blamed."""
    check = Check(patience=0.2)
    denied = await check.handshake(station(Credentials(hook=f"http://127.0.0.1:{free_port()}/")), b"secret")
    assert denied is not None
    assert denied.status == 503


async def test_too_many_at_once() -> None:
    """When as many hashes wait as may, the next station is told to come again, and nothing counts against it."""
    check = Check(hashes=Hashes(threads=1, waiting=0))
    for _ in range(10):
        denied = await check.handshake(station(Credentials(quick(b"secret"))), b"secret")
        assert denied is not None
        assert (denied.status, denied.retry_after) == (503, 10)
    check.passwords.close()


async def test_a_hash_that_cannot_be_checked(check: Check) -> None:
    """A stored hash that is broken is the operator's fault: 503, the reason without the hash, and nobody is blamed."""
    known = station(Credentials("$argon2id$v=19$m=65536,t=3,p=4$abc$def"))
    for _ in range(10):
        denied = await check.handshake(known, b"secret")
        assert denied is not None
        assert denied.status == 503
        assert "hash" in denied.reason
        assert "argon2id" not in denied.reason
