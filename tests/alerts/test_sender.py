"""The sender: what becomes of a message whose channel hangs, refuses or is away, by a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.alerts.smtp_servers import Inbox, smtp_server
from tests.harness.ports import free_port
from tests.harness.waiting import until
from tests.store.alert_stage import Clock
from voltgate.alerts import sender as sending
from voltgate.alerts.channels.channel import Channel, ChannelFault
from voltgate.alerts.channels.mail import MailChannel, MailSettings
from voltgate.alerts.message import Message
from voltgate.alerts.records import Counts, Delivery, Policy
from voltgate.alerts.sender import Sender, Ways
from voltgate.alerts.writing import Author
from voltgate.relay.records import StoreAway
from voltgate.store.alert_rows import delivery_of
from voltgate.store.alerts_here import AlertsHere


class Scripted:
    """A channel that does what the test says."""

    settings = None

    def __init__(self, do: Callable[[Message], Awaitable[str]]) -> None:
        self._do = do
        self.got: list[str] = []

    async def send(self, message: Message) -> str:
        """Take note of a message, and do it."""
        self.got.append(message.id)
        return await self._do(message)


class Post:
    """A sender at work, with what it sends."""

    def __init__(self, channels: dict[str, Channel], policy: Policy) -> None:
        self.clock, self.counts, self.faults = Clock(), Counts(), list[Exception]()
        self.store = AlertsHere("n1")
        ways = Ways(channels, dict.fromkeys(channels, policy))
        self.sender = Sender([self.store], lambda: ways, self.clock, self.counts, self.faults.append)

    async def put(self, channel: str) -> str:
        """Have a message sent; return its id."""
        made = await self.store.put(channel, Author().test(channel, "anna", self.clock.now), self.clock.now)
        self.sender.wake()
        return made.id

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.sender.wake()

    async def all(self) -> list[Delivery]:
        """Return all messages, the last one first."""
        return await self.store.deliveries((), None, 100)

    async def comes_to(self, **wanted: object) -> Delivery:
        """Wait until the only message is so."""

        async def found() -> Delivery | None:
            (one,) = await self.all()
            return one if all(getattr(one, name) == value for name, value in wanted.items()) else None

        one: Delivery = await until(found, f"the message has {wanted}")
        return one


@asynccontextmanager
async def at_work(channels: dict[str, Channel], policy: Policy | None = None) -> AsyncIterator[Post]:
    """Run a sender."""
    post = Post(channels, policy or Policy())
    running = asyncio.ensure_future(post.sender.run())
    yield post
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await post.store.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_LOOK", 0.05)


async def refuses(_: Message) -> str:
    """Say no for good."""
    raise ChannelFault("no such user", lasting=True)


async def hangs(_: Message) -> str:
    """Never say anything."""
    await asyncio.Event().wait()
    return ""


async def takes(_: Message) -> str:
    """Take a message."""
    return "taken"


async def test_a_mail_server_that_is_away_for_an_hour() -> None:
    """The mail is tried again, ever more seldom, and goes out once when the server is back: the same mail."""
    port, inbox = free_port(), Inbox()
    mail = MailChannel(MailSettings(sender="a@x.example", to=("b@x.example",), host="127.0.0.1", port=port))
    async with at_work({"mail": mail}) as post:
        made, began = await post.put("mail"), post.clock.now
        waits = []
        while post.clock.now < began + 3600:
            tried = await post.comes_to(attempts=len(waits) + 1, status="due")
            assert "127.0.0.1" in tried.error
            waits.append(tried.due - post.clock.now)
            await post.passes(waits[-1])
        assert waits[:8] == [5, 10, 20, 40, 80, 160, 320, 640]
        assert set(waits[8:]) == {900}
        await post.comes_to(attempts=len(waits) + 1, status="due")
        async with smtp_server(inbox, port=port):
            await post.passes(900)
            sent = await post.comes_to(status="sent")
        assert (sent.id, sent.error) == (made, "")
        assert [mail["Message-ID"] for _, mail in inbox.mails] == [f"<{made}@x.example>"]
        assert post.counts.failed == {"mail": len(waits) + 1}


async def test_one_that_refuses() -> None:
    """What is refused for good is given up at once, with the reason."""
    async with at_work({"ops": Scripted(refuses)}) as post:
        await post.put("ops")
        given_up = await post.comes_to(status="given up")
        assert (given_up.attempts, given_up.error) == (1, "no such user")
        assert post.counts.given_up == {"ops": 1}


async def test_one_that_is_away_for_too_long() -> None:
    """A message is given up once it would be tried later than its channel says."""

    async def away(_: Message) -> str:
        raise ChannelFault("it is away", after=60)

    async with at_work({"ops": Scripted(away)}, Policy(give_up=100)) as post:
        await post.put("ops")
        assert (await post.comes_to(attempts=1)).due == post.clock.now + 60, "as the other side asks"
        await post.passes(60)
        assert (await post.comes_to(status="given up")).attempts == 2


async def test_one_that_hangs_keeps_nobody_waiting() -> None:
    """Messages to others go out; of the one that hangs no more than a few wait at a time."""
    bad, good = Scripted(hangs), Scripted(takes)
    async with at_work({"bad": bad, "good": good}) as post:
        for _ in range(20):
            await post.put("bad")
        made = [await post.put("good") for _ in range(20)]
        await until(lambda: sorted(good.got) == sorted(made), "all go out to the one that takes them")
        assert len(bad.got) == sending.AT_ONCE


async def test_one_that_hangs_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that keeps no deadline of its own is left, and the message tried again."""
    monkeypatch.setattr(sending, "_LATEST", 0.05)
    async with at_work({"bad": Scripted(hangs)}) as post:
        await post.put("bad")
        assert (await post.comes_to(attempts=1, status="due")).error == "it took too long"


