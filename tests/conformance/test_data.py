"""Data: what stations write into payloads, as far as a gateway has to do with it."""

from __future__ import annotations

import pytest

from tests.conformance.words import HEARTBEAT, VERSIONS
from tests.harness import Stage, compact

FORMS = [
    "2026-01-01T10:00:00Z",
    "2026-01-01T10:00:00.1Z",
    "2026-01-01T10:00:00.123456789Z",
    "2026-01-01T10:00:00+01:00",
    "2026-01-01T10:00:00.000+0100",
    "2026-01-01T10:00:00+01",
    "2026-01-01T10:00:00",
    "2026-01-01 10:00:00",
    "1970-01-01T00:00:05Z",
    "",
]


@pytest.mark.parametrize("version", VERSIONS)
async def test_dt_01_timestamps_pass_as_they_were_written(stage: Stage, version: str) -> None:
    """Timestamps of any form reach every backend, letter for letter; the station's message is not judged by them."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet("CP1", version)
    for number, form in enumerate(FORMS):
        told = f'[2,"{number}","StatusNotification",{{ "timestamp":"{form}","connectorId":1}}]'
        station.send(told)
        await copy.expect_text(told)
        call = await main.expect_text(told)
        await main.answer(call, {})
        await station.expect_result(str(number))


@pytest.mark.parametrize("unit", ["Celsius", "Celcius"])
async def test_dt_03_both_spellings_and_no_reason(stage: Stage, unit: str) -> None:
    """Strict validation lets both spellings of the unit pass, and a StopTransaction without reason."""
    await stage.backend("main")
    await stage.gateway(protocol={"validation": "strict"})
    station, main = await stage.meet()
    sampled = {"value": "20", "measurand": "Temperature", "unit": unit}
    values = [{"timestamp": "2026-01-01T10:00:00Z", "sampledValue": [sampled]}]
    told = await station.ask("MeterValues", {"connectorId": 1, "meterValue": values})
    await main.answer(await main.expect("MeterValues"), {})
    await station.expect_result(told)
    stopped = {"transactionId": 1, "timestamp": "2026-01-01T10:00:00Z", "meterStop": 5, "transactionData": values}
    told = await station.ask("StopTransaction", stopped)
    call = await main.expect("StopTransaction")
    assert call.payload == stopped
    await main.answer(call, {})
    await station.expect_result(told)


@pytest.mark.parametrize(
    "sampled",
    [
        "[]",
        '[{"value":16.50}]',
        '[{"value":"1","unit":"Hz","measurand":"Request.Energy"}]',
        '[{"value":"","context":null}]',
        '[{"value":"1e400"},{"value":0.10000000000000000001}]',
    ],
)
async def test_dt_04_odd_samples_pass_as_they_were_written(stage: Stage, sampled: str) -> None:
    """Meter values that no schema likes reach the backend, letter for letter."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    told = f'[2,"m","MeterValues",{{"connectorId":1,"meterValue":[{{"timestamp":"x","sampledValue":{sampled}}}]}}]'
    station.send(told)
    await main.answer(await main.expect_text(told), {})
    await station.expect_result("m")


async def test_dt_05_meter_values_around_a_transaction(stage: Stage) -> None:
    """Meter values that come after the StopTransaction of their transaction go to its owner, by the owner's number."""
    await stage.backend("main")
    await stage.backend("employer")
    rules = [{"tokens": ["04EM*"], "answer": "employer"}, {"answer": "main"}]
    await stage.gateway(routes={"main": {"rules": rules}})
    station, main, employer = await stage.meet()
    values = [{"timestamp": "2026-01-01T10:00:00Z", "sampledValue": [{"value": "1"}]}]
    started = {"connectorId": 1, "idTag": "04EM1", "meterStart": 0, "timestamp": "2026-01-01T10:00:00Z"}
    told = await station.ask("StartTransaction", started)
    call = await employer.expect("StartTransaction")
    await employer.answer(call, {"transactionId": 77, "idTagInfo": {"status": "Accepted"}})
    number = (await station.expect_result(told)).payload["transactionId"]
    stopped = {"transactionId": number, "timestamp": "2026-01-01T11:00:00Z", "meterStop": 5}
    told = await station.ask("StopTransaction", stopped)
    await employer.answer(await employer.expect("StopTransaction"), {})
    await station.expect_result(told)
    told = await station.ask("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values})
    call = await employer.expect("MeterValues")
    assert call.payload["transactionId"] == 77
    await employer.answer(call, {})
    await station.expect_result(told)
    await stage.quiet(station, main, employer)


@pytest.mark.parametrize("broken", ['[3,"{id}",{"configurationKey":[]', '[3,"{id}",', '[3,"{id}"]'])
async def test_dt_06_a_broken_reply_ends_its_call(stage: Stage, broken: str) -> None:
    """A reply that is cut short ends the open call with an error long before its time is up; the next one goes on."""
    await stage.backend("main")
    await stage.gateway(calls={"station": 600})
    station, main = await stage.meet()
    asked = await main.ask("GetConfiguration", {})
    call = await station.expect("GetConfiguration")
    station.send(broken.replace("{id}", call.id))
    await main.expect_error(asked)
    asked = await main.ask("GetConfiguration", {})
    await station.answer(await station.expect("GetConfiguration"), {})
    await main.expect_result(asked)


async def test_dt_07_a_result_after_a_reconnect(stage: Stage) -> None:
    """A result that comes by the next connection reaches nobody and harms nothing."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    await main.ask("GetConfiguration", {})
    call = await station.expect("GetConfiguration")
    await station.close()
    again = await stage.station("CP1")
    link = await stage.backends["main"].station("CP1")
    again.send(compact(3, call.id, {"configurationKey": []}))
    beat = await again.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), HEARTBEAT)
    await again.expect_result(beat)
    await stage.quiet(again, link)
