"""Look-ups of host names: a resolver that is away stops nobody who knows an address already."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.harness import until, within
from voltgate.carriers.websocket import resolver as module
from voltgate.carriers.websocket.resolver import Resolver, look_up


class Names:
    """A resolver in the hands of the test: what a host is answered, an error, or nothing until it is `released`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.answers: dict[str, list[str] | Exception | None] = {"b.test": ["192.0.2.1"]}
        self.asked: list[str] = []
        self.released = threading.Event()
        self.resolver = Resolver(soon=60.0, within=60.0, look_up=self.look_up, clock=lambda: self.now)

    def look_up(self, host: str, port: int) -> list[str]:
        """Answer, fail, or hang."""
        self.asked.append(host)
        answer = self.answers[host]
        if answer is None:
            self.released.wait(60)
            answer = self.answers[host]
        if answer is None:
            raise OSError(-3, "Temporary failure in name resolution")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def of(self, host: str = "b.test", within: float = 600.0) -> list[str]:
        """Look a host up."""
        return await self.resolver.addresses(host, 80, within)


AWAY = socket.gaierror(-3, "Temporary failure in name resolution")


@pytest.fixture
def names() -> Iterator[Names]:
    """A resolver in the hands of the test."""
    names = Names()
    yield names
    names.released.set()


async def test_ten_thousand_dials_are_one_look_up(names: Names) -> None:
    """Those who ask at once share one, and its answer is used for half a minute; an IP is asked for by nobody."""
    assert await asyncio.gather(*(names.of() for _ in range(10))) == [["192.0.2.1"]] * 10
    assert names.asked == ["b.test"]
    names.answers["b.test"] = ["192.0.2.2"]
    names.now += 29
    assert await names.of() == ["192.0.2.1"]
    names.now += 1
    assert await names.of() == ["192.0.2.2"]
    assert await names.of("2001:db8::1") == ["2001:db8::1"]
    assert names.asked == ["b.test", "b.test"]


@pytest.mark.parametrize("away", [AWAY, None], ids=["fails", "hangs"])
async def test_the_last_good_answer_goes_on_being_used(names: Names, away: OSError | None) -> None:
    """It does while the resolver is away, for as long as that lasts; the log says so once, and once when it is back."""
    with capture_logs() as logs:
        await names.of()
        names.answers["b.test"] = away
        names.resolver._soon = 0.01 if away is None else 60.0
        for _ in range(5):
            names.now += 31
            assert await names.of() == ["192.0.2.1"]
            await until(lambda: away is None or not names.resolver._asking, "it has failed again")
        assert names.resolver.away == 1
        names.answers["b.test"] = ["192.0.2.2"]
        names.released.set()
        names.now += 31

        async def is_back() -> bool:
            names.now += 6
            return await names.of() == ["192.0.2.2"]

        await until(is_back, "the new answer")
    assert [(each["log_level"], each["event"], each["host"]) for each in logs] == [
        ("warning", "a name cannot be looked up", "b.test"),
        ("info", "a name can be looked up again", "b.test"),
    ]
    assert logs[0]["used"] == ["192.0.2.1"]
    assert names.resolver.away == 0


async def test_nobody_waits_twice_for_a_resolver_that_hangs(names: Names) -> None:
    """Once that is known, the last good answer is there at once."""
    await names.of()
    names.answers["b.test"] = None
    names.resolver._soon = 0.01
    names.now += 31
    await names.of()
    names.resolver._soon = 3600.0
    assert await within(names.of(), "the last good answer") == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("away", "reason"),
    [
        (AWAY, "new.test cannot be looked up: Temporary failure in name resolution"),
        (None, "new.test cannot be looked up: no answer within 0.02 s"),
        (UnicodeError("label too long"), "new.test cannot be looked up: label too long"),
    ],
)
async def test_a_name_that_was_never_known(names: Names, away: Any, reason: str) -> None:
    """It fails in time, with what is wrong, and is asked for again some seconds later, not by each dial."""
    names.answers["new.test"] = away
    for _ in range(3):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - its whole text is compared
            await names.of("new.test", within=0.04 if away is None else 600.0)
        assert str(caught.value) == reason
    assert names.asked == ["new.test"]
    names.answers["new.test"] = ["192.0.2.9"]
    names.released.set()
    names.now += 6
    assert await names.of("new.test") == ["192.0.2.9"]


async def test_a_host_without_addresses(names: Names) -> None:
    """An empty answer is none."""
    names.answers["b.test"] = []
    with pytest.raises(OSError, match=r"b\.test cannot be looked up: it has no address"):
        await names.of()


async def test_names_that_hang_are_bounded(names: Names) -> None:
    """They take threads of their own, so many at most: not those that others work in."""
    hung = [f"{number}.test" for number in range(16)]
    names.answers |= dict.fromkeys(hung)
    await asyncio.gather(*(names.of(name, within=0.02) for name in hung[:15]), return_exceptions=True)
    assert await names.of() == ["192.0.2.1"]
    assert await within(asyncio.to_thread(lambda: "done"), "a thread of the loop's own") == "done"
    await asyncio.gather(names.of(hung[15], within=0.02), return_exceptions=True)
    with pytest.raises(OSError, match="16 look-ups are under way, and are not answered"):
        await names.of("one.more.test")
    names.now += 31
    assert await names.of() == ["192.0.2.1"]