async def test_it_says_that_it_is_still_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a message is being sent its lease is renewed, and no longer: nobody else sends it."""
    monkeypatch.setattr(sending, "_RENEW", 0.0)
    renewed: list[set[str]] = []

    async def renew(ids: Collection[str]) -> None:
        renewed.append(set(ids))

    async with at_work({"bad": Scripted(hangs), "good": Scripted(takes)}) as post:
        post.store.renew = renew  # type: ignore[method-assign]
        await post.put("good")
        made = await post.put("bad")
        await until(lambda: post.counts.sent == {"good": 1} and renewed[-2:] == [{made}] * 2, "it is renewed again")


async def test_a_store_that_is_away_when_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was taken is not sent again because that could not be written down at once."""
    good = Scripted(takes)
    async with at_work({"good": good}) as post:
        settle, tries = post.store.settle, list[Delivery]()

        async def fails(delivery: Delivery) -> None:
            tries.append(delivery)
            if len(tries) < 3:
                raise StoreAway("it is away")
            await settle(delivery)

        monkeypatch.setattr(post.store, "settle", fails)
        made = await post.put("good")
        await post.comes_to(status="sent")
        assert good.got == [made]


async def test_words_without_end() -> None:
    """What a channel says of a message is kept as far as anybody reads it."""

    async def talks(_: Message) -> str:
        return "x" * 100_000

    async with at_work({"ops": Scripted(talks)}) as post:
        await post.put("ops")
        assert (await post.comes_to(status="sent")).note == "x" * 300


async def test_one_that_was_taken_out_meanwhile() -> None:
    """A message whose channel went with a reload after it was taken to be sent waits as it is."""
    async with at_work({}, Policy()) as post:
        await post.put("gone")
        (waiting,) = await post.all()
        assert await post.sender._send(waiting) is waiting


async def test_tries_without_end() -> None:
    """After thousands of tries it is still tried every quarter of an hour."""
    async with at_work({"ops": Scripted(refuses)}, Policy(give_up=1e9)) as post:
        made = delivery_of("ops", "r", Author().test("ops", "anna", post.clock.now), 1, post.clock.now, urgent=False)
        tried = post.sender._not_sent(replace(made, attempts=5000), ChannelFault("it is away"))
        assert (tried.status, tried.due - post.clock.now) == ("due", sending.LONGEST)


async def test_a_fault_of_ours() -> None:
    """What a channel raises that it must not is shown, and the message is tried again."""

    async def broken(_: Message) -> str:
        raise RuntimeError("what nobody should read")

    async with at_work({"ops": Scripted(broken)}) as post:
        await post.put("ops")
        assert (await post.comes_to(attempts=1)).error == "a fault of Voltgate: RuntimeError"
        assert [type(fault) for fault in post.faults] == [RuntimeError]


async def test_what_nobody_here_sends() -> None:
    """A message to a channel that the configuration has no more waits for one that has it."""
    async with at_work({"good": Scripted(takes)}) as post:
        await post.put("gone")
        made = await post.put("good")
        await until(lambda: post.counts.sent == {"good": 1}, "the other is sent")
        assert {(each.id == made, each.status) for each in await post.all()} == {(True, "sent"), (False, "due")}
