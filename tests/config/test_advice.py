"""`voltgate check` on what may be written and would disappoint: said where it would, and not where all is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.test_check import EXAMPLES, SECRETS, warnings
from voltgate.config import read

GATE = 'write admit = "gateway" in this route'
NOBODYS = "none may reset or configure stations"


def file(*, route: str = "", a: str = "", b: str = "", rest: str = "", listen: str = "ws://127.0.0.1:9000") -> str:
    """Write a configuration with two backends and a route."""
    stations = f'"{listen}"' if listen else ""
    soap = "" if listen else 'soap = ["http://127.0.0.1:9001"]\n'
    entry = "" if "[[stations]]" in rest else '[[stations]]\nmatch = "*"\n'
    return (
        f"[listen]\nstations = [{stations}]\n{soap}"
        f'[backends.a]\nurl = "ws://127.0.0.1:9100/{{station}}"\n{a}\n'
        f'[backends.b]\nurl = "ws://127.0.0.1:9101/{{station}}"\n{b}\n'
        f"[routes.main]\n{route}\n{rest}{entry}"
    )


ANSWER = 'when_down = "answer"'
GATEWAY = 'admit = "gateway"\n'
ONE = 'rules = [{ answer = "a", copy = ["b"] }]'
CARDS = 'rules = [{ tokens = ["04*"], answer = "a", copy = ["b"] }, { answer = "b", copy = ["a"] }]'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (file(a=ANSWER, route=ONE), ["a"]),
        (file(a=ANSWER, route=f'admit = "backend"\n{ONE}'), ["a"]),
        (file(a=ANSWER, route='rules = [{ answer = ["b", "a"] }]'), ["a"]),
        (file(a=ANSWER, route='rules = [{ stations = "X*", answer = "a" }, { answer = "b" }]'), ["a"]),
        (
            file(a=ANSWER, b="permit='full'", route='rules = [{ actions = ["B*"], answer = "a" }, {answer = "b"}]'),
            ["a"],
        ),
        (file(a=f"{ANSWER}\nclaims = {{}}", route='rules = [{ answer = "claimant" }, { answer = "b" }]'), ["a"]),
        (file(a=ANSWER, b=ANSWER, route="rules = [{ answer = { a = 1, b = 1 } }]"), ["a", "b"]),
        (file(a=ANSWER, b=ANSWER, route="rules = [{ answer = { a = 0, b = 1 } }]"), ["b"]),
        (file(a=ANSWER, route=f'admit = "gateway"\n{ONE}'), []),
        (file(a=ANSWER, route=ONE, rest='[[stations]]\nmatch = "*"\npassword = "long-enough-0001"\n'), []),
        (file(a=ANSWER, b="permit = 'full'", route=CARDS), []),
        (file(b=ANSWER, route=ONE), []),
        (file(a=ANSWER, route='rules = [{ answer = "b" }, { answer = "a" }]'), []),
        (file(a=ANSWER, route=ONE, listen=""), []),
        (file(route=ONE), []),
    ],
)
def test_a_stand_in_that_lets_nobody_in(tmp_path: Path, text: str, names: list[str]) -> None:
    """Who is stood in for and is asked first whether a station may come in: the line to write is offered."""
    found = [line for line in warnings(tmp_path, text) if GATE in line]
    assert [line.partition('"')[2].partition('"')[0] for line in found] == names
    assert all("routes.main" in line and "503" in line for line in found)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (file(a=ANSWER, route=f"{GATEWAY}close_when_all_down = 10\n{ONE}"), ["a"]),
        (file(a=ANSWER, b="permit = 'full'", route=f"{GATEWAY}close_when_all_down = 10\n{CARDS}"), ["a"]),
        (file(a=ANSWER, route=f"{GATEWAY}{ONE}"), []),
        (file(b=ANSWER, route=f"{GATEWAY}close_when_all_down = 10\n{ONE}"), []),
        (file(route=f"close_when_all_down = 10\n{ONE}"), []),
    ],
)
def test_a_stand_in_that_nobody_stays_for(tmp_path: Path, text: str, names: list[str]) -> None:
    """Who is stood in for, on a route that lets stations go meanwhile: one of the two is not meant."""
    found = [line for line in warnings(tmp_path, text) if "stood in for" in line]
    assert [line.partition('"')[2].partition('"')[0] for line in found] == names
    assert all("routes.main.close_when_all_down" in line and "10 s" in line for line in found)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (file(route=CARDS), True),
        (file(route=CARDS, a='permit = "charge"'), True),
        (file(route=CARDS, a='permit = "observe"'), True),
        (file(route=CARDS, a='permit = "own"', rest="[permits.own]\nlimit = true\n"), True),
        (file(route='rules = [{ actions = ["DataTransfer"], answer = "a" }, { answer = "b" }]'), True),
        (file(route='rules = [{ connectors = [1], answer = "a" }, { answer = "b" }]'), True),
        (
            file(route='rules = [{ tags = ["x"], answer = "a" }, { tokens = "any", answer = "a" }, {answer = "b"}]'),
            True,
        ),
        (file(route=CARDS, b='permit = "full"'), False),
        (file(route=CARDS, a='permit = "full"'), False),
        (file(route=CARDS, a='permit = "charge"', b='permit = "charge"'), False),
        (file(route=CARDS, b='permit = "own"', rest='[permits.own]\npass = ["Res*"]\n'), False),
        (file(route=CARDS, b='permit = "own"', rest='[permits.own]\nkeys = { pass = ["Meter*"] }\n'), False),
        (file(route=CARDS, b='permit = "x"', rest='[permits.x]\nbase = "y"\n[permits.y]\nbase = "full"\n'), False),
        (file(route=ONE), False),
        (file(route='rules = [{ answer = ["a", "b"] }]'), False),
        (file(route="rules = [{ answer = { a = 1, b = 1 } }]"), False),
        (file(route='rules = [{ tags = ["x"], answer = "a" }, { answer = "b" }]'), False),
        (file(route='rules = [{ stations = "X*", answer = "a" }, { answer = "b" }]'), False),
        (file(route='rules = [{ claimed_by = ["a"], answer = "a" }, { answer = "b" }]'), False),
        (file(route='rules = [{ tokens = ["04*"], answer = "a" }, { answer = "a", copy = ["b"] }]'), False),
    ],
)
def test_a_station_that_nobody_may_configure(tmp_path: Path, text: str, warned: bool) -> None:
    """Where several answer one station and none may reset or configure it, the line to write is offered."""
    found = [line for line in warnings(tmp_path, text) if NOBODYS in line]
    assert len(found) == warned
    assert all('permit = "full" in [backends.' in line and "routes.main.rules" in line for line in found)


C = '[backends.c]\nurl = "ws://127.0.0.1:9102/{station}"\n'
WEIGHED = 'rules = [{ tokens = ["04*"], answer = "c" }, { answer = { a = 3, b = 1 } }]'


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (file(route=WEIGHED, rest=C), ["a", "b"]),
        (file(route=WEIGHED, a='permit = "full"', rest=C), ["b"]),
        (file(route=WEIGHED, b='permit = "full"', rest=C), ["a"]),
        (file(route=WEIGHED.replace("a = 3", "a = 0"), rest=C), ["b"]),
        (file(route=WEIGHED.replace("a = 3", "a = 0"), b='permit = "full"', rest=C), []),
        (file(route=WEIGHED, a='permit = "full"', b='permit = "full"', rest=C), []),
        (file(route=WEIGHED, rest=f"{C}permit = 'full'\n"), []),
        (file(route=WEIGHED, a='permit = "full"', b='permit = "charge"', rest=C), ["c"]),
        (file(route=WEIGHED, a='permit = "full"', b='permit = "charge"', rest=f"{C}permit = 'charge'\n"), []),
        (file(route='rules = [{ tokens = "any", answer = "a" }, { answer = { a = 1, b = 1 } }]'), ["b"]),
        (file(route='rules = [{ tokens = "any", answer = "a" }, { answer = { a = 1, b = 0 } }]'), []),
        (file(route="rules = [{ connectors = [1], answer = { a = 1, b = 1 } }, { answer = { a = 1, b = 1 } }]"), []),
        (
            file(
                route='rules = [{ tokens = "any", answer = "c" }, { tags = ["x"], answer = "a" }, { answer = "b" }]',
                rest=C,
            ),
            ["a", "b"],
        ),
    ],
)
def test_a_weighted_choice_gives_a_station_to_one_of_them(tmp_path: Path, text: str, offered: list[str]) -> None:
    """What one station has is looked at, not what all have together: where each needs a permit, each is named."""
    found = [line for line in warnings(tmp_path, text) if NOBODYS in line]
    named = [name for line in found for name in "abc" if f"[backends.{name}]" in line]
    assert named == offered


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_need_none(example: Path) -> None:
    """Whoever begins with an example is not warned."""
    if example.stem != "tls":  # its files are made by a command that stands in it
        assert read(example, SECRETS).warnings == ()


OLD, NEW = 'versions = ["ocpp1.5", "ocpp1.6"]', 'versions = ["ocpp2.0.1"]'
SERVICE = 'soap_url = "http://127.0.0.1:9102/"'
UNHEARD = "has no part in any session here"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (file(a=NEW, b=OLD, route=ONE), ["b: it takes ocpp1.5, ocpp1.6", "take ocpp2.0.1"]),
        (file(a=NEW, b=OLD, route='rules = [{ answer = ["a", "b"] }]'), []),
        (file(a=NEW, b=OLD, route='rules = [{ actions = ["H*"], answer = "b" }, { answer = "a" }]'), ["b: it takes"]),
        (file(a=NEW, b=OLD, route='rules = [{ stations = "X*", answer = "b" }, { answer = "a", copy = ["b"] }]'), []),
        (file(a=f"{NEW}\n{SERVICE}", b=OLD, route=ONE), ["b: it takes"]),
        (file(a=OLD, b='versions = ["ocpp2.1", "ocpp1.2"]', route=ONE), ["b: it takes ocpp1.2, ocpp2.1"]),
        (file(a=OLD, b=f'versions = ["ocpp2.1", "ocpp1.2"]\n{SERVICE}', route=ONE), []),
        (file(a=NEW, b=f"{OLD}\nclaims = {{}}", route='rules = [{ answer = "claimant" }, { answer = "a" }]'), []),
        (file(b=OLD, route=ONE), []),
    ],
)
def test_a_backend_that_is_never_spoken_to(tmp_path: Path, text: str, found: list[str]) -> None:
    """Who takes no version with which stations are let in is named, with what it takes and what they do."""
    lines = [line for line in warnings(tmp_path, text) if UNHEARD in line]
    assert len(lines) == bool(found)
    for words in found:
        assert words.replace("b: it", f'"b" {UNHEARD}: it') in lines[0]
