"""The HTTP of SOAP: a real listener and a real client on sockets, with everything that HTTP lets the other side do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from tests.carriers.echo import tick
from tests.harness import Transcript, until, within
from tests.soap_ends import SoapServer, Taken, answered, posted, read_http
from voltgate.carriers.handshake import Handshake
from voltgate.carriers.soap.client import Client, NoAnswer, Outcome, Response, Unreachable
from voltgate.carriers.soap.coding import Misencoded, decoded, encoded
from voltgate.carriers.soap.connection import Answer, Answered, Limits, Post
from voltgate.carriers.soap.listener import SoapListener
from voltgate.carriers.soap.target import target
from voltgate.carriers.websocket.limits import ListenerLimits
from voltgate.carriers.websocket.link import Link
from voltgate.carriers.websocket.listener import ListenerSettings
from voltgate.ocpp.wheel import Wheel

LARGEST = 10_000
HEAD = 2_000


@dataclass
class House:
    """A listener; what is posted there waits for the test, or is answered by `reply`."""

    listener: SoapListener
    posts: list[tuple[Post, Answered]] = field(default_factory=list)
    reply: Callable[[Post], Answer] | None = None
    faults: list[Exception] = field(default_factory=list)

    def take(self, post: Post, answered: Answered) -> None:
        """Take a request."""
        self.posts.append((post, answered))
        if self.reply is not None:
            answered(self.reply(post))

    async def posted(self, number: int) -> list[tuple[Post, Answered]]:
        """Wait until that many requests have come."""
        await until(lambda: len(self.posts) >= number, f"{number} requests")
        return self.posts

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.listener.port)


@contextlib.asynccontextmanager
async def house(
    limits: Limits | None = None, reply: Callable[[Post], Answer] | None = None, **settings: object
) -> AsyncIterator[House]:
    """Listen, with small limits."""
    wheel = Wheel(time.monotonic(), 0.02)
    bounds = ListenerLimits(head_bytes=HEAD, head_count=20)
    how = limits or Limits(LARGEST, 30, 30)
    whole = ListenerSettings("test", "127.0.0.1", 0, limits=bounds, how=how, **settings)  # type: ignore[arg-type]
    faults: list[Exception] = []

    def report(fault: Exception, _: Link | Handshake) -> None:
        faults.append(fault)

    def take(post: Post, answered: Answered) -> None:
        home.take(post, answered)

    listener = SoapListener(
        whole,
        take,
        wheel,
        time.monotonic,
        report=report,
    )
    home = House(listener, reply=reply, faults=faults)

    await listener.open()
    ticking = asyncio.ensure_future(tick(wheel))
    try:
        yield home
    finally:
        await listener.close()
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
    assert not faults


def echo(post: Post) -> Answer:
    """Answer with what came."""
    return Answer(200, post.body, "text/plain")


async def say(home: House, *parts: bytes, half: bool = False) -> bytes:
    """Send bytes and give everything that comes until the end."""
    reader, writer = await home.connect()
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    if half:
        writer.write_eof()
    try:
        return await within(reader.read(), "the connection ends")
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


GZIP = gzip.compress(b"abc", mtime=0)
CLOSE = {"Connection": "close"}


# The listener.


async def test_a_connection_is_kept() -> None:
    """Many requests come by one connection, in whatever pieces, each answered before the next."""
    async with house(reply=echo) as home:
        reader, writer = await home.connect()
        for number in range(5):
            data = posted(b"x" * number)
            for at in range(0, len(data), 1 + number * 40):
                writer.write(data[at : at + 1 + number * 40])
                await asyncio.sleep(0)
            reply = await within(read_http(reader), "an answer")
            assert (reply.status, reply.body) == (200, b"x" * number)
            assert "connection" not in reply.headers
        writer.close()
        assert len(home.posts) == 5


async def test_requests_that_come_ahead_are_answered_in_their_order() -> None:
    """What is sent before the first is answered waits, and a few of them may."""
    async with house() as home:
        reader, writer = await home.connect()
        writer.write(b"".join(posted(b"%d" % number) for number in range(4)))
        for number in range(4):
            posts = await home.posted(number + 1)
            assert len(posts) == number + 1
            posts[number][1](echo(posts[number][0]))
            assert (await within(read_http(reader), "an answer")).body == b"%d" % number
        writer.close()


async def test_a_flood_of_requests_ahead() -> None:
    """Beyond the few there is 400, behind the answers to those before, and the connection ends; memory is bounded."""
    async with house() as home:
        reader, writer = await home.connect()
        writer.write(b"".join(posted(b"%d" % number) for number in range(200)))
        for number in range(5):
            post, give = (await home.posted(number + 1))[number]
            give(echo(post))
            assert (await within(read_http(reader), "an answer")).body == b"%d" % number
        assert (await within(read_http(reader), "a refusal")).status == 400
        assert len(home.posts) == 5
        writer.close()


async def test_a_client_that_hangs_up_ends_nothing_else() -> None:
    """The answer to a client that is gone is dropped."""
    async with house() as home:
        _, writer = await home.connect()
        writer.write(posted(b"x"))
        [(post, give)] = await home.posted(1)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        give(echo(post))
        give(echo(post))
        await until(lambda: not home.listener.handshakes, "the connection is gone")


async def test_a_client_that_sends_no_more_is_answered() -> None:
    """A client that closes its sending side behind its request gets the answer, as one of HTTP/1.0 may expect."""
    async with house(reply=None) as home:
        asking = asyncio.ensure_future(say(home, posted(b"x"), half=True))
        [(post, give)] = await home.posted(1)
        await asyncio.sleep(0.05)
        give(echo(post))
        said = await asking
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert said.endswith(b"\r\n\r\nx")


async def test_half_a_request_is_none() -> None:
    """A client that ends in the middle of a request is not answered, and nothing is taken of it."""
    async with house(reply=echo) as home:
        assert await say(home, posted(b"xyz")[:-1], half=True) == b""
        assert not home.posts


async def test_the_older_http_is_answered_and_closed() -> None:
    """HTTP/1.0 is served, without a chunk or an interim answer; so is `Connection: close`."""
    async with house(reply=echo) as home:
        old = posted(b"x", Expect="100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
        for data in (old, posted(b"x", **CLOSE)):
            said = await say(home, data)
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nConnection: close\r\n" in said
            assert said.endswith(b"\r\n\r\nx")


async def test_the_body_is_waited_for_where_that_is_asked() -> None:
    """`Expect: 100-continue` gets its 100 before the body, and a body that would be too long gets 413 instead."""
    async with house(reply=echo) as home:
        reader, writer = await home.connect()
        data = posted(b"abc", Expect="100-continue")
        writer.write(data[:-3])
        assert await within(reader.readuntil(b"\r\n\r\n"), "a 100") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(data[-3:])
        assert (await within(read_http(reader), "an answer")).body == b"abc"
        writer.close()
        long = posted(b"x", Content_Length=str(LARGEST + 1), Expect="100-continue")
        assert (await say(home, long)).startswith(b"HTTP/1.1 413 ")


def chunked(body: bytes, size: int, trailers: bytes = b"") -> bytes:
    """Write a request in chunks."""
    head = posted(b"", Content_Length="", Transfer_Encoding="chunked", **CLOSE)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x;a=b\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_chunked_requests(size: int) -> None:
    """A body in chunks is put together, whatever their size."""
    async with house(reply=echo) as home:
        said = await say(home, chunked(b"0123456789" * 20, size))
        assert said.endswith(b"\r\n\r\n" + b"0123456789" * 20)


async def test_trailers_are_no_headers() -> None:
    """What stands behind a chunked body says nothing of the request: not who sent it, nor what it proves itself by."""
    trusted = (ipaddress.ip_network("127.0.0.0/8"),)
    async with house(reply=echo, trusted=trusted) as home:
        spoofed = b"X-Forwarded-For: 10.9.8.7\r\nAuthorization: Basic eA==\r\nContent-Encoding: gzip\r\n"
        assert (await say(home, chunked(b"abc", 3, spoofed))).endswith(b"\r\n\r\nabc")
        [(post, _)] = home.posts
        assert post.authorization is None
        assert post.origin().address == "127.0.0.1"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"rubbish\r\n\r\n", 400, id="rubbish"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, id="TLS where there is none"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="GET"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="OPTIONS"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="CONNECT"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 405, id="websocket"
        ),
        pytest.param(posted(b"x" * (LARGEST + 1)), 413, id="too long"),
        pytest.param(posted(b"x", Content_Length="9" * 30), 400, id="longer than a number"),
        pytest.param(posted(b"x", Content_Length="-1"), 400, id="of negative length"),
        pytest.param(posted(b"x", Content_Length="1\r\nContent-Length: 2"), 400, id="two lengths"),
        pytest.param(posted(b"x", Transfer_Encoding="chunked"), 400, id="two ways to tell the length"),
        pytest.param(chunked(b"x" * (LARGEST + 1), 5000), 413, id="too long in chunks"),
        pytest.param(chunked(b"abc", 3)[:-5] + b"zz\r\n", 400, id="a chunk of no length"),
        pytest.param(posted(b"x", X="y" * HEAD), 431, id="long head"),
        pytest.param(posted(b"x", **{f"X{n}": "y" for n in range(20)}), 431, id="many headers"),
        pytest.param(posted(b"x", "/" + "y" * HEAD), 431, id="long target"),
        pytest.param(b"POST /" + b"y" * 2 * HEAD, 431, id="target without end"),
        pytest.param(b"POST / HTTP/1.1\r\nX: " + b"y" * 2 * HEAD, 431, id="header without end"),
        pytest.param(chunked(b"abc", 3)[:-2] + b"X: " + b"y" * 3 * LARGEST, 413, id="trailer without end"),
        pytest.param(chunked(b"abc", 3)[:-5] + b"1;" + b"y" * 3 * LARGEST, 413, id="chunk extension without end"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_refused(data: bytes, status: int, whole: bool) -> None:
    """What is no POST, no HTTP, or too much of it gets its status and a sentence, in one piece or in many."""
    async with house(reply=echo) as home:
        said = await say(home, *([data] if whole else [data[:1], data[1:50], data[50:]]))
        assert said.startswith(b"HTTP/1.1 %d " % status), said[:200]
        assert len(said.partition(b"\r\n\r\n")[2]) > 10
        assert not home.posts


@pytest.mark.parametrize("split", [30, 60, 1000])
async def test_another_protocol_is_offered_in_vain(split: int) -> None:
    """A client that would rather speak HTTP/2, as some of Java do, is answered in HTTP/1.1."""
    async with house(reply=echo) as home:
        reader, writer = await home.connect()
        data = posted(
            b"abc", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAEAAEAAAAIAAAABAAMA"
        )
        for number in range(2):
            writer.write(data[:split])
            await asyncio.sleep(0.01)
            writer.write(data[split:])
            reply = await within(read_http(reader), f"answer {number}")
            assert (reply.status, reply.body) == (200, b"abc")
        writer.close()
        assert home.posts[0][0].target == "/soap"


async def test_a_slow_head_and_a_slow_body() -> None:
    """A request that comes a byte at a time gets 408 when its time is over; so does one that stops in its body."""
    async with house(Limits(LARGEST, 30, 0.3), echo) as home:
        for data, bytes_first in ((posted(b"abc"), 1), (posted(b"abc"), -2)):
            reader, writer = await home.connect()
            writer.write(data[:bytes_first])
            reading = asyncio.ensure_future(reader.read())
            for byte in data[bytes_first:-1]:
                if reading.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
            assert (await within(reading, "a refusal")).startswith(b"HTTP/1.1 408 ")
            writer.close()
        assert not home.posts


async def test_an_idle_connection_ends() -> None:
    """A connection that nothing comes by is closed in time, one whose answer is still to come is not."""
    async with house(Limits(LARGEST, 0.3, 30)) as home:
        assert await say(home) == b""
        asking = asyncio.ensure_future(say(home, posted(b"x")))
        [(post, give)] = await home.posted(1)
        await asyncio.sleep(1)
        assert not asking.done()
        give(echo(post))
        assert (await asking).endswith(b"x")


async def test_a_door_that_closes_answers_first() -> None:
    """What is under way when the listener stops is answered, and what is idle ends."""
    async with house() as home:
        idle, busy = asyncio.ensure_future(say(home)), asyncio.ensure_future(say(home, posted(b"x")))
        [(post, give)] = await home.posted(1)
        await until(lambda: home.listener.handshakes == 2, "both are there")
        await home.listener.close()
        assert await idle == b""
        give(echo(post))
        said = await busy
        assert said.endswith(b"\r\n\r\nx")
        assert b"\r\nConnection: close\r\n" in said


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (GZIP, "gzip", 200),
        (GZIP, "GZip ", 200),
        (zlib.compress(b"abc"), "deflate", 200),
        (b"abc", "identity", 200),
        (b"abc", "br", 415),
        (b"abc", "gzip", 415),
        (b"abc", "deflate", 415),
        (GZIP[:-3], "gzip", 415),
        (GZIP + b"x", "gzip", 415),
        (gzip.compress(GZIP, mtime=0), "gzip, gzip", 415),
        (gzip.compress(b"\0" * 5_000_000), "gzip", 413),
        (zlib.compress(b"\0" * 5_000_000), "deflate", 413),
        (b"", "gzip", 415),
    ],
    ids=[*"abcdefghijklm"],
)
async def test_packed_requests(body: bytes, coding: str, status: int) -> None:
    """gzip and deflate are unpacked, up to the limit of a body; what is not what it says is refused by name."""
    async with house(reply=echo) as home:
        reader, writer = await home.connect()
        writer.write(posted(body, Content_Encoding=coding))
        reply = await within(read_http(reader), "an answer")
        assert reply.status == status
        if status == 415:
            assert reply.headers["accept-encoding"] == "gzip, deflate"
        writer.write(posted(b"next"))
        assert (await within(read_http(reader), "another answer")).body == b"next", "the connection goes on"
        writer.close()


@pytest.mark.parametrize("accepted", ["gzip", "deflate", "br, gzip;q=0.8", "", "gzip;q=0"])
async def test_packed_answers(accepted: str) -> None:
    """Answers that are worth it are packed for whoever accepts that."""
    async with house(reply=echo) as home:
        for body in (b"x" * 5000, b"x"):
            reader, writer = await home.connect()
            writer.write(posted(body, Accept_Encoding=accepted))
            reply = await within(read_http(reader), "an answer")
            packs = len(body) > 1 and accepted not in ("", "gzip;q=0")
            assert ("content-encoding" in reply.headers) == packs
            assert reply.content == body
            assert len(reply.body) <= len(body)
            writer.close()


def test_codings() -> None:
    """What is packed is unpacked again; deflate is read without the head of zlib, too."""
    body = b"0123456789" * 100
    for accepted in ("gzip", "deflate"):
        packed, coding = encoded(body, accepted)
        assert coding == accepted
        assert decoded(packed, coding, 1000) == body
        with pytest.raises(Misencoded, match="longer than 999"):
            decoded(packed, coding, 999)
    bare = zlib.compressobj(wbits=-15)
    assert decoded(bare.compress(body) + bare.flush(), "deflate", 1000) == body


# The client.


@contextlib.asynccontextmanager
async def serving(largest: int = LARGEST) -> AsyncIterator[tuple[SoapServer, Client]]:
    """A server in the hands of the test, and the client."""
    server = SoapServer("server", Transcript())
    await server.listen()
    client = Client(largest, "voltgate/test")
    try:
        yield server, client
    finally:
        client.close()
        await server.drop()
        await asyncio.sleep(0.05)


def post(client: Client, to: str, body: bytes = b"ask", patience: float = 20) -> asyncio.Future[Outcome]:
    """Post something; give what comes of it."""
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    client.post(target(to), body, "/Heartbeat", (), 5, patience, outcome.set_result)
    return outcome


async def answer(taken: Taken, body: bytes = b"told", **headers: str) -> None:
    """Answer it."""
    await taken.answer(body, **headers)


def told(outcome: Outcome) -> bytes:
    """Give the body of an answer."""
    assert isinstance(outcome, Response), repr(outcome)
    return outcome.body


async def test_what_is_posted() -> None:
    """A post says what SOAP 1.2 wants, with its own name and its exact length."""
    async with serving() as (server, client):
        outcome = post(client, server.url + "/a?b=c", b"<x/>")
        taken = await server.next()
        assert taken.http.first == "POST /soap/a?b=c HTTP/1.1"
        assert taken.http.body == b"<x/>"
        headers = taken.http.headers
        assert headers["content-type"] == 'application/soap+xml; charset=utf-8; action="/Heartbeat"'
        assert (headers["user-agent"], headers["host"]) == ("voltgate/test", f"127.0.0.1:{server.port}")
        await answer(taken)
        assert told(await outcome) == b"told"


async def test_connections_are_used_again() -> None:
    """Posts that follow each other go by one connection; those at once by several."""
    async with serving() as (server, client):
        for _ in range(3):
            outcome = post(client, server.url)
            await answer(await server.next())
            assert told(await outcome) == b"told"
        assert server.connections == 1
        outcomes = [post(client, server.url) for _ in range(3)]
        for _ in outcomes:
            await answer(await server.next())
        assert [told(await outcome) for outcome in outcomes] == [b"told"] * 3
        assert server.connections == 3


async def test_a_server_that_closes_is_reached_again() -> None:
    """A connection that was closed meanwhile is not used again, whoever closed it and however."""
    async with serving() as (server, client):
        for ending in ("close", "hang up", "reset"):
            outcome = post(client, server.url)
            taken = await server.next()
            if ending == "close":
                await answer(taken, Connection="close")
            else:
                await taken.raw(answered(b"told"), more=True)
            assert told(await outcome) == b"told"
            if ending == "hang up":
                await taken.hang_up()
            else:
                taken.reset()
            await asyncio.sleep(0.05)
        outcome = post(client, server.url)
        await answer(await server.next())
        assert told(await outcome) == b"told"
        assert server.connections == 4


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\ntold",
        b"HTTP/1.0 200 OK\r\n\r\ntold",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntold",
    ],
)
async def test_answers_that_end_with_the_connection(data: bytes) -> None:
    """A body without a length ends when the server closes."""
    async with serving() as (server, client):
        outcome = post(client, server.url)
        taken = await server.next()
        await taken.raw(data, more=True)
        await taken.hang_up()
        assert told(await outcome) == b"told"


async def test_answers_in_chunks_and_pieces() -> None:
    """An answer in chunks, byte by byte, behind interim answers, is put together."""
    async with serving() as (server, client):
        whole = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nto\r\n2\r\nld\r\n0\r\nContent-Encoding: gzip\r\n\r\n"
        )
        for size in (1, 30, 100, 1000):
            outcome = post(client, server.url)
            taken = await server.next()
            for at in range(0, len(whole), size):
                await taken.raw(whole[at : at + size], more=True)
                await asyncio.sleep(0)
            taken._free.set()
            assert told(await outcome) == b"told"
        assert server.connections == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_packed_answers_are_unpacked(coding: str) -> None:
    """Servers may pack their answers; a bomb is no answer."""
    packing = gzip.compress if coding == "gzip" else zlib.compress
    async with serving() as (server, client):
        outcome = post(client, server.url)
        taken = await server.next()
        assert taken.http.headers["accept-encoding"] == "gzip, deflate"
        await answer(taken, packing(b"told"), Content_Encoding=coding)
        assert told(await outcome) == b"told"
        for body in (packing(b"\0" * 5_000_000), b"told", packing(b"told")[:-2]):
            outcome = post(client, server.url)
            await answer(await server.next(), body, Content_Encoding=coding)
            assert isinstance(await outcome, NoAnswer)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"rubbish\r\n\r\n", id="rubbish"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", id="upgraded"),
        pytest.param(answered(b"x" * (LARGEST + 1)), id="too long"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST + 1), id="too long without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, id="head without end"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, id="interim answers without end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 100_000, id="trailer without end"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000, id="chunk without end"
        ),
    ],
)
async def test_what_is_no_answer(data: bytes) -> None:
    """What is no HTTP, or more of it than allowed, is given up at once; the next post goes by another connection."""
    async with serving() as (server, client):
        outcome = post(client, server.url)
        taken = await server.next()
        with contextlib.suppress(ConnectionError):
            await taken.raw(data)
        assert isinstance(await within(outcome, "it is given up", 10), NoAnswer)
        again = post(client, server.url)
        await answer(await server.next())
        assert told(await again) == b"told"
        assert server.connections == 2


async def test_a_second_answer_is_nobodys() -> None:
    """Of two answers to one request the first counts, and nobody is given the second, nor their sum."""
    async with serving() as (server, client):
        outcome = post(client, server.url)
        await (await server.next()).raw(answered(b"told") + answered(b"forged"))
        assert told(await outcome) == b"told"
        again = post(client, server.url)
        await answer(await server.next(), b"right")
        assert told(await again) == b"right"
        assert server.connections == 2
        outcome = post(client, server.url)
        await (await server.next()).raw(answered(b"told"), more=True)
        assert told(await outcome) == b"told"


async def test_a_lost_connection_is_no_answer() -> None:
    """A server that hangs up or resets before or within its answer was not reached."""
    async with serving() as (server, client):
        for data in (
            b"",
            b"HTTP/1.1 200",
            answered(b"told")[:-1],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
        ):
            for ending in ("hang up", "reset"):
                outcome = post(client, server.url)
                taken = await server.next()
                await taken.raw(data, more=True)
                if ending == "hang up":
                    await taken.hang_up()
                else:
                    taken.reset()
                assert isinstance(await within(outcome, "it is given up", 10), Unreachable)


async def test_patience_ends() -> None:
    """A post whose answer does not come in time fails, whether nothing came of it or half; the next one goes on."""
    async with serving() as (server, client):
        for data in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"):
            outcome = post(client, server.url, patience=0.3)
            taken = await server.next()
            await taken.raw(data, more=True)
            assert isinstance(await within(outcome, "patience ends", 10), TimeoutError)
            taken.reset()
        outcome = post(client, server.url)
        await answer(await server.next())
        assert told(await outcome) == b"told"


async def test_nobody_is_there() -> None:
    """Where nobody listens nothing is posted; once somebody does, it is."""
    async with serving() as (server, client):
        await server.stop()
        assert isinstance(await within(post(client, server.url), "it fails", 10), Unreachable)
        with pytest.raises(Unreachable):
            await client.reach(target(server.url), 5)
        await server.listen()
        await client.reach(target(server.url), 5)
        outcome = post(client, server.url)
        await answer(await server.next())
        assert told(await outcome) == b"told"
        assert server.connections == 1, "the connection that found it there is used"


async def test_more_posts_than_connections() -> None:
    """Posts beyond the connections wait for one, and get one though the server closes each behind its answer."""
    async with serving() as (server, client):
        outcomes = [post(client, server.url) for _ in range(400)]
        for _ in outcomes:
            await answer(await server.next(), Connection="close")
        for outcome in outcomes:
            assert told(await within(outcome, "every post has its answer", 20)) == b"told"


async def test_a_closed_client_says_so() -> None:
    """Whoever waits when the client is closed hears it at once."""
    async with serving() as (server, client):
        outcome = post(client, server.url)
        await server.next()
        client.close()
        assert isinstance(await within(outcome, "it is told", 10), Unreachable)
