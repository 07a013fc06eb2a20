"""How strictly a simulated SOAP station takes the answers to its calls."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.central import (
    HASTY,
    SETTINGS,
    STATION,
    Asked,
    Central,
    Trick,
    ask,
    authorize,
    central,
    faults,
    faulty,
    plan,
    playing,
)
from tests.simulator.world import running
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.names import SOAP, SOAP_11, VERSIONS, Version, namespace
from voltgate.simulator.profile import Boots
from voltgate.simulator.tally import Fault

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


def sent(kind: str = writing.CONTENT_TYPE, **more: Any) -> Callable[[Central], Trick]:
    """Answer Authorize with other HTTP around the right envelope, or with another body altogether."""

    def make(there: Central) -> Trick:
        headers = {"Content-Type": kind}
        return lambda asked, answer: web.Response(**{"body": answer} | more, headers=headers)

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
    "RelatesTo of another station": (changed(r"(<wsa:RelatesTo>\S{9}).{8}", r"\g<1>00000009"), Fault.WRONG, NOTHING),
    "RelatesTo of an earlier call": (changed(r".{12}(</wsa:RelatesTo>)", r"000000000001\1"), Fault.DOUBLED, NOTHING),
    "RelatesTo with something behind": (changed(r"(</wsa:RelatesTo>)", r"x\1"), Fault.STRAY, NOTHING),
    "no RelatesTo": (changed(r"<wsa:RelatesTo>.*</wsa:RelatesTo>", ""), Fault.MALFORMED, TAKEN),
    "Action of another": (changed(r">[^<]*AuthorizeResponse<", ">/HeartbeatResponse<"), Fault.MALFORMED, NOTHING),
    "Action of the request": (changed(r">[^<]*AuthorizeResponse<", ">/Authorize<"), Fault.MALFORMED, TAKEN),
    "Action that is no path": (changed(r">[^<]*AuthorizeResponse<", ">AuthorizeResponse<"), Fault.MALFORMED, TAKEN),
    "no Action": (changed(r"<wsa:Action.*</wsa:Action>", ""), Fault.MALFORMED, TAKEN),
    "elements out of order": (changed("(<status>.*)(<parentIdTag>.*)(</idTagInfo>)", r"\2\1\3"), Fault.WRONG, REFUSED),
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
    "service of stations": (changed("/Cs/", "/Cp/"), Fault.MALFORMED, NOTHING),
    "another version": (of_another_version, Fault.WRONG, NOTHING),
    "another operation": (as_another, Fault.WRONG, NOTHING),
    "a request": (as_request, Fault.WRONG, NOTHING),
    "no OCPP": (changed("urn://Ocpp/", "urn://Other/"), Fault.MALFORMED, NOTHING),
    "SOAP 1.1": (changed(SOAP, SOAP_11), Fault.MALFORMED, NOTHING),
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
    """Each thing that an answer must not be is one fault; what can be used is used, and the station goes on."""
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
            charger.send_heartbeat(run.fleet.clock.now())
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

    async with playing("1.5", settings=HASTY) as (there, run, charger):
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

    async with playing("1.2", settings=HASTY) as (there, run, charger):
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
    """A rejected station says nothing but BootNotification; one that is always to boot does so when it comes back."""
    answers = iter(["Rejected", "Rejected"])

    def rejecting(asked: Asked, answer: bytes) -> bytes:
        if asked.action != "BootNotification":
            return answer
        told = next(answers, "Accepted")
        return re.sub(rb"<(interval|heartbeatInterval)>300<", rb"<\1>1<", answer).replace(
            b">Accepted<", f">{told}<".encode()
        )

    settings = replace(SETTINGS, boots=Boots.ALWAYS)
    async with central("1.5") as there:
        there.trick = rejecting
        async with running(plan(there, settings=settings)) as run:
            charger = run.fleet.chargers[0]
            await run.until(lambda: charger.online and charger.idle)
            assert [call.action for call in there.calls[:4]] == 3 * ["BootNotification"] + ["StatusNotification"]
            there.trick, before = lambda asked, answer: None, len(there.calls)
            charger.send_heartbeat(run.fleet.clock.now())
            await run.until(lambda: run.tally.faults[Fault.DROPPED] == 1)
            there.trick = None
            await run.until(lambda: charger.online and charger.idle)
            assert there.calls[before + 1].action == "BootNotification"


async def test_an_answer_about_another_card_is_wrong() -> None:
    """An answer that proves to be about another card than the driver's is counted, as on websockets."""
    async with playing("1.6") as (there, run, charger):
        there.trick = lambda asked, answer: answer.replace(b"<parentIdTag>", b"<parentIdTag>X")
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.faults[Fault.WRONG] == 1 and not charger.sessions)
        assert there.heard("StartTransaction") == []


async def test_an_answer_in_the_name_of_the_station_is_wrong() -> None:
    """DataTransfer is in both services; its answer is that of the service that was called."""
    async with playing("1.5") as (there, run, _):
        there.trick = lambda asked, answer: answer.replace(b"/Cs/", b"/Cp/")
        assert await ask(run, "DataTransfer", {"vendorId": "voltgate.simulator"}) is None
        assert run.tally.examples[Fault.WRONG][0].startswith(f"{STATION}: DataTransfer response of 1.5 Cp")


async def test_a_word_that_the_version_has_not_is_wrong() -> None:
    """Pending came with 1.6: to a station of 1.5 it is no answer, though the codec would read it."""
    async with central("1.5") as there:
        there.trick = lambda asked, answer: answer.replace(b">Accepted<", b">Pending<")
        async with running(plan(there)) as run:
            await run.until(lambda: run.tally.faults[Fault.WRONG] == 1)
            assert "status has no 'Pending'" in run.tally.examples[Fault.WRONG][0]
