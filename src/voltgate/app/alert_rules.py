"""From `[alerts]` of the configuration to the rules that the engine goes by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.records import Policy
from voltgate.alerts.rules import DAYS, Hours, Mute, Rule, Rules, Whom
from voltgate.alerts.thresholds import Thresholds
from voltgate.config import Config
from voltgate.config.alerts import AlertRule, Alerts, minutes
from voltgate.config.alerts import Mute as MuteSection
from voltgate.ocpp.folding import folding

Fold = Callable[[str], str]


def rules_of(config: Config) -> Rules:
    """Return the rules of a configuration, and what it mutes."""
    alerts, zone = config.alerts, zone_of(config.alerts)
    fold: Fold = folding(case_sensitive=config.directory.case_sensitive)
    rules = [_rule(number, section, fold, zone) for number, section in enumerate(alerts.rules, 1)]
    return Rules(rules, [_mute(section, fold, zone) for section in alerts.mute], thresholds_of(alerts))


def thresholds_of(alerts: Alerts) -> Thresholds:
    """Return from when on what is measured is told of."""
    return Thresholds(**dict(alerts.thresholds))


def policies_of(alerts: Alerts) -> dict[str, Policy]:
    """Return what bounds the channels, by name."""
    return {name: Policy(each.rate, each.digest, each.give_up) for name, each in alerts.channels.items()}


def zone_of(alerts: Alerts) -> tzinfo | None:
    """Return where hours and days count; None: as the machine has it."""
    return None if alerts.timezone is None else ZoneInfo(alerts.timezone)


def _rule(number: int, section: AlertRule, fold: Fold, zone: tzinfo | None) -> Rule:
    return Rule(
        name=section.name or f"rule {number}",
        events=frozenset(_names(section.events)),
        channels=tuple(dict.fromkeys(section.channels)),
        whom=Whom(tuple(map(fold, section.stations)), section.backends, frozenset(section.tags)),
        hours=_hours(section.hours, section.days, zone),
        severity=section.severity,
        hold=section.hold,
        group=section.group,
        recovery=section.recovery,
    )


def _mute(section: MuteSection, fold: Fold, zone: tzinfo | None) -> Mute:
    whom = Whom(tuple(map(fold, section.stations)), section.backends)
    return Mute(section.events, whom, _hours(section.hours, section.days, zone), section.reason or "")


def _names(patterns: tuple[str, ...]) -> list[str]:
    return [name for name in ALERTS if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _hours(hours: str | None, days: tuple[str, ...], zone: tzinfo | None) -> Hours:
    begin, end = (0, 24 * 60) if hours is None else minutes(hours)
    return Hours(begin, end, frozenset(map(DAYS.index, days)), zone)
