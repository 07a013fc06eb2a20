"""Attacks of a station on what is kept of it: the journal, names, what is told again. All of it is bounded in bytes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tests.harness import Gateway, Link, Stage, boot_accepted, boot_payload


async def owing(stage: Stage, **journal: Any) -> tuple[Gateway, Link]:
    """Start a gateway that owes a backend what a station says, and let that backend go away."""
    main = await stage.backend("main")
    other = await stage.backend("other")
    gateway = await stage.gateway(
        backends={"other": {"deliver": "always", "owed": ["DataTransfer", "StartTransaction", "StopTransaction"]}},
        journal={"bytes": "64KiB"} | journal,
    )
    for action in ("DataTransfer", "StopTransaction", "Heartbeat"):
        main.answers(action, {"status": "Accepted"} if action == "DataTransfer" else {})
    main.answers("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Accepted"}})
    await other.deny()
    return gateway, await stage.station("CP1")


async def test_what_backends_are_owed_is_bounded_in_bytes(stage: Stage) -> None:
    """Beyond half of its bytes a station's messages that nobody is paid by are dropped, counted and told of."""
    gateway, station = await owing(stage)
    for number in range(20):
        asked = await station.ask("DataTransfer", {"vendorId": "x", "data": "y" * 10_000}, id=f"d{number}")
        await station.expect_result(asked)
    await gateway.logged("given up", "DataTransfer")
    said = {"transactionId": 7, "meterStop": 1, "timestamp": "2026-01-01T00:00:00Z"}
    stopped = await station.ask("StopTransaction", said)
    await station.expect_result(stopped)
    await gateway.stop()
    with closing(sqlite3.connect(gateway.folder / "var/voltgate.db")) as database:
        kept = dict(database.execute("SELECT action, sum(length(payload)) FROM owed GROUP BY action"))
    assert "StopTransaction" in kept
    assert 0 < kept["DataTransfer"] < 45_000


async def test_what_somebody_is_paid_by_is_kept_by_its_station_rather_than_dropped(stage: Stage) -> None:
    """Where there is no room any more the station is let go before anybody hears of its message: it keeps that."""
    _, station = await owing(stage)
    main = stage.backends["main"]
    said: dict[str, Any] = {
        "transactionId": 7,
        "meterStop": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "reason": "y" * 30_000,
    }
    for number in range(3):
        await station.expect_result(await station.ask("StopTransaction", said | {"meterStop": number}, id=f"s{number}"))
    last = await station.ask("StopTransaction", said | {"meterStop": 9}, id="s9")
    ending = await station.closed()
    assert (ending.code, ending.reason) == (1013, "Backends are owed as much as may be kept")
    assert last not in [message.id for message in (await main.station("CP1")).unread]
    again = await stage.station("CP1", name="again")
    await again.expect_result(await again.ask("Heartbeat"))


async def test_one_station_that_is_owed_much_keeps_no_other_from_charging(stage: Stage) -> None:
    """The bytes of a station are its own: another one starts and stops as before."""
    _, station = await owing(stage)
    for number in range(3):
        said = {"transactionId": 7, "meterStop": number, "timestamp": "2026-01-01T00:00:00Z", "reason": "y" * 30_000}
        await station.expect_result(await station.ask("StopTransaction", said))
    other = await stage.station("CP2")
    start = {"connectorId": 1, "idTag": "04A1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    await other.expect_result(await other.ask("StartTransaction", start))


async def test_a_boot_of_a_megabyte_is_not_kept(stage: Stage) -> None:
    """A BootNotification goes on whole, whatever its size; one that is too large is not told again, or written down."""
    main = await stage.backend("main")
    gateway = await stage.gateway()
    station, link = await stage.meet("CP1")
    asked = await station.ask("BootNotification", boot_payload("ocpp1.6") | {"more": "z" * 100_000})
    heard = await link.expect("BootNotification")
    assert len(heard.payload["more"]) == 100_000
    await link.answer(heard, boot_accepted())
    await station.expect_result(asked)
    await gateway.stop()
    kept = b"".join(file.read_bytes() for file in gateway.folder.rglob("*.db*"))
    assert b"z" * 1000 not in kept
    assert main.handshakes


async def test_names_of_transactions_are_bounded(stage: Stage) -> None:
    """A transactionId of 100 KB names no transaction that is kept; the event goes on as it came."""
    await stage.backend("main")
    await stage.backend("other")
    gateway = await stage.gateway()
    station, main, _ = await stage.meet("CP1", "ocpp2.0.1")
    event = {
        "eventType": "Started",
        "timestamp": "2026-01-01T00:00:00Z",
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "t" * 100_000},
    }
    asked = await station.ask("TransactionEvent", event)
    await main.answer(await main.expect("TransactionEvent"), {})
    await station.expect_result(asked)
    await gateway.stop()
    kept = b"".join(file.read_bytes() for file in gateway.folder.rglob("*.db*"))
    assert b"t" * 1000 not in kept
