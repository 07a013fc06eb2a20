"""Two versions at one address, on real sockets: each backend hears what it takes, and nothing else."""

from __future__ import annotations

from typing import Any

from tests.harness import Stage, boot_accepted

EVENT: dict[str, Any] = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "t-1"},
    "idToken": {"idToken": "04A2", "type": "ISO14443"},
}
START = {"connectorId": 1, "idTag": "04A2", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


async def test_a_copy_for_one_version_only(stage: Stage) -> None:
    """A copy for 1.6 is not dialled for a station of 2.0.1, which is served; later it is told what 1.6 stations say."""
    main, old = await stage.backend("main"), await stage.backend("old", ("ocpp1.6",))
    for admit in ("gateway", "backend"):
        takes = {"old": {"versions": ["ocpp1.6"]}}
        gateway = await stage.gateway(backends=takes, routes={"main": {"admit": admit}})
        new = await stage.station(f"NEW-{admit}", "ocpp2.0.1", "ocpp1.6")
        assert new.subprotocol == "ocpp2.0.1"
        link = await main.station(new.name)
        asked = await new.ask("TransactionEvent", EVENT)
        await link.answer(await link.expect("TransactionEvent"), {})
        await new.expect_result(asked)
        line = await gateway.logged("backend left out", f"NEW-{admit}")
        assert "ocpp2.0.1" in line
        assert await gateway.metric("voltgate_left_out_total", backend="old") == 1
        station = await stage.station(f"OLD-{admit}", "ocpp1.6")
        link, copy = await main.station(station.name), await old.station(station.name)
        main.answers("BootNotification", boot_accepted())
        await station.boot()
        await copy.expect("BootNotification")
        assert not [each for each in old.handshakes if each.station.startswith("NEW")]
        await gateway.stop()


async def test_the_second_of_a_failover_names_no_version(stage: Stage) -> None:
    """It was offered 1.6 alone and answers without a sub-protocol: the session is one of 1.6."""
    first, second = await stage.backend("first"), await stage.backend("second", ())
    first.refuse(503)
    rules = [{"answer": ["first", "second"]}]
    takes = {"second": {"versions": ["ocpp1.6"]}}
    gateway = await stage.gateway(backends=takes, routes={"main": {"admit": "backend", "rules": rules}})
    station = await stage.station("CP1", "ocpp2.0.1", "ocpp1.6")
    link = await second.station("CP1")
    assert station.subprotocol is None
    assert second.handshakes[0].headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert "ocpp1.6" in await gateway.logged("station came", "CP1")
    asked = await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
    assert (await station.expect_result(asked)).payload["transactionId"] > 0
