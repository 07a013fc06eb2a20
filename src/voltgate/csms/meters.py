"""Meter values of every version of OCPP, as values that know no version.

One reader serves 1.2 to 2.1: what differs between them (`unit` or `unitOfMeasure`, `format` or `signedMeterValue`)
names itself, the defaults are the same, and stations of one version are known to write the shapes of the other. Nothing
is invented and nothing is lost: what cannot be read is a sample without a value, with its text in `raw`.

Source: OCPP 1.6 sections 7.42 to 7.45 (SampledValue, UnitOfMeasure) and the data types of OCPP 2.0.1 and 2.1 Part 2
(MeterValueType, SampledValueType, SignedMeterValueType, UnitOfMeasureType).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from voltgate.csms.times import read_time
from voltgate.csms.units import Unit, unit_of, usual_unit

ENERGY = "Energy.Active.Import.Register"
PERIODIC = "Sample.Periodic"
OUTLET = "Outlet"

_number = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch
_LONGEST_NUMBER = 50
_MOST = 1e15
"""No meter counts so far; below it a float holds every Wh, and tenths of one."""
_MOST_ZEROS = 30
"""The largest exponent of a multiplier."""
_ONE = Decimal(1)
_NUMBERS = (int, float)
_LONGEST_WORD = 100
"""Characters of a word that is remembered with its usual spelling."""

_WORDS = {
    word.casefold(): word
    for word in (
        "Current.Export Current.Export.Offered Current.Export.Minimum Current.Import Current.Import.Offered "
        "Current.Import.Minimum Current.Offered Display.PresentSOC Display.MinimumSOC Display.TargetSOC "
        "Display.MaximumSOC Display.RemainingTimeToMinimumSOC Display.RemainingTimeToTargetSOC "
        "Display.RemainingTimeToMaximumSOC Display.ChargingComplete Display.BatteryEnergyCapacity Display.InletHot "
        "Energy.Active.Export.Interval Energy.Active.Export.Register Energy.Active.Import.Interval "
        "Energy.Active.Import.Register Energy.Active.Import.CableLoss Energy.Active.Import.LocalGeneration.Register "
        "Energy.Active.Net Energy.Active.Setpoint.Interval Energy.Apparent.Export Energy.Apparent.Import "
        "Energy.Apparent.Net Energy.Reactive.Export.Interval Energy.Reactive.Export.Register "
        "Energy.Reactive.Import.Interval Energy.Reactive.Import.Register Energy.Reactive.Net EnergyRequest.Target "
        "EnergyRequest.Minimum EnergyRequest.Maximum EnergyRequest.Minimum.V2X EnergyRequest.Maximum.V2X "
        "EnergyRequest.Bulk Frequency Power.Active.Export Power.Active.Import Power.Active.Setpoint "
        "Power.Active.Residual Power.Export.Minimum Power.Export.Offered Power.Factor Power.Import.Offered "
        "Power.Import.Minimum Power.Offered Power.Reactive.Export Power.Reactive.Import SoC Voltage Voltage.Minimum "
        "Voltage.Maximum Temperature RPM "
        "L1 L2 L3 N L1-N L2-N L3-N L1-L2 L2-L3 L3-L1 "
        "Interruption.Begin Interruption.End Other Sample.Clock Sample.Periodic Transaction.Begin Transaction.End "
        "Trigger Body Cable EV Inlet Outlet Upstream Raw SignedData"
    ).split()
}
"""The measurands, phases, contexts, locations and formats of all versions, by their lower case."""


class Signed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signed value as it came, letter for letter: whoever checks it needs nothing else, and nobody here changes it.

    `data` is the value of 1.6 (`format` SignedData), else `signedMeterData`; the rest is "" where the station does not
    say it.
    """

    data: str
    signing_method: str = ""
    encoding_method: str = ""
    public_key: str = ""


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value, in the base unit of its kind.

    `measurand`, `phase` ("": all of them), `location` and `context` are OCPP's words; those that it does not have are
    kept as they came. `value` is None for what is no number; `raw` is its text as it came, in the unit that it came in.
    """

    measurand: str
    phase: str
    location: str
    context: str
    value: float | None
    unit: str
    raw: str
    signed: Signed | None = None


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a meter said at one moment, in seconds since 1970.

    `at_is_ours` says that the moment is the one at which the message was received: the station's cannot be read.
    """

    at: float
    samples: tuple[Sample, ...]
    at_is_ours: bool = False


