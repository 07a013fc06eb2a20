"""What a policy may say of a backend that is not here, and what the gateway asks of a session."""

from __future__ import annotations

from tests.ocpp.line import Heard
from tests.relay.stage import Line, Stage, one
from voltgate.ocpp.messages import Call
from voltgate.relay.backend import Endpoint
from voltgate.relay.events import GivenUp
from voltgate.relay.journal import JournalSettings
from voltgate.relay.ports import SessionSettings
from voltgate.relay.records import OwedRecord
from voltgate.relay.wire import Receiver


def test_a_backend_that_is_not_here_is_not_asked() -> None:
    """A backend without a leg is neither asked nor told; what it is owed is kept for it."""
    stage = Stage(one("a"))
    stage.up("a")
    context, call, heard = stage.session.dispatcher, Call("1", "Heartbeat", b"{}"), Heard()
    assert not context.ask("nobody", call, heard.append)
    context.tell("nobody", call)
    context.owe("nobody", call, None)
    stage.session.settings = SessionSettings(journal=JournalSettings(entries=1))
    context.owe("nobody", call, None)
    assert [event.backend for event in stage.happened(GivenUp)] == ["nobody"]
    assert heard == []
    stage["a"].gets()
    assert [(owed.backend, owed.action) for owed in stage.store.of(OwedRecord)] == [("nobody", "Heartbeat")]


def test_a_question_waits_for_its_backend() -> None:
    """A question of ours waits for the link as a call does; its answer is ours, and so is the news that none comes."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait", "wait": 5.0}})
    answered, late = Heard(), Heard()
    call = Call("1", "Heartbeat", b"{}")
    assert stage.session.dispatcher.ask("a", call, answered.append)
    stage.up("a")
    stage["a"].gets([2, "1", "Heartbeat", {}])
    stage["a"].sends(3, "1", {"n": 1})
    assert answered.short == '{"n":1}'
    stage["a"].hangs_up()
    call = Call("2", "Heartbeat", b"{}")
    call.at, call.deadline = stage.now, stage.now + 3
    assert stage.session.dispatcher.ask("a", call, late.append)
    stage.wait(3.2)
    assert late.short == "gone"
    assert stage.station.closed is None
    stage.station.gets()


def test_nobody_is_asked_when_the_session_is_over() -> None:
    """A question that comes too late for the session is not asked."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.station.hangs_up()
    assert not stage.session.dispatcher.ask("a", Call("1", "Heartbeat", b"{}"), Heard().append)


def test_a_session_begins_with_a_link_that_was_dialled_before() -> None:
    """A link that was dialled to let the station in is used, and no second one is dialled."""
    stage = Stage(one("a"), opened=False)
    line = Line(stage)
    stage.session.connect(stage.station)
    stage.session.adopt(stage.known("a"), line, stage.plans())
    stage.open()
    assert stage["a"].dialled == 0
    assert stage.session.wires == [line]
    stage.station.sends(2, "1", "Heartbeat", {})
    line.gets([2, "1", "Heartbeat", {}])
    line.hangs_up()
    assert stage.session.wires == [None]


class Hasty(Line):
    """The link of a backend whose first call comes together with its handshake."""

    def start(self, receiver: Receiver) -> None:
        """Bring that call at once."""
        super().start(receiver)
        self.sends(2, "1", "Reset", {})


def test_a_backend_that_asks_at_once() -> None:
    """What comes with the link that lets the station in is permitted as it is from then on."""
    stage = Stage(one("a"), opened=False, backends={"a": {"permit": None}})
    line = Hasty(stage)
    stage.session.connect(stage.station)
    stage.session.adopt(stage.known("a"), line, stage.plans())
    stage.open()
    stage.station.gets([2, "1", "Reset", {}])
    stage.station.sends(3, "1", {"status": "Accepted"})
    line.gets([3, "1", {"status": "Accepted"}])
    line.sends(2, "2", "Reset", {})
    stage.station.gets([2, "2", "Reset", {}])


def test_a_command_that_nobody_waits_for_any_more() -> None:
    """A backend's call that waited for its turn beyond the time that it was given is not sent, and ends."""
    stage = Stage(one("a"))
    stage.up("a")
    stage["a"].sends(2, "1", "Reset", {})
    text = b'[2,"2","RemoteStartTransaction",{"idTag":"A"}]'
    stage["a"].line.receiver.received(text, None, stage.now, stage.now + 1.5)  # type: ignore[union-attr]
    stage.station.gets([2, "1", "Reset", {}])
    stage.wait(2)
    (ended,) = stage["a"].line.take()
    assert ended[:3] == [4, "2", "InternalError"]
    stage.station.sends(3, "1", {"status": "Accepted"})
    stage.station.gets()


def test_what_a_session_reads() -> None:
    """A call of a transaction is read; a plain one only where something stands before the station's calls."""
    assert Stage(one("a")).session.reads("StartTransaction")
    assert not Stage(one("a")).session.reads("Heartbeat")
    assert Stage(one("a"), from_station=(lambda context, handler: handler,)).session.reads("Heartbeat")


def test_the_address_of_a_backend() -> None:
    """A station's identity is one segment of the address; the scheme picks the carrier, however it is written."""
    endpoint = Endpoint("WSS://csms.example/ocpp/{station}")
    assert (endpoint.scheme, endpoint.address("CP 1/2")) == ("wss", "WSS://csms.example/ocpp/CP%201%2F2")
