"""The models of the API's requests and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[str, Field(examples=["2026-11-21T07:30:00.000Z"], description="RFC 3339, UTC, with milliseconds.")]
Carrier: TypeAlias = Literal["websocket", "soap"]
Source: TypeAlias = Literal["entry", "accepted", "claim", "pattern", "stranger"]
Node = Annotated[str | None, Field(description="The gateway that holds it. Only in a cluster.")]
Version: TypeAlias = Literal["ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1"]


Missing = Annotated[
    list[str],
    Field(description="Nodes that did not answer: what they hold or counted is not in this. Only in a cluster."),
]


class Asked(BaseModel):
    """The body of a request: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Station(BaseModel):
    """A station that is known, connected or not."""

    identity: str
    name: str
    tags: list[str]
    route: str | None
    claimed_by: str | None = Field(description="The backend that holds it by a claim.")
    source: Source = Field(
        description="How it is known: by an entry of its own, accepted from the waiting room, by a claim, "
        "by a pattern, or as a stranger that is let in."
    )
    connected: bool
    carrier: Carrier | None
    version: str | None
    address: str | None
    since: Time | None = Field(description="When it came.")
    node: Node = None


class Leg(BaseModel):
    """One backend's place in a session."""

    backend: str
    state: Literal["idle", "dialling", "up", "away", "ended"]
    answers: bool = Field(description="Whether some call of the station is answered by it; else it is only told.")
    open_calls: int
    waiting_calls: int
    away_seconds: float


class Transaction(BaseModel):
    """A transaction that runs. `id` is the station's, empty while it has none."""

    id: str
    owner: str
    connector: int | None
    began: Time


class Session(BaseModel):
    """One station's stay."""

    station: str
    carrier: Carrier
    version: str
    route: str
    address: str
    since: Time
    open_calls: int = Field(description="Calls that the station has not answered yet.")
    waiting_calls: int = Field(description="Calls that wait until the station has answered those before them.")
    busy: bool
    legs: list[Leg]
    left_out: list[str] = Field(description="Backends of its route that do not take its version: they have no part.")
    transactions: list[Transaction]
    node: Node = None


class StationInFull(Station):
    """A station with its session."""

    session: Session | None


class StationSecurity(BaseModel):
    """How a station proves who it is."""

    station: str
    profile: int = Field(description="The lowest security profile with which it may come: 0 to 3.")
    since: Time | None = Field(description="When it came with that, or an operator lowered it.")
    lowered_by: str | None = Field(description="Who lowered it; null: nobody has, since it came with that.")
    certificate_until: Time | None = Field(description="When the certificate ends that it came with last.")
    password: Literal["entry", "given", "unknown"] = Field(
        description="`entry`: as configured; `given`: through Voltgate; `unknown`: it was given one, and has not said "
        "whether it took it. Until it comes with it, the one before counts as well."
    )
    password_since: Time | None


class ProfileAsked(Asked):
    """The lowest security profile with which a station may come from now on."""

    profile: Annotated[int, Field(ge=0, le=2)]


class PasswordAsked(Asked):
    """A new password for a station."""

    password: Annotated[str, Field(min_length=16, max_length=64)] | None = Field(
        default=None, repr=False, description="Without: one is made, of 160 bits or more, and shown to nobody."
    )
    spelling: Literal["text", "hex", "key"] | None = Field(
        default=None,
        description="Of 1.6 only, how AuthorizationKey is sent. `text`: as it is; `hex`: its bytes as digits, as the "
        "security whitepaper has it; `key`: it is a key of 32 to 40 digits already. Without: a key if it looks like "
        "one, else text.",
    )
    timeout: Annotated[
        float, Field(ge=0.1, le=300, allow_inf_nan=False, description="Seconds to wait for the station's answer.")
    ] = 30.0


class PasswordChanged(BaseModel):
    """What came of a new password."""

    station: str
    outcome: Literal["taken", "refused", "unknown"] = Field(
        description="`taken`: only the new one counts; `refused`: only the former one; `unknown`: both, until the "
        "station has come with the new one."
    )
    status: str = Field(description="What the station said of it, or why it was not asked.")


class CertificateEnd(BaseModel):
    """When a certificate ends, or a list of what is revoked."""

    name: str = Field(description="The file, or the station.")
    until: Time
    days: float = Field(description="Days until then; less than 0: it has ended.")


