"""Backends behind a broker in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltgate.app.build import Surroundings, build
from voltgate.carriers.amqp.carrier import AmqpDialling
from voltgate.carriers.amqp.settings import Layout
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
    """Return how a backend with these lines is dialled by MQTT."""
    how = reached(tmp_path, lines, head)
    assert isinstance(how, MqttDialling)
    return how


def reached(tmp_path: Path, lines: str, head: str = HEAD) -> object:
    """Return how a backend with these lines is dialled."""
    file = tmp_path / "voltgate.toml"
    file.write_text(head + lines)
    config = read(file, {}).config
    (endpoint,) = build(config, Surroundings(), None).backends["bus"].settings.endpoints
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


def test_rabbitmq(tmp_path: Path) -> None:
    """What is left out, and that every key has its place."""
    how = reached(tmp_path, 'url = "amqp://broker"')
    assert isinstance(how, AmqpDialling)
    broker = how.broker
    assert (broker.host, broker.port, broker.vhost, broker.login, broker.ssl) == ("broker", 5672, "/", None, None)
    assert (how.layout, how.raw) == (Layout("voltgate", 4), False)
    lines = """\
url = "amqps://[::1]/a%2Fb"
username = "gate:way"
password = "secret"
envelope = "ocpp"
prefix = "gates"
queues = 2
connect = 3
"""
    how = reached(tmp_path, lines)
    assert isinstance(how, AmqpDialling)
    broker = how.broker
    assert (broker.host, broker.port, broker.vhost, broker.login) == ("::1", 5671, "a/b", ("gate:way", "secret"))
    assert (broker.patience, broker.ssl is None, how.raw) == (3, False, True)
    assert how.layout == Layout("gates", 2)
    assert "secret" not in repr(how)
    how = reached(tmp_path, 'url = "amqp://broker"\nlayout = "everythingcharge"')
    assert isinstance(how, AmqpDialling)
    assert how.layout is None


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
        ('url = "mqtt://broker"\nprefix = "x"', "is for a backend behind a broker (amqp://); this one is mqtt://"),
        ('url = "amqp://broker/{station}"', "the path is the virtual host"),
        ('url = "amqp://broker?heartbeat=1"', "must not contain a query"),
        ('url = "amqp://broker/a/b"', "is written %2F"),
        ('url = "amqp://broker"\nprefix = "amq.x"', "must be letters"),
        ('url = "amqp://broker"\nprefix = "a b"', "must be letters"),
        ('url = "amqp://broker"\nqueues = 0', "must be"),
        ('url = "amqp://broker"\nqos = 1', "is for a backend behind a broker (mqtt://); this one is amqp://"),
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
