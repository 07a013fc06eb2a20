"""Meter values as stations send them, and what is kept of them."""

from __future__ import annotations

import json
import tracemalloc
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ocpp.soap_bodies import sample as soap_sample
from voltgate.csms.meters import ENERGY, Reading, Sample, Signed, pack, read_meter_values, unpack
from voltgate.ocpp.soap.codec import decode
from voltgate.ocpp.soap.envelope import Envelope, parse

AT = 1768464600.0
RECEIVED = AT + 7.5
STAMP = "2026-01-15T08:10:00Z"


def read(*samples: Any) -> tuple[Sample, ...]:
    """Read the samples of one moment."""
    (reading,) = read_meter_values([{"timestamp": STAMP, "sampledValue": list(samples)}], RECEIVED)
    assert (reading.at, reading.at_is_ours) == (AT, False)
    return reading.samples


def one(**said: Any) -> Sample:
    """Read one sample."""
    (sample,) = read(said)
    return sample


def test_a_sample_of_1_6_says_everything() -> None:
    """Measurand, phase, place and context are OCPP's words, the value is in the base unit, the text is as it came."""
    said = {"measurand": "Power.Active.Import", "phase": "L1", "location": "Cable", "context": "Sample.Clock"}
    assert one(value="7.36", unit="kW", format="Raw", **said) == Sample(
        "Power.Active.Import", "L1", "Cable", "Sample.Clock", 7360.0, "W", "7.36"
    )


def test_a_sample_of_2_x_says_everything() -> None:
    """2.x has numbers for values, and units with powers of ten."""
    said = {"measurand": "Voltage", "phase": "L1-N", "location": "Upstream", "context": "Trigger"}
    unit = {"unit": "V", "multiplier": -1}
    assert one(value=2301, unitOfMeasure=unit, **said) == Sample(
        "Voltage", "L1-N", "Upstream", "Trigger", 230.1, "V", "2301"
    )


@pytest.mark.parametrize(
    "said", [{}, {"unit": "Wh"}, {"unitOfMeasure": {}}, {"unitOfMeasure": {"multiplier": 0}}, {"format": "Raw"}]
)
def test_a_bare_value_is_the_register_at_the_outlet(said: dict[str, Any]) -> None:
    """The defaults of all versions are the same: to save data, most stations send little else."""
    assert one(value="12900", **said) == Sample(ENERGY, "", "Outlet", "Sample.Periodic", 12900.0, "Wh", "12900")


@pytest.mark.parametrize("version", ["1.2", "1.5", "1.6"])
def test_meter_values_that_came_by_soap(version: str) -> None:
    """The bodies of the three SOAP services, as our carrier gives them."""
    envelope = parse(soap_sample(f"{version}_7_MeterValues_request_CP-CS.xml"))
    assert isinstance(envelope, Envelope)
    payload = decode(envelope)
    assert isinstance(payload, dict)
    (reading,) = read_meter_values(payload["meterValue"], RECEIVED)
    assert reading.at == AT
    assert {sample.value for sample in reading.samples} == {12900.0}
    assert {(sample.measurand, sample.unit) for sample in reading.samples} == {(ENERGY, "Wh")}


