"""A wire of SOAP towards a backend: calls are posted one after the other, whatever form they came in."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.soap_ends import request
from voltgate.carriers.soap.client import Outcome, Response, Then
from voltgate.carriers.soap.originals import Originals
from voltgate.carriers.soap.target import target
from voltgate.carriers.soap.whole import WholeCall
from voltgate.carriers.soap.wire import SoapWire, WireSettings
from voltgate.ocpp.framing import encode_call
from voltgate.ocpp.soap.codec import Assumed
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.template import template


class Posts:
    """A client in the hand of the test: what was posted and is not answered yet."""

    def __init__(self) -> None:
        self.open: list[tuple[bytes, Then]] = []

    def post(self, to: object, body: bytes, action: str, headers: object, *more: Any) -> None:
        """Take a post."""
        self.open.append((body, more[2]))

    def answers(self, outcome: Outcome) -> None:
        """Answer the only post that is open."""
        ((_, then),) = self.open
        self.open.clear()
        then(outcome)


class Backend:
    """Where the backend is."""

    to = target("http://127.0.0.1:9/soap")

    def target(self) -> Any:
        """Give its address."""
        return self.to

    def sender(self) -> str:
        """Give no address of ours."""
        return ""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give no headers."""
        return ()


def whole(message_id: str) -> WholeCall:
    """Make a Heartbeat that fits a template, and cannot go on as it came: it speaks of another message, too."""
    raw = request("Heartbeat", message_id=message_id, more="<w:RelatesTo>urn:uuid:0</w:RelatesTo>")
    envelope = parse(raw)
    assert isinstance(envelope, Envelope)
    made = template(raw, envelope)
    assert made is not None
    match = made.match(raw)
    assert match is not None
    assert made.forwarded(raw, match, "http://there/", "") is None
    return WholeCall(message_id, made, match, raw, Assumed)


def test_a_call_that_has_to_be_written_anew_keeps_its_turn() -> None:
    """The next call waits for the answer to it, as to any other."""
    posts = Posts()
    wire = SoapWire("CP1", "Cp", "1.6", Backend(), posts, Originals(), WireSettings(), lambda: 0.0)  # type: ignore[arg-type]
    for number in ("1", "2", "3"):
        assert wire.post_whole(whole(number), number)
    for number in ("1", "2", "3"):
        assert [f"MessageID>{number}<".encode() in body for body, _ in posts.open] == [True]
        posts.answers(Response(200, "text/html", b"<html>"))
    assert not posts.open


def test_samples_that_an_older_backend_cannot_be_told_of_are_counted() -> None:
    """A backend of 1.5 gets the total; the values of single phases are left out, and each is counted."""
    lost: list[None] = []
    posts = Posts()
    settings = WireSettings(lost=lambda: lost.append(None))
    wire = SoapWire("CP1", "Cp", "1.5", Backend(), posts, Originals(), settings, lambda: 0.0)  # type: ignore[arg-type]
    samples = [
        {"value": f"{n}", "measurand": "Power.Active.Import"} | ({"phase": f"L{n}"} if n else {}) for n in range(4)
    ]
    value = {"timestamp": "2026-11-22T10:00:00Z", "sampledValue": samples}
    wire.send(encode_call("1", "MeterValues", msgspec.json.encode({"connectorId": 1, "meterValue": [value]})))
    ((body, _),) = posts.open
    assert body.count(b"</value>") == 1
    assert len(lost) == 3


def test_a_request_under_another_id_is_written_anew() -> None:
    """Where the station's own id is taken on this connection, the backend does not get it twice."""
    wire = SoapWire("CP1", "Cp", "1.6", Backend(), Posts(), Originals(), WireSettings(), lambda: 0.0)  # type: ignore[arg-type]
    assert not wire.post_whole(whole("1"), "2")
    assert wire.post_whole(whole("1"), "1")


def test_what_is_read_later_is_read_as_at_once() -> None:
    """Who asks for the content of a request that went on unread hears what the parser would have said."""
    content = "<connectorId>1</connectorId><status>Occupied</status><errorCode>NoError</errorCode>"
    raw = request("StatusNotification", content, version="1.5")
    envelope = parse(raw)
    assert isinstance(envelope, Envelope)
    made = template(raw, envelope)
    assert made is not None
    match = made.match(raw)
    assert match is not None
    call = WholeCall("1", made, match, raw, lambda: Assumed(lambda _: "Preparing"))
    assert call.fields["status"] == "Preparing"
