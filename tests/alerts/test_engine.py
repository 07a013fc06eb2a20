"""The engine: what an event costs, what each rule sees in it, and what waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.store.alert_stage import rule, status, stranger
from voltgate.alerts import rules as rules_module
from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.engine import MOST, PLACES, STRANGERS, WATCHED, Engine, Known, Noted
from voltgate.alerts.rules import Hours, Mute, Rule, Rules, Whom
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    DatabaseAway,
    Event,
    StationBooted,
    StationCame,
    StationRefused,
    StationWent,
)

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
NOW = 1_800_000_000.0
FAULTED, DANGER = status("Faulted", "ConnectorLockFailure"), status("Faulted", "GroundFailure")
CAME = StationCame("CP-1", "127.0.0.1", "ocpp1.6", "main", replaced=False)


def engine_of(*rules: Rule, mutes: tuple[Mute, ...] = ()) -> Engine:
    """Return an engine with these rules."""
    engine = Engine(stranger)
    engine.rules = Rules(rules, mutes)
    return engine


def seen(engine: Engine, event: Event) -> list[tuple[str, str]]:
    """Return which rules see what in an event."""
    return [(each.rule, each.event) for each in engine.sightings(Noted(event, NOW)) if each.told]


# What an event costs.


def test_what_no_rule_names_is_not_kept() -> None:
    """An event of a type that no rule is about is forgotten at once, however many rules there are."""
    engine = engine_of(*(rule("backendAway", name=f"r{number}") for number in range(1000)))
    for event in (FAULTED, CAME, StationBooted("CP-1", "", "", "", "")):
        engine.note(event, NOW)
    assert (len(engine), engine.noted) == (0, 0)
    engine.note(BackendAway("main", "", 1), NOW)
    engine.note(BackendBack("main", 1.0), NOW)
    assert (len(engine), engine.noted) == (2, 2), "what ends it is heard as well"


def test_globs_are_tried_once_for_a_station(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which rules mean a station is remembered, of so many stations; what is found does not depend on that."""
    tried = list[str]()
    really = rules_module.compile_glob
    monkeypatch.setattr(rules_module, "compile_glob", lambda glob: tried.append(glob) or really(glob))
    monkeypatch.setattr(rules_module, "_MOST_MEANT", 1)
    sites = [rule("conStatusFaulted", name=f"r{n}", whom=Whom((f"site-{n}-*",))) for n in range(100)]
    engine = engine_of(*sites, rule("conStatusFaulted", name="mine", whom=Whom(("cp-*",))))
    for cost in (101 + 1, 1):
        tried.clear()
        assert seen(engine, FAULTED) == [("mine", "conStatusFaulted")]
        assert len(tried) == cost
    assert seen(engine, replace(FAULTED, station="SITE-7-1")) == [("r7", "conStatusFaulted")]
    assert seen(engine, FAULTED) == [("mine", "conStatusFaulted")]