@pytest.mark.parametrize(
    ("value", "unit", "expected", "base"),
    [
        ("0.1", "kWh", 100.0, "Wh"),
        ("1.001", "kWh", 1001.0, "Wh"),
        ("4.35", "kWh", 4350.0, "Wh"),
        ("12.9", "kwh", 12900.0, "Wh"),
        ("12.9", " KWH ", 12900.0, "Wh"),
        ("2", "MWh", 2_000_000.0, "Wh"),
        ("5", "varh", 5.0, "varh"),
        ("5", "kvarh", 5000.0, "varh"),
        ("5", "kVAh", 5000.0, "VAh"),
        ("7.2", "kW", 7200.0, "W"),
        ("11", "Watt", 11.0, "W"),
        ("3", "kVA", 3000.0, "VA"),
        ("3", "kVAr", 3000.0, "var"),
        ("16", "Amp", 16.0, "A"),
        ("1600", "mA", 1.6, "A"),
        ("230", "Volt", 230.0, "V"),
        ("230", "v", 230.0, "V"),
        ("0.4", "kV", 400.0, "V"),
        ("21.5", "Celsius", 21.5, "Celsius"),
        ("21.5", "Celcius", 21.5, "Celsius"),  # the schema of 1.6 spells it so
        ("21.5", "C", 21.5, "Celsius"),  # OpenEVSE
        ("294.65", "K", 21.5, "Celsius"),
        ("70.7", "Fahrenheit", 21.5, "Celsius"),
        ("-40", "Fahrenheit", -40.0, "Celsius"),
        ("80", "Percent", 80.0, "Percent"),
        ("80", "%", 80.0, "Percent"),
        ("50", "Hz", 50.0, "Hertz"),  # Charge Amps Halo
        ("50", "Hertz", 50.0, "Hertz"),
        ("5", "mwh", 5.0, "mwh"),  # a thousandth or a million: nobody knows
        ("5", "furlong", 5.0, "furlong"),
    ],
)
def test_units_become_base_units_to_the_last_digit(value: str, unit: str, expected: float, base: str) -> None:
    """A kWh is exactly 1,000 Wh, however the station spells it; an unknown unit stays what it is."""
    for said in ({"unit": unit}, {"unitOfMeasure": {"unit": unit}}):
        sample = one(value=value, **said)
        assert (sample.value, sample.unit, sample.raw) == (expected, base, value)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ({"unit": "Wh", "multiplier": 3}, 129_000.0),
        ({"unit": "kWh", "multiplier": 3}, 129_000_000.0),
        ({"multiplier": -1}, 12.9),
        ({"multiplier": "3"}, 129_000.0),
        ({"multiplier": None}, 129.0),
        ({"multiplier": 400}, None),
        ({"multiplier": 1.5}, None),
        ({"multiplier": 3.0}, 129_000.0),
        ({"unit": "kWh", "multiplier": 0.0}, 129_000.0),
        ({"multiplier": True}, None),
        ({"multiplier": "many"}, None),
        ({"multiplier": [3]}, None),
    ],
)
def test_multipliers_are_powers_of_ten(unit: dict[str, Any], expected: float | None) -> None:
    """A value whose multiplier cannot be read is not known."""
    assert one(value=129, unitOfMeasure=unit).value == expected


@pytest.mark.parametrize(
    ("measurand", "unit"),
    [
        ("Energy.Reactive.Import.Register", "varh"), ("Energy.Apparent.Net", "VAh"), ("Energy.Active.Net", "Wh"),
        ("EnergyRequest.Target", "Wh"), ("Power.Active.Import", "W"), ("Power.Offered", "W"), ("Power.Factor", ""),
        ("Power.Reactive.Export", "var"), ("Current.Import", "A"), ("Voltage", "V"), ("Temperature", "Celsius"),
        ("SoC", "Percent"), ("Frequency", "Hertz"), ("RPM", "RPM"), ("Display.RemainingTimeToTargetSOC", "s"),
        ("Display.PresentSOC", "Percent"), ("Request.Energy", ""), ("", "Wh"),
    ],
)  # fmt: skip
def test_without_a_unit_a_value_is_in_that_of_its_measurand(measurand: str, unit: str) -> None:
    """1.6 stations send no unit, or an empty one; an unknown measurand has none."""
    for said in ({}, {"unit": ""}, {"unitOfMeasure": {"unit": None}}):
        sample = one(value="5", measurand=measurand, **said)
        assert (sample.value, sample.unit) == (5.0, unit)


def words(schema: str) -> dict[str, list[str]]:
    """Return the words that a schema lists for a sample, by field."""
    text = (files("ocpp") / schema).read_text(encoding="utf-8-sig")
    found = json.loads(text)
    if "definitions" in found:
        return {
            field: found["definitions"][f"{name}EnumType"]["enum"]
            for field, name in [
                ("measurand", "Measurand"), ("phase", "Phase"), ("location", "Location"), ("context", "ReadingContext"),
            ]
        }  # fmt: skip
    sample = found["properties"]["meterValue"]["items"]["properties"]["sampledValue"]["items"]["properties"]
    return {field: sample[field]["enum"] for field in ("measurand", "phase", "location", "context", "unit")}


