"""What the management system keeps, in the words of no single version: each class is a row of a table.

Times are seconds since 1970, energy is in Wh, power in W. A station is known by its `key`, the identity as the
directory compares it; a token by its text casefolded, since an idTag is case-insensitive (1.6 section 7.27, 2.x
IdTokenType). Connector N of 1.x is EVSE N with connector 1; EVSE 0 is the station itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MAIN = "main"
"""The network of stations that nobody has put into another."""

Registration: TypeAlias = Literal["", "Accepted", "Pending", "Rejected"]
TokenStatus: TypeAlias = Literal["Accepted", "Blocked"]


@dataclass(slots=True)
class Network:
    """A charging network, or a site: stations that belong together. What is None is as the configuration has it."""

    id: str
    name: str
    location: str = ""
    interval: int | None = None
    """Seconds between heartbeats of its stations."""
    currency: str | None = None
    timezone: str = ""
    """Where its stations are: "Europe/Berlin"; "" is not known."""


@dataclass(slots=True)
class Station:
    """A station: what its operator says of it, what it has said of itself, and whether it is connected."""

    key: str
    identity: str
    network: str = MAIN
    name: str = ""
    location: str = ""
    registration: Registration = ""
    """What its BootNotification is answered with; "": as the configuration has it."""
    told: Registration = ""
    """What its last BootNotification was answered with; "": none has come."""
    validation: Literal["", "lenient", "strict"] = ""
    """How its payloads are held to the schemas; "": as the configuration has it."""
    version: str = ""
    """What it spoke last, as a sub-protocol: "ocpp1.6"."""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    box_serial: str = ""
    firmware: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    boot_reason: str = ""
    booted: float | None = None
    connected: bool = False
    holder: str = ""
    """Who has its connection, or had it last: a process, or `BACKEND/QUEUE` of a gateway at a broker.

    "" once it has been marked for having been away.
    """
    since: float | None = None
    """When it came, or went, last, by the clock of its holder."""
    seen: float | None = None
    """When it was heard last, to within a minute."""
    firmware_status: str = ""
    log_status: str = ""
    list_version: int | None = None
    """The version of its local list, as far as that is known."""


@dataclass(slots=True)
class Connector:
    """A connector, an EVSE (connector 0), or the station itself (EVSE 0), with what it reported last.

    `status` is the version's own word; `reported` is what it had said before it was marked Unavailable for being away.
    """

    station: str
    evse: int
    connector: int
    status: str = ""
    error_code: str = ""
    info: str = ""
    vendor_error: str = ""
    at: float | None = None
    reported: str = ""


@dataclass(slots=True)
class StatusChange:
    """One StatusNotification, kept."""

    station: str
    evse: int
    connector: int
    at: float
    received: float
    status: str
    error_code: str = ""
    info: str = ""
    vendor_error: str = ""


@dataclass(slots=True)
class Token:
    """What somebody charges by. `concurrent` is how many transactions it may have at once; 0: any number."""

    id: str
    """Casefolded."""
    text: str
    """As it is written."""
    kind: str = ""
    """The type of 2.x: "ISO14443", "eMAID" …; "" is any."""
    group: str = ""
    """The parentIdTag of 1.x, the groupIdToken of 2.x."""
    status: TokenStatus = "Accepted"
    expires: float | None = None
    concurrent: int = 0
    network: str = ""
    """The only network that it may charge in; "": any."""
    holder: str = ""
    """Whose it is, for people."""
    language: str = ""
    message: str = ""
    """What 2.x stations show to its holder."""


@dataclass(slots=True)
class Transaction:
    """A transaction, from whatever was heard of it first.

    `ref` is its name here: the transactionId of 2.x, the decimal of `number` in 1.x. `began` and `ended` are the
    station's times, `began_received` and `ended_received` are ours. `estimated` says why an end that the station has
    not said is taken for one; "" for an end that it has said. `missing` are the sequence numbers of 2.x that have not
    come.
    """

    station: str
    ref: str
    number: int | None = None
    network: str = MAIN
    version: str = ""
    evse: int | None = None
    connector: int | None = None
    token: str = ""
    """As the station wrote it."""
    token_kind: str = ""
    group: str = ""
    stop_token: str = ""
    began: float | None = None
    began_received: float | None = None
    ended: float | None = None
    ended_received: float | None = None
    meter_start: float | None = None
    meter_stop: float | None = None
    meter_last: float | None = None
    """The latest reading of the register that the station has given."""
    meter_at: float | None = None
    power: float | None = None
    soc: float | None = None
    energy: float | None = None
    """Wh, once both ends of the register are known."""
    state: Literal["running", "ended"] = "running"
    charging_state: str = ""
    charged_until: float | None = None
    """When its register was last seen to have risen, by the station's time."""
    reason: str = ""
    """Why it ended, in the version's own word."""
    trigger: str = ""
    estimated: str = ""
    offline: bool = False
    remote_start: int | None = None
    reservation: int | None = None
    seq: int = -1
    """The highest sequence number that has come (2.x)."""
    missing: str = ""
    heard: float | None = None
    """The latest time of an event (2.x): a number that comes again at a later time is another event."""
    begun_by: str = ""
    """The id of the message that began it: a repetition is known by it."""
    currency: str = ""
    cost: int | None = None
    """In the currency's minor unit."""
    cost_data: bytes = b""
    """What the cost was computed from, as JSON."""
    called: str = ""
    """What its station calls it, where that is not its `ref`: a station of 2.x may use a transactionId again."""
    nth: int = 1
    """Which one of those that its station calls so."""

    @property
    def transaction_id(self) -> str:
        """What its station calls it."""
        return self.called or self.ref