class Certificates(BaseModel):
    """Certificates, the first to end first."""

    files: list[CertificateEnd]
    stations: list[CertificateEnd] = Field(description="Those that end soon; at most 1,000.")
    stations_in_all: int


class CallAsked(Asked):
    """A call to be made to a station."""

    action: Annotated[str, Field(min_length=1, max_length=100, examples=["TriggerMessage"])]
    payload: dict[str, Any] = Field(default={}, examples=[{"requestedMessage": "Heartbeat"}])
    timeout: Annotated[
        float,
        Field(ge=0.1, le=300, allow_inf_nan=False, description="Seconds to wait, for its turn included."),
    ] = 30.0
    check: bool = Field(default=True, description="Check action and payload against the station's version first.")


class CallError(BaseModel):
    """A CALLERROR, as the station sent it."""

    code: str
    description: str
    details: Any


class CallAnswered(BaseModel):
    """What a station answered: either `result` or `error` is there."""

    station: str
    action: str
    version: str
    message_id: str
    latency_ms: float
    result: Any = Field(default=None, description="The payload of its CALLRESULT.")
    error: CallError | None = None


class Calls(BaseModel):
    """How calls ended."""

    results: int
    errors: int
    unanswered: int
    seconds: float = Field(description="How long they took, all together: their mean is this by their number.")


class Backend(BaseModel):
    """A backend, with what was counted for it since the gateway started; in a cluster, by all nodes together."""

    name: str
    url: str | None
    soap_url: str | None
    state: Literal["up", "down", "idle"] = Field(
        description="`up`: some leg is; `down`: none is, although some should be; `idle`: no leg is needed."
    )
    away_seconds: float | None = Field(
        description="While it is `down`: for how long that leg has been away that lacks it the longest."
    )
    versions: list[str] = Field(description="The versions that it takes, or that it is spoken to in.")
    legs: int
    legs_up: int
    claims: int = Field(description="Stations that it claims.")
    claimed_url: str | None = Field(description="The address that it has given itself.")
    permit: str | None = Field(description="What it may ask of stations; null: as docs/ledger.md has it for none.")
    deliver: Literal["once", "always"]
    calls: Calls = Field(description="Calls of stations to it.")
    commands: Calls = Field(description="Calls of its own to stations.")
    copies_dropped: dict[str, int]
    commands_refused: dict[str, int]
    left_out: int = Field(description="Sessions that it has no part in: their stations speak a version not its own.")
    given_up: int
    missing: Missing = []


class Route(BaseModel):
    """A route. `rules` are as they are configured, the first that matches counts."""

    name: str
    admit: Literal["backend", "gateway"]
    rules: list[dict[str, Any]]


class Match(BaseModel):
    """The rule that a call would meet. A transaction that runs keeps to its owner, whatever the rules say."""

    station: str
    route: str
    rule: int | None = Field(description="Its place in the route, from 0; null: no rule matches.")
    answer: list[str] = Field(description="Who answers, in order of failover.")
    copy_: list[str] = Field(serialization_alias="copy", description="Who is told as well.")
    authorize: list[str] = Field(description="Who is asked, one after the other, whether the token may charge.")
    left_out: list[str] = Field(description="Backends of its rules that do not take the version.")


class Waiting(BaseModel):
    """A station that nobody knows and that was turned away."""

    identity: str
    first: Time
    last: Time
    tries: int
    address: str
    offered: list[str] = Field(description="The sub-protocols of its last try; `soap1.5`: it came by SOAP.")
    reason: str


class Acceptance(Asked):
    """Where a station that waits goes."""

    route: Annotated[str, Field(min_length=1, max_length=64)]


class AuditLine(BaseModel):
    """One thing that somebody asked a station or Voltgate for, and what became of it."""

    at: Time
    station: str = Field(description='The identity, as the station spells it; "" where it is about none.')
    backend: str = Field(
        description='Who asked: a backend; "api:NAME" for a caller of the API, "user:LOGIN" for a login, "voltgate" '
        "for the gateway itself."
    )
    address: str = Field(description='Where somebody came from, by IP address; "" where nobody did.')
    action: str
    message_id: str
    outcome: str
    answer: str
    detail: str
    number: int | None = Field(description="The place in the chain; null: of a version that had none.")
    before: str | None = Field(description="The SHA-256 of the line before.")


class AuditPage(BaseModel):
    """A part of the audit trail, the newest first. `cursor` leads on to what is older; null: there is no more."""

    items: list[AuditLine]
    cursor: str | None


