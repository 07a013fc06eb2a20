"""The end of a transaction, as its station has said it: told once, with the energy and the time that it took.

Source: OCPP 1.6 sections 4.10 and 6.49; 2.x Part 2 E06 to E08 and the data type MeterValueType.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import decimal, plain_fields, transaction_of
from voltgate.ocpp.messages import Call
from voltgate.relay.context import Context
from voltgate.relay.events import TransactionEnded
from voltgate.relay.policies.clocks import instant, look
from voltgate.relay.transaction import Transaction, said

_BEGIN, _END = "Transaction.Begin", "Transaction.End"
_REGISTER = "Energy.Active.Import.Register"
_LONGEST = 50
"""Characters of a reason and of a transaction's name, as far as they are told."""


def tell_end(context: Context, tx: Transaction | None, call: Call) -> None:
    """Tell that a transaction has ended; None: one that nobody knows. What is said again is not told again."""
    if tx.over if tx is not None else context.learnt.has_ended(said(call)):
        return
    fields = plain_fields(call)
    reason = (_inner(fields, "transactionInfo") if is_modern(context.version) else fields).get(
        "stoppedReason" if is_modern(context.version) else "reason"
    )
    name = tx.id if tx is not None and tx.id else transaction_of(context.version, call)
    context.emit(
        TransactionEnded(
            context.station,
            "" if name is None else str(name)[:_LONGEST],
            "" if tx is None else tx.owner,
            None if tx is None else tx.connector,
            reason[:_LONGEST] if isinstance(reason, str) and reason else "Local",
            _energy(context, tx, fields),
            _seconds(context, tx, fields.get("timestamp")),
        )
    )
    if not is_modern(context.version):
        look(context, fields.get("timestamp"))


def _seconds(context: Context, tx: Transaction | None, timestamp: Any) -> float | None:
    """Return how long it took, by the station's own clock if that has said when it began, else by ours."""
    if tx is None:
        return None
    began, ended = instant(tx.started), instant(timestamp)
    if began is None or ended is None:
        began, ended = tx.began, context.ledger.wall()
    return max(0.0, ended - began)


def _energy(context: Context, tx: Transaction | None, fields: dict[str, Any]) -> float | None:
    if is_modern(context.version):
        begin = None if tx is None else tx.meter
        begin = _reading(fields, _BEGIN) if begin is None else begin
        end = _reading(fields, _END)
        end = _reading(fields, None) if end is None else end
    else:
        begin, end = None if tx is None else tx.meter, decimal(fields.get("meterStop"))
    return None if begin is None or end is None else end - begin


def register_at_start(call: Call) -> float | None:
    """Return what the meter showed when a transaction of 2.x began, in Wh; None if the event does not say."""
    fields = plain_fields(call)
    begin = _reading(fields, _BEGIN)
    return _reading(fields, None) if begin is None and fields.get("eventType") == "Started" else begin


def _reading(fields: dict[str, Any], context: str | None) -> float | None:
    """Return the last reading of the energy register in an event, taken when `context` says (None: any), in Wh."""
    found = [value for when, value in _registers(fields) if context in (None, when)]
    return found[-1] if found else None


def _registers(fields: dict[str, Any]) -> Iterator[tuple[Any, float]]:
    """Yield the readings of the energy register: when each was taken, and its value in Wh."""
    for meter_value in _list(fields, "meterValue"):
        for sample in _list(meter_value, "sampledValue"):
            value, unit = decimal(sample.get("value")), _inner(sample, "unitOfMeasure")
            power = unit.get("multiplier", 0)
            if value is None or sample.get("measurand", _REGISTER) != _REGISTER or sample.get("phase") is not None:
                continue
            if isinstance(power, int) and abs(power) <= 12:
                thousands = 3 if unit.get("unit") == "kWh" else 0
                yield sample.get("context"), value * 10.0 ** (power + thousands)


def _list(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = fields.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _inner(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}
