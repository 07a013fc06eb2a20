"""The stand-in backend keeps the rules, seen by a client that is not ours."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.simulator.world import RunningBackend, running_backend
from voltgate.simulator.backend import VERSIONS
from voltgate.simulator.behaviour import Behaviour, Boot
from voltgate.simulator.calls import Answer
from voltgate.simulator.connection import MOST_WAITING
from voltgate.simulator.station_record import MOST_TRANSACTIONS, ReceivedTransaction, StationRecord

BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_2 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}


class Client:
    """A station that says what it is told to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def hear(self) -> Any:
        """Wait for one frame."""
        async with asyncio.timeout(20):
            return json.loads(await self.socket.recv())

    async def ask(self, action: str, payload: Any, message_id: str = "7") -> Any:
        """Call, and give what comes back."""
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return await self.hear()

    async def silence_after(self, text: str) -> None:
        """Send something that nobody answers."""
        await self.socket.send(text)
        assert (await self.ask("Heartbeat", {}, "after"))[:2] == [3, "after"], "nothing came before"


@contextlib.asynccontextmanager
async def client(there: RunningBackend, version: str, identity: str = "CP1") -> AsyncIterator[Client]:
    async with connect(f"{there.url}/{identity}", subprotocols=[Subprotocol(version)]) as socket:
        yield Client(socket)


def _old(code: str, version: str) -> str:
    """Spell a code as the version does."""
    old = {"OccurrenceConstraintViolation": "OccurenceConstraintViolation", "FormatViolation": "FormationViolation"}
    return old.get(code, code) if version == "ocpp1.6" else code


@pytest.mark.parametrize("version", VERSIONS)
async def test_calls_get_the_answer_or_the_error_that_ocpp_names(version: str) -> None:
    """Unknown actions, actions for the other side and bad payloads each get their own error code (FR-19 to FR-25)."""
    async with running_backend() as there, client(there, version) as station:
        for action, payload, code in (
            ("Nope", {}, "NotImplemented"),
            ("heartbeat", {}, "NotImplemented"),
            ("HeartbeatRequest", {}, "NotImplemented"),
            ("../v16/schemas/Heartbeat", {}, "NotImplemented"),
            ("Reset", {"type": "Soft"}, "NotSupported"),
            ("StatusNotification", {}, "OccurrenceConstraintViolation"),
            ("Heartbeat", {"foo": 1}, "OccurrenceConstraintViolation"),
            ("DataTransfer", {"vendorId": 7}, "TypeConstraintViolation"),
            ("DataTransfer", {"vendorId": "x" * 256}, "PropertyConstraintViolation"),
            ("Heartbeat", [], "FormatViolation"),
        ):
            answer = await station.ask(action, payload)
            assert answer[:3] == [4, "7", _old(code, version)], (action, payload)
            assert len(answer) == 5
        for payload in ({}, None):
            assert (await station.ask("Heartbeat", payload))[0] == 3
        assert (await station.ask("DataTransfer", {"vendorId": "other"}))[2] == {"status": "UnknownVendorId"}


async def test_what_a_21_station_may_ask_and_the_stand_in_does_not_do_is_not_supported() -> None:
    """An action that exists and has no handler here is NotSupported, not NotImplemented (FR-25)."""
    async with running_backend() as there, client(there, "ocpp2.1") as station:
        payload = {"vatNumber": "NL123"}
        assert (await station.ask("VatNumberValidation", payload))[:3] == [4, "7", "NotSupported"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_noise_padding_and_unknown_types_do_no_harm(version: str) -> None:
    """Empty frames, "pong" and message types of the future are ignored; padding around a frame too (FR-20, 27, 29)."""
    async with running_backend() as there, client(there, version) as station:
        for text in ("", "ping", "pong", '[9,"1","X",{}]', '[3,"unknown",{}]', '[4,"unknown","X","",{}]'):
            await station.silence_after(text)
        for text in ('\ufeff[2,"7","Heartbeat",{}]', '[2,"7","Heartbeat",{}]\0', ' [ 2 ,\n"7","Heartbeat",{}]\n'):
            await station.socket.send(text)
            assert (await station.hear())[:2] == [3, "7"]


async def test_a_send_is_never_answered() -> None:
    """A SEND of 2.1 is counted and not answered, a bad one neither (FR-04)."""
    async with running_backend() as there, client(there, "ocpp2.1") as station:
        data = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}
        await station.silence_after(json.dumps([6, "1", "NotifyPeriodicEventStream", data]))
        await station.silence_after(json.dumps([6, "2", "NotifyPeriodicEventStream", {}]))
        assert there.backend.records["CP1"].received["NotifyPeriodicEventStream"] == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_bad_answer_is_complained_about_in_21_only(version: str) -> None:
    """A result against its schema ends the command; only 2.1 says so, by CALLRESULTERROR (FR-03, FR-05)."""
    async with running_backend() as there, client(there, version) as station:
        answers: list[Answer] = []
        there.backend.command("CP1", "ClearCache", {}, lambda answer, now: answers.append(answer))
        call = await station.hear()
        assert call[2:] == ["ClearCache", {}]
        bad = json.dumps([3, call[1], {"status": "Perhaps"}])
        if version == "ocpp2.1":
            await station.socket.send(bad)
            assert (await station.hear())[:3] == [5, call[1], "PropertyConstraintViolation"]
        else:
            await station.silence_after(bad)
        assert len(answers) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("boot", [Boot.REJECTED, Boot.PENDING])
