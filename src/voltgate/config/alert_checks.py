"""Checks of `[alerts]`: ways to people that lead nowhere, rules that tell nobody, names that are none."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path as File

from voltgate.config.alert_channels import PUSHOVER, Apprise, Channel, Mail, Pushover, Webhook
from voltgate.config.alerts import DEFAULT_TEMPLATE, EVENTS, AlertRule
from voltgate.config.draft import Draft, Finding
from voltgate.config.hosts import is_loopback
from voltgate.config.lines import Path
from voltgate.config.problems import did_you_mean
from voltgate.config.store import OFF
from voltgate.config.values import split_url

KINDS = ("mail", "pushover", "webhook", "apprise")
_KEY_LENGTH = 30
"""Letters and digits of a key of Pushover."""
_OF_SERVERS = ("service", "host", "port", "secure", "starttls", "auth", "ca")


def check_alerts(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with alerts."""
    alerts, path = draft.config.alerts, ("alerts",)
    for name, channel in alerts.channels.items():
        yield from _channel(draft, (*path, "channels", name), channel)
    for number, rule in enumerate(alerts.rules):
        yield from _rule(draft, (*path, "rules", number), rule)
    yield from _names_of_rules(draft)
    for number, mute in enumerate(alerts.mute):
        yield from _events((*path, "mute", number, "events"), mute.events)
    for name in alerts.templates:
        if name not in (DEFAULT_TEMPLATE, *EVENTS):
            message = f'there is no event "{name}"{did_you_mean(name, EVENTS)}; "{DEFAULT_TEMPLATE}" is for all others'
            yield Finding((*path, "templates", name), message)
    try:
        _ = alerts.human_names
    except ValueError as error:
        yield Finding((*path, "names"), str(error))
    if alerts.rules and draft.config.store.url == OFF:
        message = 'are kept in memory alone: store.url is "off", so what waits to be told is lost with the process'
        yield Finding(path, message, warning=True)


# Channels.


def _channel(draft: Draft, path: Path, channel: Channel) -> Iterator[Finding]:
    written = [kind for kind in KINDS if draft.written((*path, kind))]
    if len(written) != 1:
        found = f", not {' and '.join(written)}" if written else ""
        yield Finding(path, f"needs one table of {', '.join(KINDS)}{found}")
    if channel.mail is not None:
        yield from _mail(draft, (*path, "mail"), channel.mail)
    if channel.pushover is not None:
        yield from _pushover((*path, "pushover"), channel.pushover)
    if channel.webhook is not None:
        yield from _webhook((*path, "webhook"), channel.webhook)
    if channel.apprise is not None:
        yield from _apprise((*path, "apprise"), channel.apprise)
    if not any(path[-1] in rule.channels for rule in draft.config.alerts.rules):
        yield Finding(path, "no rule names this channel: it is told nothing", warning=True)


def _mail(draft: Draft, path: Path, mail: Mail) -> Iterator[Finding]:
    if mail.sendmail is not None:
        yield from _program((*path, "sendmail"), mail.sendmail)
        for key in sorted(mail.model_fields_set & set(_OF_SERVERS)):
            yield Finding((*path, key), "has no meaning beside sendmail, which takes the place of a server")
        return
    if not any(draft.written((*path, key)) for key in ("service", "host", "sendmail")):
        yield Finding(path, "needs service, host or sendmail: who takes the mail?")
    if mail.service is not None:
        for key in sorted(mail.model_fields_set & {"host", "port", "secure"}):
            yield Finding((*path, key), f'is known of service = "{mail.service}": take out one of the two')
    if mail.starttls is not None and mail.is_secure:
        yield Finding((*path, "starttls"), "has no meaning where the link is secure from the start")
    in_clear = not mail.is_secure and mail.begins_tls != "required"
    if mail.auth is not None and in_clear and not is_loopback(mail.server.host):
        message = "may send the password in the clear, for whoever is on the way"
        yield Finding((*path, "starttls"), message, warning=True)
    yield from _authorities(path, mail.ca)