@pytest.mark.parametrize(
    "schema",
    ["v16/schemas/MeterValues.json", "v201/schemas/MeterValuesRequest.json", "v21/schemas/MeterValuesRequest.json"],
)
def test_every_word_of_every_version_is_known(schema: str) -> None:
    """Measurands, phases, places, contexts and units: in OCPP's spelling whatever the case they came in."""
    for field, listed in words(schema).items():
        for word in listed:
            if field == "unit":
                assert one(value="1", unit=word).unit in "Wh varh VAh W var VA A V Celsius Percent Hertz".split()
            else:
                assert getattr(one(value="1", **{field: word.lower()}), field) == word


def test_words_that_ocpp_does_not_have_are_kept() -> None:
    """A measurand of a vendor is a measurand, and what is no word is not taken for the default."""
    assert one(value="5", measurand="Request.Energy").measurand == "Request.Energy"
    assert one(value="5", measurand=7).measurand == "7"
    assert one(value="5", phase=["L1"]).phase == '["L1"]'
    assert one(value="5", unit=7).unit == "7"
    assert one(value="5", unitOfMeasure="kWh").value == 5000.0
    assert one(value="5", measurand="x" * 5000).measurand == "x" * 5000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12900", 12900.0), (" 12900", 12900.0), ("+12900.50", 12900.5), ("-3", -3.0), (".5", 0.5), ("5.", 5.0),
        ("007", 7.0), ("1.29E+4", 12900.0), (12900, 12900.0), (12900.5, 12900.5), (-3, -3.0), (0, 0.0),
    ],
)  # fmt: skip
def test_numbers_in_every_form(value: object, expected: float) -> None:
    """Texts and numbers, in any version (OpenEVSE), with blanks, signs and exponents."""
    sample = one(value=value)
    assert sample.value == expected
    assert sample.raw == str(value)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("", ""),  # Heidelberg Amperfied
        ("NaN", "NaN"), ("nan", "nan"), ("inf", "inf"), ("-Infinity", "-Infinity"), ("1,5", "1,5"), ("1_000", "1_000"),
        ("0x10", "0x10"), ("1e999", "1e999"), ("٣", "٣"), ("12900 Wh", "12900 Wh"), ("1" * 400, "1" * 400),
        (10**399, "1" + "0" * 399), (1e300, "1e+300"), ("1e15", "1e15"), (None, ""), (True, "true"),
        ("0" * 400 + "5", "0" * 400 + "5"), ([1], "[1]"), ({"value": 1}, '{"value":1}'),
    ],
)  # fmt: skip
def test_what_is_no_number_has_no_value_and_costs_no_other(value: object, raw: str) -> None:
    """Nothing is made up for it; its text is kept, and the samples beside it count."""
    broken, whole = read({"value": value}, {"value": "5"})
    assert (broken.value, broken.raw) == (None, raw)
    assert whole.value == 5.0


def test_what_a_station_sends_is_not_remembered_without_bound() -> None:
    """Its words are looked up, not collected."""
    tracemalloc.start()
    for number in range(300):
        word = f"{number}{'x' * 10_000}"
        one(value="1", measurand=word, unit=word, context=word, phase=word)
        one(value="1", measurand=word)
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 1_000_000


OCMF = 'OCMF|{"FV":"1.0","GI":"ABL","RD":[{"RV":2935.6}]}|{"SD":"3045022100 é\\/"}'


def test_a_signed_value_of_1_6_is_kept_letter_for_letter() -> None:
    """It is no number, even if it looks like one, and nothing in it is touched."""
    sample = one(value=OCMF, format="SignedData", context="Transaction.End")
    assert sample.value is None
    assert sample.signed == Signed(OCMF)
    assert unpack(pack(Reading(AT, (sample,)))).samples[0].signed == Signed(OCMF)
    digits = one(value=" 3045 ", format="SignedData", unit="kWh")
    assert (digits.value, digits.signed) == (None, Signed(" 3045 "))


