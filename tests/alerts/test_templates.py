"""What messages say: one occurrence, a group of many, a recovery, a digest; and that strangers' words stay words."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alerts.messages import AT
from voltgate.alerts.message import Message
from voltgate.alerts.records import Alert, Delivery, Group
from voltgate.alerts.templates import Item, Template, Templates, compose
from voltgate.alerts.writing import Author
from voltgate.config.alerts import FIELDS

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
TEXTS = {
    "disconnectedFromProxy": ("Client disconnected: {name}", ""),
    "connectedToUpstream": ("Connected to upstream: {backend}", ""),
    "cpStatusFaulted": ("[{name}] ChargePoint is now Faulted", "Error Code: {error_code}"),
    "conStatusFaulted": ("[{name}] Connector #{place} is now {status}", "Error Code: {error_code}"),
    "conStartTransaction": ("[{name}] Transaction Started", "Connector ID: #{place}"),
    "conStopTransaction": ("[{name}] Transaction Stopped", ""),
    "faultReported": ("[{name}] {error_code}", "Vendor's code: {vendor_error_code}\n{info}\n"),
    "backendFailing": ("Backend fails: {backend}", "{errors} of {calls} calls. It is so for {seconds:.0f} s."),
    "claimContested": ("Station claimed by several backends: {name}", "By {backends}; held by {holder}."),
}
"""Titles and bodies as the catalogue of alerts has them."""


def item(event: str, station: str = "CP-1", templates: Templates | None = None, **fields: Any) -> Item:
    """One occurrence at the station."""
    title, body = TEXTS[event]
    known = {"station": station, "status": "Faulted", **fields}
    return Item(event, title, "error", AT, known, body, templates or Templates())


def told(*items: Item, **more: Any) -> Message:
    """Compose the alert about these."""
    return compose("id-1", more.pop("kind", "alert"), items, zone=BERLIN, **more)


def test_one_fault() -> None:
    """The title and the lines that the proxy before us had are there, with what else is known."""
    fields = {"name": "North Parking", "place": "1", "connector": 1, "error_code": "GroundFailure"}
    message = told(item("conStatusFaulted", **fields))
    assert message.subject == "[North Parking] Connector #1 is now Faulted"
    assert message.text.splitlines() == [
        "Error Code: GroundFailure",
        "Station: North Parking (CP-1)",
        "Connector ID: #1",
        "Time: 2026-01-01 01:00:00 CET",
    ]
    assert message.html == message.text.replace("\n", "<br>\n")
    assert (message.id, message.kind, message.event, message.at) == ("id-1", "alert", "conStatusFaulted", AT)
    assert message.items[0]["connector"] == 1
    assert message.items[0]["occurred"] == AT
    assert message.items[0]["title"] == message.subject


def test_what_is_not_known_is_not_told() -> None:
    """A station without a name goes by its identity; connector 0, NoError and nothing make no lines of their own."""
    message = told(item("conStopTransaction", connector=0, place="0", error_code="NoError", info="", evse=None))
    assert message.subject == "[CP-1] Transaction Stopped"
    assert message.text.splitlines() == ["Station: CP-1", "Time: 2026-01-01 01:00:00 CET"]


def test_what_the_body_says_is_not_said_twice() -> None:
    """A line of the body is no detail as well, nor are the station's words; what came to nothing is left out."""
    start = told(item("conStartTransaction", place="2"))
    assert start.text.splitlines()[:2] == ["Connector ID: #2", "Station: CP-1"]
    fault = told(item("faultReported", error_code="OtherError", vendor_error_code="E7", info="coolant low"))
    assert fault.text.splitlines() == [
        *("Vendor's code: E7", "coolant low", "Station: CP-1", "Error Code: OtherError"),
        "Time: 2026-01-01 01:00:00 CET",
    ]
    assert "coolant" not in told(item("faultReported", vendor_error_code="", info="")).text


