"""The `notify` block of OCPP-Proxy-Alert: what becomes of each way to people, and of mistakes in it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from voltgate.config import ConfigErrors, read
from voltgate.config.alerts import EVENTS
from voltgate.convert import convert

FROM, TO = "alerts@example.com", "ops@example.com"
AUTH = {"user": "smtp-user", "pass": "TOP-SECRET"}
MAIL = {"user": "smtp-user", "pass": {"env": "SMTP_PASSWORD"}}
ENVIRONMENT = {"SMTP_PASSWORD": "x", "PUSHOVER_USER": "u" * 30, "PUSHOVER_TOKEN": "t" * 30}


def config(notify: dict[str, Any]) -> dict[str, Any]:
    """A config.json with this block."""
    return {"proxy": {"host": "127.0.0.1", "port": 9000}, "primaryUrl": "ws://one.example/", "notify": notify}


def converted(folder: Path, notify: dict[str, Any]) -> str:
    """Convert a file with this block; `voltgate check` must raise no doubt about it."""
    file, new = folder / "config.json", folder / "voltgate.toml"
    file.write_text(json.dumps(config(notify)))
    text = convert([file])
    assert "TOP-SECRET" not in text
    new.write_text(text)
    assert read(new, ENVIRONMENT).warnings == ()
    return text


def mailed(folder: Path, transporter: dict[str, Any], **email: Any) -> tuple[dict[str, Any], str]:
    """Convert an email block; give `mail`, without sender and recipients, and the text."""
    email = {"from": FROM, "to": TO, "transporter": transporter, **email}
    text = converted(folder, {"cpStatusFaulted": True, "email": email})
    mail = tomllib.loads(text)["alerts"]["channels"]["email"]["mail"]
    assert mail.pop("from") == FROM
    mail.pop("to")
    return mail, " ".join(line.removeprefix("# ") for line in text.splitlines())


@pytest.mark.parametrize(
    ("transporter", "mail"),
    [
        ({"service": "Gmail", "auth": AUTH}, {"service": "Gmail", "auth": MAIL}),
        ({"service": "gmail", "host": "x", "port": 25}, {"service": "gmail"}),
        ({"service": "ours", "host": "smtp.example.com"}, {"host": "smtp.example.com"}),
        (
            {"host": "smtp.example.com", "port": 587, "secure": False, "auth": AUTH},
            {"host": "smtp.example.com", "port": 587, "secure": False, "auth": MAIL},
        ),
        (
            {"host": "smtp.example.com", "port": "465", "secure": True},
            {"host": "smtp.example.com", "port": 465, "secure": True},
        ),
        ({"port": 25}, {"host": "localhost", "port": 25}),
        ({"host": "x.example", "requireTLS": True}, {"host": "x.example", "starttls": "required"}),
        ({"host": "x.example", "ignoreTLS": True}, {"host": "x.example", "starttls": "never"}),
        ({"host": "x.example", "auth": {"type": "login", **AUTH}}, {"host": "x.example", "auth": MAIL}),
    ],
)
def test_each_way_to_a_server(tmp_path: Path, transporter: dict[str, Any], mail: dict[str, Any]) -> None:
    """Nodemailer's keys mean what they meant."""
    assert mailed(tmp_path, transporter)[0] == mail


def test_a_program(tmp_path: Path) -> None:
    """Nodemailer's sendmail is ours, by its path."""
    program = tmp_path / "sendmail"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    mail, text = mailed(tmp_path, {"sendmail": True, "newline": "unix", "path": str(program), "args": ["-t"]})
    assert mail == {"sendmail": str(program)}
    assert "left out: notify.email.transporter.args." in text


def test_what_has_no_counterpart(tmp_path: Path) -> None:
    """It is named, without its value."""
    odd = {"pool": True, "dkim": {"privateKey": "TOP-SECRET"}, "tls": {"rejectUnauthorized": False}}
    auth = {"type": "OAuth2", "user": "me", "refreshToken": "TOP-SECRET"}
    mail, text = mailed(tmp_path, {"host": "x.example", "auth": auth, **odd})
    assert mail == {"host": "x.example", "auth": {**MAIL, "user": "me"}}
    assert "the certificate of the mail server is verified" in text
    assert "not OAuth2" in text
    left = re.search(r"and left out: (.*?)\. ", text)
    assert left is not None
    names = ("auth.refreshToken", "dkim.privateKey", "pool")
    assert left.group(1).split(", ") == [f"notify.email.transporter.{name}" for name in names]