async def test_before_acceptance_only_a_boot_is_served_in_2x(version: str, boot: Boot) -> None:
    """A 2.x station that is not accepted gets a SecurityError, but may start with anything before it boots (RG-02)."""
    async with running_backend(Behaviour(boot=boot, interval=9)) as there, client(there, version) as station:
        assert (await station.ask("Heartbeat", {}))[0] == 3
        answer = await station.ask("BootNotification", BOOT_16 if version == "ocpp1.6" else BOOT_2)
        assert (answer[2]["status"], answer[2]["interval"]) == (boot.value, 9)
        after = await station.ask("Heartbeat", {})
        assert after[0] == 3 if version == "ocpp1.6" else after[:3] == [4, "7", "SecurityError"]
        if version != "ocpp1.6" and boot is Boot.PENDING:
            report = {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0}
            assert (await station.ask("NotifyReport", report))[0] == 3, "asked for while Pending"


@pytest.mark.parametrize("shape", [4, 5])
async def test_a_signed_call_is_read(shape: int) -> None:
    """A signed message is answered like the plain one, printed with or without its extension (FR-36)."""
    async with running_backend() as there, client(there, "ocpp2.1") as station:
        for payload, kind in ((BOOT_2, 3), ({}, 4)):
            text = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
            jws = {"payload": text, "signatures": [{"protected": "e30", "signature": "x"}]}
            extension = [{}] if shape == 5 else []
            await station.socket.send(json.dumps([2, "7", *extension, "BootNotification-Signed", jws]))
            assert (await station.hear())[:2] == [kind, "7"]


async def test_the_same_start_again_is_the_same_transaction() -> None:
    """A StartTransaction that is told twice gets the same number, and is recorded once."""
    async with running_backend() as there, client(there, "ocpp1.6") as station:
        start = {"connectorId": 1, "idTag": "A", "meterStart": 5, "timestamp": "2026-01-01T00:00:00Z"}
        first, again = await station.ask("StartTransaction", start), await station.ask("StartTransaction", start)
        other = await station.ask("StartTransaction", start | {"meterStart": 6})
        assert first == again
        assert other[2]["transactionId"] != first[2]["transactionId"]
        assert len(there.backend.records["CP1"].transactions) == 2


async def test_the_book_and_the_queue_of_commands_are_bounded() -> None:
    """Neither transactions nor commands pile up without end."""
    record = StationRecord()
    for number in range(MOST_TRANSACTIONS + 10):
        record.add(ReceivedTransaction(number, "A", 1))
    assert len(record.transactions) == MOST_TRANSACTIONS
    assert 0 not in record.transactions
    async with running_backend() as there, client(there, "ocpp1.6"):
        taken = [there.backend.command("CP1", "ClearCache", {}) for _ in range(MOST_WAITING + 2)]
        assert taken == [True] * (MOST_WAITING + 1) + [False], "one is under way"
        assert not there.backend.command("CP2", "ClearCache", {})


@pytest.mark.parametrize(
    ("behaviour", "path", "versions", "status"),
    [
        (Behaviour(refuses=404), "CP1", ["ocpp1.6"], 404),
        (Behaviour(), "CP1", ["ocpp1.5"], 400),
        (Behaviour(), "CP1", [], 400),
        (Behaviour(password="x"), "CP1", ["ocpp1.6"], 401),
    ],
)
async def test_who_is_not_let_in_hears_why(behaviour: Behaviour, path: str, versions: list[str], status: int) -> None:
    """A refusal is an HTTP status with a sentence."""
    async with running_backend(behaviour) as there:
        offer = [Subprotocol(version) for version in versions]
        with pytest.raises(InvalidStatus) as refusal:
            await connect(f"{there.url}/{path}", subprotocols=offer)
        assert refusal.value.response.status_code == status
        assert len(refusal.value.response.body or b"") > 10


async def test_it_takes_the_first_version_that_a_station_offers() -> None:
    """The station's order of preference decides."""
    async with running_backend() as there:
        offer = [Subprotocol(version) for version in ("ocpp9", "ocpp2.0.1", "ocpp1.6")]
        async with connect(f"{there.url}/CP1", subprotocols=offer) as socket:
            assert socket.subprotocol == "ocpp2.0.1"


async def test_it_hangs_up_when_told_to() -> None:
    """A stand-in that hangs up closes the connection with 1001 and a reason."""
    async with running_backend(Behaviour(hang_up=0.1)) as there, client(there, "ocpp1.6") as station:
        with pytest.raises(ConnectionClosed) as closed:
            await station.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
