"""Simulated SOAP stations on real sockets, against a small central system."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.central import Asked, Central, Trick, central, faulty
from tests.simulator.world import QUICK, STILL, Running, running
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.names import ADDRESSING, ANONYMOUS, VERSIONS, Version, namespace
from voltgate.simulator.charger import Charger
from voltgate.simulator.fleet import Plan
from voltgate.simulator.line import Answer, Refused
from voltgate.simulator.profile import Boots, Conduct, Profile
from voltgate.simulator.soap import SPOKEN, Soap
from voltgate.simulator.tally import Fault

SAMPLES = Path(__file__).parent.parent / "ocpp" / "soap"

CONDUCT = Conduct(echo=True, history=1000).impatient()
HASTY = replace(CONDUCT, timeout=0.3)

STATION = "CP-00001"


def plan(there: Central, profile: Profile = STILL, stations: int = 1, **more: Any) -> Plan:
    conduct = more.pop("conduct", CONDUCT)
    soap = Soap(there.version)
    return Plan(there.url, stations, (SPOKEN,), profile, conduct, duration=None, soap=soap, **more)


@contextlib.asynccontextmanager
async def playing(version: Version, **more: Any) -> AsyncIterator[tuple[Central, Running, Charger]]:
    """Run one station that has said all that it says by itself."""
    async with central(version) as there, running(plan(there, **more)) as run:
        charger = run.fleet.chargers[0]
        await run.until(lambda: charger.online and charger.idle)
        yield there, run, charger


async def ask(run: Running, action: str, payload: dict[str, Any]) -> Answer:
    """Have the station make a call; gives its answer."""
    answers: list[Answer] = []
    charger = run.fleet.chargers[0]
    charger.ask(action, payload, lambda answer, now: answers.append(answer), run.fleet.clock.now())
    await run.until(lambda: bool(answers) and charger.idle)
    return answers[0]


async def authorize(run: Running) -> Answer:
    return await ask(run, "Authorize", {"idTag": "04E1"})


def faults(run: Running) -> dict[Fault, int]:
    return dict(+run.tally.faults)


# Daily life


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_fleet_lives_through_soap(version: Version) -> None:
    """Stations of every version boot, charge and are billed, with nothing wrong on either side."""
    async with central(version) as there, running(plan(there, QUICK, 4)) as run:
        await run.until(lambda: run.tally.confirmed >= 8)
        tally = await run.over()
    assert there.wrong == []
    assert (tally.failures, tally.cut) == (0, 0), tally.examples
    assert tally.begun == tally.confirmed >= 8
    assert len(there.heard("StopTransaction")) == len(there.heard("StartTransaction")) == tally.confirmed
    assert there.heard("MeterValues")
    assert len(there.heard("BootNotification")) == 4


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_call_looks_like_the_sample(version: Version) -> None:
    """Headers and body of a call are those of the sample envelopes; From is where commands arrive, ReplyTo anonymous."""
    async with playing(version) as (there, run, charger):
        boot = there.heard("BootNotification")[0]
    sample = (SAMPLES / f"{version}_1_BootNotification_request_CP-CS.xml").read_bytes()
    assert _headers(boot.raw) == _headers(sample)
    assert boot.request.content_type == "application/soap+xml"
    assert boot.request.headers["Accept-Encoding"] == "gzip, deflate"
    said = boot.envelope
    assert (said.identity, said.action, said.to, said.reply_to) == (STATION, "/BootNotification", there.url, ANONYMOUS)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/CP-00001", said.sender)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said.message_id)
    assert boot.payload["chargePointVendor"] == "Voltgate"
    assert charger.interval == 300


def _headers(raw: bytes) -> list[tuple[str, str]]:
    """Name the headers of an envelope in their order, each with its namespace and whether it must be understood."""
    from lxml import etree

    (header,) = etree.fromstring(raw).iterchildren("{*}Header")
    return [(child.tag, child.get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand", "")) for child in header]


async def test_calls_go_out_one_at_a_time_on_one_connection() -> None:
    """A station waits for each answer, and keeps its connection for the next call."""
    crowd = Counter[str]()

    async def slowly(asked: Asked, answer: bytes) -> bytes:
        crowd["now"] += 1
        crowd["most"] = max(crowd["most"], crowd["now"])
        await asyncio.sleep(0.02)
        crowd["now"] -= 1
        return answer

    async with playing("1.5") as (there, run, charger):
        there.trick = slowly
        for _ in range(5):
            charger.say_heartbeat(run.fleet.clock.now())
        await run.until(lambda: len(there.heard("Heartbeat")) == 5 and charger.idle)
        await run.over()
        assert crowd["most"] == 1
        assert len(there.connections) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_treadmill_runs_on_soap(version: Version) -> None:
    """A station under load says what its version can say, one call after the other; 1.2 has no DataTransfer."""
    from voltgate.simulator.profile import PROFILES

    async with central(version) as there, running(plan(there, PROFILES["treadmill"], 2)) as run:
        await run.until(lambda: sum(run.tally.answered.values()) > 100)
        tally = await run.over()
    assert (tally.failures, there.wrong) == (0, []), tally.examples
    assert bool(there.heard("DataTransfer")) == (version != "1.2")
    assert there.heard("Heartbeat")
    assert there.heard("MeterValues")


async def test_a_station_says_only_what_its_version_can_say() -> None:
    """What a version has no operation or no word for is not sent: to the caller it counts as not supported."""
    async with playing("1.2") as (there, run, _):
        answer = await ask(run, "DiagnosticsStatusNotification", {"status": "Uploading"})
        assert isinstance(answer, Refused)
        assert answer.code == "NotSupported"
        answer = await ask(run, "DataTransfer", {"vendorId": "voltgate.simulator"})
        assert isinstance(answer, Refused)
        assert await ask(run, "DiagnosticsStatusNotification", {"status": "Uploaded"}) == {}
        await run.over()
        assert [call.payload for call in there.heard("DiagnosticsStatusNotification")] == [{"status": "Uploaded"}]
        assert there.heard("DataTransfer") == []


async def test_a_password_goes_by_basic() -> None:
    """A station that has a password sends it with every call, with its identity as the user."""
    async with playing("1.6", password="sixteen characters") as (there, _, __):
        for call in there.calls:
            assert call.request.headers["Authorization"] == "Basic Q1AtMDAwMDE6c2l4dGVlbiBjaGFyYWN0ZXJz"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_packed_answers_are_understood(coding: str) -> None:
    """Answers in gzip and deflate are understood, deflate with and without its wrapper."""

    def packed(asked: Asked, answer: bytes) -> web.Response:
        pack = zlib.compressobj(wbits=-15)
        body = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, lambda b: pack.compress(b) + pack.flush())
        headers = {"Content-Type": writing.CONTENT_TYPE, "Content-Encoding": coding.rsplit(maxsplit=1)[-1]}
        return web.Response(body=body(answer), headers=headers)

    async with playing("1.6") as (there, run, _):
        there.trick = packed
        assert isinstance(await authorize(run), dict)
        assert (await run.over()).failures == 0


async def test_answers_that_come_in_pieces_or_to_the_end_of_the_connection_are_understood() -> None:
    """A chunked answer, and one that ends with its connection, are as good as any."""

    async def chunked(asked: Asked, answer: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": writing.CONTENT_TYPE})
        response.enable_chunked_encoding()
        await response.prepare(asked.request)
        for place in range(0, len(answer), 100):
            await response.write(answer[place : place + 100])
        await response.write_eof()
        return response

    def unmeasured(asked: Asked, answer: bytes) -> None:
        transport = asked.request.transport
        assert transport is not None
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n" + answer)
        transport.close()
        raise asyncio.CancelledError

    async with playing("1.6") as (there, run, _):
        for trick in (chunked, unmeasured):
            there.trick = trick
            assert isinstance(await authorize(run), dict)
        assert (await run.over()).failures == 0


# What a central system does wrong


def changed(old: str, new: str) -> Callable[[Central], Trick]:
    """Answer Authorize with something changed, by a regular expression."""

    def make(there: Central) -> Trick:
        def trick(asked: Asked, answer: bytes) -> bytes:
            told, number = re.subn(old, new, answer.decode())
            assert number, answer
            return told.encode()

        return trick

    return make


def sent(**more: Any) -> Callable[[Central], Trick]:
    """Answer Authorize with other HTTP around the right envelope, or with another body altogether."""

    def make(there: Central) -> Trick:
        kind = more.pop("kind", writing.CONTENT_TYPE)
        return lambda asked, answer: web.Response(**{"body": answer} | more, headers={"Content-Type": kind})

    return make


def faulted(subcode: str, status: int) -> Callable[[Central], Trick]:
    return lambda there: lambda asked, answer: faulty(there.version, asked, subcode, status)


def as_another(there: Central) -> Trick:
    """Answer with the response of another operation, under the Action of this one."""

    def trick(asked: Asked, answer: bytes) -> bytes:
        body = f'<heartbeatResponse xmlns="{namespace(there.version, "Cs")}"><currentTime>2026-01-01T00:00:00Z'
        return _with_body(answer, f"{body}</currentTime></heartbeatResponse>").replace(b"Authorize", b"Heartbeat")

    return trick


def as_request(there: Central) -> Trick:
    def trick(asked: Asked, answer: bytes) -> bytes:
        body = f'<authorizeRequest xmlns="{namespace(there.version, "Cs")}"><idTag>1</idTag></authorizeRequest>'
        return _with_body(answer, body)

    return trick


def of_another_version(there: Central) -> Trick:
    other: Version = "1.5" if there.version != "1.5" else "1.6"
    return changed(namespace(there.version, "Cs"), namespace(other, "Cs"))(there)


def _with_body(envelope: bytes, body: str) -> bytes:
    return re.sub(rb"<soap:Body>.*</soap:Body>", f"<soap:Body>{body}</soap:Body>".encode(), envelope)


TAKEN, REFUSED, NOTHING = "taken", "refused", "nothing"
"""What becomes of an answer: it is used all the same, it ends the call, or it is as if none had come."""

LIES: dict[str, tuple[Callable[[Central], Trick], Fault, str]] = {
    "RelatesTo of nothing": (changed(r"(<wsa:RelatesTo>)[^<]*", r"\1urn:uuid:nothing"), Fault.STRAY, NOTHING),
    "RelatesTo of another station": (changed(r"(<wsa:RelatesTo>urn:uuid:)........", r"\g<1>00000009"), Fault.WRONG, NOTHING),
    "RelatesTo of an earlier call": (changed(r"............(</wsa:RelatesTo>)", r"000000000001\1"), Fault.DOUBLED, NOTHING),
    "RelatesTo with something behind": (changed(r"(</wsa:RelatesTo>)", r"x\1"), Fault.STRAY, NOTHING),
    "no RelatesTo": (changed(r"<wsa:RelatesTo>.*</wsa:RelatesTo>", ""), Fault.MALFORMED, TAKEN),
    "Action of another operation": (changed(r">[^<]*AuthorizeResponse<", ">/HeartbeatResponse<"), Fault.MALFORMED, NOTHING),
    "Action of the request": (changed(r">[^<]*AuthorizeResponse<", ">/Authorize<"), Fault.MALFORMED, TAKEN),
    "Action that is no path": (changed(r">[^<]*AuthorizeResponse<", ">AuthorizeResponse<"), Fault.MALFORMED, TAKEN),
    "no Action": (changed(r"<wsa:Action.*</wsa:Action>", ""), Fault.MALFORMED, TAKEN),
    "elements out of order": (changed(r"(<status>.*</status>)(<parentIdTag>.*</parentIdTag>)", r"\2\1"), Fault.WRONG, REFUSED),
    "element of another namespace": (changed("<status>", '<status xmlns="urn://else/">'), Fault.WRONG, REFUSED),
    "element of no namespace": (changed("<idTagInfo>", '<idTagInfo xmlns="">'), Fault.WRONG, REFUSED),
    "strange element": (changed("</idTagInfo>", "<more>1</more></idTagInfo>"), Fault.WRONG, REFUSED),
    "missing element": (changed("<status>.*</status>", ""), Fault.WRONG, REFUSED),
    "missing type": (changed("<idTagInfo>.*</idTagInfo>", ""), Fault.WRONG, REFUSED),
    "strange word": (changed(">Accepted<", ">Wonderful<"), Fault.WRONG, REFUSED),
    "empty word": (changed(">Accepted<", "><"), Fault.WRONG, REFUSED),
    "nil": (
        changed("<parentIdTag>.*</parentIdTag>", '<parentIdTag x:nil="true" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"/>'),
        Fault.WRONG,
        REFUSED,
    ),
    "no time": (changed("(<parentIdTag>)", r"<expiryDate>tomorrow</expiryDate>\1"), Fault.WRONG, REFUSED),
    "against the schema": (changed("(<parentIdTag>)", r"\1" + 30 * "x"), Fault.WRONG, REFUSED),
    "element twice": (changed("(<parentIdTag>.*</parentIdTag>)", r"\1\1"), Fault.WRONG, REFUSED),
    "about another card": (changed("(<parentIdTag>)", r"\1X"), Fault.WRONG, REFUSED),
    "service of stations": (changed("/Cs/", "/Cp/"), Fault.WRONG, NOTHING),
    "another version": (of_another_version, Fault.WRONG, NOTHING),
    "another operation": (as_another, Fault.WRONG, NOTHING),
    "a request": (as_request, Fault.WRONG, NOTHING),
    "no OCPP": (changed("urn://Ocpp/", "urn://Other/"), Fault.MALFORMED, NOTHING),
    "SOAP 1.1": (changed("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"), Fault.MALFORMED, NOTHING),
    "a document type": (changed("<soap:Envelope", "<!DOCTYPE a><soap:Envelope"), Fault.MALFORMED, NOTHING),
    "broken XML": (changed("</soap:Body>", ""), Fault.MALFORMED, NOTHING),
    "a page": (sent(body=b"<html><body>Please log in", kind="text/html"), Fault.MALFORMED, NOTHING),
    "nothing at all": (sent(body=b""), Fault.MALFORMED, NOTHING),
    "content type of SOAP 1.1": (sent(kind="text/xml; charset=utf-8"), Fault.MALFORMED, TAKEN),
    "another charset": (sent(kind="application/soap+xml; charset=iso-8859-1"), Fault.MALFORMED, TAKEN),
    "an answer with 500": (sent(status=500), Fault.MALFORMED, TAKEN),
    "an answer with 302": (sent(status=302), Fault.MALFORMED, TAKEN),
    "away": (sent(status=503, body=b"away", kind="text/plain"), Fault.REFUSED, NOTHING),
    "unknown": (sent(status=404, body=b"", kind="text/plain"), Fault.REFUSED, NOTHING),
    "a fault of the sender": (faulted("SecurityError", 400), Fault.REFUSED, REFUSED),
    "a fault of the receiver": (faulted("InternalError", 500), Fault.REFUSED, REFUSED),
    "a fault nobody knows": (faulted("BadHairDay", 500), Fault.REFUSED, REFUSED),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lie", LIES)
async def test_a_wrong_answer_is_counted_as_what_it_is(version: Version, lie: str) -> None:
    """Each thing that an answer must not be is one fault; what can be used all the same is used, and the station goes on."""
    make, fault, fate = LIES[lie]
    async with playing(version) as (there, run, charger):
        trick = make(there)
        there.trick = lambda asked, answer: trick(asked, answer) if asked.action == "Authorize" else answer
        answer = await authorize(run)
        assert faults(run) == {fault: 1}, run.tally.examples
        assert fate == (TAKEN if isinstance(answer, dict) else NOTHING if answer is None else REFUSED), answer
        if fate != TAKEN:
            assert there.calls[-1].action == "Heartbeat"
        assert charger.online
        there.trick = None
        assert isinstance(await authorize(run), dict)
        assert (await run.over()).cut == 0


async def test_a_fault_that_says_that_all_is_well_is_malformed() -> None:
    """A fault comes with an error of HTTP (SOAP 1.2 part 2 section 7.5.1.2), and with the Action of faults."""
    async with playing("1.6") as (there, run, _):
        there.trick = faulted("InternalError", 200)(there)
        await authorize(run)
        assert faults(run) == {Fault.REFUSED: 2, Fault.MALFORMED: 2}, run.tally.examples  # Authorize and the Heartbeat

        def misnamed(asked: Asked, answer: bytes) -> web.Response:
            response = faulty(there.version, asked, "InternalError")
            assert isinstance(response.body, bytes)
            response.body = response.body.replace(b"addressing/soap/fault", b"addressing/fault")
            return response

        there.trick = misnamed
        await authorize(run)
        assert faults(run) == {Fault.REFUSED: 4, Fault.MALFORMED: 4}, run.tally.examples


async def test_what_is_no_http_is_malformed() -> None:
    """Bytes that are no HTTP, a body that cannot be unpacked or is too large: a fault, and the exchange is lost."""

    def raw(data: bytes) -> Trick:
        def trick(asked: Asked, answer: bytes) -> None:
            assert asked.request.transport is not None
            asked.request.transport.write(data)
            raise asyncio.CancelledError

        return trick

    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
    async with playing("1.6") as (there, run, charger):
        for number, data in enumerate(
            (
                b"SSH-2.0-OpenSSH_9.2\r\n",
                head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
                head + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nnope",
                head + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"x" * 99)[:20],
                head + b"X: " + b"x" * 60_000 + b"\r\n\r\n",
                head + b"".join(b"X%d: x\r\n" % n for n in range(200)) + b"\r\n",
                head + b"Content-Length: 9999999\r\n\r\n" + b"x" * (2 << 20),
            ),
            1,
        ):
            there.trick = raw(data)
            charger.say_heartbeat(run.fleet.clock.now())
            await run.until(lambda number=number: run.tally.faults[Fault.DROPPED] == number)  # type: ignore[misc]
            assert run.tally.faults[Fault.MALFORMED] == number, data[:80]
            there.trick = None
            await run.until(lambda: charger.online and charger.idle)
        assert faults(run) == {Fault.MALFORMED: 7, Fault.DROPPED: 7}


async def test_a_missing_answer_is_counted_and_a_late_one_too() -> None:
    """A call that nobody answers in time is missing; an answer that comes behind is late, and harms no later call."""
    gate = asyncio.Event()

    async def held(asked: Asked, answer: bytes) -> bytes:
        if asked.action == "Authorize":
            await gate.wait()
        return answer

    async with playing("1.5", conduct=HASTY) as (there, run, charger):
        there.trick = held
        assert await authorize(run) is None
        assert faults(run) == {Fault.MISSING: 1}
        assert there.calls[-1].action == "Heartbeat"
        assert charger.online
        gate.set()
        await run.until(lambda: run.tally.faults[Fault.LATE] == 1)
        assert isinstance(await authorize(run), dict)
        assert faults(run) == {Fault.MISSING: 1, Fault.LATE: 1}
        ids = [call.envelope.message_id for call in there.calls]
        assert len(set(ids)) == len(ids)


async def test_a_heartbeat_that_nobody_answers_ends_the_line() -> None:
    """A station whose Heartbeat stays unanswered takes its central system for away, and comes back with a Heartbeat."""

    async def deaf(asked: Asked, answer: bytes) -> bytes:
        await asyncio.sleep(60)
        return answer

    async with playing("1.2", conduct=HASTY) as (there, run, charger):
        there.trick = deaf
        assert await authorize(run) is None
        await run.until(lambda: run.tally.faults[Fault.DROPPED] == 1)
        assert run.tally.faults[Fault.MISSING] == 2  # Authorize, and the Heartbeat behind it
        there.trick, before = None, len(there.calls)
        await run.until(lambda: charger.online and charger.idle)
        again = [call.action for call in there.calls[before:]]
        assert again == ["Heartbeat", "StatusNotification", "StatusNotification", "StatusNotification"]


async def test_a_second_answer_is_doubled() -> None:
    """An answer that comes twice is counted, and does not answer the next call."""

    def twice(asked: Asked, answer: bytes) -> web.Response:
        if asked.action == "Authorize":
            transport = asked.request.transport
            assert transport is not None
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {writing.CONTENT_TYPE}\r\nContent-Length: {len(answer)}\r\n\r\n"
            transport.write(2 * (head.encode() + answer))
            raise asyncio.CancelledError
        return web.Response(body=answer, headers={"Content-Type": writing.CONTENT_TYPE})

    async with playing("1.6") as (there, run, charger):
        there.trick = twice
        assert isinstance(await authorize(run), dict)
        await run.until(lambda: run.tally.faults[Fault.DOUBLED] == 1)
        assert isinstance(await ask(run, "Heartbeat", {}), dict)
        assert faults(run) == {Fault.DOUBLED: 1}
        assert charger.online


async def test_a_station_boots_until_it_is_accepted() -> None:
    """Rejected stations say nothing but BootNotification; a station that is always to boot does so when it comes back."""
    answers = iter(["Rejected", "Rejected"])

    def rejecting(asked: Asked, answer: bytes) -> bytes:
        if asked.action != "BootNotification":
            return answer
        told = next(answers, "Accepted")
        return re.sub(rb"<(interval|heartbeatInterval)>300<", rb"<\1>1<", answer).replace(
            b">Accepted<", f">{told}<".encode()
        )

    conduct = replace(CONDUCT, boots=Boots.ALWAYS)
    async with central("1.5") as there:
        there.trick = rejecting
        async with running(plan(there, conduct=conduct)) as run:
            charger = run.fleet.chargers[0]
            await run.until(lambda: charger.online and charger.idle)
            assert [call.action for call in there.calls[:4]] == 3 * ["BootNotification"] + ["StatusNotification"]
            there.trick, before = lambda asked, answer: None, len(there.calls)
            charger.say_heartbeat(run.fleet.clock.now())
            await run.until(lambda: run.tally.faults[Fault.DROPPED] == 1)
            there.trick = None
            await run.until(lambda: charger.online and charger.idle)
            assert there.calls[before + 1].action == "BootNotification"


# Transaction messages


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_survives_lost_connections(version: Version) -> None:
    """Every transaction message whose exchange breaks off is sent again, with the same MessageID, until it is answered."""
    broken = Counter[tuple[str, str]]()

    def once(asked: Asked, answer: bytes) -> bytes | None:
        key = (asked.action, asked.envelope.message_id)
        if asked.action not in {"StartTransaction", "MeterValues", "StopTransaction"}:
            return answer
        broken[key] += 1
        return None if broken[key] == 1 else answer

    async with central(version) as there:
        there.trick = once
        async with running(plan(there, QUICK, conduct=replace(CONDUCT, transactions=1))) as run:
            await run.until(lambda: run.tally.confirmed == 1)
            tally = await run.over()
    assert tally.faults[Fault.DROPPED] == tally.cut == len(broken)
    assert set(broken.values()) == {2}
    assert {action for action, _ in broken} >= {"StartTransaction", "StopTransaction"}
    assert set(+tally.faults) == {Fault.DROPPED}, tally.examples


async def test_a_transaction_is_kept_while_the_central_system_is_away() -> None:
    """A car that charges while nobody listens is billed afterwards: handshakes fail meanwhile, and are counted."""
    async with playing("1.6", profile=replace(STILL, charging=(0.2, 0.3), metering=0.1)) as (there, run, charger):
        await there.close()
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.faults[Fault.REJECTED] > 1 and not charger.sessions)
        assert run.tally.confirmed == 0
        await there.open()
        await run.until(lambda: run.tally.confirmed == 1)
        tally = await run.over()
    assert [call.payload["idTag"] for call in there.heard("StartTransaction")] == ["04E1"]
    assert set(+tally.faults) <= {Fault.REJECTED, Fault.DROPPED}, tally.examples


async def test_transaction_messages_are_sent_again_after_a_fault_and_others_are_not() -> None:
    """A fault or HTTP 503 in place of an answer: the transaction message comes again, whatever else was said does not."""
    failures = Counter[str]()

    def failing(asked: Asked, answer: bytes) -> web.StreamResponse | bytes:
        failures[asked.action] += 1
        if asked.action == "Heartbeat" or failures[asked.action] > 2:
            return answer
        return faulty("1.5", asked, "InternalError") if failures[asked.action] == 1 else web.Response(status=503)

    async with playing("1.5", profile=replace(STILL, charging=(0.2, 0.3))) as (there, run, charger):
        there.trick = failing
        charger.charge(1, "04E1", run.fleet.clock.now(), remote=0)
        await run.until(lambda: run.tally.confirmed == 1 and charger.settled)
        tally = await run.over()
    assert [len(there.heard(action)) for action in ("StartTransaction", "StopTransaction")] == [3, 3]
    stamps = [(call.payload["connectorId"], call.payload["status"]) for call in there.heard("StatusNotification")[3:]]
    assert len(set(stamps)) == len(stamps)
    assert tally.repeated == 4
    assert set(+tally.faults) == {Fault.REFUSED}


async def test_a_transaction_message_that_is_always_refused_is_given_up() -> None:
    """After as many faults as TransactionMessageAttempts says, a transaction counts as lost."""
    async with playing("1.6", profile=replace(STILL, charging=(0.1, 0.1))) as (there, run, charger):
        there.trick = lambda asked, answer: (
            faulty("1.6", asked, "InternalError") if asked.action == "StartTransaction" else answer
        )
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.faults[Fault.LOST] == 1 and charger.settled)
        assert len(there.heard("StartTransaction")) == 3
        assert run.tally.confirmed == 0


# Commands


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_remote_start_begins_a_transaction_and_a_remote_stop_ends_it(version: Version) -> None:
    """A command to the station's address is answered there, and does what it says."""
    async with playing(version) as (there, run, charger):
        started = await there.order(STATION, "RemoteStartTransaction", {"connectorId": 1, "idTag": "04E1"})
        assert (started.status, started.kind, started.payload) == (200, "application/soap+xml", {"status": "Accepted"})
        await run.until(lambda: bool(there.heard("StartTransaction")) and charger.idle)
        (start,) = there.heard("StartTransaction")
        assert (start.payload["connectorId"], start.payload["idTag"]) == (1, "04E1")
        again = await there.order(STATION, "RemoteStartTransaction", {"connectorId": 1, "idTag": "04E1"})
        assert again.payload == {"status": "Rejected"}
        stopped = await there.order(STATION, "RemoteStopTransaction", {"transactionId": 1})
        assert stopped.payload == {"status": "Accepted"}
        await run.until(lambda: run.tally.confirmed == 1)
        tally = await run.over()
    assert (tally.failures, there.wrong) == (0, []), tally.examples
    assert tally.commands == {"RemoteStartTransaction": 2, "RemoteStopTransaction": 1}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_sample_of_a_command_is_obeyed(version: Version) -> None:
    """The sample RemoteStartTransaction, readdressed, is obeyed; the answer is named as the sample of the answer."""
    async with playing(version) as (there, run, _):
        sample = (SAMPLES / f"{version}_5_RemoteStartTransaction_request_CS-CP.xml").read_text()
        wanted = (SAMPLES / f"{version}_6_RemoteStartTransaction_response_CS-CP.xml").read_bytes()
        address = there.address(STATION)
        envelope = sample.replace("CP-0001", STATION).replace("http://10.20.30.40:8080/ocpp", address)
        answered = await there.post(address, envelope.encode())
        assert answered.envelope is not None
        assert answered.payload == {"status": "Accepted"}
        assert _headers(answered.body) == _headers(wanted)
        assert f">{answered.envelope.action}<".encode() in wanted
        assert answered.envelope.relates_to.encode() in wanted
        assert (await run.over()).failures == 0


