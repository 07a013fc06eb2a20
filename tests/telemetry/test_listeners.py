"""Who is told of events: the counters, the log of events, and the log. None of them stops another, nor a station."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from voltgate.app.active import ActiveConfiguration
from voltgate.app.composition import Composition
from voltgate.app.gauges import sources_of
from voltgate.config import read
from voltgate.relay.event_list import EVENTS, NAMES
from voltgate.relay.events import Event, StationAccepted
from voltgate.telemetry import logs
from voltgate.telemetry.metrics import VoltgateCollector
from voltgate.web.event_log import KINDS

EVENT = StationAccepted("CP1", "home", "somebody")


def test_listeners_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event reaches those who do not fail; what the others raise is counted, and logged once in a while."""
    file = tmp_path / "voltgate.toml"
    file.write_text('[store]\nurl = "off"\n')
    parts = Composition(ActiveConfiguration(read(file, {})))
    written: list[Event] = []
    reported: list[str] = []

    def fails(event: Event) -> None:
        raise ValueError(event.station)  # type: ignore[union-attr]

    monkeypatch.setattr(parts.log_lines, "write", written.append)
    monkeypatch.setattr(logs.log, "error", lambda text, **more: reported.append(f"{text}: {more['listener']}"))
    note = parts.events.note
    parts.events.note = fails  # type: ignore[method-assign]
    for _ in range(3):
        parts.happened(EVENT)
    assert written == [EVENT] * 3
    parts.events.note = note  # type: ignore[method-assign]
    monkeypatch.setattr(parts.log_lines, "write", fails)
    parts.happened(EVENT)
    assert [logged.event for logged in parts.events.after(0).events] == [EVENT]
    assert parts.event_counts["StationAccepted"] == 4
    assert reported == [f"a fault of Voltgate: a listener failed: {name}" for name in ("event log", "log")]
    counted = [
        (sample.labels["listener"], sample.value)
        for family in VoltgateCollector(sources_of(parts)).collect()
        for sample in family.samples
        if sample.name == "voltgate_listener_faults_total"
    ]
    assert counted == [("event log", 3), ("log", 1)]


def test_all_tell_of_the_same_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event of the list is a line of the log, a number of the metrics, and an item of the API, with its fields."""
    file = tmp_path / "voltgate.toml"
    file.write_text('[store]\nurl = "off"\n')
    parts = Composition(ActiveConfiguration(read(file, {})))
    lines: list[str] = []
    monkeypatch.setattr(logs, "ERRORS", SimpleNamespace(put=lines.append))
    monkeypatch.setattr(logs._Shape, "render", staticmethod(logs._render(human=False)))
    made = [event(*(1 if field.name == "days" else "Local" for field in fields(event))) for event in EVENTS]
    for each in made:
        parts.happened(each)
    assert parts.notifier.faults == {}
    shown = [logged.document for logged in parts.events.after(0).events]
    for event, line, document in zip(EVENTS, lines, shown, strict=True):
        more = json.loads(line)
        assert more.pop("event") == EVENTS[event].line
        assert more.pop("timestamp")
        assert more.pop("level") in ("info", "warning", "error", "critical")
        assert list(more) == [field.name for field in fields(event)]
        assert document["kind"] == NAMES[event]
        assert document.keys() >= more.keys()
    counted = {
        sample.labels["event"]: sample.value
        for family in VoltgateCollector(sources_of(parts)).collect()
        for sample in family.samples
        if sample.name == "voltgate_events_total"
    }
    assert counted == dict.fromkeys(KINDS, 1) == dict.fromkeys(NAMES.values(), 1)
