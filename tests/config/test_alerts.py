"""`[alerts]`: what is a mistake there, what is doubtful, and what the keys come to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.config.test_check import GOOD, problems, warnings
from voltgate.config import Config, read
from voltgate.config.alert_channels import PUSHOVER
from voltgate.config.alerts import minutes
from voltgate.config.mail_services import SERVICES, Server, server_of

ALERTS = """\
[alerts.channels.ops.mail]
from = "Voltgate <alerts@example.com>"
to = ["ops@example.com"]
service = "Gmail"
auth = { user = "smtp-user", pass = "TOP-SECRET" }

[[alerts.rules]]
events = ["conStatus*", "stationSilent"]
channels = ["ops"]
"""
LINES = GOOD.count("\n")


SEVERAL = ("sendmail = ", "password = ", "[alerts.channels.ops]\n")
"""Where one change makes several mistakes: a program beside the keys of a server, keys in another table."""


def loaded(tmp_path: Path, text: str) -> Config:
    """Read a configuration with these alerts; it must raise no doubt."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + text)
    found = read(file, {"SECRET": "from the environment"})
    assert found.warnings == ()
    return found.config


def test_good_alerts(tmp_path: Path) -> None:
    """Mail by a well-known service, and one rule; what is left out has its default."""
    alerts = loaded(tmp_path, ALERTS).alerts
    mail = alerts.channels["ops"].mail
    assert mail is not None
    assert (mail.server, mail.is_secure) == (Server("smtp.gmail.com", 465), True)
    assert "TOP-SECRET" not in repr(alerts)
    (rule,) = alerts.rules
    assert (rule.stations, rule.backends, rule.severity, rule.hold, rule.recovery) == (("*",), ("*",), "info", 60, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('service = "Gmail"', 'service = "Gmial"'), 'service: there is no service "Gmial"; did you mean "Gmail"?'),
        (('service = "Gmail"\n', ""), "alerts.channels.ops.mail: needs service, host or sendmail: who takes the mail?"),
        (('service = "Gmail"', 'service = "Gmail"\nport = 25'), 'mail.port: is known of service = "Gmail"'),
        (('service = "Gmail"', 'host = "a b"'), 'mail.host: "a b" holds characters that no name of a host has'),
        (('service = "Gmail"', 'host = "mx.example:587"'), 'a key of its own: host = "mx.example", port = 587'),
        (('service = "Gmail"', 'service = "Gmail"\nstarttls = "never"'), "has no meaning where the link is secure"),
        (('service = "Gmail"', 'service = "Gmail"\nca = "gone.pem"'), "gone.pem: No such file or directory"),
        (('service = "Gmail"', 'service = "Gmail"\nsendmail = "no/sendmail"'), "mail.sendmail: there is no program"),
        (('service = "Gmail"', 'service = "Gmail"\nsendmail = "voltgate.toml"'), "voltgate.toml cannot be run"),
        (('service = "Gmail"', f'sendmail = "{sys.executable}"'), "auth: has no meaning beside sendmail"),
        (('to = ["ops@example.com"]', "to = []"), "mail.to: must not be empty"),
        (('to = ["ops@example.com"]\n', ""), "mail.to: is missing"),
        (('["ops@example.com"]', '"ops@example.com, bob"'), "mail.to[1]: is no address of mail, as in ops@example.com"),
        (('"ops@example.com"', '"ops"'), "mail.to[0]: is no address of mail, as in ops@example.com"),
        (('"ops@example.com"', '"ops@exämple.com"'), "mail.to[0]: is no address of mail"),
        (("alerts@example.com>", "alerts@example.com>\\r\\nBcc: eve@example.com"), "mail.from: is no address of mail"),
        (('pass = "TOP-SECRET"', 'password = "TOP-SECRET"'), "auth.password: there is no such key"),
        (
            ("[alerts.channels.ops.mail]", "[alerts.channels.ops]"),
            "needs one table of mail, pushover, webhook, apprise",
        ),
        (
            ("[[alerts.rules]]", '[alerts.channels.ops.webhook]\nurl = "https://x/"\n[[alerts.rules]]'),
            "alerts.channels.ops: needs one table of mail, pushover, webhook, apprise, not mail and webhook",
        ),
        (('"stationSilent"', '"stationsilent"'), 'there is no event "stationsilent"; did you mean "stationSilent"?'),
        (('["conStatus*", "stationSilent"]', "[]"), "alerts.rules[0].events: must not be empty"),
        (('channels = ["ops"]', "channels = []"), "alerts.rules[0].channels: names no channel: nobody would be told"),
        (('channels = ["ops"]', ""), "alerts.rules[0].channels: names no channel: nobody would be told"),
        (('channels = ["ops"]', 'channels = ["opps"]'), 'there is no channel "opps"; did you mean "ops"?'),
        (('channels = ["ops"]', 'channels = ["ops"]\nhours = "8-18"'), "rules[0].hours: is two times of day, as in"),
        (('channels = ["ops"]', 'channels = ["ops"]\nhours = "08:00-08:00"'), "rules[0].hours: is two times of day"),
        (('channels = ["ops"]', 'channels = ["ops"]\nhours = "08:00-25:00"'), "rules[0].hours: is two times of day"),
        (('channels = ["ops"]', 'channels = ["ops"]\ndays = ["Mon"]'), 'did you mean "mon"?'),
        (('channels = ["ops"]', 'channels = ["ops"]\nhold = "5s"'), "durations are numbers of seconds"),
        (('channels = ["ops"]', 'channels = ["ops"]\nseverity = "fatal"'), 'severity: must be "info", "warning"'),
        (
            ("[[alerts.rules]]", '[[alerts.mute]]\nevents = ["x"]\n[[alerts.rules]]'),
            "mute[0].events: there is no event",
        ),
        (("[[alerts.rules]]", '[alerts]\nnames = "gone.json"\n[[alerts.rules]]'), "alerts.names: cannot read"),
        (("[[alerts.rules]]", '[alerts]\nnames = "voltgate.toml"\n[[alerts.rules]]'), "voltgate.toml:1: is not JSON"),
        (("[[alerts.rules]]", '[alerts]\ntimezone = "Berlin"\n[[alerts.rules]]'), 'alerts.timezone: "Berlin" is no'),
        (
            ("[[alerts.rules]]", '[alerts.templates.conStatusFault]\nsubject = "x"\n[[alerts.rules]]'),
            'there is no event "conStatusFault"; did you mean "conStatusFaulted"?; "default" is for all others',
        ),
        (
            ("[[alerts.rules]]", '[alerts.templates.default]\ntext = "{statoin}"\n[[alerts.rules]]'),
            'alerts.templates.default.text: "{statoin}" is no field; there are title, body',
        ),
        (("[[alerts.rules]]", '[alerts.templates.default]\ntext = "{station.x}"\n[[alerts.rules]]'), "is no field"),
        (("[[alerts.rules]]", '[alerts.templates.default]\nhtml = "{"\n[[alerts.rules]]'), "default.html: "),
        (("conStatus", "x"), 'alerts.rules[0].events: there is no event "x*"'),
    ],
)
def test_a_mistake(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """Each is named with its key, what is wrong, and what to do; a mistake makes no second one."""
    text = ALERTS.replace(*change)
    assert text != ALERTS
    found = problems(tmp_path, GOOD + text)
    assert any(told in each for each in found), found
    assert not any("TOP-SECRET" in each for each in found)
    assert all(int(each.split(":")[0]) > LINES for each in found)
    assert len(found) == 1 or any(each in text for each in SEVERAL), found


KINDS = """\
[alerts.channels.a.pushover]
user = "u23456789012345678901234567890"
token = { env = "SECRET" }
endpoint = "http://localhost:8080/1/messages.json"
[alerts.channels.b.webhook]
url = "https://hooks.example/TOP-SECRET"
secret = "whsec_VE9QLVNFQ1JFVA=="
headers = { Authorization = "Bearer TOP-SECRET" }
[alerts.channels.c.apprise]
urls = ["json://localhost/TOP-SECRET"]
[[alerts.rules]]
events = ["*"]
channels = ["a", "b", "c"]
"""


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("http://localhost", "ftp://localhost"), "a.pushover.endpoint: must be a URL that starts with http://"),
        (('"u23456789012345678901234567890"', '""'), "a.pushover.user: is empty"),
        (("endpoint", "priority = 3\nendpoint"), "a.pushover.priority: must be at most 2"),
        (("endpoint", "expire = 20_000\nendpoint"), "a.pushover.expire: must be at most 10800 seconds"),
        (("https://hooks.example", "hooks.example"), "b.webhook.url: must be a URL that starts with http://"),
        (("https://hooks.example", "https://u:TOP-SECRET@hooks.example"), "must not contain a user name or password"),
        (("https://hooks.example", 'https://hooks.example"\nca = "gone.pem"\n#'), "b.webhook.ca: cannot read"),
        (("https://hooks.example", 'http://localhost"\nca = "voltgate.toml"\n#'), "ca: is for https://"),
        (("whsec_VE9QLVNFQ1JFVA==", "whsec_TOP-SECRET"), "b.webhook.secret: must be any text, or Base64 behind whsec_"),
        (("whsec_VE9QLVNFQ1JFVA==", ""), "b.webhook.secret: must be any text"),
        (("Authorization", "Webhook-Id"), "Webhook-Id is set by Voltgate itself"),
        (("Authorization", '"a b"'), '"a b" is not the name of a header'),
        (("Bearer TOP", "Bearer\\nTOP"), "the value of Authorization contains a line break"),
        (("json://localhost", "nonsense://localhost"), "c.apprise.urls[0]: is no address that Apprise knows"),
        (('["json://localhost/TOP-SECRET"]', "[]"), "c.apprise.urls: must not be empty"),
    ],
)
def test_a_mistake_in_another_channel(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """The same for Pushover, webhooks and Apprise; no secret is repeated."""
    loaded(tmp_path, KINDS)
    text = KINDS.replace(*change)
    assert text != KINDS
    found = problems(tmp_path, GOOD + text, {"SECRET": "x"})
    assert len(found) == 1
    assert told in found[0]
    assert "TOP-SECRET" not in found[0]


def test_apprise_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; who has not installed it is told how."""
    monkeypatch.setattr("voltgate.config.alert_checks.find_spec", lambda name: None)
    (found,) = problems(tmp_path, GOOD + KINDS, {"SECRET": "x"})
    assert found.endswith("alerts.channels.c.apprise: Apprise is not installed: pip install voltgate[apprise]")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('channels = ["ops"]', 'channels = ["ops"]\nbackends = ["mian"]'), 'no backend is called "mian"'),
        (
            ("[[alerts.rules]]", '[alerts.channels.b.webhook]\nurl = "https://x/"\n[[alerts.rules]]'),
            "no rule names this",
        ),
        (
            ("[alerts.channels.ops.mail]", '[store]\nurl = "off"\n[alerts.channels.ops.mail]'),
            "are kept in memory alone",
        ),
        (('service = "Gmail"', 'host = "x.example"\nstarttls = "offered"'), "may send the password in the clear"),
        (
            (ALERTS[: ALERTS.index("[[")], '[alerts.channels.ops.webhook]\nurl = "http://x.example/"\n'),
            "is not encrypted: https:// is",
        ),
    ],
)
def test_a_doubt(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """What may be meant so is a warning."""
    text = ALERTS.replace(*change)
    assert text != ALERTS
    (found,) = warnings(tmp_path, GOOD + text)
    assert told in found


def test_keys_that_pushover_cannot_know(tmp_path: Path) -> None:
    """The keys of Pushover itself have 30 letters and digits; who posts elsewhere may have others."""
    text = KINDS.replace('endpoint = "http://localhost:8080/1/messages.json"\n', "").replace(
        '{ env = "SECRET" }', '"x"'
    )
    (found,) = warnings(tmp_path, GOOD + text)
    assert "a.pushover.token: is no key of Pushover: those have 30 letters and digits" in found
    assert PUSHOVER == "https://api.pushover.net/1/messages.json"


@pytest.mark.parametrize(
    ("keys", "server", "secure", "starttls"),
    [
        ('host = "x.example"', Server("x.example", 587), False, "required"),
        ('host = "x.example"\nsecure = true', Server("x.example", 465), True, "required"),
        ('host = "x.example"\nport = 465', Server("x.example", 465), True, "required"),
        ('host = "x.example"\nport = 2525\nsecure = false', Server("x.example", 2525), False, "required"),
        ('host = "localhost"\nport = 25\nstarttls = "never"', Server("localhost", 25), False, "never"),
        ('service = "Outlook 365"', Server("smtp.office365.com", 587), False, "required"),
        ('service = "ses-eu-central-1"', Server("email-smtp.eu-central-1.amazonaws.com", 465), True, "required"),
        ('service = "Google Mail"', Server("smtp.gmail.com", 465), True, "required"),
    ],
)
def test_which_server(tmp_path: Path, keys: str, server: Server, secure: bool, starttls: str) -> None:
    """The keys mean what they mean to Nodemailer, but that a password goes over no link in the clear."""
    mail = loaded(tmp_path, ALERTS.replace('service = "Gmail"', keys)).alerts.channels["ops"].mail
    assert mail is not None
    assert (mail.server, mail.is_secure, mail.begins_tls) == (server, secure, starttls)


def test_a_relay_without_a_password(tmp_path: Path) -> None:
    """Without `auth` there is nothing to protect: STARTTLS is used where it is offered."""
    auth = 'auth = { user = "smtp-user", pass = "TOP-SECRET" }\n'
    text = ALERTS.replace('service = "Gmail"', 'host = "relay.example"').replace(auth, "")
    mail = loaded(tmp_path, text).alerts.channels["ops"].mail
    assert mail is not None
    assert mail.begins_tls == "offered"


def test_several_recipients_in_one_text(tmp_path: Path) -> None:
    """Nodemailer takes a text with commas; so do we, and a list."""
    for written in ('"a@x.example, Anna B <b@x.example>"', '["a@x.example", "Anna B <b@x.example>"]'):
        mail = loaded(tmp_path, ALERTS.replace('["ops@example.com"]', written)).alerts.channels["ops"].mail
        assert mail is not None
        assert mail.to == ("a@x.example", "Anna B <b@x.example>")


def test_each_service_is_known_by_its_name() -> None:
    """However it is written, as Nodemailer has it."""
    for name, server in SERVICES.items():
        assert server_of(name.lower()) == server_of(f" {name} ") == server
    assert server_of("Me") == server_of("iCloud")
    assert server_of("nobody") is None


def test_names_are_read_as_they_are(tmp_path: Path) -> None:
    """clientIdToHuman.json needs no change; an empty name is none."""
    (tmp_path / "names.json").write_text('\ufeff{"CP-1": " North — 1 ", "CP-2": ""}', "utf-8")
    config = loaded(tmp_path, '[alerts]\nnames = "names.json"\n')
    assert config.alerts.human_names == {"CP-1": "North — 1"}
    assert loaded(tmp_path, "").alerts.human_names == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"CP-1": 7}', "must hold an object of names by identity"),
        (b"[]", "must hold an object of names by identity"),
        (b"{", "is not JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_names_that_cannot_be_read(tmp_path: Path, content: bytes, told: str) -> None:
    """What is wrong with the file is told where it is named."""
    (tmp_path / "names.json").write_bytes(content)
    (found,) = problems(tmp_path, GOOD + '[alerts]\nnames = "names.json"\n')
    assert "alerts.names: " in found
    assert told in found


def test_hours() -> None:
    """Times of day are minutes; over midnight the end is the smaller."""
    assert minutes("08:00-18:30") == (480, 1110)
    assert minutes("22:00-06:00") == (1320, 360)
    assert minutes("00:00-24:00") == (0, 1440)


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    """A rule is known by its name, so no other has it."""
    rule = '[[alerts.rules]]\nname = "x"\nevents = ["*"]\nchannels = ["ops"]\n'
    (found,) = problems(tmp_path, GOOD + ALERTS + rule + rule)
    assert found.endswith('alerts.rules[2].name: there is a rule "x" already')