def test_a_digest_says_nothing_twice() -> None:
    """What a message has said stands in the digest as it was, on one line; its time is a part of it."""
    message = told(item("conStopTransaction", place="1"))
    held = Delivery(
        id="a",
        channel="ops",
        rule="ends",
        kind="alert",
        event="conStopTransaction",
        severity="info",
        urgent=False,
        subject=message.subject,
        text=message.text,
        html=message.html,
        items=message.items,
        count=1,
        at=AT,
        created=AT,
        due=AT,
    )
    digest = Author(zone=BERLIN).digest("ops", [held] * 2, 2)
    said = "[CP-1] Transaction Stopped · Station: CP-1 Connector ID: #1 Time: 2026-01-01 01:00:00 CET"
    assert digest.text.splitlines() == [said] * 2


def test_numbers_are_told_with_their_units() -> None:
    """Energy is in kWh, time in hours, minutes and seconds; a body may round."""
    fields = {"transaction": "7", "energy_wh": 12_345.0, "seconds": 3_725.4}
    lines = told(item("conStopTransaction", **fields)).text.splitlines()
    assert {"Transaction: 7", "Energy: 12.345 kWh", "Duration: 1:02:05"} <= set(lines)
    failing = {"backend": "main", "errors": 3, "calls": 20, "seconds": 61.7}
    assert told(item("backendFailing", **failing)).text.startswith("3 of 20 calls. It is so for 62 s.\n")
    ending = compose("id", "alert", [Item("x", "{at}", "info", AT, {"at": "2026-03-01T00:00:00Z"})])
    assert (ending.subject, ending.items[0]["at"], ending.at) == ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", AT)
    contested = item("claimContested", backends=("a", "b"), holder="a")
    assert told(contested).text.startswith("By a, b; held by a.\n")


def test_a_group() -> None:
    """An outage of many stations is one message: how many there are, and a line for each."""
    items = [item("disconnectedFromProxy", f"CP-{number}") for number in range(500)]
    message = told(*items, count=512)
    assert message.subject == "Client disconnected: 512 stations"
    lines = message.text.splitlines()
    assert lines[0] == "Client disconnected: CP-0 · Station: CP-0 · Time: 2026-01-01 01:00:00 CET"
    assert lines[-1] == "and 12 more"
    assert len(lines) == 501
    assert message.html.count("<li>") == 501
    assert len(message.items) == 500


@pytest.mark.parametrize(
    ("items", "subject"),
    [
        ([("CP-1", 1), ("CP-2", 1)], "[2 stations] Connector #1 is now Faulted"),
        ([("CP-1", 1), ("CP-2", 2), ("CP-2", 1)], "[2 stations] Connector #… is now Faulted"),
        ([("CP-1", 1), ("CP-1", 2)], "[CP-1] Connector #… is now Faulted (2)"),
    ],
)
def test_the_subject_of_a_group(items: list[tuple[str, int]], subject: str) -> None:
    """What all have in common stands there; the number does in any case."""
    assert told(*(item("conStatusFaulted", at, place=str(of)) for at, of in items)).subject == subject


def test_a_group_whose_title_names_no_station() -> None:
    """The number stands behind it."""
    items = [item("connectedToUpstream", at, backend="primary") for at in ("CP-1", "CP-2")]
    assert told(*items).subject == "Connected to upstream: primary (2)"
    long = Item("x", "y" * 400, "info", AT, {})
    assert compose("id", "alert", [long, long]).subject.endswith("… (2)")


def test_recovery_digest_and_test() -> None:
    """They say what they are; a digest is about several events, as grave as the worst."""
    down, fault = item("disconnectedFromProxy"), item("cpStatusFaulted", "CP-2")
    assert told(down, kind="recovery").subject == "Recovered: Client disconnected: CP-1"
    assert told(down, kind="test").subject == "Test: Client disconnected: CP-1"
    grave = Item(fault.event, fault.title, "danger", AT - 60, fault.fields)
    digest = told(down, grave, kind="digest", count=7)
    assert (digest.subject, digest.event, digest.severity, digest.at) == ("7 alerts", "", "danger", AT - 60)
    assert digest.text.splitlines()[-1] == "and 5 more"
    assert not digest.is_urgent
    assert told(grave).is_urgent
    assert not told(grave, kind="recovery").is_urgent


