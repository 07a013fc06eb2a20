"""Turns under any interleaving of calls, answers, time-outs, pauses, losses and ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import Call, Reason, Respond, Result, Unanswered
from voltgate.ocpp.silence import gone
from voltgate.ocpp.turn_ports import Bounds, Left

PATIENCES = st.sampled_from([0.05, 1.0, 5.0, 30.0])
BABBLE = [b"", b"pong", b"{oops", b"[3", b"[4,null]", b'[9,"1"]', b'[2,"7","X",[]]', b'[5,"1","X","",{}]']
ASKERS = ("a", "b", "c")
IDS = ("1", "2", "x" * 36, "y" * 37)
WAITING, WAITING_BYTES, PATIENCE = 3, 400, 20.0


@dataclass(eq=False)
class Asked:
    """One call, and what became of it."""

    number: int
    call: Call
    heard: Heard = field(default_factory=Heard)
    sent: list[tuple[int, str]] = field(default_factory=list)
    """Each time it was sent: on which connection, under which id."""
    turn: int = 0
    """The place of its first sending among all."""
    refused: bool = False
    """Whether it may not be sent any more once it has waited."""


class World(RuleBasedStateMachine):
    """Askers, turns, and a far end that answers rightly, wrongly, late, twice or not at all."""

    @initialize(
        window=st.integers(1, 4),
        version=st.sampled_from(["ocpp1.6", "ocpp2.1"]),
    )
    def begin(self, window: int, version: str) -> None:
        """Begin without a connection."""
        self.bounds = Bounds(window, WAITING, WAITING_BYTES, PATIENCE)
        self.line = Line(version, self.bounds)
        self.asked: list[Asked] = []
        self.connection = 0
        self.connected = self.choked = self.ended = self.opening = False
        self.seen: list[tuple[str, int | None]] = []
        """What the far end has been asked on this connection and not answered yet, as id and number."""
        self.left: list[Left] = []
        """What the last connection left open."""
        self.handed_back = 0
        self.sendings = 0
        self.incoming: list[tuple[Respond, str, int]] = []
        self.faults = FAULTS.faults

    # What the askers do.

    @rule(
        asker=st.sampled_from(ASKERS),
        message_id=st.sampled_from(IDS),
        patience=PATIENCES,
        objected=st.sampled_from([False, False, True]),
    )
    def ask(self, asker: str, message_id: str, patience: float, objected: bool) -> None:
        """Somebody asks for something that may become wrong while it waits."""
        self.look()
        number = len(self.asked)
        asked = Asked(number, self.line.call(message_id, asker, patience, payload=b'{"n":%d}' % number))
        if objected:
            asked.call.objection = lambda: Unanswered(Reason.REFUSED, "It may not be sent any more")
        self.asked.append(asked)
        self.line.turns.ask(asked.call, asked.heard.append)
        if not self.connected:
            assert asked.heard.short == "gone"
        self.look()
        asked.refused = objected and not asked.sent

    # What the far end does.

    @precondition(lambda self: self.connected and self.seen)
    @rule(data=st.data(), shape=st.sampled_from(["result", "error", "malformed", "numeric"]))
    def answer(self, data: st.DataObject, shape: str) -> None:
        """The far end answers something that it was asked, whether somebody still waits for it or not."""
        message_id, number = data.draw(st.sampled_from(self.seen))
        self.seen.remove((message_id, number))
        quoted = json.dumps(message_id).encode()
        if shape == "numeric" and message_id.isdigit():
            quoted = message_id.encode()
        echo = json.dumps({"n": number}).encode()
        before = self.hearing()
        self.line.receive(
            {
                "error": b'[4,%b,"GenericError","%b",{}]' % (quoted, str(number).encode()),
                "malformed": b"[3,%b,%b" % (quoted, echo),
            }.get(shape, b"[3,%b,%b]" % (quoted, echo))
        )
        for asked in self.hearing() - before:
            self.judge(asked, message_id, number)
        if number is None:
            self.opening = False
        self.look()

    def judge(self, asked: Asked, message_id: str, number: int | None) -> None:
        """See that an answer went to whoever asked: to that very call, or to a retry under its id by the same asker."""
        reply = asked.heard.only
        if isinstance(reply, Unanswered) and reply.reason is Reason.REFUSED:
            assert asked.refused
            return
        if isinstance(reply, Unanswered) and reply.reason is not Reason.MALFORMED:
            assert reply.reason is Reason.TIMED_OUT  # its turn came too late
            assert asked.call.deadline <= self.line.now
            return
        assert asked.sent[-1] == (self.connection, message_id)
        if asked.number != number:
            assert number is not None
            meant = self.asked[number]
            assert (meant.call.asker, meant.sent[-1][1]) == (asked.call.asker, message_id)
            assert meant.heard.short == "timed out"

    @precondition(lambda self: self.connected)
    @rule(message_id=st.sampled_from(["nobody's", *IDS]))
    def stray(self, message_id: str) -> None:
        """The far end answers what it was never asked, or has answered already."""
        if any(message_id == open_id for open_id, _ in self.seen):
            return
        before = self.hearing()
        self.line.result(message_id, b'{"n":-1}')
        assert self.hearing() == before
        self.look()

    @precondition(lambda self: self.connected)
    @rule(frame=st.sampled_from(BABBLE))
    def babble(self, frame: bytes) -> None:
        """The far end sends what is no message."""
        before = self.hearing()
        self.line.receive(frame)
        assert self.hearing() == before
        if self.line.wire.sent and self.line.wire.sent[-1].startswith(b"[4,"):
            del self.line.wire.sent[-1], self.line.wire.times[-1]
        self.look()

    @precondition(lambda self: self.connected)
    @rule(message_id=st.sampled_from(IDS))
    def call(self, message_id: str) -> None:
        """The far end makes a call of its own."""
        self.line.receive(json.dumps([2, message_id, "Heartbeat", {}]).encode())
        self.incoming.append((self.line.called.pop()[1], message_id, self.connection))
        self.look()

    @precondition(lambda self: self.incoming)
    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        """We answer a call of the far end, on the connection that it came by or not at all."""
        respond, message_id, connection = self.incoming.pop(data.draw(st.integers(0, len(self.incoming) - 1)))
        self.look()
        respond(Result("theirs", b"{}"))
        due = self.connected and connection == self.connection
        assert self.line.wire.take() == ([[3, message_id, {}]] if due else [])

    # What time and the connection do.

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 3.0, 11.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, in ticks."""
        self.line.wait(seconds)
        for asked in self.asked:
            kept = any(left.call is asked.call for left in self.left)
            assert asked.heard or kept or self.line.now < asked.call.deadline + 0.11
        self.look()

    @rule(seconds=st.sampled_from([0.06, 1.5, 6.0]))
    def stall(self, seconds: float) -> None:
        """Time passes without a tick: the process was busy."""
        self.line.now += seconds

    @precondition(lambda self: self.connected)
    @rule(choked=st.booleans())
    def choke(self, choked: bool) -> None:
        """The write buffer runs full or drains."""
        if choked != self.choked:
            self.look()
            self.choked = choked
            self.line.choke(choked=choked)
        self.look()

    @precondition(lambda self: not self.connected and not self.ended)
    @rule(first=st.booleans(), patience=st.sampled_from([1.0, 30.0]))
    def connect(self, first: bool, patience: float) -> None:
        """A connection opens, with a first call of our own, or with what the last one left open."""
        self.connection += 1
        self.connected, self.choked, self.opening = True, False, False
        self.seen = []
        call = self.line.call("first", "us", patience, payload=b'{"n":null}') if first else None
        wire = self.line.connect(call)
        if first:
            assert wire.take() == [[2, "first", "Reset", {"n": None}]]
            self.seen.append(("first", None))
            self.opening, self.opening_until = True, self.line.now + patience
        left, self.left = self.left, []
        again = [] if first else [each for each in left if each.call.deadline > self.line.now]
        for each in left:
            if each in again:
                self.line.turns.resend(each)
            else:
                self.give_up(each)
        assert [json.loads(text)[1] for text in wire.sent] == [each.id for each in again]
        self.look()

    def give_up(self, left: Left) -> None:
        """Answer what was handed back."""
        self.handed_back += 1
        left.respond(gone("The connection was lost", left.id))

    @precondition(lambda self: self.connected)
    @rule()
    def disconnect(self) -> None:
        """The connection is lost: what was open is handed back, in order and under its ids; what waited has heard."""
        open_calls = [asked for asked in self.asked if self.is_open(asked)]
        self.connected = self.opening = False
        self.left = self.line.disconnect()
        assert self.line.wire.take() == []
        open_calls.sort(key=lambda asked: asked.turn)
        assert [(left.id, left.call) for left in self.left] == [(a.sent[-1][1], a.call) for a in open_calls]
        assert all(asked.heard or asked in open_calls for asked in self.asked)
        assert not any(asked.heard for asked in open_calls)
        self.look()

    @precondition(lambda self: not self.ended and self.asked)
    @rule()
    def end(self) -> None:
        """It is over."""
        self.line.end()
        for left in self.left:
            self.give_up(left)
        self.left = []
        self.connected, self.ended, self.opening = False, True, False
        self.look()

    # What must always hold.

    def look(self) -> None:
        """Take what was sent, and see that it was allowed."""
        times = self.line.wire.times
        sent = self.line.wire.take()
        if self.opening and times and times[0] >= self.opening_until:
            self.opening = False  # it timed out
        assert not sent or (self.connected and not self.choked and not self.opening)
        for at, (kind, message_id, _, payload) in zip(times, sent, strict=True):
            assert kind == 2
            asked = self.asked[payload["n"]]
            assert asked.call.deadline > at
            assert len(message_id) <= 36
            assert not asked.refused
            if asked.sent:
                assert asked.sent[-1] == (self.connection - 1, message_id)
            else:
                assert message_id == asked.call.id or len(message_id) == 36
                self.sendings += 1
                asked.turn = self.sendings
            asked.sent.append((self.connection, message_id))
            self.seen.append((message_id, asked.number))

    def is_open(self, asked: Asked) -> bool:
        return self.connected and bool(asked.sent) and asked.sent[-1][0] == self.connection and not asked.heard

    def hearing(self) -> set[Asked]:
        return {asked for asked in self.asked if asked.heard}

    @invariant()
    def nobody_hears_twice(self) -> None:
        """Each asker hears once at most, and nobody answers a call twice."""
        assert all(len(asked.heard) <= 1 for asked in self.asked)
        assert FAULTS.faults == self.faults

    @invariant()
    def few_are_open(self) -> None:
        """No more than the window are open, all under different ids; what turns say of themselves is true."""
        open_ids = [asked.sent[-1][1] for asked in self.asked if self.is_open(asked)]
        assert len(open_ids) <= self.line.turns.open_calls <= self.bounds.window
        assert len(set(open_ids)) == len(open_ids)
        assert not self.line.turns.free or self.connected

    @invariant()
    def few_are_waiting(self) -> None:
        """What waits is bounded, by number for each asker and by bytes for all; nothing is lost sight of."""
        waiting = [asked for asked in self.asked if not asked.heard and not asked.sent]
        assert len(waiting) == self.line.turns.waiting_calls
        for asker in ASKERS:
            assert len([asked for asked in waiting if asked.call.asker == asker]) <= WAITING
        assert sum(len(asked.call.text or b"") for asked in waiting) <= WAITING_BYTES

    @invariant()
    def all_keep_their_order(self) -> None:
        """The calls of one asker are sent in the order in which it made them."""
        for asker in ASKERS:
            turns = [asked.turn for asked in self.asked if asked.sent and asked.call.asker == asker]
            assert all(earlier < later for earlier, later in pairwise(turns))

    @invariant()
    def few_wakes_are_due(self) -> None:
        """However much happens, few wakes are in the wheel."""
        assert len(self.line.wheel) <= 2 * len(self.asked) + 2 * self.connection + 2

    def teardown(self) -> None:
        """In the end each asker has heard exactly once."""
        if hasattr(self, "line"):
            self.line.end()
            for left in self.left:
                self.give_up(left)
            assert [len(asked.heard) for asked in self.asked] == [1] * len(self.asked)
            assert (self.line.turns.open_calls, self.line.turns.waiting_calls) == (0, 0)
            assert len(self.line.observed) >= len(self.asked) - self.handed_back


TestTurns = World.TestCase
TestTurns.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
