"""A converted configuration at work: the printed text as it is, a real gateway, a charger and two servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.convert.test_golden import all_told
from tests.harness import Gateway, Stage, basic, boot_accepted, free_port
from voltgate.convert import convert

QUICK = {"VOLTGATE_SHUTDOWN__GRACE": "2", "VOLTGATE_SHUTDOWN__SPREAD": "0"}


async def start(stage: Stage, port: int, text: str, **environ: str) -> Gateway:
    """Run a converted configuration, unchanged but for where our own pages are."""
    pages = f"127.0.0.1:{free_port()}"
    gateway = stage.prepare({"listen": {"stations": [f"ws://127.0.0.1:{port}"], "http": pages}})
    gateway.file.write_text(text)
    await gateway.start(environment=QUICK | {"VOLTGATE_LISTEN__HTTP": pages} | environ)
    return gateway


@pytest.mark.parametrize("apart", [False, True], ids=["told", "apart"])
async def test_tags_are_split_and_each_is_answered(stage: Stage, tmp_path: Path, apart: bool) -> None:
    """With the file of ocpp-2w-proxy, either tag is answered by its own server, to the end of its session.

    The other one hears nothing of the session, unless the rules of the remark are used.
    """
    private, employer = await stage.backend("private"), await stage.backend("employer")
    port = free_port()
    file = tmp_path / "ocpp-2w-proxy.ini"
    file.write_text(
        f"[host]\naddr = 127.0.0.1\nport = {port}\n[ext-server]\n"
        f"server = ws://127.0.0.1:{private.port}/ocpp\nprimary_rfid = 04A1\n"
        f"secondary_server = ws://127.0.0.1:{employer.port}/ocpp\nsecondary_rfid = 04EMPLOYEE\n"
    )
    for backend in (private, employer):
        backend.answers("BootNotification", boot_accepted())
        backend.answers("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"})
        backend.answers("StatusNotification", {})
        backend.answers("MeterValues", {})
        backend.answers("Authorize", {"idTagInfo": {"status": "Accepted", "parentIdTag": backend.name}})
        info = {"status": "Accepted", "parentIdTag": backend.name}
        backend.answers("StartTransaction", {"transactionId": 11, "idTagInfo": info})
        backend.answers("StopTransaction", {"idTagInfo": info})
    text = convert([file])
    await start(stage, port, text if apart else all_told(text))
    station = await stage.station("CP1")
    await station.boot()
    at_private, at_employer = await private.station("CP1"), await employer.station("CP1")

    async def owner(action: str, payload: dict[str, object]) -> str:
        answer = await station.call(action, payload)
        return str(answer.payload["idTagInfo"]["parentIdTag"])

    assert await owner("Authorize", {"idTag": "04EMPLOYEE"}) == "employer"
    assert await owner("Authorize", {"idTag": "04A1"}) == "private"
    assert await owner("Authorize", {"idTag": "04employee"}) == "private"
    start_of = {"connectorId": 1, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    begun = (await station.call("StartTransaction", start_of | {"idTag": "04EMPLOYEE"})).payload
    assert begun["idTagInfo"]["parentIdTag"] == "employer"
    await owner("Authorize", {"idTag": "04A1"})
    await station.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    await station.call("Heartbeat")
    end = {"transactionId": begun["transactionId"], "meterStop": 5, "timestamp": "2026-01-01T01:00:00Z"}
    assert await owner("StopTransaction", end | {"idTag": "04A1"}) == "employer"
    await stage.quiet(station, at_private, at_employer)
    for name in ("private/CP1", "employer/CP1"):
        heard = "".join(stage.transcript.got(name))
        for action in ("BootNotification", "StatusNotification", "Heartbeat"):
            assert action in heard
    stopped = [text for text in stage.transcript.got("employer/CP1") if "StopTransaction" in text]
    assert len(stopped) == 1
    told = "".join(stage.transcript.got("private/CP1"))
    assert ("StartTransaction" in told, "StopTransaction" in told) == (not apart, not apart)
    assert '"transactionId":11' in stopped[0].replace(" ", "")


async def test_the_primary_answers_and_both_command(stage: Stage, tmp_path: Path) -> None:
    """With the file of OCPP-Proxy-Alert, the primary answers, the secondary is told, and either may command."""
    first, second = await stage.backend("first"), await stage.backend("second")
    port = free_port()
    files = tmp_path / "config.json", tmp_path / "clientIdToHuman.json"
    files[0].write_text(
        f'{{"proxy": {{"host": "127.0.0.1", "port": {port}}}, "primaryUrl": "ws://127.0.0.1:{first.port}/one?id=",'
        f'"secondaryUrl": "ws://127.0.0.1:{second.port}/CP_", "notify": {{"cpStatusFaulted": true}}}}'
    )
    files[1].write_text('{"CP-1": "North Parking"}')
    await start(stage, port, convert(files))
    headers = {"Authorization": basic("CP-1", "secret"), "User-Agent": "Finch/1"}
    station = await stage.station("CP-1", headers=headers)
    (handshake_one,), (handshake_two,) = await first.expect_handshakes(1), await second.expect_handshakes(1)
    assert (handshake_one.path, handshake_two.path) == ("/one?id=CP-1", "/CP_CP-1")
    for handshake in (handshake_one, handshake_two):
        assert {name: handshake.headers[name] for name in headers} == headers
    primary = await first.station("one")
    secondary = await second.station("CP_CP-1")
    beat = await station.ask("Heartbeat")
    await secondary.answer(await secondary.expect("Heartbeat"), {"currentTime": "2002-01-01T00:00:00Z"})
    await primary.answer(await primary.expect("Heartbeat"), {"currentTime": "2001-01-01T00:00:00Z"})
    assert (await station.expect_result(beat)).payload == {"currentTime": "2001-01-01T00:00:00Z"}
    for server in (primary, secondary):
        asked = await server.ask("Reset", {"type": "Soft"}, "same-id")
        await station.answer(await station.expect("Reset"), {"status": "Accepted"})
        assert (await server.expect_result(asked)).payload == {"status": "Accepted"}
    await stage.quiet(station, primary, secondary)


async def test_one_server_is_enough_for_the_other(stage: Stage, tmp_path: Path) -> None:
    """With two servers of OCPP-Proxy-Alert a charger comes in while the primary is away, and stays."""
    first, second = await stage.backend("first"), await stage.backend("second")
    await first.stop()
    port = free_port()
    file = tmp_path / "config.json"
    file.write_text(
        f'{{"proxy": {{"host": "127.0.0.1", "port": {port}}}, "primaryUrl": "ws://127.0.0.1:{first.port}/",'
        f'"secondaryUrl": "ws://127.0.0.1:{second.port}/"}}'
    )
    await start(stage, port, convert([file]), VOLTGATE_BACKENDS__PRIMARY__WAIT="1")
    station = await stage.station("CP1")
    secondary = await second.station("CP1")
    beat = await station.ask("Heartbeat")
    await secondary.answer(await secondary.expect("Heartbeat"), {"currentTime": "2002-01-01T00:00:00Z"})
    await station.expect_error(beat)
    await stage.quiet(station, secondary)


@pytest.mark.parametrize("proxy", ["split", "mirror", "alert"])
async def test_a_charger_is_let_go_when_both_servers_are_away(stage: Stage, tmp_path: Path, proxy: str) -> None:
    """Of two servers either may go; when both have gone, so does the charger, and it comes again when they are back."""
    first, second = await stage.backend("first"), await stage.backend("second")
    port = free_port()
    at_first, at_second = f"ws://127.0.0.1:{first.port}", f"ws://127.0.0.1:{second.port}"
    if proxy == "alert":
        file = tmp_path / "config.json"
        file.write_text(
            f'{{"proxy": {{"host": "127.0.0.1", "port": {port}}}, "primaryUrl": "{at_first}/",'
            f'"secondaryUrl": "{at_second}/"}}'
        )
    else:
        file = tmp_path / "ocpp-2w-proxy.ini"
        tag = "secondary_rfid = 04EMPLOYEE\n" if proxy == "split" else ""
        file.write_text(
            f"[host]\naddr = 127.0.0.1\nport = {port}\n[ext-server]\nserver = {at_first}\n"
            f"secondary_server = {at_second}\n{tag}"
        )
    text = convert([file])
    assert "close_when_all_down = 10" in text
    await start(stage, port, text, VOLTGATE_ROUTES__MAIN__CLOSE_WHEN_ALL_DOWN="2")
    station = await stage.station("CP1")
    primary, _ = await first.station("CP1"), await second.station("CP1")
    await second.stop()
    await stage.quiet(station, primary)
    await first.stop()
    ending = await station.closed()
    assert (ending.code, ending.reason) == (1001, "No backend is there")
    await first.start()
    await second.start()
    station = await stage.station("CP1")
    await stage.quiet(station, await first.station("CP1"), await second.station("CP1"))


async def test_a_charger_of_one_server_is_let_go_as_before(stage: Stage, tmp_path: Path) -> None:
    """With one server nothing is written of this: the charger is let go after the `wait` of that server."""
    only = await stage.backend("only")
    port = free_port()
    file = tmp_path / "config.json"
    file.write_text(
        f'{{"proxy": {{"host": "127.0.0.1", "port": {port}}}, "primaryUrl": "ws://127.0.0.1:{only.port}/"}}'
    )
    text = convert([file])
    assert "close_when_all_down" not in text
    await start(stage, port, text, VOLTGATE_BACKENDS__PRIMARY__WAIT="1")
    station = await stage.station("CP1")
    await only.station("CP1")
    await only.stop()
    assert (await station.closed()).reason == "No backend is there"