async def test_threads_that_cannot_be_had(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may have no more threads, or a look-up that fails in any way, costs nothing for good."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(20):
            with pytest.raises(OSError, match=r"b.test cannot be looked up: can't start new thread"):
                await names.of()
            names.now += 6
    names.answers["odd.test"] = ValueError("embedded null character")
    for _ in range(20):
        with pytest.raises(OSError, match=r"odd.test cannot be looked up: embedded null character"):
            await names.of("odd.test")
        names.now += 6
    assert await names.of() == ["192.0.2.1"]


async def test_a_look_up_that_is_lost(names: Names) -> None:
    """Another is begun beside it: the resolver may be back, and nobody tells the thread that waits."""
    names.answers["b.test"] = None
    with pytest.raises(OSError, match="no answer within"):
        await names.of(within=0.02)
    names.answers["b.test"] = ["192.0.2.1"]
    names.now += 31
    assert await names.of() == ["192.0.2.1"]
    assert names.resolver._threads._value == module._AT_ONCE - 1


async def test_what_is_lost_comes_late(names: Names) -> None:
    """It ends nothing that was begun since, and says nothing of a name of which more is known by then."""
    hanging = [threading.Event(), threading.Event()]
    left = iter(hanging)

    def look_up(host: str, port: int) -> list[str]:
        names.asked.append(host)
        mine = next(left, None)
        if mine is None:
            return ["192.0.2.1"]
        mine.wait(60)
        raise AWAY

    names.resolver._look_up = look_up
    threads = names.resolver._threads
    for _ in hanging:
        with pytest.raises(OSError, match="no answer within"):
            await names.of(within=0.02)
        names.now += 31
    names.now -= 2  # the second is not lost yet
    hanging[0].set()
    await until(lambda: threads._value == module._AT_ONCE - 1, "the first comes")
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="no answer within"):
        await names.of(within=0.02)
    assert names.asked == ["b.test"] * 2
    names.now += 2
    assert await names.of() == ["192.0.2.1"]
    hanging[1].set()
    await until(lambda: threads._value == module._AT_ONCE, "the second comes")
    await asyncio.sleep(0)
    assert names.resolver.away == 0


def test_a_look_up_whose_loop_has_ended(names: Names) -> None:
    """Who asks in another loop does not wait for it."""
    names.answers["b.test"] = None
    with pytest.raises(OSError, match="no answer within"):
        asyncio.run(names.of(within=0.02))
    names.answers["b.test"] = ["192.0.2.1"]
    assert asyncio.run(names.of()) == ["192.0.2.1"]


async def test_who_has_little_time_waits_little(names: Names) -> None:
    """Of the last good answer, too, at most half of the time is spent on a new one."""
    await names.of()
    names.answers["b.test"] = None
    names.now += 31
    assert await within(names.of(within=0.04), "the last good answer", 20) == ["192.0.2.1"]


async def test_names_are_bounded(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that nobody has asked for the longest are forgotten."""
    monkeypatch.setattr(module, "_MOST", 2)
    names.answers |= {"c.test": ["192.0.2.3"], "d.test": ["192.0.2.4"]}
    for host in ("b.test", "c.test", "b.test", "d.test"):
        await names.of(host)
    assert [host for host, _ in names.resolver._known] == ["b.test", "d.test"]


async def test_an_address_that_failed_is_tried_last_for_a_minute(names: Names) -> None:
    """A new answer does not make it the first before that."""
    names.answers["b.test"] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    await names.of()
    names.resolver.failed("b.test", 80, "192.0.2.1")
    names.resolver.failed("b.test", 80, "203.0.113.1")
    names.resolver.failed("unknown.test", 80, "192.0.2.1")
    names.now += 31
    assert await names.of() == ["192.0.2.2", "192.0.2.3", "192.0.2.1"]
    names.now += 29
    assert await names.of() == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


async def test_an_address_that_has_gone_and_comes_back(names: Names) -> None:
    """It is as good as any: that it failed is forgotten with it. One that was none of the name's is not remembered."""
    both = ["192.0.2.1", "192.0.2.2"]
    names.answers["b.test"] = both
    await names.of()
    names.resolver._keep = 10.0
    names.now += 29
    names.resolver.failed("b.test", 80, "192.0.2.1", "192.0.2.3")
    for answer in (["192.0.2.2"], [*both, "192.0.2.3"]):
        names.now += 10
        names.answers["b.test"] = answer
        assert await names.of() == answer


def test_the_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's order is kept within each; what it names twice is tried once."""
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "2001:db8::1"), (six, "2001:db8::2"), (six, "2001:db8::3"), (four, "192.0.2.1"), (four, "192.0.2.1")]

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(family, 1, 6, "", (address, port)) for family, address in found]

    monkeypatch.setattr(module.socket, "getaddrinfo", getaddrinfo)
    assert look_up("b.test", 80) == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"]