def read_meter_values(said: object, received: float) -> list[Reading]:
    """Return what the `meterValue` or `transactionData` of a message says; nothing raises, whatever it is.

    `received` (seconds since 1970) stands for moments that cannot be read. An entry without samples gives no reading.
    """
    readings = (_reading(entry, received) for entry in _entries(said))
    return [reading for reading in readings if reading.samples]


def pack(reading: Reading) -> bytes:
    """Return a reading as compact JSON, the same for the same reading."""
    return msgspec.json.encode(reading)


unpack = msgspec.json.Decoder(Reading).decode
"""Return the reading of its JSON. Raise msgspec.MsgspecError for anything else."""


def _entries(said: object) -> Iterable[object]:
    """Return the entries of a list; one that is not in a list is one of its own (Huawei)."""
    if said is None:
        return ()
    return said if isinstance(said, list) else (said,)


def _reading(entry: object, received: float) -> Reading:
    if not isinstance(entry, dict):
        return Reading(received, (_unreadable(entry),), True)
    at = read_time(entry.get("timestamp"))
    said = entry.get("sampledValue")
    samples = tuple([_sample(one) if isinstance(one, dict) else _unreadable(one) for one in _entries(said)])
    return Reading(received, samples, True) if at is None else Reading(at, samples)


def _unreadable(said: object) -> Sample:
    return Sample("", "", "", "", None, "", _text(said))


def _sample(said: dict[str, Any]) -> Sample:
    measurand = _word(said.get("measurand"), ENERGY)
    unit, multiplier = _unit(said, measurand)
    raw = _text(said.get("value"))
    is_signed = _word(said.get("format"), "Raw") == "SignedData"
    return Sample(
        measurand,
        _word(said.get("phase"), ""),
        _word(said.get("location"), OUTLET),
        _word(said.get("context"), PERIODIC),
        None if is_signed else _value(raw, unit, multiplier),
        unit.base,
        raw,
        Signed(raw) if is_signed else _signed(said.get("signedMeterValue")),
    )


def _word(said: object, default: str) -> str:
    """Return a word as OCPP spells it; the default where nothing is said, and what is no word as it came."""
    if said is None or said == "":
        return default
    return _spelled(said) if isinstance(said, str) and len(said) <= _LONGEST_WORD else _text(said)


@lru_cache(maxsize=1024)
def _spelled(said: str) -> str:
    return _WORDS.get(said.strip().casefold(), said)


def _unit(said: dict[str, Any], measurand: str) -> tuple[Unit, object]:
    """Return the unit of a sample, and its multiplier: a power of ten."""
    named, multiplier = said.get("unit"), None
    modern = said.get("unitOfMeasure")
    if isinstance(modern, dict):
        named, multiplier = modern.get("unit"), modern.get("multiplier")
    elif modern is not None:
        named = modern
    return unit_of(text) if (text := _text(named)) else usual_unit(measurand[:_LONGEST_WORD]), multiplier


def _signed(said: object) -> Signed | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        return Signed(_text(said))
    fields = ("signedMeterData", "signingMethod", "encodingMethod", "publicKey")
    return Signed(*[_text(said.get(field)) for field in fields])


def _value(raw: str, unit: Unit, multiplier: object) -> float | None:
    """Return the value in the base unit, to the last digit; None for no number, and for one that nothing measures."""
    text = raw.strip()
    if len(text) > _LONGEST_NUMBER or not _number(text):
        return None
    if unit.scale is None and not multiplier:
        value = float(text)
    else:
        exponent = _exponent(multiplier)
        if exponent is None:
            return None
        value = float(Decimal(text).scaleb(exponent) * (unit.scale or _ONE) + unit.offset)
    return value if -_MOST < value < _MOST else None


def _exponent(said: object) -> int | None:
    """Return a multiplier; None for what is none, as without it nobody knows the value."""
    if isinstance(said, float) and said.is_integer():
        said = int(said)  # 3.0 is a whole number of JSON
    try:
        exponent = int(_text(said) or "0")
    except ValueError:
        return None
    return exponent if abs(exponent) <= _MOST_ZEROS else None


def _text(said: object) -> str:
    """Return a text as it is, "" for null, and anything else as JSON; "[…]" for lists that have no end."""
    if isinstance(said, str):
        return said
    if said is None:
        return ""
    if type(said) in _NUMBERS:
        return repr(said)
    try:
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return "[…]"