def test_a_signed_value_of_2_x_is_kept_beside_the_number() -> None:
    """With everything that it takes to check it; a field that 2.1 leaves out is empty."""
    signed = {"signedMeterData": "T0NNRnw=", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "b2NhOg=="}
    sample = one(value=12900, signedMeterValue=signed)
    assert sample.value == 12900.0
    assert sample.signed == Signed("T0NNRnw=", "", "OCMF", "b2NhOg==")
    brief = one(value=1, signedMeterValue={"signedMeterData": "T0NNRnw=", "encodingMethod": "EDL"})
    assert brief.signed == Signed("T0NNRnw=", "", "EDL")
    assert one(value=1, signedMeterValue="T0NNRnw=").signed == Signed("T0NNRnw=")


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:12Z", "", "yesterday", None, 1768464600, ["x"]])
def test_a_moment_that_cannot_be_read_is_that_of_its_receipt(stamp: object) -> None:
    """And says so: the order of readings stays right, and nobody takes it for the station's time."""
    (reading,) = read_meter_values([{"timestamp": stamp, "sampledValue": [{"value": "5"}]}], RECEIVED)
    assert (reading.at, reading.at_is_ours) == (RECEIVED, True)


def test_each_moment_is_a_reading() -> None:
    """An offline station sends many at once, in its order; one without samples (Vestel, Sonnen) is none."""
    stamps = [f"2026-01-15T08:{minute}:00Z" for minute in (10, 25, 40)]
    entries = [{"timestamp": stamp, "sampledValue": [{"value": "5"}]} for stamp in stamps]
    entries += [{"timestamp": STAMP, "sampledValue": []}, {"timestamp": STAMP}, {}]
    assert [reading.at for reading in read_meter_values(entries, RECEIVED)] == [AT, AT + 900, AT + 1800]


def test_an_object_in_place_of_a_list_is_the_only_one() -> None:
    """Huawei sends its one meter value without the list."""
    bare = {"timestamp": STAMP, "sampledValue": {"value": "5"}}
    assert read_meter_values(bare, RECEIVED) == read_meter_values([{**bare, "sampledValue": [{"value": "5"}]}], 0.0)


@pytest.mark.parametrize("said", [None, [], [{}], {}])
def test_nothing_said_is_no_reading(said: object) -> None:
    """No list, or an empty one, is nothing to keep."""
    assert read_meter_values(said, RECEIVED) == []


def test_what_is_no_meter_value_is_kept_as_its_text() -> None:
    """An operator sees what the station sent; it counts for nothing."""
    unreadable = Sample("", "", "", "", None, "", "7")
    assert read_meter_values([7], RECEIVED) == [Reading(RECEIVED, (unreadable,), True)]
    assert read(7, {"value": "5"})[0] == unreadable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("value", "measurand", "phase", "location", "context", "format", "unit", "unitOfMeasure", "signedMeterValue")
WORDS = st.sampled_from(["Wh", "kWh", "K", "L1", "SignedData", "Energy.Active.Import.Register", "1.5", "", 3, -1])
SAMPLES = st.dictionaries(
    st.sampled_from(FIELDS),
    JSON | WORDS | st.dictionaries(st.sampled_from(["unit", "multiplier", "signedMeterData"]), JSON | WORDS),
)
ENTRIES = st.fixed_dictionaries(
    {}, optional={"timestamp": JSON | st.just(STAMP), "sampledValue": JSON | st.lists(SAMPLES)}
)


@given(JSON | st.lists(ENTRIES | JSON))
def test_nothing_raises_whatever_json_comes(said: Any) -> None:
    """Each reading goes to disk and comes back as it was."""
    said = msgspec.json.decode(msgspec.json.encode(said))
    for reading in read_meter_values(said, RECEIVED):
        assert unpack(pack(reading)) == reading


def test_lists_without_end_do_no_harm() -> None:
    """JSON that is deeper than can be written is cut, and raises nothing."""
    said: list[Any] = []
    for _ in range(100_000):
        said = [said]
    sample = one(value=said)
    assert (sample.value, sample.raw) == (None, "[…]")


def test_readings_are_kept_in_few_bytes() -> None:
    """What is stored is JSON that anybody can read, and does not change with versions."""
    packed = pack(Reading(AT, (one(value="0.1", unit="kWh"),)))
    assert packed == (
        b'[1768464600.0,[["Energy.Active.Import.Register","","Outlet","Sample.Periodic",100.0,"Wh","0.1",null]],false]'
    )
    with pytest.raises(msgspec.MsgspecError):
        unpack(b'{"at":1}')