async def test_every_command_of_every_version_is_answered() -> None:
    """A station has an answer to every command that its version knows."""
    from voltgate.ocpp.soap.operations import operations

    stamp, profile = "2026-01-01T00:00:00Z", {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]},
    }  # fmt: skip
    payloads: dict[str, dict[str, Any]] = {
        "CancelReservation": {"reservationId": 7},
        "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
        "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "200"},
        "DataTransfer": {"vendorId": "voltgate.simulator", "data": "x"},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetDiagnostics": {"location": "ftp://192.0.2.1/"},
        "RemoteStartTransaction": {"connectorId": 7, "idTag": "04E1"},
        "RemoteStopTransaction": {"transactionId": 7},
        "ReserveNow": {"connectorId": 1, "expiryDate": stamp, "idTag": "04E1", "reservationId": 7},
        "SendLocalList": {"listVersion": 1, "updateType": "Full"},
        "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": profile},
        "TriggerMessage": {"requestedMessage": "Heartbeat"},
        "UnlockConnector": {"connectorId": 1},
        "UpdateFirmware": {"location": "ftp://192.0.2.1/", "retrieveDate": stamp},
    }
    for version in VERSIONS:
        async with playing(version) as (there, run, _):
            for action in sorted(operations(version, "Cp") - {"Reset"}):
                answered = await there.order(STATION, action, payloads.get(action, {}))
                assert (answered.status, bool(answered.envelope)) == (200, True), (version, action, answered.body)
            before = run.tally.connected
            answered = await there.order(STATION, "Reset", {"type": "Soft"})
            assert answered.payload == {"status": "Accepted"}
            await run.until(lambda: run.tally.connected == before + 1)  # noqa: B023
            await run.until(lambda: run.fleet.chargers[0].online)
            tally = await run.over()
            assert len(there.heard("BootNotification")) == 2
        assert (tally.failures, there.wrong) == (0, []), tally.examples