def test_how_long_it_lasted() -> None:
    """A recovery says when it was over and how long it lasted, to people and to machines."""
    alert = Alert(
        id="a1", rule="ops", event="disconnectedFromProxy", subject="CP-1", state="", key="CP-1", station="CP-1",
        backend="", severity="warning", urgent=False, lasting=True, at=AT - 5400, due=AT, goes=AT, status="recovered",
        current=False, seen=AT, ended_at=AT, data={"fields": {"station": "CP-1"}},
    )  # fmt: skip
    author = Author(zone=BERLIN)
    message = author.write(Group("recovery", "ops", alert.event, (alert,), 1, False))
    assert message.at == AT
    assert message.text.splitlines()[-1] == "Lasted: 1:30:00"
    assert message.items[0]["lasted"] == 5400
    assert "Lasted" not in author.write(Group("alert", "ops", alert.event, (alert,), 1, False)).text


def test_templates_of_ones_own() -> None:
    """Subject, text and HTML may be written anew; a field that an event does not have is left out."""
    own = Templates(
        "{severity}: {title} {node}", "{{{name}}} at {time}\n\n{details}", "<b title='{info}'>{details}</b>"
    )
    message = told(item("cpStatusFaulted", templates=own, info="<\"x'>"))
    assert message.subject == "error: [CP-1] ChargePoint is now Faulted"
    assert message.text.startswith("{CP-1} at 2026-01-01 01:00:00 CET\n\nStation: CP-1\n")
    assert message.html.startswith("<b title='&lt;&quot;x&#x27;&gt;'>Station: CP-1<br>\n")


@pytest.mark.parametrize(
    "text", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a:.999f}", "{a:.{b}f}", "{a", "a}", "{a b}"]
)
def test_what_is_no_template(text: str) -> None:
    """Nothing but names stands in braces: a template reads no attributes and runs nothing."""
    with pytest.raises(ValueError, match=r"."):
        Template(text)


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "CP\r\nBcc: eve@example.com", "{details}{station.__class__}", "\u202eevil\u2028\x00"],
)
def test_a_strangers_words(hostile: str) -> None:
    """An identity or a vendor's text adds no line, no markup, no header, and is no template."""
    one = item("conStatusFaulted", hostile, place="1", info=hostile, name=hostile)
    two = item("conStatusFaulted", "CP-2", place="1")
    alone, group = told(one), told(one, two)
    for message in (alone, group):
        assert message.subject.isprintable()
        assert message.text.replace("\n", "").isprintable()
        assert len(message.text.splitlines()) == (2 if message is group else 5)
        assert "<script>" not in message.html
        assert all(str(value).isprintable() for each in message.items for value in each.values())
    assert {"{details}": "{details}{station.__class__}"}.get(hostile[:9], "") in alone.text


def test_long_words_are_cut() -> None:
    """No subject is longer than what Pushover takes, and no value than what a person reads."""
    message = told(item("conStatusFaulted", "x" * 255, name="ü" * 5000, place="1", info="y" * 70_000))
    assert len(message.subject) == 250
    assert message.subject.endswith("…")
    assert max(map(len, message.text.splitlines())) < 700


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(max_size=5), max_size=3)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), min_size=1, max_size=3), st.text(max_size=300))
def test_whatever_is_known_makes_a_message(known: list[dict[str, Any]], template: str) -> None:
    """No value of a field, and no number that is none, keeps people from being told."""
    title = "[{name}] #{place} {seconds:.0f} " + template.replace("{", "{{").replace("}", "}}")
    items = [Item("x", title, "info", AT, fields, "{info}\n{backends}") for fields in known]
    message = told(*items)
    assert 0 < len(message.subject) <= 250
    assert message.subject.splitlines() == [message.subject]
    assert set(message.text.splitlines()) == set(message.text.split("\n"))
    assert message.text


def test_times_without_a_zone_are_the_machines() -> None:
    """Without a zone a time is written as the machine has it."""
    message = compose("id", "alert", [item("cpStatusFaulted")])
    here = datetime.datetime.fromtimestamp(AT, datetime.UTC).astimezone()
    assert f"Time: {here:%Y-%m-%d %H:%M:%S}" in message.text
