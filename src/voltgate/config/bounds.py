"""Limits, time-outs and protocol options: the sections that bound what stations and backends may do."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from voltgate.config.values import RESTART, Seconds, Section, Size, Text, Version

MIB = 1024 * 1024

Spelling: TypeAlias = Literal["bytes", "hex", "text"]
Policy: TypeAlias = Literal["refuse", "route", "quarantine"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]


class Limits(Section):
    """What one station, one address and all of them together may use."""

    message_size: Size = Field(
        default=MIB,
        ge=1024,
        le=256 * MIB,
        description="Largest message in either direction. A larger one closes with 1009.",
    )
    head_size: Size = Field(
        default=8192,
        ge=1024,
        le=64 * 1024,
        description="Largest request head of a handshake. A larger one is refused with 431.",
    )
    head_seconds: Seconds = Field(
        default=10, ge=0.1, le=300, description="Time for a connection to send its request head."
    )
    tls_seconds: Seconds = Field(default=10, ge=0.1, le=300, description="Time for the TLS handshake.")
    admit_seconds: Seconds = Field(
        default=30,
        ge=0.1,
        le=300,
        description="Time for everything that decides whether a station is let in: password, backend. Then 503. "
        "The backends of a failover share what is left of it.",
    )
    identity_length: int = Field(
        default=48, ge=1, le=255, description="Longest identity, in characters. OCPP 2.x says 48; 1.6 states no limit."
    )
    handshakes_per_second: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Handshakes begun a second at one listener, counted before TLS; more get 429 with Retry-After, or "
        "are closed where TLS would come first. One address (IPv6: one /64) gets a tenth of them, or half once a "
        "station has been let in from it; a part is kept for such addresses. 0: no limit.",
    )
    failed_logins: int = Field(
        default=10,
        ge=0,
        le=100_000,
        description="Wrong passwords a minute for one identity from one address; then 429 with Retry-After. Ten times "
        "as many are allowed for one address, and for one identity. 0: no limit.",
    )
    connections: int = Field(
        default=100_000,
        ge=0,
        le=10_000_000,
        description="Open connections in all; more get 503. 0: no limit but the system's.",
    )
    connections_per_address: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="Open connections from one address; more get 429. 0: no limit, as sites share addresses.",
    )
    messages_per_second: float = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Messages a second from one station, kept up. Of a long one each 4 KiB count, after decompression; "
        "pings, pongs and parts of messages count as well. 0: no limit.",
    )
    messages_burst: int = Field(
        default=1000, ge=1, le=10_000_000, description="Messages that one station may send at once above that rate."
    )
    commands_per_second: float = Field(
        default=50,
        ge=0,
        le=1_000_000,
        description="Calls a second of one backend to one station, kept up; more are refused, unread. 0: no limit.",
    )
    commands_burst: int = Field(
        default=500, ge=1, le=10_000_000, description="Calls that one backend may make at once above that rate."
    )
    command_bytes_per_second: Size = Field(
        default=256 * 1024,
        ge=0,
        le=1024 * MIB,
        description="Bytes a second of those calls, kept up; one call may be larger. 0: no limit.",
    )
    command_bytes_burst: Size = Field(
        default=4 * MIB, ge=1, le=1024 * MIB, description="Bytes of them that may come at once above that rate."
    )
    waiting_calls: int = Field(
        default=32, ge=1, le=100_000, description="Calls of one backend that may wait for their turn at one station."
    )
    waiting_bytes: Size = Field(
        default=4 * MIB,
        ge=1024,
        le=1024 * MIB,
        description="Bytes that one asker's calls may wait with in one direction of one session, if nobody else's wait "
        "there. Those of all together stay below twice that, and none takes the room of the others.",
    )


class Calls(Section):
    """How long a call may take and how many may be open."""

    backend: Seconds = Field(default=30, ge=0.1, le=3600, description="Time for a backend to answer a call.")
    station: Seconds = Field(
        default=60, ge=0.1, le=3600, description="Time for a station to answer a call, its wait for a turn included."
    )
    station_window: int = Field(
        default=1, ge=1, le=1000, description="Calls open at once towards a station. OCPP-J 4.1.1 says one."
    )
    backend_window: int = Field(
        default=16, ge=1, le=10_000, description="Calls of one station that may be open at once towards a backend."
    )


class Protocol(Section):
    """What to do where the specifications contradict each other, or stations the specifications."""

    no_common_subprotocol: Literal["refuse", "close"] = Field(
        default="refuse",
        description='A station offers no version that we take. `"refuse"`: HTTP 400 (passes certification); '
        '`"close"`: accept without a sub-protocol, then close (the wording of OCPP-J 3.2).',
    )
    missing_subprotocol: Version | Literal["refuse"] = Field(
        default="ocpp1.6",
        description='A station names no sub-protocol at all. The version to assume, or `"refuse"`.',
    )
    subprotocol_aliases: dict[str, Version] = Field(
        default={"ocpp2.0.1.1": "ocpp2.0.1"},
        description="Misspelt sub-protocols and the version they mean. The station is answered in its own spelling.",
    )
    compression: bool = Field(
        default=False,
        description="Agree to permessage-deflate (RFC 7692) when a station asks for it, without context takeover. It "
        "lets a station send for 1 KB what costs as much as 1 MB.",
    )
    unknown_message_type: Literal["ignore", "answer"] = Field(
        default="ignore",
        description='A message type number that the version lacks. `"answer"`: CALLERROR MessageTypeNotSupported.',
    )
    bad_frame: Literal["version", "answer", "ignore"] = Field(
        default="version",
        description='A text that is no OCPP message. `"version"`: as the version says (2.x: CALLERROR with id "-1", '
        '1.6: ignore); `"answer"` and `"ignore"`: always.',
    )
    error_codes: Literal["untouched", "translate"] = Field(
        default="untouched",
        description='Error codes in the spelling of another version. `"translate"`: put into that of the receiver\'s.',
    )
    basic_passwords: Annotated[tuple[Spelling, ...], Field(strict=False)] = Field(
        default=("bytes", "hex", "text"),
        description='Spellings of a 1.6 password that are accepted. `"bytes"`: a hex key sent decoded (the '
        'specification); `"hex"`: its digits; `"text"`: as it stands. 2.x is always text.',
    )
    registration: Literal["backend", "gateway"] = Field(
        default="backend",
        description="Who enforces what may pass before a station's BootNotification is accepted, where one backend "
        'answers it: that backend (everything passes), or the gateway (`"gateway"`). Where several backends share a '
        "station it is always the gateway.",
    )
    validation: Literal["lenient", "strict"] = Field(
        default="lenient",
        description='`"strict"`: calls whose payload breaks the schema of their version are answered with the error '
        'that the specification names. `"lenient"`: they pass.',
    )


class Shutdown(Section):
    """How the gateway shuts down."""

    ahead: Seconds | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Time after SIGTERM in which `/readyz` says 503 already and stations are still taken, so that no "
        "balancer sends any more when they are not. Without it: 5 where the database is PostgreSQL, else 0.",
    )
    grace: Seconds = Field(default=10, ge=0, le=3600, description="Time for open calls to finish after SIGTERM.")
    spread: Seconds = Field(
        default=5,
        ge=0,
        le=3600,
        description="Time over which the stations are closed, so that they do not all return at once.",
    )


class Log(Section):
    """What is logged, and how."""

    level: Level = Field(default="info", description="Least level that is logged.")
    format: Literal["auto", "human", "json"] = Field(
        default="auto", description='`"auto"`: for people on a terminal, JSON otherwise.'
    )


class Directory(Section):
    """How identities are compared."""

    case_sensitive: bool = Field(
        default=False,
        description="Whether `cp-1` and `CP-1` are two stations. Either way an identity is passed on as written.",
        json_schema_extra=RESTART,
    )


class Unknown(Section):
    """How a station is treated that no `[[stations]]` entry matches."""

    policy: Policy = Field(
        default="refuse",
        description='`"refuse"`: HTTP 404. `"route"`: let in on the route named below. '
        '`"quarantine"`: 404 as well, and kept on the list of stations that wait for somebody to admit them.',
    )
    route: Text | None = Field(default=None, description='The route for `policy = "route"`.')
    auth: Literal["none"] | None = Field(
        default=None,
        description='`"none"`: with `policy = "route"` it is meant that whoever comes is let in as whoever it says to '
        "be, where nobody asks for a proof.",
    )
    remembered: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Unknown stations that are remembered; the longest unseen is forgotten first.",
    )
