"""A call that is traced: its context is there for carriers as long as it runs, and not afterwards."""

from __future__ import annotations

from tests.relay.stage import playing
from voltgate.ocpp.messages import Call
from voltgate.relay.tap import Overheard
from voltgate.relay.tracing import RUNNING


class Every:
    """Traces every second call."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def context_of(self, station: str, call: Call) -> str | None:
        """Give a context."""
        self.asked.append((station, call.id))
        return f"of {call.id}" if len(self.asked) % 2 else None


def test_the_context_of_what_runs() -> None:
    """Whatever is sent while a call runs finds its context; who is not traced has none, and so has who comes later."""
    stage = playing("a")
    tracer, heard, found = Every(), list[Overheard](), list[str | None]()
    stage.ports.taps.tracer = tracer
    stage.ports.taps.open(None, heard.append)
    stage.session.look_for_taps()
    wire = stage["a"].line
    send = wire.send

    def sending(text: bytes, frame: bytes | None = None) -> None:
        found.append(RUNNING.context)
        send(text, frame)

    wire.send = sending  # type: ignore[method-assign]
    for mid in ("m1", "m2"):
        stage.station.sends(2, mid, "Heartbeat", {})
        stage["a"].sends(3, mid, {})
    assert tracer.asked == [("CP-1", "m1"), ("CP-1", "m2")]
    assert found == ["of m1", None]
    assert RUNNING.context is None
    assert len(heard) == 4