@dataclass(slots=True)
class MeterValue:
    """The meter values of one moment, of a transaction (`ref`, else ""). `data` has all samples, as `meters.pack`."""

    station: str
    evse: int
    ref: str
    at: float
    received: float
    energy: float | None
    power: float | None
    data: bytes


SET_ASIDE = "SetAside"
"""The kind of notes that hold what could not be dealt with."""


@dataclass(slots=True)
class Note:
    """Something that a station has said and that is kept as it came: security events, reports, firmware, logs.

    `kind` is its action, `data` its payload, `about` the request or the object that it belongs to.
    """

    station: str
    kind: str
    at: float
    received: float
    about: str
    data: bytes


@dataclass(slots=True)
class Variable:
    """A variable of the device model (2.x), or a configuration key of 1.x (component "")."""

    station: str
    component: str
    """`Name`, `Name[instance]`, with `@evse` or `@evse:connector` behind it."""
    variable: str
    """`Name` or `Name[instance]`."""
    attribute: str
    """Actual, Target, MinSet, MaxSet."""
    value: str | None
    mutability: str
    data: bytes
    """The characteristics, as JSON."""
    at: float


@dataclass(slots=True)
class Report:
    """A report that a station makes in parts (2.x), by the number of the request that it answers.

    `seq` is the highest number of a part that has come, `missing` are those below it that have not; `last` is the
    number of the last part, once that has come. Parts without numbers are counted.
    """

    station: str
    kind: str
    """Its action: "NotifyReport" …"""
    request: int
    received: float
    """When the first part came."""
    at: float
    """When it was made, by the station's clock."""
    seq: int = -1
    missing: str = ""
    last: int | None = None
    complete: bool = False


OPEN = ("Waiting", "Accepted")
"""What a reservation is that may still be used, until its time is over."""
EXPIRED = "Expired"


@dataclass(slots=True)
class Reservation:
    """A reservation, with what became of it. The number is the one that the station knows it by."""

    station: str
    number: int
    evse: int | None
    token: str
    token_kind: str
    group: str
    expires: float
    made: float
    status: str
    """Waiting, Accepted, or why not: the station's word, or NotSent; Used, Cancelled, or what it reports (2.x)."""
    ref: str = ""
    """The transaction that used it."""

    def status_at(self, now: float) -> str:
        """Return what has become of it by a time: stations of 1.x do not say that one has expired."""
        return EXPIRED if self.status in OPEN and self.expires <= now else self.status


OPERATOR = "operator"
"""The origin of what an operator has set, and its station has accepted."""


@dataclass(slots=True)
class Profile:
    """A charging profile that a station has reported, or has accepted from an operator."""

    station: str
    evse: int
    profile: int
    source: str
    """The charging limit source."""
    purpose: str
    stack_level: int
    at: float
    """When that was said, or that it is there no more."""
    data: bytes
    origin: str = "station"
    cleared: bool = False
    """Whether it is there no more."""


@dataclass(slots=True)
class SigningRequest:
    """A certificate that a station asks for (SignCertificate), with what became of it.

    Only one of a kind waits: a station that asks again has made another key.
    """

    station: str
    number: int
    kind: str
    csr: str
    at: float
    status: str
    """waiting, signed."""
    chain: str = ""
    request: int | None = None
    """The number that the station knows it by (2.1): the certificate goes with it."""
    root: bytes = b""
    """The root that it is to be signed under, if the station says it (2.1), as JSON."""


Row: TypeAlias = (
    Network
    | Station
    | Connector
    | StatusChange
    | Token
    | Transaction
    | MeterValue
    | Note
    | Variable
    | Report
    | Reservation
    | Profile
    | SigningRequest
)
"""What a round may write."""
