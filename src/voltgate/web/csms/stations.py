"""Stations, and what stands about each, as the API shows them and takes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from voltgate.csms.model import (
    MAIN,
    Connector,
    Network,
    Note,
    Profile,
    Reservation,
    SigningRequest,
    Station,
    StatusChange,
    Variable,
)
from voltgate.ocpp.times import zone_of
from voltgate.web.csms.transactions import document
from voltgate.web.models import Asked, Time
from voltgate.web.times import stamp, stamp_or_none

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
MATCH = "What its identity looks like: `*` stands for anything, `?` for one character."
NetworkId = Annotated[str, Field(pattern=NAME, description="What the network is called in paths and filters.")]
Words = Annotated[str, Field(max_length=1000)]
Registration = Annotated[
    Literal["", "Accepted", "Pending", "Rejected"],
    Field(description="What its BootNotification is answered with; empty: as the configuration has it."),
]
Validation = Annotated[
    Literal["", "lenient", "strict"],
    Field(description="How its payloads are held to the schemas; empty: as the configuration has it."),
]
Interval = Annotated[int, Field(ge=1, le=86_400)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{0,64}$"), AfterValidator(lambda name: name and zone_of(name))]


# Networks.


class CsmsNetwork(BaseModel):
    """A charging network, or a site: stations that belong together. What is null is as the configuration has it."""

    id: str
    name: str
    location: str
    interval: int | None = Field(description="Seconds between the heartbeats of its stations.")
    currency: str | None = Field(description="The currency of its costs.")
    timezone: str = Field(description='Where its stations are: "Europe/Berlin"; empty: not known.')
    stations: int
    connected: int = Field(description="Stations of it that are connected.")


class NetworkWanted(Asked):
    """A network to be made."""

    id: NetworkId
    name: Words = ""
    location: Words = ""
    interval: Interval | None = None
    currency: Currency | None = None
    timezone: Zone = ""


class NetworkChange(Asked):
    """What is to change of a network; what is not named stays."""

    name: Words = ""
    location: Words = ""
    interval: Interval | None = None
    currency: Currency | None = None
    timezone: Zone = ""


def network_of(row: Network, stations: tuple[int, int]) -> CsmsNetwork:
    """Return what is known of a network that has so many stations, of which so many are connected."""
    return CsmsNetwork(
        id=row.id,
        name=row.name,
        location=row.location,
        interval=row.interval,
        currency=row.currency,
        timezone=row.timezone,
        stations=stations[0],
        connected=stations[1],
    )


# Stations.


class StationOfNetwork(Asked):
    """A station to be made in a network."""

    identity: Annotated[str, Field(min_length=1, max_length=255)]
    name: Words = ""
    location: Words = ""
    registration: Registration = ""
    validation: Validation = ""


class CsmsStationWanted(StationOfNetwork):
    """A station to be made."""

    network: NetworkId = MAIN


class CsmsStationChange(Asked):
    """What is to change of a station; what is not named stays."""

    network: NetworkId = MAIN
    name: Words = ""
    location: Words = ""
    registration: Registration = ""
    validation: Validation = ""


class CsmsStation(BaseModel):
    """A station of the management system: what its operator says of it, and what it has said of itself."""

    identity: str
    network: str
    name: str
    location: str
    registration: Registration
    told: Literal["", "Accepted", "Pending", "Rejected"] = Field(
        description="What its last BootNotification was answered with; empty: none has come."
    )
    validation: Validation
    connected: bool
    version: str = Field(description='What it spoke last: "ocpp1.6".')
    vendor: str
    model: str
    serial: str
    box_serial: str
    firmware: str
    iccid: str
    imsi: str
    meter_type: str
    meter_serial: str
    boot_reason: str
    booted: Time | None
    since: Time | None = Field(description="When it came, or went, last.")
    seen: Time | None = Field(description="When it was heard last, to within a minute.")
    firmware_status: str
    log_status: str
    list_version: int | None = Field(description="The version of its local list, as far as that is known.")


class CsmsConnector(BaseModel):
    """A connector, an EVSE (connector 0), or the station itself (EVSE 0), with its status as it was reported."""

    evse: int
    connector: int
    status: str
    error_code: str
    info: str
    vendor_error: str
    at: Time | None
    reported: str = Field(description="What it had said before it was marked Unavailable for being away.")


class CsmsStationInFull(CsmsStation):
    """A station with its connectors."""

    connectors: list[CsmsConnector]


def station_of(row: Station) -> CsmsStation:
    """Return what is known of a station."""
    return CsmsStation(**_station(row))


def station_in_full(row: Station, connectors: list[Connector]) -> CsmsStationInFull:
    """Return what is known of a station, with its connectors."""
    return CsmsStationInFull(**_station(row), connectors=list(map(connector_of, connectors)))


_TIMES = ("booted", "since", "seen")
_AS_THEY_ARE = tuple(name for name in CsmsStation.model_fields if name not in _TIMES)


def _station(row: Station) -> dict[str, Any]:
    times = {name: stamp_or_none(getattr(row, name)) for name in _TIMES}
    return {name: getattr(row, name) for name in _AS_THEY_ARE} | times


def connector_of(row: Connector) -> CsmsConnector:
    """Return what is known of a connector."""
    return CsmsConnector(
        evse=row.evse,
        connector=row.connector,
        status=row.status,
        error_code=row.error_code,
        info=row.info,
        vendor_error=row.vendor_error,
        at=stamp_or_none(row.at),
        reported=row.reported,
    )


# What stands about them.


class StatusReported(BaseModel):
    """One status that a station has reported. `at` is by its own clock."""

    evse: int
    connector: int
    at: Time
    received: Time
    status: str
    error_code: str
    info: str
    vendor_error: str


class NoteTaken(BaseModel):
    """Something that a station has said, or that was set aside, as it came."""

    kind: str = Field(description="Its action, for the most part.")
    at: Time
    received: Time
    about: str = Field(description="The request or the object that it belongs to.")
    data: Any


class CsmsVariable(BaseModel):
    """A variable of the device model (2.x), or a configuration key (1.x, without component)."""

    component: str
    variable: str
    attribute: str
    value: str | None
    mutability: str
    characteristics: Any
    at: Time


class CsmsProfile(BaseModel):
    """A charging profile that a station has, as far as that is known."""

    evse: int
    profile: int
    source: str = Field(description="The charging limit source.")
    purpose: str
    stack_level: int
    at: Time = Field(description="When the station has reported it, or accepted it.")
    origin: str = Field(description="operator: set from here; station: reported.")
    data: Any


class CertificateAsked(BaseModel):
    """A certificate that a station asks for, with what became of it."""

    number: int
    kind: str
    csr: str
    at: Time
    status: str = Field(description="waiting, signed.")
    chain: str


class CsmsReservation(BaseModel):
    """A reservation, with what became of it."""

    station: str
    number: int = Field(description="What the station knows it by.")
    evse: int | None
    token: str
    token_type: str
    group: str
    expires: Time
    made: Time
    status: str = Field(description="Waiting, Accepted, or why not in the station's word; Used, Cancelled, Expired …")
    ref: str = Field(description="The transaction that used it.")


def status_of(row: StatusChange) -> StatusReported:
    """Return a status that was reported."""
    return StatusReported(
        evse=row.evse,
        connector=row.connector,
        at=stamp(row.at),
        received=stamp(row.received),
        status=row.status,
        error_code=row.error_code,
        info=row.info,
        vendor_error=row.vendor_error,
    )


def note_of(row: Note) -> NoteTaken:
    """Return a note."""
    return NoteTaken(
        kind=row.kind, at=stamp(row.at), received=stamp(row.received), about=row.about, data=document(row.data)
    )


def variable_of(row: Variable) -> CsmsVariable:
    """Return a variable."""
    return CsmsVariable(
        component=row.component,
        variable=row.variable,
        attribute=row.attribute,
        value=row.value,
        mutability=row.mutability,
        characteristics=document(row.data),
        at=stamp(row.at),
    )


def profile_of(row: Profile) -> CsmsProfile:
    """Return a charging profile."""
    return CsmsProfile(
        evse=row.evse,
        profile=row.profile,
        source=row.source,
        purpose=row.purpose,
        stack_level=row.stack_level,
        at=stamp(row.at),
        origin=row.origin,
        data=document(row.data),
    )


def certificate_of(row: SigningRequest) -> CertificateAsked:
    """Return a certificate that was asked for."""
    return CertificateAsked(
        number=row.number, kind=row.kind, csr=row.csr, at=stamp(row.at), status=row.status, chain=row.chain
    )


def reservation_of(row: Reservation, identity: str, now: float) -> CsmsReservation:
    """Return a reservation, with what has become of it by now."""
    return CsmsReservation(
        station=identity,
        number=row.number,
        evse=row.evse,
        token=row.token,
        token_type=row.token_kind,
        group=row.group,
        expires=stamp(row.expires),
        made=stamp(row.made),
        status=row.status_at(now),
        ref=row.ref,
    )
