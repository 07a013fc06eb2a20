"""The list of events: the line of the log, the severity and the meaning of each.

The log, `/metrics`, the API and the documents go by it: `python -m voltgate.relay.event_list` writes docs/events.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from inspect import cleandoc
from typing import Literal, TypeAlias

from voltgate.relay.certificate_events import (
    CertificateExpiring,
    CertificateRefused,
    CertificateRenewed,
    CertificateUnasked,
)
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    BackendFailing,
    BackendLeftOut,
    BackendMoved,
    BackendSound,
    CarrierDown,
    CarrierUp,
    ClaimContested,
    ClaimsChanged,
    ClockRight,
    ClockWrong,
    CommandRefused,
    DatabaseAway,
    DatabaseBack,
    DiskFilling,
    DiskFreed,
    Event,
    GivenUp,
    JournalGrowing,
    JournalShrunk,
    LegClosed,
    LegDown,
    LegUp,
    NodeBack,
    NodeLost,
    StationAccepted,
    StationBooted,
    StationCame,
    StationMoved,
    StationRefused,
    StationRestarting,
    StationSteady,
    StationWent,
    StatusChanged,
    TransactionBegan,
    TransactionEnded,
    TransactionLong,
)

Severity: TypeAlias = Literal["info", "warning", "error", "danger"]
"""How much an event matters; "danger": people may come to harm."""

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "danger")
"""The severities, the least first."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is said of all events of a type. `line` is that of the log; `meaning` is Markdown of several lines."""

    line: str
    severity: Severity
    meaning: str


_LINES: tuple[tuple[type[Event], str, Severity], ...] = (
    (StationCame, "station came", "info"),
    (StationRefused, "station refused", "info"),
    (StationWent, "station went", "info"),
    (StationMoved, "station moved", "info"),
    (StationAccepted, "station accepted", "info"),
    (StationBooted, "station booted", "info"),
    (StationRestarting, "station boots again and again", "warning"),
    (StationSteady, "station boots no more", "info"),
    (StatusChanged, "status changed", "info"),
    (ClockWrong, "the clock of a station is wrong", "warning"),
    (ClockRight, "the clock of a station is right again", "info"),
    (TransactionBegan, "transaction began", "info"),
    (TransactionEnded, "transaction ended", "info"),
    (TransactionLong, "transaction runs for long", "warning"),
    (BackendLeftOut, "backend left out: it does not take this version", "info"),
    (LegUp, "backend linked", "info"),
    (LegDown, "backend away", "warning"),
    (LegClosed, "backend unlinked", "info"),
    (CarrierUp, "carrier up", "info"),
    (CarrierDown, "carrier down", "warning"),
    (BackendAway, "backend away for all stations", "error"),
    (BackendBack, "backend back", "info"),
    (BackendFailing, "backend fails", "warning"),
    (BackendSound, "backend answers as it should again", "info"),
    (BackendMoved, "backend moved", "info"),
    (JournalGrowing, "journal grows: a backend is owed many messages", "warning"),
    (JournalShrunk, "journal is short again", "info"),
    (GivenUp, "message given up", "error"),
    (CommandRefused, "command refused", "warning"),
    (ClaimsChanged, "claims changed", "info"),
    (ClaimContested, "station claimed by several backends", "warning"),
    (CertificateRefused, "certificate of a station refused", "warning"),
    (CertificateUnasked, "certificate of a station not asked about", "warning"),
    (CertificateExpiring, "certificate is about to expire", "warning"),
    (CertificateRenewed, "certificate renewed", "info"),
    (DiskFilling, "disk is nearly full", "error"),
    (DiskFreed, "disk has space again", "info"),
    (DatabaseAway, "database away", "error"),
    (DatabaseBack, "database back", "info"),
    (NodeLost, "node lost", "error"),
    (NodeBack, "node back", "info"),
)

EVENTS: dict[type[Event], Kind] = {
    event: Kind(line, severity, cleandoc(event.__doc__ or "")) for event, line, severity in _LINES
}
"""Every event. What is said of its fields stands where it is defined, and is its meaning."""

NAMES: dict[type[Event], str] = {event: event.__name__ for event in EVENTS}
"""The name of each event: the label of `/metrics`, and the kind in the API."""

_DANGERS = frozenset({"GroundFailure", "HighTemperature", "OverCurrentFailure", "OverVoltage"})
"""Errors of a station by which people may come to harm (1.6 ChargePointErrorCode)."""
_DANGERS_OF_VENDORS = frozenset({"CX002", "CX003", "CX004", "CX005", "CX008", "CX019", "CX026"})
"""Those of ChargeX's Minimum Required Error Codes that say so, or an emergency stop, or a cut cable."""
_DANGEROUS_ENDS = frozenset({"EmergencyStop", "GroundFault", "OvercurrentFault"})
"""Ends of a transaction (1.6 Reason, 2.x ReasonEnumType) that say that people may have come to harm."""


def endangers(event: Event) -> bool:
    """Return whether people may come to harm: such an event waits for nothing, and nothing mutes it."""
    if isinstance(event, StatusChanged):
        return event.error_code in _DANGERS or event.vendor_error_code.partition(" ")[0] in _DANGERS_OF_VENDORS
    return isinstance(event, TransactionEnded) and event.reason in _DANGEROUS_ENDS


def severity_of(event: Event) -> Severity:
    """Return how much an event matters: as others of its type, or more by what it says."""
    if endangers(event):
        return "danger"
    if isinstance(event, StatusChanged) and event.status == "Faulted":
        return "error"
    return EVENTS[type(event)].severity


# The document.

_INTRODUCTION = """\
# Events

What happens to stations, backends and Voltgate itself. Each event is a line of the log (all of its fields stand there),
a number of `voltgate_events` in `/metrics` (its name is the label), and an item of `GET /api/v1/events` (its name is
the `kind`, its fields stand beside it). Alerts are rules about them.

An event by which people may come to harm has the severity `danger`, whatever stands here: a status with an error that
says so (ground failure, high temperature, over-current, over-voltage), or a transaction that ended by an emergency
stop, a ground fault or an over-current. A status of `Faulted` has the severity `error`.

This page is written from the list: `python -m voltgate.relay.event_list > docs/events.md`.
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *(line for event in EVENTS for line in _section(event))])


def _section(event: type[Event]) -> Iterator[str]:
    kind = EVENTS[event]
    yield f"## {NAMES[event]}\n"
    yield f"{kind.meaning}\n"
    yield f"Severity `{kind.severity}`. In the log: `{kind.line}`.\n"
    yield "| field | type |"
    yield "|---|---|"
    for field in fields(event):
        first, *other = str(field.type).split(" | ")
        yield f"| `{field.name}` | {' or '.join([_TYPES[first], *(['nothing'] if other else [])])} |"
    yield ""


_TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "yes or no",
    "tuple[str, ...]": "list of texts",
}


if __name__ == "__main__":
    sys.stdout.write(reference())
