"""The catalogue: which event is which alert, what it says, and what ends it."""

from __future__ import annotations

import pytest

from voltgate.alerts.catalogue import ALERTS, SEED
from voltgate.alerts.kind import AlertKind, details
from voltgate.relay.certificate_events import CertificateExpiring
from voltgate.relay.event_list import EVENTS
from voltgate.relay.events import (
    DiskFilling,
    Event,
    LegDown,
    LegUp,
    StationCame,
    StationRefused,
    StationWent,
    StatusChanged,
    TransactionBegan,
    TransactionEnded,
    TransactionLong,
)

NAMES = {"CP1": "North Parking"}

CAME = StationCame("CP1", "192.0.2.1", "ocpp1.6", "home", replaced=False)
WENT = StationWent("CP1", 1006, "", "station", 10.0)
BEGAN = TransactionBegan("CP1", "7", "main", 2)


def status(status: str, connector: int = 2, evse: int | None = None, error: str = "NoError", code: str = "") -> Event:
    """Return a status of CP1."""
    return StatusChanged("CP1", evse, connector, status, error, "", code)


def ended(reason: str = "Local", energy: float | None = 5000.0) -> Event:
    """Return the end of a transaction of CP1."""
    return TransactionEnded("CP1", "7", "main", 2, reason, energy, 3600.0)


def meant(event: Event) -> list[AlertKind]:
    """Return the alerts that an event is."""
    return [kind for kind in ALERTS.values() if kind.event is type(event) and kind.when(event)]


def names(event: Event) -> list[str]:
    """Return their names."""
    return [kind.name for kind in meant(event)]


# The eighteen, as OCPP-Proxy-Alert has them.

EIGHTEEN = [
    ("connectedToProxy", CAME, "Client connected: North Parking", ""),
    ("disconnectedFromProxy", WENT, "Client disconnected: North Parking", ""),
    ("connectedToUpstream", LegUp("CP1", "PRI", first=True), "Connected to upstream: PRI", ""),
    ("disconnectedFromUpstream", LegDown("CP1", "PRI", "gone", 5.0), "Disconnected from upstream: PRI", ""),
    ("cpStatusAvailable", status("Available", 0), "[North Parking] ChargePoint is now Available", ""),
    ("cpStatusUnavailable", status("Unavailable", 0), "[North Parking] ChargePoint is now Unavailable", ""),
    (
        "cpStatusFaulted",
        status("Faulted", 0, error="InternalError"),
        "[North Parking] ChargePoint is now Faulted",
        "Error Code: InternalError",
    ),
    *(
        (f"conStatus{word}", status(word), f"[North Parking] Connector #2 is now {word}", "")
        for word in "Available Preparing Charging SuspendedEVSE SuspendedEV Finishing Reserved Unavailable".split()
    ),
    (
        "conStatusFaulted",
        status("Faulted", error="GroundFailure"),
        "[North Parking] Connector #2 is now Faulted",
        "Error Code: GroundFailure",
    ),
    ("conStartTransaction", BEGAN, "[North Parking] Transaction Started", "Connector ID: #2"),
    ("conStopTransaction", ended(), "[North Parking] Transaction Stopped", ""),
]


@pytest.mark.parametrize(("name", "event", "title", "body"), EIGHTEEN, ids=[each[0] for each in EIGHTEEN])
def test_the_eighteen_of_ocpp_proxy_alert(name: str, event: Event, title: str, body: str) -> None:
    """Each is told under its key, with its title and with what the original adds to it."""
    kind = ALERTS[name]
    assert name in names(event)
    assert [each for each in names(event) if each in SEED] == [name]
    assert kind.title.format(**details(event, NAMES)) == title
    assert kind.body.format(**details(event, NAMES)) == body


def test_there_are_eighteen() -> None:
    """They come first, and none is missing."""
    assert SEED == tuple(each[0] for each in EIGHTEEN) == tuple(ALERTS)[:18]


# Beyond.


def test_a_station_that_is_not_let_in() -> None:
    """A stranger and a wrong password are told apart; both end when the station is let in."""

    def refused(status: int, reason: str, station: str = "CP1") -> Event:
        return StationRefused(station, "/x", "192.0.2.1", status, reason)

    assert names(refused(404, "This station is not known here")) == ["unknownStation"]
    assert names(refused(401, "Wrong user name or password")) == ["wrongPassword"]
    assert names(refused(401, "The station's password is missing")) == ["wrongPassword"]
    assert names(refused(429, "Too many wrong passwords")) == ["wrongPassword"]
    assert names(refused(404, "The path names no station", "")) == []
    assert names(refused(400, "None of the sub-protocols offered is taken here")) == []
    assert {"unknownStation", "wrongPassword"} < set(ALERTS["connectedToProxy"].recovers)
    assert ALERTS["wrongPassword"].subject(refused(401, "no", "")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("no sign of life for 60 s", ["disconnectedFromProxy", "stationSilent"]),
        ("read nothing for 60 s", ["disconnectedFromProxy", "stationSilent"]),
        ("The station was silent", ["disconnectedFromProxy", "stationSilent"]),
        ("bye", ["disconnectedFromProxy"]),
    ],
)
def test_a_silent_station_is_told_from_one_that_goes(reason: str, expected: list[str]) -> None:
    """Who says farewell has gone; who is not heard of any more is silent besides."""
    assert names(StationWent("CP1", 1006, reason, "station", 9.0)) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ended(energy=0.0), ["conStopTransaction", "transactionWithoutEnergy"]),
        (ended(energy=None), ["conStopTransaction"]),
        (ended("PowerLoss"), ["conStopTransaction", "transactionStoppedUnexpectedly"]),
        (ended("EVDisconnected"), ["conStopTransaction"]),
    ],
)
def test_ends_of_transactions(event: Event, expected: list[str]) -> None:
    """A transaction that took nothing, or that nobody ended on purpose, is told as that too."""
    assert names(event) == expected


