"""Backends behind a broker in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltgate.app.build import Surroundings, build
from voltgate.carriers.mqtt.carrier import MqttDialling
from voltgate.config import ConfigErrors, read

HEAD = """\
[listen]
stations = ["ws://127.0.0.1:9000"]
[routes.home]
rules = [{ answer = "bus" }]
[[stations]]
match = "*"
[backends.bus]
"""


def dialling(tmp_path: Path, lines: str, head: str = HEAD) -> MqttDialling:
    """Return how a backend with these lines is dialled."""
    file = tmp_path / "voltgate.toml"
    file.write_text(head + lines)
    config = read(file, {}).config
    (endpoint,) = build(config, Surroundings(), None).backends["bus"].settings.endpoints
    assert isinstance(endpoint.how, MqttDialling)
    return endpoint.how


def test_what_is_left_out(tmp_path: Path) -> None:
    """Topics begin with cs, the port is that of MQTT, and one call of a station is open at a time."""
    how = dialling(tmp_path, 'url = "mqtt://broker"')
    broker = how.broker
    assert (broker.host, broker.port, broker.login, broker.qos, broker.ssl) == ("broker", 1883, None, 1, None)
    assert (how.prefix, how.presence, how.raw, how.patience) == ("cs", "", False, 30.0)


def test_what_is_written(tmp_path: Path) -> None:
    """Every key has its place."""
    lines = """\
url = "mqtts://[::1]/a%20b/c/"
username = "gate:way"
password = "secret"
qos = 0
envelope = "ocpp"
presence = "a b/consumers/+"
connect = 3
ping = 7
"""
    how = dialling(tmp_path, lines)
    broker = how.broker
    assert (broker.host, broker.port, broker.login, broker.qos) == ("::1", 8883, ("gate:way", "secret"), 0)
    assert (broker.patience, broker.ping, broker.ssl is None) == (3, 7, False)
    assert (how.prefix, how.presence, how.raw) == ("a b/c", "a b/consumers/+", True)
    assert "secret" not in repr(how)


@pytest.mark.parametrize(
    ("rules", "route", "alone"),
    [
        ('{ answer = "main", copy = ["bus"] }', "home", True),
        ('{ answer = "bus" }', "home", False),
        ('{ answer = ["main", "bus"] }', "home", False),
        ('{ answer = "main", authorize = ["main", "bus"] }', "home", False),
        ('{ answer = "claimant" }, { answer = "main", copy = ["bus"] }', "home", False),
        ('{ answer = "main", copy = ["bus"] }', "claimed", False),
    ],
)
def test_who_answers_where_nobody_consumes(tmp_path: Path, rules: str, route: str, *, alone: bool) -> None:
    """Voltgate does, for Home Assistant, where no rule and no claim could make that the answer that a station gets."""
    head = HEAD.replace('{ answer = "bus" }', rules).replace('match = "*"', f'match = "*"\nroute = "{route}"')
    main = '[backends.main]\nurl = "ws://main"\n'
    how = dialling(
        tmp_path, 'url = "mqtt://broker"\nhomeassistant = true', head.replace("[backends.bus]", f"{main}[backends.bus]")
    )
    assert how.home is not None
    assert how.home.is_alone is alone


def test_how_many_calls_are_open(tmp_path: Path) -> None:
    """One call of a station at a time goes to a consumer, unless it is said otherwise."""
    file = tmp_path / "voltgate.toml"
    for line, window in (("", 1), ("window = 4", 4)):
        file.write_text(f'{HEAD}url = "mqtt://broker"\n{line}\n')
        assert build(read(file, {}).config, Surroundings(), None).backends["bus"].settings.window == window


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('url = "mqtt://broker/{station}"', "must not contain {station}"),
        ('url = "mqtt://broker/cs?x=1"', "must not contain a query"),
        ('url = "mqtt://broker/a//b"', "no topic can begin with"),
        ('url = "mqtt://broker/$SYS"', "no topic can begin with"),
        ('url = "mqtt://broker/a%00"', "no topic can begin with"),
        ('url = "mqtt://broker/a/+"', "has no wildcards"),
        ('url = "mqtt://broker/a%23"', "has no wildcards"),
        ('url = "mqtt:///cs"', "names no host"),
        ('url = "mqtt://broker"\nqos = 2', "must be 0 or 1"),
        ('url = "mqtt://broker"\nenvelope = "xml"', 'must be "json" or "ocpp"'),
        ('url = "mqtt://broker"\npresence = "#"', "apart from those of stations"),
        ('url = "mqtt://broker"\nhomeassistant_prefix = "ha/#"', "without + and #"),
        ('url = "mqtt://broker"\nhomeassistant_prefix = "cs/in"', "apart from those of stations"),
        ('url = "mqtt://broker"\nstart_token = "TAG"', "no meaning without homeassistant = true"),
        ('url = "mqtt://broker"\npresence = "a+/b"', "apart from those of stations"),
        ('url = "mqtt://broker"\npresence = "cs/in/x"', "apart from those of stations"),
        ('url = "mqtt://broker"\npresence = "cs/out"', "apart from those of stations"),
        ('url = "mqtt://broker"\nca = "ca.pem"', "is for a mqtts:// backend; this one is mqtt://"),
        ('url = "mqtt://broker"\nusername = "{station}"', "one connection to the broker carries all stations"),
        ('url = "mqtt://broker"\nheaders = { X-Key = "1" }', "a broker takes none"),
        ('url = "mqtt://broker"\npassword = "x"', "needs username"),
        ('url = "ws://csms"\nqos = 1', "is for a backend behind a broker (mqtt://); this one is ws://"),
        ('url = "ws://csms"\npresence = "a"', "is for a backend behind a broker"),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path: Path, lines: str, words: str) -> None:
    """What is wrong is said before anything is connected to."""
    file = tmp_path / "voltgate.toml"
    file.write_text(HEAD + lines + "\n")
    with pytest.raises(ConfigErrors) as found:
        read(file, {})
    (problem,) = found.value.problems
    assert words in str(problem)
