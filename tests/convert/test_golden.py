"""`voltgate convert`: what is printed for a whole file, to the letter, and that the gateway takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keypair import write_pair
from voltgate.app.build import Surroundings, build
from voltgate.config import Config, read
from voltgate.convert import convert

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "split": ("split.ini",),
    "mirror": ("mirror.ini",),
    "single": ("single.ini",),
    "two": ("two.json", "two.names.json"),
    "one": ("one.json",),
    "management": ("management.env",),
}
PROXIES = [case for case in CASES if case != "management"]
PASSWORD = {
    "PRIMARY_PASSWORD": "from the environment",
    "DB_PASSWORD": "from there, too",
    "SMTP_PASSWORD": "and this",
    "PUSHOVER_USER": "u" * 30,
    "PUSHOVER_TOKEN": "t" * 30,
}


def converted(case: str) -> str:
    """Convert the files of a case."""
    return convert([GOLDEN / name for name in CASES[case]])


def all_told(text: str) -> str:
    """Put the rules of the remark in the place of those that are printed."""
    lines = text.splitlines()
    start = lines.index("#   rules = [")
    together = [line.removeprefix("#   ") for line in lines[start : lines.index("#   ]") + 1]]
    own = lines.index("rules = [")
    return "\n".join([*lines[:own], *together, *lines[lines.index("]", own) + 1 :]])


def loaded(case: str, folder: Path) -> Config:
    """Read what was converted as `voltgate check` does; it must raise no doubt either."""
    file = folder / "voltgate.toml"
    file.write_text(converted(case))
    write_pair(folder / "tls" / "cert.pem", folder / "tls" / "key.pem", days=400)
    found = read(file, PASSWORD)
    assert found.warnings == ()
    return found.config


@pytest.mark.parametrize("case", CASES)
def test_what_is_printed(case: str) -> None:
    """Each known file becomes exactly the text beside it, remarks included."""
    assert converted(case) == (GOLDEN / f"{case}.toml").read_text()


@pytest.mark.parametrize("case", PROXIES)
def test_it_is_loaded(case: str, tmp_path: Path) -> None:
    """Whatever was converted is a good configuration, without a warning."""
    config = loaded(case, tmp_path)
    assert config.unknown.policy == "route"
    assert config.directory.case_sensitive
    for backend in config.backends.values():
        assert backend.forward == "always"


def test_a_split_by_tag(tmp_path: Path) -> None:
    """Of ocpp-2w-proxy the address, the servers, the tag rule and the time of silence are found again."""
    config = loaded("split", tmp_path)
    (listener,) = config.listen.stations
    assert (listener.host, listener.port, listener.secure) == ("0.0.0.0", 8321, False)
    assert listener.ping * (listener.misses + 1) == 20 + 60
    assert config.backends["primary"].websocket_template == "wss://csms.example/ocpp/{station}"
    assert config.backends["secondary"].websocket_template == "ws://employer.example:8887/ocpp//{station}"
    assert config.log.level == "debug"
    split, shared, rest = config.routes["main"].rules
    assert (split.answer.backends, split.copies) == (("secondary",), ())
    assert (shared.answer.backends, shared.copies) == (("primary",), ("secondary",))
    assert (rest.answer.backends, rest.copies) == (("primary",), ())
    assert rest.catches_all


def test_the_rules_that_tell_both_servers_all(tmp_path: Path) -> None:
    """The rules that stand in a remark, for servers that may see each other's sessions, work as they stand."""
    text = converted("split")
    file = tmp_path / "voltgate.toml"
    file.write_text(all_told(text))
    found = read(file, {})
    assert found.warnings == ()
    assert [rule.copies for rule in found.config.routes["main"].rules] == [("primary",), ("secondary",)]


def test_a_mirror(tmp_path: Path) -> None:
    """Two servers without tags are mirrored: the primary answers, the secondary is told."""
    config = loaded("mirror", tmp_path)
    (rule,) = config.routes["main"].rules
    assert (rule.answer.backends, rule.copies) == (("primary",), ("secondary",))
    primary = config.backends["primary"]
    assert primary.username == "user"
    assert primary.password is not None
    assert primary.password.get_secret_value() == PASSWORD["PRIMARY_PASSWORD"]
    assert config.listen.stations[0].host == "::"
    assert config.listen.http_address == ("127.0.0.1", 8001)


