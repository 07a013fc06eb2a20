"""Alerts, their messages and mutes as rows, and back."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any
from uuid import uuid4

from voltgate.alerts.message import Message
from voltgate.alerts.records import Alert, Delivery, StoredMute
from voltgate.store.alert_tables import deliveries

_D = deliveries.c


def new_id() -> str:
    """Return an id that nobody can guess, and by which those of a moment are in order."""
    return f"{time.time_ns():016x}{uuid4().hex[:16]}"


def document(value: Any) -> bytes:
    """Write JSON of whatever strangers said, halves of surrogates too."""
    return json.dumps(value).encode()


def row_of(alert: Alert) -> dict[str, Any]:
    """Return an alert as a row."""
    row = {field.name: getattr(alert, field.name) for field in fields(alert)}
    return row | {"data": document(alert.data)}


def alert_in(row: Any) -> Alert:
    """Return the alert of a row."""
    values = dict(row._mapping)
    return Alert(**values | {"data": json.loads(values["data"])})


COLUMNS = tuple(_D[field.name] for field in fields(Delivery))


def delivery_of(channel: str, rule: str, message: Message, count: int, now: float, *, urgent: bool) -> Delivery:
    """Return a message as it is to be delivered to a channel."""
    return Delivery(
        id=new_id(),
        channel=channel,
        rule=rule,
        kind=message.kind,
        event=message.event,
        severity=message.severity,
        urgent=urgent,
        subject=message.subject,
        text=message.text,
        html=message.html,
        items=message.items,
        count=count,
        at=message.at,
        created=now,
        due=now,
    )


def row_of_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as a row that nobody holds."""
    row = {field.name: getattr(delivery, field.name) for field in fields(delivery)}
    texts = {name: getattr(delivery, name).encode(errors="surrogatepass") for name in ("text", "html")}
    return row | texts | {"items": document(delivery.items), "holder": "", "until": 0.0}


def delivery_in(row: Any) -> Delivery:
    """Return the delivery of a row."""
    values = dict(row._mapping)
    texts = {name: values[name].decode(errors="replace") for name in ("text", "html")}
    return Delivery(**values | texts | {"items": tuple(json.loads(values["items"]))})


def mute_in(row: Any) -> StoredMute:
    """Return the mute of a row."""
    values = dict(row._mapping)
    lists = {name: tuple(json.loads(values[name])) for name in ("events", "stations", "backends")}
    return StoredMute(**values | lists)
