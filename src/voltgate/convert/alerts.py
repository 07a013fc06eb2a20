"""The alerts of OCPP-Proxy-Alert: its `notify` block as `[alerts]`, with what was told, when, and by which ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voltgate.config.alert_channels import mail_addresses
from voltgate.config.alerts import EVENTS
from voltgate.config.hosts import objection
from voltgate.config.mail_services import SERVICES, server_of
from voltgate.config.problems import did_you_mean
from voltgate.config.sentences import dotted
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page, Value

NOTIFY = "notify"
KNOWN = EVENTS[:18]
"""The events that it had; ours have the same names."""

_EMAIL = (NOTIFY, "email")
_TRANSPORT = (*_EMAIL, "transporter")
_PUSHOVER = (NOTIFY, "pushover")
_SENDMAIL = "/usr/sbin/sendmail"


@dataclass(frozen=True, slots=True)
class OldAlerts:
    """What a `notify` block asks for: the events that are told, the ways in our words, and remarks on each way."""

    events: list[str]
    mail: dict[str, Value] | None
    pushover: dict[str, Value] | None
    remarks: list[str] = field(default_factory=list)


# Reading.


def read_alerts(keys: Keys) -> OldAlerts | None:
    """Return what the file asks for; None if it asks for nothing. Mistakes are rejected."""
    remarks: list[str] = []
    misplaced = [path for name in ("email", "pushover") for path in keys.within(name)]
    for path in misplaced:
        keys.take(*map(str, path))
    if misplaced:
        remarks.append("email and pushover outside of notify were never read, and are left out.")
    if not keys.within(NOTIFY):
        return OldAlerts([], None, None, remarks) if remarks else None
    events = [event for event in KNOWN if _flag(keys, NOTIFY, event)]
    mail, pushover = _mail(keys, remarks), _pushover(keys, remarks)
    return OldAlerts(events, mail, pushover, remarks)


def _flag(keys: Keys, *path: str) -> bool:
    value = keys.take(*path)
    if value is not None and not isinstance(value, bool):
        keys.reject(path, "must be true or false")
    return value is True


def _pushover(keys: Keys, remarks: list[str]) -> dict[str, Value] | None:
    taken = {path[-1]: keys.take(*map(str, path)) for path in keys.within(*_PUSHOVER)}
    if taken.get("userKey") and taken.get("appToken"):
        return {"user": {"env": "PUSHOVER_USER"}, "token": {"env": "PUSHOVER_TOKEN"}}
    if taken:
        remarks.append("notify.pushover was not whole (userKey, appToken): it was never used, and is left out.")
    return None


def _mail(keys: Keys, remarks: list[str]) -> dict[str, Value] | None:
    taken = {path: keys.take(*map(str, path)) for path in keys.within(*_EMAIL)}
    is_object = any(len(path) > len(_TRANSPORT) for path in taken if path[: len(_TRANSPORT)] == _TRANSPORT)
    if not (is_object and taken.get((*_EMAIL, "from")) and taken.get((*_EMAIL, "to"))):
        if taken:
            remarks.append("notify.email was not whole (from, to, transporter): it was never used, and is left out.")
        return None
    sender, to = (_addresses(keys, key) for key in ("from", "to"))
    if len(sender) > 1:
        keys.reject((*_EMAIL, "from"), "names more than one: one writes")
    mail: dict[str, Value] = {"from": sender[0] if sender else "", "to": to}
    return mail | _Transport(keys, remarks).read()


def _addresses(keys: Keys, key: str) -> list[str]:
    """Return the addresses of a text with commas between them, or of a list."""
    path = (*_EMAIL, key)
    value = keys.take(*path)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        keys.reject(path, "must be an address of mail in quotes, or a list of them")
        return []
    try:
        return [address for text in texts if text.strip() for address in mail_addresses(text)]
    except ValueError as error:
        keys.reject(path, str(error))
        return []


class _Transport:
    """The settings of Nodemailer by which mails went."""

    def __init__(self, keys: Keys, remarks: list[str]) -> None:
        self._keys = keys
        self._remarks = remarks
        self._left = {path[len(_TRANSPORT) :] for path in keys.within(*_TRANSPORT)}

    def read(self) -> dict[str, Value]:
        """Return them as keys of `mail`, with remarks on what has no counterpart."""
        found = self._program() if self._flag("sendmail") else self._server() | self._starttls() | self._auth()
        if self._given("tls", "rejectUnauthorized") is False:
            self._remarks.append(
                "Different: the certificate of the mail server is verified. Name the authority that signed it: "
                '`ca = "authority.pem"` in `mail`.'
            )
        if self._left:
            names = ", ".join(sorted(dotted((*_TRANSPORT, *path)) for path in self._left))
            self._remarks.append(f"Without a counterpart, and left out: {names}.")
        return found

    def _given(self, *path: str) -> Any:
        self._left.discard(path)
        return self._keys.take(*_TRANSPORT, *path)

    def _text(self, *path: str) -> str:
        self._left.discard(path)
        return self._keys.text(*_TRANSPORT, *path)

    def _flag(self, *path: str) -> bool:
        self._left.discard(path)
        return _flag(self._keys, *_TRANSPORT, *path)

    def _program(self) -> dict[str, Value]:
        self._given("newline")
        return {"sendmail": self._text("path") or _SENDMAIL}

    def _server(self) -> dict[str, Value]:
        """Return the server. A service counts before host and port, unless it is not known."""
        service, host = self._text("service"), self._text("host")
        port = self._keys.port(*_TRANSPORT, "port", default=0)
        secure = None if self._given("secure") is None else self._flag("secure")
        self._left.discard(("port",))
        if service and server_of(service) is not None:
            return {"service": service}
        if service and not host:
            hint = did_you_mean(service, SERVICES)
            self._keys.reject((*_TRANSPORT, "service"), f'there is no service "{service}"{hint}; write host and port')
        if why := objection(host) if host else "":
            self._keys.reject((*_TRANSPORT, "host"), why)
        found: dict[str, Value] = {"host": host or "localhost"}
        found |= {"port": port} if port else {}
        return found | ({"secure": secure} if secure is not None else {})

    def _starttls(self) -> dict[str, Value]:
        required, ignored = self._flag("requireTLS"), self._flag("ignoreTLS")
        if required or ignored:
            return {"starttls": "required" if required else "never"}
        return {}

    def _auth(self) -> dict[str, Value]:
        user, password, kind = self._text("auth", "user"), self._text("auth", "pass"), self._text("auth", "type")
        if kind.lower() not in ("", "login"):
            self._remarks.append(
                f"Different: the mail server is shown user and password alone, not {kind}. Most services make a "
                "password for one application."
            )
        if not user:
            return {}
        if not password and not kind:
            self._keys.reject((*_TRANSPORT, "auth", "pass"), "is missing")
        return {"auth": {"user": user, "pass": {"env": "SMTP_PASSWORD"}}}


# Writing.


def write_alerts(page: Page, old: OldAlerts | None, *, names: str) -> None:
    """Write the alerts. `names` is the file of names that was converted, "" without one."""
    if old is None:
        return
    channels = {name: way for name, way in (("email", old.mail), ("pushover", old.pushover)) if way is not None}
    if not channels or not old.events:
        _nothing(page, old, channels)
        return
    page.table("alerts")
    _remarks(page, old, names)
    for name, way in channels.items():
        _channel(page, name, way)
    page.entry("alerts", "rules")
    page.key("name", NOTIFY)
    page.key("events", old.events)
    page.key("channels", list(channels))
    page.key("hold", 0, "told at once, as before; 60 keeps blips of a network from being told")
    page.key("group", 0, "a message each, as before; 10 tells an outage of many in one")
    page.key("recovery", False, "as before: an end is told where it is an event of its own")


def _remarks(page: Page, old: OldAlerts, names: str) -> None:
    page.remark(
        "Different: what is repeated is told once, the same status being the same status and error code, also over "
        "reconnects; so is what was kept while servers were away. A message that fails is tried again for a day."
    )
    if "conStopTransaction" in old.events:
        page.remark("Different: conStopTransaction is told; it never was.")
    if {"connectedToUpstream", "disconnectedFromUpstream"} & set(old.events):
        page.remark("Different: titles name the servers primary and secondary, not PRI and SEC.")
    for text in old.remarks:
        page.remark(text)
    if names:
        page.remark(f'The names above are those of {names}. It can be read as it is instead: `names = "{names}"`.')
    else:
        page.remark('Names of chargers are read as they are: `names = "clientIdToHuman.json"`.')
    page.remark("Passwords and keys are not repeated here: they come from the environment.")


def _channel(page: Page, name: str, way: Mapping[str, Value]) -> None:
    page.table("alerts", "channels", name)
    page.key("rate", 0, "no limit, as before")
    page.table("alerts", "channels", name, "mail" if name == "email" else "pushover")
    for key, given in way.items():
        page.key(key, given)


def _nothing(page: Page, old: OldAlerts, channels: Mapping[str, Mapping[str, Value]]) -> None:
    """Write what was asked for as remarks: without a way to people, or without events, nothing was ever told."""
    for text in old.remarks:
        page.remark(text)
    if not channels and not old.events:
        return
    page.remark("Nothing was told, as notify had no way to people. It asked for these events:" if old.events else _MUTE)
    shown = Page()
    for name, way in channels.items():
        _channel(shown, name, way)
    if old.events:
        shown.entry("alerts", "rules")
        shown.key("events", old.events)
    page.shown(*shown.text().splitlines())


_MUTE = "Nothing was told, as no event was set to true. These were the ways to people:"
