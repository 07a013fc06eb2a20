"""Alerts: what is told to whom: `[alerts]`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, field_validator

from voltgate.config.alert_channels import Channel
from voltgate.config.values import FilePath, Name, Seconds, Section, Size, Text
from voltgate.ocpp.times import zone_of

EVENTS = tuple(
    """
    connectedToProxy disconnectedFromProxy connectedToUpstream disconnectedFromUpstream
    cpStatusAvailable cpStatusUnavailable cpStatusFaulted
    conStatusAvailable conStatusPreparing conStatusCharging conStatusSuspendedEVSE conStatusSuspendedEV
    conStatusFinishing conStatusReserved conStatusUnavailable conStatusFaulted
    conStartTransaction conStopTransaction
    faultReported faultCleared unknownStation wrongPassword stationSilent stationRestarting stationSteady
    backendAway backendBack backendFailing backendSound claimContested journalGrowing journalShrunk messageGivenUp
    transactionWithoutEnergy transactionTooLong transactionStoppedUnexpectedly clockWrong clockRight
    certificateExpiring certificateRenewed diskFilling diskFreed databaseAway databaseBack nodeLost nodeBack
    commandRefused
    """.split()
)
"""The names of what can be told; the first eighteen are those of OCPP-Proxy-Alert."""

FIELDS = tuple(
    """
    title body details time event severity station name place evse connector status error_code vendor_error_code info
    cleared reason times transaction owner energy_wh seconds backend backends action address target version route by
    boots errors calls owed stations lasted holder at days reminder path free free_gb total total_gb node code first
    replaced retry
    """.split()
)
"""The names that may stand in the braces of a template; an event that has no such field leaves it empty."""

DEFAULT_TEMPLATE = "default"
LARGEST_NAMES = 64 * 1024 * 1024
"""Bytes of a file of names that are read: those of some hundred thousand stations fit."""

Severity: TypeAlias = Literal["info", "warning", "error", "danger"]
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Patterns: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False)]
_FORM = re.compile(r"(\.[0-9]f)?")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _hours(text: str) -> str:
    if not _HOURS.fullmatch(text) or text[:5] == text[6:]:
        raise ValueError('is two times of day, as in "08:00-18:00", or "22:00-06:00" over midnight')
    return text


Hours: TypeAlias = Annotated[Text, AfterValidator(_hours)]


def minutes(hours: str) -> tuple[int, int]:
    """Return the beginning and the end of `Hours`, in minutes of the day; the end is the smaller over midnight."""
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in hours.split("-"))
    return begin, end


class AlertRule(Section):
    """What is told to whom. What is left out matches everything."""

    name: Text | None = Field(
        default=None,
        min_length=1,
        description="What it is called, in the list of alerts. With a name it stays the same rule when it is moved in "
        "the file; without it goes by its place.",
    )
    events: Patterns = Field(
        min_length=1,
        description='Events by their names, exact or with `*`: `["conStatus*", "stationSilent"]`; `["*"]` is all.',
    )
    stations: Patterns = Field(default=("*",), description='Patterns of identities: `["CP-*"]`.')
    tags: Patterns = Field(default=(), description="Stations with one of these tags.")
    backends: Patterns = Field(default=("*",), description="Patterns of the names of backends.")
    hours: Hours | None = Field(
        default=None, description='Times of day, as in `"08:00-18:00"`, or `"22:00-06:00"` over midnight.'
    )
    days: Annotated[tuple[Day, ...], Field(strict=False)] = Field(
        default=(), description='Days on which the hours begin: `["mon", "tue"]`. Without: every day.'
    )
    severity: Severity = Field(default="info", description="Only what is as grave as this, or graver.")
    channels: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Who is told: names of `[alerts.channels.NAME]`."
    )
    hold: Seconds = Field(
        default=60,
        ge=0,
        le=86_400,
        description="How long something must last before it is told: what is over by then is not. 0: tell at once. "
        "What has no length, as the end of a transaction, and what endangers people is told at once in any case.",
    )
    group: Seconds = Field(
        default=10,
        ge=0,
        le=86_400,
        description="What comes within this time of the first goes into one message, with a list. 0: a message each.",
    )
    recovery: bool = Field(
        default=True,
        description="Whether it is told as well that something is over. That of what is only `info` is not.",
    )


class AlertTemplate(Section):
    """How messages of one event are written, with names in braces: `[{name}] Connector #{connector} is Faulted`."""

    subject: Text | None = Field(default=None, min_length=1, description='The subject. Without: `"{title}"`.')
    text: Text | None = Field(
        default=None,
        description="The text. Without: what the event says by itself, then what is known besides, in lines.",
    )
    html: Text | None = Field(
        default=None, description="The same as HTML; values are escaped. Without: made from the text."
    )

    @field_validator("subject", "text", "html")
    @classmethod
    def _fields(cls, text: str | None) -> str | None:
        for _, field, form, conversion in Formatter().parse(text or ""):
            if field is not None and (conversion or field not in FIELDS or not _FORM.fullmatch(form or "")):
                raise ValueError(f'"{{{field}}}" is no field; there are {", ".join(FIELDS)}. A brace is written {{{{')
        return text


class Mute(Section):
    """When something is not told; what endangers people is told all the same."""

    events: Patterns = Field(default=("*",), description="Events, as in a rule.")
    stations: Patterns = Field(default=("*",), description="Patterns of identities.")
    backends: Patterns = Field(default=("*",), description="Patterns of the names of backends.")
    hours: Hours | None = Field(default=None, description='Times of day, as in a rule: `"22:00-06:00"`.')
    days: Annotated[tuple[Day, ...], Field(strict=False)] = Field(
        default=(), description='Days on which the hours begin: `["sat", "sun"]`. Without: every day.'
    )
    reason: Text | None = Field(default=None, description="Why, for the list of what is muted.")


class Thresholds(Section):
    """From when on what is measured is told of."""

    backend_away: Seconds = Field(
        default=5,
        ge=0,
        le=86_400,
        description="`backendAway`: how long no link of any station has been open to a backend.",
    )
    backend_errors: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="`backendFailing`: the share of calls that a backend answers with an error, or not in time. It is "
        "sound below half of that.",
    )
    backend_calls: int = Field(
        default=20, ge=1, le=1_000_000, description="`backendFailing`: of how many calls at least it is the share."
    )
    backend_window: Seconds = Field(
        default=60, ge=6, le=86_400, description="`backendFailing`: within which time these calls ended."
    )
    boots: int = Field(default=5, ge=2, le=100, description="`stationRestarting`: how many boots are too many.")
    boots_within: Seconds = Field(
        default=600,
        ge=1,
        le=86_400,
        description="`stationRestarting`: within which time. Without a boot for as long a station is steady.",
    )
    transaction_length: Seconds = Field(
        default=86_400, ge=1, le=31_536_000, description="`transactionTooLong`: how long a transaction runs."
    )
    transaction_energy_wh: float = Field(
        default=10,
        ge=0,
        le=1_000_000,
        description="`transactionWithoutEnergy`: a transaction that took no more watt-hours took none.",
    )
    journal_entries: int = Field(
        default=1000, ge=1, le=1_000_000_000, description="`journalGrowing`: how many messages a backend is owed."
    )
    journal_age: Seconds = Field(
        default=3600,
        ge=1,
        le=31_536_000,
        description="`journalGrowing`: or for how long the oldest. It is short again below half of both.",
    )
    certificate_days: Annotated[tuple[Annotated[int, Field(ge=0, le=3650)], ...], Field(strict=False)] = Field(
        default=(30, 14, 7, 3, 1, 0),
        min_length=1,
        max_length=20,
        description="`certificateExpiring`: how many days before its end a certificate is told of, each time again.",
    )
    disk_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="`diskFilling`: less than this share of a disk is free, and fewer bytes than `disk_free`. With "
        "less than 256 MiB it is told of in any case.",
    )
    disk_free: Size = Field(
        default=5 << 30, ge=256 << 20, le=1 << 60, description="`diskFilling`: fewer bytes than these are free."
    )


class Alerts(Section):
    """What people are told of what happens to stations and backends."""

    channels: dict[Name, Channel] = Field(default={}, description="Ways to people: `[alerts.channels.NAME]`.")
    rules: Annotated[tuple[AlertRule, ...], Field(strict=False)] = Field(
        default=(), description="What is told to whom: `[[alerts.rules]]`. Each rule that matches tells."
    )
    templates: dict[Name, AlertTemplate] = Field(
        default={},
        description="How messages are written: `[alerts.templates.EVENT]`, and `[alerts.templates.default]` for all "
        "other events.",
    )
    thresholds: Thresholds = Field(default=Thresholds(), description="From when on what is measured is told of.")
    mute: Annotated[tuple[Mute, ...], Field(strict=False)] = Field(
        default=(), description="What is not told, and when: `[[alerts.mute]]`."
    )
    names: FilePath | None = Field(
        default=None,
        description="A JSON file with what people call the stations, by identity: `clientIdToHuman.json` of "
        "OCPP-Proxy-Alert as it is. It counts before `name` in `[[stations]]`. Changes are heeded.",
    )
    timezone: Text | None = Field(
        default=None, description='Where hours and days count, and times are written: `"Europe/Berlin"`. Without: here.'
    )
    keep_days: float = Field(
        default=90, ge=1, le=3650, description="Days for which alerts that are over, and what was sent, are kept."
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return None if name is None else zone_of(name)

    @property
    def human_names(self) -> Mapping[str, str]:
        """What people call the stations, by the file of names. Raises ValueError if it cannot be read."""
        return {} if self.names is None else read_names(self.names)


def read_names(file: Path) -> Mapping[str, str]:
    """Return what people call stations, by identity; an empty name is none. Raises ValueError, with the file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_NAMES + 1)
        if len(content) > LARGEST_NAMES:
            raise ValueError(f"{file} holds more than {LARGEST_NAMES >> 20} MiB")
        names = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}:{error.lineno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError(f"{file} is nested too deeply") from None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f'{file} must hold an object of names by identity: {{"CP-1": "North Parking"}}')
    return {identity: name.strip() for identity, name in names.items() if name.strip()}