def test_a_thousand_rules_cost_what_names_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand rules for stations one by one, those are looked at that are for this one, and those for all."""
    looked = list[object]()
    really = Whom.means

    def counted(self: Whom, *asked: Any) -> bool:
        looked.append(self)
        return really(self, *asked)

    rules = [rule("conStatusFaulted", name=f"r{n}", whom=Whom((f"cp-{n}",))) for n in range(1000)]
    engine = engine_of(*rules, rule("conStatusFaulted", name="all"), rule("nodeLost", name="none"))
    monkeypatch.setattr(Whom, "means", counted)
    assert seen(engine, FAULTED) == [("r1", "conStatusFaulted"), ("all", "conStatusFaulted")]
    assert len(looked) == 2


# What waits.


def test_too_many_wait() -> None:
    """What comes when too many wait is counted and lost; what endangers people has room still."""
    engine = engine_of(rule("conStatusFaulted"))
    for _ in range(MOST + 3):
        engine.note(FAULTED, NOW)
    assert (len(engine), engine.dropped) == (MOST, 3)
    engine.note(DANGER, NOW)
    assert (len(engine), engine.dropped) == (MOST + 1, 3)
    for _ in range(MOST):
        engine.note(DANGER, NOW)
    assert len(engine) == MOST + MOST // 10


def test_too_many_strangers() -> None:
    """Whoever knocks under one name after the other is noted so often an hour, beside others that are refused."""
    engine = Engine(lambda name: Known(name, name, frozenset()))
    engine.rules = Rules([Rule("r", frozenset({"unknownStation", "wrongPassword"}), ("ops",))])

    def knocks(names: Iterable[str], status: int, at: float) -> int:
        before = engine.noted
        for name in names:
            engine.note(StationRefused(name, "/x", "192.0.2.1", status, "no"), at)
        return engine.noted - before

    names = [f"X{number}" for number in range(STRANGERS + 5)]
    assert knocks(names, 404, 0) == STRANGERS
    assert engine.dropped == 5
    assert knocks(names[:2], 404, 3599) == 2
    assert knocks(["CP-1"], 401, 3599) == 1
    assert knocks([f"Y{number}" for number in range(STRANGERS + 5)], 404, 3600) == STRANGERS, "it is another hour"


def test_connectors_that_a_station_invents() -> None:
    """A station may have many connectors; of those with absurd numbers some are noted a day, and what is dangerous."""
    engine = engine_of(rule("conStatusFaulted"))
    for connector in range(1, 3000):
        engine.note(status("Faulted", connector=connector), NOW)
    assert (engine.noted, engine.dropped) == (64 + PLACES, 2999 - 64 - PLACES)
    engine.note(status("Faulted", connector=65), NOW + 1)
    assert engine.noted == 64 + PLACES + 1, "it is known"
    engine.note(status("Faulted", "GroundFailure", connector=2999), NOW + 1)
    assert engine.noted == 64 + PLACES + 2
    engine.note(status("Faulted", connector=2999), NOW + 86_400)
    assert engine.noted == 64 + PLACES + 3, "it is another day"


def test_stations_that_invent_connectors() -> None:
    """Names without end fill no memory by connectors either."""
    engine = engine_of(rule("conStatusFaulted"))
    for number in range(STRANGERS + 5):
        engine.note(status("Faulted", station=f"X{number}", connector=99), NOW)
    assert (engine.noted, engine.dropped) == (STRANGERS, 5)


def test_words_without_end() -> None:
    """What strangers say is kept as far as a message shows it."""
    engine = engine_of(rule("faultReported"))
    (sighting,) = engine.sightings(Noted(replace(FAULTED, info="x" * 10_000), NOW))
    assert len(sighting.fields["info"]) == 600


def test_what_this_process_tells_by_itself() -> None:
    """That the database is away; while it is, what endangers people. The rest waits for it, in its order."""
    engine = engine_of(rule(*ALERTS))
    away = DatabaseAway("refused")
    for event in (FAULTED, away, DANGER, CAME):
        engine.note(event, NOW)
    assert [noted.event for noted in engine.take_here(away=False)] == [away]
    assert [noted.event for noted in engine.take_here(away=True)] == [DANGER]
    assert engine.take_here(away=True) == []
    assert [noted.event for noted in engine.first(9)] == [FAULTED, CAME]
    engine.done(1)
    assert [noted.event for noted in engine.first(9)] == [CAME]


# What is seen.


def test_what_a_rule_sees() -> None:
    """A rule sees what it names, and ends what it names; with the name of the file before that of the directory."""
    engine = engine_of(rule("disconnectedFromProxy"))
    (ended,) = engine.sightings(Noted(CAME, NOW))
    assert (ended.told, ended.ends) == (False, ("disconnectedFromProxy",))
    went = StationWent("CP-1", 1006, "", "station", 1.0)
    engine.names = {"CP-1": "North Parking"}
    (told,) = engine.sightings(Noted(went, NOW))
    assert (told.told, told.station, told.key, told.fields["name"]) == (True, "CP-1", "cp-1", "North Parking")
    assert (told.hold, told.group, told.channels) == (60, 10, ("ops",))
    engine = Engine(lambda identity: Known("cp-1", "By the directory", frozenset()))
    engine.rules = Rules([rule("disconnectedFromProxy")])
    assert next(engine.sightings(Noted(went, NOW))).fields["name"] == "By the directory"


def test_what_is_muted_by_the_configuration() -> None:
    """At its hours, for its stations; never what endangers people."""
    night = Mute(("con*",), Whom(("cp-*",)), Hours(0, 24 * 60, zone=UTC))
    engine = engine_of(rule("conStatusFaulted"), mutes=(night,))
    assert [each.muted for each in engine.sightings(Noted(FAULTED, NOW))] == [True]
    assert [each.muted for each in engine.sightings(Noted(replace(FAULTED, station="X"), NOW))] == [False]
    assert [(each.muted, each.hold) for each in engine.sightings(Noted(DANGER, NOW))] == [(False, 0.0)]


def test_what_lasts_is_remembered() -> None:
    """What this process alone would say the end of is said to last until it ends."""
    engine = engine_of(rule(*ALERTS))
    for event in (BackendAway("main", "", 1), BackendAway("spare", "", 1), FAULTED, BackendBack("main", 1.0)):
        list(engine.sightings(Noted(event, NOW)))
    assert engine.standing == {("backendAway", "spare")}
    assert set(ALERTS) > WATCHED


@pytest.mark.parametrize(
    ("hours", "times"),
    [
        (Hours(8 * 60, 18 * 60, zone=UTC), {"07:59": False, "08:00": True, "17:59": True, "18:00": False}),
        (Hours(22 * 60, 6 * 60, zone=UTC), {"21:59": False, "22:00": True, "05:59": True, "06:00": False}),
        (Hours(22 * 60, 6 * 60, frozenset({3}), UTC), {"22:00": True, "05:59": False}),
        (Hours(22 * 60, 6 * 60, frozenset({2}), UTC), {"22:00": False, "05:59": True}),
        (Hours(0, 24 * 60, frozenset({3}), UTC), {"00:00": True, "23:59": True}),
        (Hours(0, 24 * 60, frozenset({4}), UTC), {"12:00": False}),
        (Hours(), {"12:00": True}),
    ],
)
def test_hours(hours: Hours, times: dict[str, bool]) -> None:
    """From the beginning to before the end, over midnight too; the days are those on which they begin."""
    for time, expected in times.items():
        thursday = datetime.fromisoformat(f"2026-01-01T{time}:00+00:00").timestamp()
        assert hours.hold_at(thursday) is expected, time


def test_the_page_has_every_event() -> None:
    """The table of docs/alerts.md is the catalogue."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [f"| `{kind.name}` | {kind.title} | {kind.severity} | {kind.meaning} |" for kind in ALERTS.values()]


def test_what_a_process_before_this_one_has_told() -> None:
    """What was looked at and does not last is over, by its first look; what this one has seen begin is not."""
    engine = engine_of(rule("backendAway"))
    engine.looked("backendAway", "main")
    engine.looked("backendAway", "spare")
    assert seen(engine, BackendAway("spare", "", 1)) == [("r", "backendAway")]
    assert engine.over == {("backendAway", "main")}
    engine.ended(engine.over)
    engine.looked("backendAway", "main")
    assert engine.over == set()
    engine.ended({("backendAway", f"main{number}") for number in range(MOST)})
    engine.looked("backendAway", "another")
    assert engine.over == set(), "so many are remembered"
