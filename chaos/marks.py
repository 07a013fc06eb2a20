"""Marks: what tells one message of a station from every other, whoever numbered it and whatever carried it."""

from __future__ import annotations

from typing import Any


def kind_and_mark(action: str, fields: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of a message and its mark; "" for kinds that are not judged."""
    match action:
        case "StartTransaction":
            return "start", str(fields["meterStart"])
        case "MeterValues":
            return "meter", str(fields["meterValue"][0]["sampledValue"][0]["value"])
        case "StopTransaction":
            return "stop", str(fields["meterStop"])
        case "TransactionEvent":
            return "event", f"{fields['transactionInfo']['transactionId']} {fields['seqNo']}"
        case "StatusNotification":
            return "status", str(fields["timestamp"])
    return "", ""


def plain_number(value: Any) -> Any:
    """Return the number of a transaction that may be written as 7, 7.0 or "7"; what is none of them as it is."""
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return value