@pytest.mark.parametrize("to", ["a@x.example, B C <b@x.example>", ["a@x.example", "B C <b@x.example>"]])
def test_several_recipients(tmp_path: Path, to: Any) -> None:
    """Who was told before is told."""
    text = converted(
        tmp_path, {"cpStatusFaulted": True, "email": {"from": FROM, "to": to, "transporter": {"port": 25}}}
    )
    assert tomllib.loads(text)["alerts"]["channels"]["email"]["mail"]["to"] == ["a@x.example", "B C <b@x.example>"]


def test_every_event(tmp_path: Path) -> None:
    """The eighteen keep their names; what is false is not told, and what is none is named."""
    notify = dict.fromkeys(EVENTS[:18], True) | {"pushover": {"userKey": "TOP-SECRET", "appToken": "TOP-SECRET"}}
    assert tomllib.loads(converted(tmp_path, notify))["alerts"]["rules"][0]["events"] == list(EVENTS[:18])
    text = converted(tmp_path, {**notify, "conStatusCharging": False, "conStatusCharge": True})
    assert "conStatusCharging" not in text
    assert "# Not known, and left out: notify.conStatusCharge." in text


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ({"cpStatusFaulted": True}, "Nothing was told, as notify had no way to people."),
        ({"cpStatusFaulted": True, "email": {"from": FROM, "to": TO}}, "notify.email was not whole"),
        ({"cpStatusFaulted": True, "email": {"from": FROM, "to": TO, "transporter": "smtp://x"}}, "was not whole"),
        ({"cpStatusFaulted": True, "pushover": {"userKey": "TOP-SECRET"}}, "notify.pushover was not whole"),
        ({"cpStatusFaulted": False, "pushover": {"userKey": "a", "appToken": "b"}}, "Nothing was told, as no event"),
    ],
)
def test_what_told_nobody(tmp_path: Path, notify: dict[str, Any], told: str) -> None:
    """It was disabled with a warning; it is kept as remarks, to be completed."""
    text = converted(tmp_path, notify)
    assert told in " ".join(line.removeprefix("# ") for line in text.splitlines())
    assert "alerts" not in tomllib.loads(text)
    shown = "\n".join(line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   "))
    assert tomllib.loads(shown)["alerts"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cpStatusFaulted": "yes"}, "config.json:1: notify.cpStatusFaulted: must be true or false"),
        ({"email": {"from": "nobody"}}, "notify.email.from: is no address of mail"),
        ({"email": {"from": f"{FROM}, {TO}"}}, "notify.email.from: names more than one"),
        ({"email": {"to": 5}}, "notify.email.to: must be an address of mail in quotes"),
        ({"email": {"to": f"{TO}\r\nBcc: eve@example.com"}}, "notify.email.to: is no address of mail"),
        ({"email": {"transporter": {"service": "Gmial"}}}, 'there is no service "Gmial"; did you mean "Gmail"?'),
        ({"email": {"transporter": {"host": "a b"}}}, "notify.email.transporter.host: holds characters"),
        ({"email": {"transporter": {"port": "smtp"}}}, "notify.email.transporter.port: must be a port"),
        ({"email": {"transporter": {"port": 25, "auth": {"user": "me"}}}}, "transporter.auth.pass: is missing"),
        ({"email": {"transporter": {"port": 25, "requireTLS": 1}}}, "transporter.requireTLS: must be true or false"),
        ({"email": {"transporter": {"port": 25, "secure": "no"}}}, "transporter.secure: must be true or false"),
    ],
)
def test_a_mistake(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    """It is named with the file, the line and the key."""
    email = {"from": FROM, "to": TO, "transporter": {"service": "Gmail"}, **change.pop("email", {})}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config({"cpStatusFaulted": True, **change, "email": email})))
    with pytest.raises(ConfigErrors) as wrong:
        convert([file])
    assert len(wrong.value.problems) == 1
    assert told in str(wrong.value)