def _program(path: Path, program: File) -> Iterator[Finding]:
    if not program.is_file():
        yield Finding(path, f"there is no program {program}")
    elif not os.access(program, os.X_OK):
        yield Finding(path, f"{program} cannot be run")


def _authorities(path: Path, file: File | None) -> Iterator[Finding]:
    if file is None:
        return
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        yield Finding((*path, "ca"), f"cannot read {file}: {error.strerror}")


def _pushover(path: Path, pushover: Pushover) -> Iterator[Finding]:
    for key in ("user", "token"):
        text = getattr(pushover, key).get_secret_value()
        if not text:
            yield Finding((*path, key), "is empty")
        elif pushover.endpoint == PUSHOVER and (len(text) != _KEY_LENGTH or not text.isalnum()):
            message = f"is no key of Pushover: those have {_KEY_LENGTH} letters and digits"
            yield Finding((*path, key), message, warning=True)


def _webhook(path: Path, webhook: Webhook) -> Iterator[Finding]:
    parts = split_url(webhook.url.get_secret_value())
    if parts.scheme == "http":
        if webhook.ca is not None:
            yield Finding((*path, "ca"), "is for https://; this one is http://")
        if not is_loopback(parts.hostname or ""):
            yield Finding((*path, "url"), "is not encrypted: https:// is", warning=True)
    yield from _authorities(path, webhook.ca)
    secret = webhook.secret.get_secret_value() if webhook.secret is not None else None
    if secret is not None and not _is_key(secret):
        yield Finding((*path, "secret"), "must be any text, or Base64 behind whsec_")


def _is_key(secret: str) -> bool:
    try:
        return bool(b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else secret)
    except ValueError:
        return False


def _apprise(path: Path, section: Apprise) -> Iterator[Finding]:
    if find_spec("apprise") is None:
        yield Finding(path, "Apprise is not installed: pip install voltgate[apprise]")
        return
    from apprise import Apprise as Service  # noqa: PLC0415 - an extra, and slow to load

    for number, url in enumerate(section.urls):
        if Service.instantiate(url.get_secret_value()) is None:
            yield Finding((*path, "urls", number), "is no address that Apprise knows")


# Rules.


def _rule(draft: Draft, path: Path, rule: AlertRule) -> Iterator[Finding]:
    yield from _events((*path, "events"), rule.events)
    if not draft.written((*draft.original(path), "channels")) or rule.channels == ():
        yield Finding((*path, "channels"), "names no channel: nobody would be told")
    known = _channels(draft)
    for name in rule.channels:
        if name not in known:
            yield Finding((*path, "channels"), f'there is no channel "{name}"{did_you_mean(name, known)}')
    for pattern in rule.backends:
        if not any(fnmatchcase(name, pattern) for name in draft.names("backends")) and pattern != "*":
            yield Finding((*path, "backends"), f'no backend is called "{pattern}"', warning=True)


def _channels(draft: Draft) -> list[str]:
    """Return the names of channels as written, those of invalid ones too."""
    channels = draft.raw["alerts"].get("channels")
    return list(channels) if isinstance(channels, dict) else []


def _events(path: Path, patterns: tuple[str, ...]) -> Iterator[Finding]:
    for pattern in patterns:
        if not any(fnmatchcase(event, pattern) for event in EVENTS):
            yield Finding(path, f'there is no event "{pattern}"{did_you_mean(pattern, EVENTS)}')


def _names_of_rules(draft: Draft) -> Iterator[Finding]:
    seen = set[str]()
    for number, rule in enumerate(draft.config.alerts.rules):
        if rule.name is not None and rule.name in seen:
            yield Finding(("alerts", "rules", number, "name"), f'there is a rule "{rule.name}" already')
        seen |= {rule.name} if rule.name is not None else set()
