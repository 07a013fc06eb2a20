"""BootNotification: while it is open the station is asked nothing, and its answer has an interval that can be used.

Source: OCPP 1.6 section 4.2; 2.x Part 2 B01 to B03.
"""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.actions import BOOT
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import integer, plain_fields, with_fields
from voltgate.ocpp.messages import Call, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.events import StationBooted
from voltgate.relay.numbers import LARGEST
from voltgate.relay.policies.registration import enforced, let_go
from voltgate.relay.registration import STATUSES

INTERVAL = 300
"""Seconds between heartbeats, or before the next BootNotification, when no backend named any that can be used."""
_INTERVAL = ("interval",)
_NAMES = (
    ("chargePointVendor", "chargePointModel", "firmwareVersion"),
    ("vendorName", "model", "firmwareVersion"),
)
"""What a station of 1.x, and of 2.x, calls its vendor, its model and its firmware."""
_LARGEST = 16 << 10
"""Bytes of a BootNotification that is kept, to be told again."""
_LONGEST = 100
"""Characters of what a station says of itself, as far as it is told."""


def boot(context: Context, call: Call, respond: Respond) -> None:
    """Have a backend answer a BootNotification; until it has, the station is asked nothing."""
    registration = context.registration
    registration.booting, registration.heard = call, False
    registration.held = enforced(context)
    if call.action == BOOT and call.size <= _LARGEST:
        context.ledger.note("boot", bytes(call.payload).decode())
        registration.changed(bytes(call.payload))
    else:
        registration.changed()  # a signed one cannot be told again under this name, and nobody keeps one so large
    _tell(context, call)
    context.answer(context.plan(call), call, partial(_booted, context, call, respond))


def _tell(context: Context, call: Call) -> None:
    fields = plain_fields(call)
    station = fields.get("chargingStation", fields)
    said = [(station if isinstance(station, dict) else {}).get(name) for name in _NAMES[is_modern(context.version)]]
    texts = [text[:_LONGEST] if isinstance(text, str) else "" for text in (*said, fields.get("reason"))]
    context.emit(StationBooted(context.station, *texts))


def _booted(context: Context, call: Call, respond: Respond, reply: Reply) -> None:
    """Tell the station what it is to do, note it, and let go what has waited for that."""
    registration = context.registration
    if registration.booting is call:
        registration.booting = None
    if isinstance(reply, Result):
        reply = with_interval(reply)
        status = reply.fields.get("status")
        if isinstance(status, str) and status in STATUSES:
            if status != registration.status:
                registration.status, registration.asked = status, {}
            context.ledger.note("registration", status)
            respond(reply)
            let_go(context)
            return
    respond(reply)


def with_interval(reply: Result) -> Result:
    """Return the answer to a BootNotification with an interval that stations can use; nothing else is changed.

    An interval of 0, below it, or that is no whole number of 31 bits makes some of them flood, or fall silent.
    """
    named, said_once = reply.fields.get("interval"), bytes(reply.payload).count(b'"interval"') == 1
    usable = interval_of(named)
    if isinstance(named, int) and named == usable and said_once:
        return reply
    mended = reply.with_payload(with_fields(reply.payload, {_INTERVAL: usable}))
    return mended if "status" in mended.fields else reply  # 1e999 cannot be read before it is mended


def interval_of(named: object) -> int:
    """Return the interval that a backend has named if it can be used, else `INTERVAL`."""
    seconds = integer(named)
    return seconds if seconds is not None and 0 < seconds <= LARGEST else INTERVAL