def test_an_error_is_told_whatever_the_status_is() -> None:
    """A station may report an error and charge on; without one that alert ends."""
    charging = status("Charging", error="HighTemperature")
    assert names(charging) == ["conStatusCharging", "faultReported"]
    assert names(status("Charging")) == ["conStatusCharging", "faultCleared"]
    assert ALERTS["faultCleared"].recovers == ("faultReported",)
    assert ALERTS["faultReported"].subject(charging) == ALERTS["faultCleared"].subject(status("Charging"))


@pytest.mark.parametrize(
    "event",
    [
        status("Faulted", error="GroundFailure"),
        status("Charging", error="HighTemperature"),
        status("Faulted", error="OtherError", code="CX008"),
        status("", error="OtherError", code="CX026 CutCable"),
        ended("EmergencyStop"),
    ],
)
def test_what_endangers_people(event: Event) -> None:
    """Every alert of such an event says so, and is as severe as can be."""
    assert meant(event)
    assert {kind.severity_of(event) for kind in meant(event)} == {"danger"}


def test_what_endangers_nobody() -> None:
    """A broken card reader hurts nobody."""
    event = status("Faulted", error="ReaderFailure")
    assert {kind.name: kind.severity_of(event) for kind in meant(event)} == {
        "conStatusFaulted": "error",
        "faultReported": "error",
    }


# States: whom they concern, and what ends them.


def test_the_same_status_is_the_same_error_too() -> None:
    """Two faults of one connector are two states; one that is said again is the same."""
    kind = ALERTS["conStatusFaulted"]
    one, same, other = (status("Faulted", error=error) for error in ("OverVoltage", "OverVoltage", "UnderVoltage"))
    assert kind.state(one) == kind.state(same) != kind.state(other)
    assert kind.state(status("Faulted", code="E1")) != kind.state(status("Faulted", code="E2"))


def test_connectors_are_told_apart() -> None:
    """In 1.x a connector has a number; in 2.x the EVSE has it, and its second connector another one beside it."""
    subject = ALERTS["conStatusFaulted"].subject
    assert [subject(status("Faulted", connector, evse)) for connector, evse in ((1, None), (1, 1), (2, 1), (1, 2))] == [
        "CP1 #1",
        "CP1 #1",
        "CP1 #1.2",
        "CP1 #2",
    ]
    assert names(status("Available", 0, 0))[0] == "cpStatusAvailable"
    assert names(status("Available", 0, 1))[0] == "conStatusAvailable"


def test_what_ends_an_alert_concerns_the_same() -> None:
    """A name that an alert ends is one of the catalogue, and it lasts until then."""
    for kind in ALERTS.values():
        for name in kind.recovers:
            assert ALERTS[name].lasting, f"{kind.name} ends {name}"
    assert ALERTS["conStopTransaction"].subject(ended()) == ALERTS["transactionTooLong"].subject(
        TransactionLong("CP1", "7", "main", 2, 90_000.0)
    )
    assert ALERTS["connectedToProxy"].subject(CAME) == ALERTS["disconnectedFromProxy"].subject(WENT)


def test_every_other_status_ends_a_fault() -> None:
    """Whatever a connector turns to, it is faulted no more."""
    assert "conStatusFaulted" in ALERTS["conStatusCharging"].recovers
    assert "conStatusFaulted" not in ALERTS["conStatusFaulted"].recovers
    assert set(ALERTS["conStatusFaulted"].recovers) < set(SEED)


def test_a_certificate_has_a_name_of_its_own() -> None:
    """Where an event is of no station, `name` is what the event calls itself."""
    event = CertificateExpiring("tls/cert.pem", "2027-01-01T00:00:00Z", 9.4, 14)
    kind = ALERTS["certificateExpiring"]
    assert kind.title.format(**details(event, NAMES)) == "Certificate expires: tls/cert.pem"
    assert kind.body.format(**details(event)) == "On 2027-01-01T00:00:00Z, in 9 days."


def test_bytes_are_told_in_gigabytes() -> None:
    """Nobody counts digits at night."""
    event = DiskFilling("/var", 1_940_000_000, 512_110_190_592)
    assert ALERTS["diskFilling"].body.format(**details(event)) == "1.9 of 512.1 GB are free."


def test_each_alert_is_described() -> None:
    """Each has a meaning, an event of the list, and texts that name nothing but what its event has."""
    for name, kind in ALERTS.items():
        assert kind.name == name
        assert kind.event in EVENTS
        assert len(kind.meaning) > 10
        known = dict.fromkeys((*kind.event.__slots__, "name", "place", "free_gb", "total_gb"), 0.0)
        assert kind.title.format(**known)
        assert kind.body.format(**known) is not None