def test_one_server_by_tls(tmp_path: Path) -> None:
    """A certificate with its key makes the listener a secure one; one server needs no rules of tags."""
    config = loaded("single", tmp_path)
    (listener,) = config.listen.stations
    assert listener.secure
    assert listener.certificate == tmp_path / "tls" / "cert.pem"
    assert listener.ping * (listener.misses + 1) == 30
    assert list(config.backends) == ["primary"]


def test_a_proxy_with_alerts(tmp_path: Path) -> None:
    """Of OCPP-Proxy-Alert the servers, the waits, the names of chargers and the open door are found again."""
    config = loaded("two", tmp_path)
    assert config.admit("main") == "gateway"
    assert config.backends["secondary"].websocket_template == "ws://ws2.ocpp.example/CP_{station}"
    retry = build(config, Surroundings(), None).backends["primary"].settings.retry
    waits = [retry.delay(failures, lambda: 0.7) for failures in range(1, 13)]
    assert waits == [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 60]
    assert [(entry.identity, entry.name) for entry in config.stations][:2] == [
        ("STATION01", 'North Parking — "Charger" 1'),
        ("station01", "South\nParking"),
    ]
    assert config.limits.identity_length == len(config.stations[2].identity or "")
    assert config.log.level == "warning"


def test_its_alerts(tmp_path: Path) -> None:
    """What was told is told, at once and each by itself, by the same ways; secrets come from the environment."""
    alerts = loaded("two", tmp_path).alerts
    (rule,) = alerts.rules
    assert rule.events == ("cpStatusFaulted", "conStopTransaction")
    assert rule.channels == tuple(alerts.channels) == ("email", "pushover")
    assert (rule.hold, rule.group, rule.recovery, rule.severity) == (0, 0, False, "info")
    mail, pushover = alerts.channels["email"].mail, alerts.channels["pushover"].pushover
    assert mail is not None
    assert mail.auth is not None
    assert pushover is not None
    assert (mail.sender, mail.to, mail.server.host) == ("alerts@example.com", ("ops@example.com",), "smtp.gmail.com")
    assert (mail.auth.user, mail.auth.password.get_secret_value()) == ("smtp-user", "and this")
    assert (pushover.user.get_secret_value(), pushover.token.get_secret_value()) == ("u" * 30, "t" * 30)
    assert {channel.rate for channel in alerts.channels.values()} == {0}


def test_a_management_system(tmp_path: Path) -> None:
    """Of EVerythingcharge the ports, the database server and the times are found again, before our own system."""
    config = loaded("management", tmp_path)
    (listener,) = config.listen.stations
    assert (listener.host, listener.port, listener.prefix) == ("0.0.0.0", 3000, "")
    assert config.listen.http_address == ("127.0.0.1", 8000)
    assert config.store.url == "postgresql://csms%40old@127.0.0.1:5433/voltgate"
    assert config.store.password is not None
    assert config.store.password.get_secret_value() == PASSWORD["DB_PASSWORD"]
    assert [backend.local_url for backend in config.backends.values()] == ["local:"]
    assert (config.csms.interval, config.calls.station) == (90, 45)
    assert (config.unknown.policy, config.directory.case_sensitive) == ("quarantine", True)


def test_its_api_server_may_stay(tmp_path: Path) -> None:
    """The backend that stands in a remark puts Voltgate in the place of the workers alone."""
    text = converted("management")
    start = text.index("#   [backends.csms]")
    backend = [line.removeprefix("#   ") for line in text[start:].splitlines() if line.startswith("#   ")]
    kept = text[: text.index("[store]")] + text[text.index("[routes.main]") : text.index("[csms]")]
    file = tmp_path / "voltgate.toml"
    file.write_text("\n".join([kept, *backend, "[[stations]]", 'match = "*"', 'auth = "none"']))
    found = read(file, {"RABBITMQ_PASS": "secret"})
    assert found.warnings == ()
    assert found.config.backends["csms"].layout == "everythingcharge"


@pytest.mark.parametrize("case", ["mirror", "two", "one", "management"])
def test_no_secret_is_printed(case: str) -> None:
    """Passwords and keys of the old files are not repeated, wherever they stood."""
    given = "".join((GOLDEN / name).read_text() for name in CASES[case])
    assert "TOP-SECRET" in given
    assert "TOP-SECRET" not in converted(case)
