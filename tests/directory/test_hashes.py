"""Hashes of passwords: real argon2, beside the event loop, bounded, and not twice for the same password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import argon2
import pytest

from tests.harness import until, within
from voltgate.directory import hashes as module
from voltgate.directory.hashes import Busy, Hashes, Unusable, first_right, hashed


def quick(password: bytes, kind: argon2.Type = argon2.Type.ID) -> str:
    """Make a hash that is checked in no time."""
    return argon2.low_level.hash_secret(password, b"salt of sixteen.", 1, 8, 1, 16, kind).decode()


def slow(password: bytes) -> str:
    """Make a hash that takes a while: long enough to look at what waits for it."""
    return argon2.low_level.hash_secret(password, b"salt of sixteen.", 4, 65536, 1, 16, argon2.Type.ID).decode()


@pytest.fixture
def hashes() -> Iterator[Hashes]:
    """Hashes with one thread, and room for two."""
    found = Hashes(threads=1, waiting=2)
    yield found
    found.close()


@pytest.mark.parametrize("kind", list(argon2.Type))
async def test_the_right_password_is_right(hashes: Hashes, kind: argon2.Type) -> None:
    """Every kind of argon2 is known; the right reading may stand anywhere in the list."""
    stored = quick(b"good", kind)
    assert await hashes.verify(stored, [b"bad", b"good"])
    assert not await hashes.verify(stored, [b"bad", b"worse"])
    assert not await hashes.verify(stored, [])


async def test_keys_of_any_bytes(hashes: Hashes) -> None:
    """A key that is no text, or is empty, is a key."""
    for key in (b"\x00\xff\x00", b"", b"\0"):
        assert await hashes.verify(quick(key), [key])
    assert not await hashes.verify(quick(b""), [b"\0"])


async def test_what_is_printed_for_the_configuration(hashes: Hashes) -> None:
    """The hash that `voltgate hash` makes is one that is accepted."""
    assert await hashes.verify(hashed("pässword"), ["pässword".encode()])


async def test_what_was_proven_costs_nothing(hashes: Hashes) -> None:
    """A password that was right is known at once, even when no thread is free; a wrong one is never remembered."""
    stored = quick(b"good")
    assert await hashes.verify(stored, [b"good"])
    assert not await hashes.verify(stored, [b"bad"])
    hashes.close()
    assert await hashes.verify(stored, [b"bad", b"good"])
    with pytest.raises(Busy):
        await hashes.verify(stored, [b"bad"])
    with pytest.raises(Busy):
        await hashes.verify(quick(b"good!"), [b"good"])


async def test_only_so_many_wait(hashes: Hashes) -> None:
    """Beyond what may wait nobody queues: the check is refused, and works again when there is room."""
    stored = slow(b"good")
    checks = [asyncio.ensure_future(hashes.verify(stored, [wrong])) for wrong in (b"a", b"b")]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await hashes.verify(stored, [b"good"])
    assert await within(asyncio.gather(*checks), "both are checked") == [False, False]
    assert await hashes.verify(stored, [b"good"])


async def test_who_goes_away_leaves_room(hashes: Hashes) -> None:
    """A check that nobody waits for any more gives its place to the next."""
    stored = slow(b"good")
    checks = [asyncio.ensure_future(hashes.verify(stored, [wrong])) for wrong in (b"a", b"b")]
    await asyncio.sleep(0)
    for check in checks:
        check.cancel()
    await asyncio.gather(*checks, return_exceptions=True)
    assert await within(hashes.verify(quick(b"good"), [b"good"]), "the next is checked")


async def test_the_loop_goes_on(hashes: Hashes) -> None:
    """While a hash is checked, everything else goes on."""
    ticks = 0
    check = asyncio.ensure_future(hashes.verify(slow(b"good"), [b"bad"] * 3))
    while not check.done():
        ticks += 1
        await asyncio.sleep(0)
    assert ticks > 3
    assert not check.result()


async def test_the_proven_are_bounded(hashes: Hashes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered has a bound; whoever was unseen for longest is checked again."""
    monkeypatch.setattr(module, "PROVEN", 2)
    first, second, third = (quick(name) for name in (b"1", b"2", b"3"))
    for stored, password in ((first, b"1"), (second, b"2"), (first, b"1"), (third, b"3")):
        assert await hashes.verify(stored, [password])
    hashes.close()
    assert await hashes.verify(first, [b"1"])
    assert await hashes.verify(third, [b"3"])
    with pytest.raises(Busy):
        await hashes.verify(second, [b"2"])


@pytest.mark.parametrize(
    "stored",
    [
        "$argon2id$v=19$m=65536,t=3,p=4$abc$def",
        "$argon2id$v=19$m=4294967295,t=3,p=4$a9K/8YtWRkcRBKPgK83kHw$Lyz1HFiR3HIksMqRk1120QLUbWW0CM7GSEMmYH7WlgQ",
        "$argon2id$v=19$m=65536,t=3,p=4$a9K/8YtWRkcRBKPgK83kHw$Lyz1",
    ],
)
async def test_a_hash_that_is_none(hashes: Hashes, stored: str) -> None:
    """A hash that cannot be checked (cut off, or wanting more memory than there is) is no wrong password."""
    with pytest.raises(Unusable):
        await hashes.verify(stored, [b"password"])
    assert await hashes.verify(quick(b"good"), [b"good"])


def test_the_first_that_is_right() -> None:
    """Of several readings the one that the hash was made of is given."""
    assert first_right(quick(b"b"), [b"a", b"b", b"b"]) == b"b"
    assert first_right(quick(b"b"), [b"a"]) is None


async def test_no_task_is_left(hashes: Hashes) -> None:
    """Closing while a hash is checked leaves nobody waiting for ever."""
    checks = [asyncio.ensure_future(hashes.verify(slow(b"x"), [b"y"])) for _ in range(2)]
    await asyncio.sleep(0)
    hashes.close()
    await until(lambda: all(check.done() for check in checks), "both have ended")
    for check in checks:
        assert check.cancelled() or isinstance(check.exception(), Busy) or check.result() is False