class OwedMessage(BaseModel):
    """A message of a station that a backend has not taken yet. `backend` null: whose its transaction is shows later."""

    backend: str | None
    at: Time = Field(description="When it was written down for the backend.")
    action: str
    message_id: str


class OwedToBackend(BaseModel):
    """What one backend is owed."""

    backend: str
    messages: int
    oldest_seconds: float = Field(description="For how long the oldest of them has waited.")


class OwedToBackends(BaseModel):
    """The backends that are owed something."""

    items: list[OwedToBackend]


class OwedMessages(BaseModel):
    """What backends are owed of a station, the oldest first."""

    items: list[OwedMessage]


class ClusterNode(BaseModel):
    """A gateway of the cluster. A gateway that is alone is shown without `id`."""

    id: str
    name: str
    version: str
    state: Literal["serving", "draining", "stopping"]
    stations: int = Field(description="Stations that are connected to it.")
    load: float | None = Field(description="The share of one core that it used lately.")
    since: Time = Field(description="When it started.")
    seen: Time = Field(description="When it was last heard of.")
    alive: bool = Field(description="Whether it was heard of in time.")
    here: bool = Field(description="Whether it is the one that was asked.")


class Drain(Asked):
    """How a node hands its stations over."""

    spread: Annotated[
        float | None,
        Field(ge=0, le=86400, allow_inf_nan=False, description="Seconds over which they go; null: as configured."),
    ] = None


# The message log.


class LoggedMessage(BaseModel):
    """A record of the message log: a call on one leg, and what came of it; or something that was no message."""

    id: str
    at: Time
    kind: Literal["call", "send", "malformed", "refused", "lost"] = Field(
        description="`malformed`: a frame that is no message; `refused`: a handshake; `lost` says how many records "
        "are missing before it."
    )
    station: str
    leg: str | None = Field(description='"station", or the backend\'s name.')
    direction: Literal["from_station", "to_backend", "from_backend", "to_station"] | None
    action: str | None
    message_id: str | None
    payload: Any = Field(description="As it was said on this leg; of what is no message, its beginning as text.")
    outcome: Literal["result", "error", "unanswered"] | None
    reply: Any = Field(description="The payload of the answer; of an error its code, description and details.")
    latency_ms: float | None
    backend: str | None = Field(description="Who asked or answered; null: Voltgate itself.")
    route: str | None = Field(description="The route that the station was on, for its own calls.")
    rule: int | None = Field(description="The place of the rule that decided, from 0; null: none did.")
    decided: str | None = Field(
        description="What decided who answers a call of the station: `rule`, `owner` (of the transaction, or of a "
        "number), `invitation`, `authorize`, `ledger`, `stand-in`, `gateway`, or `nobody`."
    )
    changed: str | None = Field(description="What was changed on the way, and why.")
    call: str | None = Field(description="Ties the records of one call on its several legs together.")
    description: str | None = Field(description="What is wrong with what is no message.")
    node: str | None = Field(default=None, description="The gateway that recorded it. Only in a cluster.")


class MessagePage(BaseModel):
    """A part of the message log, the newest first."""

    items: list[LoggedMessage]
    next: str | None = Field(description="The cursor of the part behind; null: there is nothing more.")
    searched_to: Time | None = Field(
        description="How far back this part has looked: a long search for a text takes several."
    )
    missing: Missing = []


class Recording(BaseModel):
    """Which stations are recorded."""

    stations: list[str] = Field(description="Globs of identities.")
    routes: list[str]
    until: Time | None


class RecordingAsked(Asked):
    """Which stations are to be recorded, besides those of the configuration; nothing: none any more."""

    stations: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=255)]], Field(max_length=1000, description="Globs.")
    ] = []
    routes: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)] = []
    hours: Annotated[float, Field(gt=0, le=8760)] | None = Field(
        default=None, description="How long; null: until something else is asked."
    )


class LogState(BaseModel):
    """How the log of one gateway is, since that began: entries, and bytes."""

    node: str | None
    recorded: int
    written: int
    dropped: int = Field(description="Entries that nobody could write down in time, or at all.")
    bytes: int
    segments: int
    problem: str | None


class Recordings(BaseModel):
    """What is recorded, and how the log is."""

    configured: Recording
    asked: Recording = Field(description="What was asked for at run time.")
    logs: list[LogState]
    missing: Missing = []