async def order_changed(there: Central, old: str, new: str, address: str = "") -> tuple[int, str]:
    """Send a good RemoteStopTransaction with something changed; gives HTTP's status and the subcode or status told."""
    to = address or there.address(STATION)
    body = f'<remoteStopTransactionRequest xmlns="{namespace(there.version, "Cp")}"><transactionId>7</transactionId>'
    about = {"identity": STATION, "message_id": "urn:uuid:1", "to": there.address(STATION), "sender": there.url}
    whole = f"{body}</remoteStopTransactionRequest>"
    good = writing.request(there.version, "Cp", "RemoteStopTransaction", whole, **about).decode()
    told, number = re.subn(old, new, good)
    assert number, good
    answered = await there.post(to, told.encode())
    if answered.envelope is None:
        return answered.status, ""
    said = answered.envelope.fault
    assert answered.envelope.relates_to == ("" if "MessageID" in old or "Envelope" in old else "urn:uuid:1")
    return answered.status, said.subcode if said is not None else answered.payload.get("status", "")


ORDERS: dict[str, tuple[str, str, int, str, Fault | None]] = {
    "as it should be": ("x^|$", "", 200, "Rejected", None),
    "identity in capitals is the same": ("CP-00001<", "cp-00001<", 200, "Rejected", None),
    "for another station": ("CP-00001<", "CP-00002<", 400, "IdentityMismatch", Fault.WRONG),
    "for nobody": ("<o:chargeBoxIdentity.*</o:chargeBoxIdentity>", "", 400, "IdentityMismatch", Fault.WRONG),
    "no MessageID": ("<wsa:MessageID>.*</wsa:MessageID>", "", 200, "Rejected", Fault.MALFORMED),
    "no Action": ("<wsa:Action.*</wsa:Action>", "", 200, "Rejected", Fault.MALFORMED),
    "Action of another": (">/RemoteStop", ">/RemoteStart", 400, "ProtocolError", Fault.MALFORMED),
    "To elsewhere": ("(<wsa:To[^>]*>)[^<]*", r"\1http://192.0.2.1/", 200, "Rejected", Fault.MALFORMED),
    "no To": ("<wsa:To.*</wsa:To>", "", 200, "Rejected", Fault.MALFORMED),
    "ReplyTo elsewhere": (f"{ADDRESSING}/anonymous", "http://192.0.2.1/", 200, "Rejected", Fault.MALFORMED),
    "no ReplyTo": ("<wsa:ReplyTo.*</wsa:ReplyTo>", "", 200, "Rejected", None),
    "no number": (">7<", ">seven<", 400, "ProtocolError", Fault.WRONG),
    "missing element": ("<transactionId>7</transactionId>", "", 400, "ProtocolError", Fault.WRONG),
    "strange element": ("</transactionId>", "</transactionId><more/>", 400, "ProtocolError", Fault.WRONG),
    "another namespace": ("<transactionId>", '<transactionId xmlns="">', 400, "ProtocolError", Fault.WRONG),
    "for the central system": (
        r'remoteStopTransaction(Request) xmlns="urn://Ocpp/Cp(/..../../)"><.*(</)remoteStopTransaction',
        r'stopTransaction\1 xmlns="urn://Ocpp/Cs\2">\3stopTransaction',
        400, "ProtocolError", Fault.MALFORMED,
    ),
    "broken": ("</soap:Envelope>", "", 400, "ProtocolError", Fault.MALFORMED),
    "no operation": ("emoteStopTransaction", "emoteControl", 500, "NotSupported", None),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", ORDERS)
async def test_a_command_is_judged(version: Version, what: str) -> None:
    """A command that is not as it should be is counted, and obeyed or refused with the right fault."""
    old, new, status, told, fault = ORDERS[what]
    async with playing(version) as (there, run, _):
        assert await order_changed(there, old.replace("x^|", ""), new) == (status, told), run.tally.examples
        assert faults(run) == ({} if fault is None else {fault: 1}), run.tally.examples
        assert (await there.order(STATION, "ClearCache", {})).payload == {"status": "Accepted"}


async def test_a_command_of_another_version_is_refused() -> None:
    """A station of 1.5 takes no command of 1.6."""
    async with playing("1.5") as (there, run, _):
        body = f'<clearCacheRequest xmlns="{namespace("1.6", "Cp")}"/>'
        address = there.address(STATION)
        envelope = writing.request("1.6", "Cp", "ClearCache", body, identity=STATION, message_id="a", to=address)
        answered = await there.post(address, envelope)
        assert answered.envelope is not None
        assert answered.envelope.fault is not None
        assert answered.envelope.fault.subcode == "ProtocolError"
        assert faults(run) == {Fault.WRONG: 1}


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_a_version_lacks_is_not_supported(version: Version) -> None:
    """A command that the version does not have gets a NotSupported fault, and is no fault of the central system."""
    lacks = {"1.2": "DataTransfer", "1.5": "TriggerMessage", "1.6": "GetLog"}[version]
    async with playing(version) as (there, run, _):
        name = lacks[0].lower() + lacks[1:]
        body = f'<{name}Request xmlns="{namespace(version, "Cp")}"/>'
        answered = await there.order(STATION, "ClearCache", {}, body=body, message_id="urn:uuid:2")
        assert answered.envelope is not None
        assert answered.envelope.fault is not None
        assert (answered.status, answered.envelope.fault.subcode) == (500, "NotSupported")
        assert (await run.over()).failures == 0


async def test_the_callback_serves_posts_to_its_stations_alone() -> None:
    """Other methods, other paths and other content types are counted, and answered as HTTP says."""
    async with playing("1.6") as (there, run, _):
        address = there.address(STATION)
        assert (await there.post(address, b"", method="PUT")).status == 405
        assert (await there.post(address + "9", b"")).status == 404
        assert faults(run) == {Fault.STRAY: 2}
        body = f'<clearCacheRequest xmlns="{namespace("1.6", "Cp")}"/>'
        envelope = writing.request("1.6", "Cp", "ClearCache", body, identity=STATION, message_id="a", to=address)
        assert (await there.post(address, envelope, {"Content-Type": "text/xml"})).status == 200
        assert faults(run) == {Fault.STRAY: 2, Fault.MALFORMED: 1}
        packed = await there.post(address, gzip.compress(envelope), {"Content-Encoding": "gzip"})
        assert packed.payload == {"status": "Accepted"}
        assert faults(run) == {Fault.STRAY: 2, Fault.MALFORMED: 1}
        assert (await there.post(address, b"junk", {"Content-Encoding": "gzip"})).status == 400
        assert faults(run) == {Fault.STRAY: 3, Fault.MALFORMED: 1}


async def test_a_command_before_the_last_one_was_answered_is_crowded() -> None:
    """One command at a time (OCPP-J 4.1.1, the same for SOAP): a second one is served, and counted."""
    thoughtful = replace(STILL, think=(0.3, 0.3))
    async with playing("1.6", profile=thoughtful) as (there, run, _):
        both = await asyncio.gather(*(there.order(STATION, "ClearCache", {}) for _ in range(2)))
        assert [answered.payload for answered in both] == 2 * [{"status": "Accepted"}]
        assert faults(run) == {Fault.CROWDED: 1}
        assert (await there.order(STATION, "ClearCache", {})).status == 200
        assert faults(run) == {Fault.CROWDED: 1}


async def test_a_station_that_is_away_answers_nothing() -> None:
    """A station that restarts breaks off what it was asked, and its address is deaf until it is back."""
    import aiohttp

    async with playing("1.6", profile=replace(STILL, think=(0.2, 0.2))) as (there, run, charger):
        address = there.address(STATION)
        asked = asyncio.ensure_future(there.order(STATION, "ClearCache", {}))
        await run.until(lambda: run.tally.commands["ClearCache"] == 1)
        charger.reboot(run.fleet.clock.now())
        with pytest.raises(aiohttp.ClientError):
            await asked
        assert (await there.post(address, b"")).status == 503
        await run.until(lambda: charger.online and charger.idle)
        assert (await there.order(STATION, "ClearCache", {})).payload == {"status": "Accepted"}
        assert (await run.over()).failures == 0
