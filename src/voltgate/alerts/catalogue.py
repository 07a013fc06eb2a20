"""The catalogue of alerts that rules can name. The first eighteen are OCPP-Proxy-Alert's, with its keys and titles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import cleandoc

from voltgate.alerts.kind import (
    AlertKind,
    Says,
    action,
    always,
    backend,
    connector,
    field,
    link,
    name,
    node,
    path,
    station,
    stranger,
    transaction,
    word,
)
from voltgate.alerts.texts import TEXTS
from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.relay.certificate_events import CertificateExpiring, CertificateRenewed
from voltgate.relay.event_list import EVENTS, Severity
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    BackendFailing,
    BackendSound,
    ClaimContested,
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
    StationCame,
    StationRefused,
    StationRestarting,
    StationSteady,
    StationWent,
    StatusChanged,
    TransactionBegan,
    TransactionEnded,
    TransactionLong,
)

# Which events are meant.


def _status_is(status: str, *, whole: bool) -> Callable[[Event], bool]:
    """Return what says whether a station as a whole, or else a connector, has a status."""

    def meant(event: Event) -> bool:
        return (
            isinstance(event, StatusChanged)
            and event.status == status
            and whole is (not event.evse and not event.connector)
        )

    return meant


def _error(event: Event) -> str:
    return f"{getattr(event, 'error_code', '')}/{getattr(event, 'vendor_error_code', '')}"


def _status(event: Event) -> str:
    return f"{getattr(event, 'status', '')}/{_error(event)}"


def _has_error(event: Event) -> bool:
    return isinstance(event, StatusChanged) and event.error_code != "NoError"


def _has_no_error(event: Event) -> bool:
    return isinstance(event, StatusChanged) and event.error_code == "NoError"


def _is_cleared(event: Event) -> bool:
    return isinstance(event, StatusChanged) and event.cleared


def _is_unknown(event: Event) -> bool:
    return isinstance(event, StationRefused) and event.status == 404 and bool(event.station)


def _is_wrong_password(event: Event) -> bool:
    return isinstance(event, StationRefused) and (event.status == 401 or "wrong password" in event.reason)


def _is_silent(event: Event) -> bool:
    return isinstance(event, StationWent) and event.silent


UNEXPECTED = frozenset(
    """
    EmergencyStop GroundFault HardReset ImmediateReset Other OvercurrentFault PowerLoss PowerQuality Reboot SoftReset
    UnlockCommand
    """.split()
)
"""Ends of a transaction that the driver did not wish for, nor a backend as such (1.6 Reason, 2.x ReasonEnumType)."""


def _is_unexpected(event: Event) -> bool:
    return isinstance(event, TransactionEnded) and event.reason in UNEXPECTED


def _is_empty(least: float) -> Callable[[Event], bool]:
    """Return what says whether a transaction took no more than so many watt-hours."""

    def meant(event: Event) -> bool:
        return isinstance(event, TransactionEnded) and event.energy_wh is not None and event.energy_wh <= least

    return meant


def _reminder(event: Event) -> str:
    """Return which reminder it is: each is told once."""
    assert isinstance(event, CertificateExpiring)  # noqa: S101
    return f"{event.at} {event.reminder}"


# How they are listed.


def _lasts(
    name: str,
    event: type[Event],
    subject: Says,
    state: Says | str,
    *ends: str,
    family: str = "",
    severity: Severity | None = None,
    when: Callable[[Event], bool] = always,
    meaning: str = "",
    lasting: bool = True,
    also: type[Event] | None = None,
    once: bool = False,
    news: Callable[[Event], bool] = always,
) -> AlertKind:
    """Return what holds until something else ends it, and `ends` others.

    It is as severe as its event, and means the same, unless that is said here.
    """
    title, body = TEXTS[name]
    return AlertKind(
        name,
        event,
        when,
        subject,
        word(state) if isinstance(state, str) else state,
        severity or EVENTS[event].severity,
        title,
        recovers=ends,
        family=family or name,
        lasting=lasting,
        body=body,
        also=also,
        once=once,
        news=news,
        meaning=meaning or cleandoc(event.__doc__ or "").partition("\n")[0],
    )


_happens = partial(_lasts, lasting=False)
"""Returns what happens and is over."""

_OF_STATIONS = ("Available", "Unavailable", "Faulted")
_OF_CONNECTORS = (
    *("Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved"),
    *("Unavailable", "Faulted"),
)
_SEVERITIES: dict[str, Severity] = {"Faulted": "error", "Unavailable": "warning"}


def _statuses(family: str, statuses: tuple[str, ...], what: str) -> list[AlertKind]:
    """Return the alerts for the statuses of stations, or of connectors: each ends the others."""
    return [
        _lasts(
            f"{family}{status}",
            StatusChanged,
            connector,
            _status,
            *(f"{family}{other}" for other in statuses if other != status),
            family=family,
            severity=_SEVERITIES.get(status, "info"),
            when=_status_is(status, whole=family == "cpStatus"),
            meaning=f"{what} becomes {status}.",
        )
        for status in statuses
    ]


_LET_IN = ("disconnectedFromProxy", "stationSilent", "unknownStation", "wrongPassword")
_NOT_LONG = ("transactionTooLong",)

_SEED = (
    _lasts("connectedToProxy", StationCame, station, "connected", *_LET_IN, family="proxy"),
    _lasts(
        "disconnectedFromProxy",
        StationWent,
        station,
        "disconnected",
        "connectedToProxy",
        family="proxy",
        severity="warning",
    ),
    _lasts("connectedToUpstream", LegUp, link, "connected", "disconnectedFromUpstream", family="upstream"),
    _lasts(
        "disconnectedFromUpstream",
        LegDown,
        link,
        "disconnected",
        "connectedToUpstream",
        family="upstream",
        meaning="A backend's link was lost, could not be opened, or was closed as its station has gone.",
        also=LegClosed,
    ),
    *_statuses("cpStatus", _OF_STATIONS, "A station as a whole"),
    *_statuses("conStatus", _OF_CONNECTORS, "A connector"),
    _happens("conStartTransaction", TransactionBegan, transaction, "started", family="transaction", once=True),
    _happens(
        "conStopTransaction",
        TransactionEnded,
        transaction,
        "stopped",
        "transactionTooLong",
        family="transaction",
        once=True,
    ),
)

SEED: tuple[str, ...] = tuple(kind.name for kind in _SEED)
"""The names of the eighteen of OCPP-Proxy-Alert."""

_BEYOND = (
    _lasts(
        "faultReported",
        StatusChanged,
        connector,
        _error,
        "faultCleared",
        family="fault",
        severity="error",
        when=_has_error,
        meaning="A station reports an error, whatever its status: it may go on charging.",
    ),
    _lasts(
        "faultCleared",
        StatusChanged,
        connector,
        _error,
        "faultReported",
        family="fault",
        when=_has_no_error,
        news=_is_cleared,
        meaning="A station that reported an error reports none.",
    ),
    _lasts(
        "unknownStation",
        StationRefused,
        stranger,
        field("status"),
        severity="warning",
        when=_is_unknown,
        meaning="A station that nobody has made known was refused.",
    ),
    _lasts(
        "wrongPassword",
        StationRefused,
        stranger,
        "refused",
        severity="warning",
        when=_is_wrong_password,
        meaning="A station was refused because its password is wrong or missing.",
    ),
    _lasts(
        "stationSilent",
        StationWent,
        station,
        "silent",
        severity="warning",
        when=_is_silent,
        meaning="A station was let go because nothing was heard of it any more.",
    ),
    _lasts("stationRestarting", StationRestarting, station, "restarting", "stationSteady", family="restarts"),
    _lasts("stationSteady", StationSteady, station, "steady", "stationRestarting", family="restarts"),
    _lasts("backendAway", BackendAway, backend, "away", "backendBack", family="backend"),
    _lasts("backendBack", BackendBack, backend, "back", "backendAway", family="backend"),
    _lasts("backendFailing", BackendFailing, backend, "failing", "backendSound", family="errors"),
    _lasts("backendSound", BackendSound, backend, "sound", "backendFailing", family="errors"),
    _happens("claimContested", ClaimContested, station, field("backends")),
    _lasts("journalGrowing", JournalGrowing, backend, "growing", "journalShrunk", family="journal"),
    _lasts("journalShrunk", JournalShrunk, backend, "short", "journalGrowing", family="journal"),
    _happens("messageGivenUp", GivenUp, link, action),
    _happens(
        "transactionWithoutEnergy",
        TransactionEnded,
        transaction,
        "without energy",
        severity="warning",
        when=_is_empty(DEFAULT.transaction_energy_wh),
        meaning="A transaction ended that took no more than `transaction_energy_wh`.",
    ),
    _lasts("transactionTooLong", TransactionLong, transaction, "long"),
    _happens(
        "transactionStoppedUnexpectedly",
        TransactionEnded,
        transaction,
        field("reason"),
        severity="warning",
        when=_is_unexpected,
        meaning="A transaction ended by an emergency stop, a fault, a reset, or a loss of power.",
    ),
    _lasts("clockWrong", ClockWrong, station, "wrong", "clockRight", family="clock"),
    _lasts("clockRight", ClockRight, station, "right", "clockWrong", family="clock"),
    _lasts("certificateExpiring", CertificateExpiring, name, _reminder, "certificateRenewed", family="certificate"),
    _lasts("certificateRenewed", CertificateRenewed, name, field("at"), "certificateExpiring", family="certificate"),
    _lasts("diskFilling", DiskFilling, path, "filling", "diskFreed", family="disk"),
    _lasts("diskFreed", DiskFreed, path, "freed", "diskFilling", family="disk"),
    _lasts("databaseAway", DatabaseAway, word("database"), "away", "databaseBack", family="database"),
    _lasts("databaseBack", DatabaseBack, word("database"), "back", "databaseAway", family="database"),
    _lasts("nodeLost", NodeLost, node, "lost", "nodeBack", family="node"),
    _lasts("nodeBack", NodeBack, node, "back", "nodeLost", family="node"),
    _happens("commandRefused", CommandRefused, link, action),
)

ALERTS: dict[str, AlertKind] = {kind.name: kind for kind in (*_SEED, *_BEYOND)}
"""Every alert, by the name that rules use."""


def kinds(bounds: Thresholds) -> Mapping[str, AlertKind]:
    """Return every alert by these thresholds."""
    empty = replace(ALERTS["transactionWithoutEnergy"], when=_is_empty(bounds.transaction_energy_wh))
    return ALERTS | {empty.name: empty}
