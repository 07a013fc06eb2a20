"""What waits for a backend under any interleaving of calls, copies, answers, time-outs, pauses, losses and dials."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.ocpp.line import Heard
from tests.relay.stage import Line, Stage, one
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import Call, Reason, Reply, Unanswered
from voltgate.relay.asked import Asked
from voltgate.relay.backend import Retry
from voltgate.relay.leg import Leg
from voltgate.relay.plan import Plan
from voltgate.relay.tallies import Tallies

PATIENCES = st.sampled_from([0.05, 1.0, 5.0, 30.0])
BABBLE = [b"", b"pong", b"{oops", b"[3", b"[4,null]", b'[9,"1"]', b'[2,"7","X",[]]', b'[5,"1","X","",{}]']
ASKERS = ("a", "b", "c")
IDS = ("1", "2", "x" * 36, "y" * 37)
WAITING, WAITING_BYTES, BOOT_PATIENCE = 3, 400, 10.0


@dataclass(eq=False)
class Said:
    """One call for the backend, or a copy, and what became of it."""

    number: int
    call: Call
    copy: bool
    heard: Heard = field(default_factory=Heard)
    """The answer; of a copy, how it ended."""
    sent: list[tuple[int, str]] = field(default_factory=list)
    """Each time it was sent: on which link, under which id."""
    turn: int = 0
    """The place of its first sending among all."""


class Link(Line):
    """A link that knows when something was sent."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.times: list[float] = []
        self.narrow: Leg | None = None
        """Whose link is full after one message."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Take a message of the relay."""
        super().send(text, frame)
        self.times.append(self._stage.now)
        if self.narrow is not None:
            leg, self.narrow = self.narrow, None
            leg.writable(False)


class Ends(Tallies):
    """How the copies ended: nobody but what is counted hears of them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def observe(self, call: Call, reply: Reply, now: float) -> None:
        """Note how a copy ended."""
        super().observe(call, reply, now)
        for said in self._world.said:
            if said.call is call and said.copy:
                said.heard.append(reply)


class World(RuleBasedStateMachine):
    """Askers, a leg, and a backend that comes and goes, and answers rightly, wrongly, late, twice or not at all."""

    @initialize(
        when_down=st.sampled_from(["wait", "wait", "refuse"]),
        wait=st.sampled_from([2.0, 10.0, 100.0]),
        window=st.integers(1, 4),
        boots=st.booleans(),
        version=st.sampled_from(["ocpp1.6", "ocpp2.1"]),
    )
    def begin(self, when_down: str, wait: float, window: int, boots: bool, version: str) -> None:
        """Begin while the backend is dialled for the first time."""
        bounds = {"window": window, "waiting": WAITING, "waiting_bytes": WAITING_BYTES}
        absence = {"when_down": when_down, "wait": wait, "then": "refuse", "retry": Retry(first=0.5, longest=2.0)}
        self.stage = Stage(
            one("a"), version=version, backends={"a": bounds | absence}, opened=False, backend_patience=BOOT_PATIENCE
        )
        self.stage.known("a").calls = Ends(self)
        self.stage.open()
        self.leg = self.stage.session.legs["a"]
        self.stage.session.boot = b'{"n":null}' if boots else None
        self.waits, self.most_wait, self.window = when_down == "wait", wait, window
        self.said: list[Said] = []
        self.link = 0
        self.line: Link | None = None
        self.choked = self.failed = self.opening = False
        self.opening_until = 0.0
        self.since = self.stage.now
        self.seen: list[tuple[str, int | None]] = []
        """What the backend has been asked on this link and not answered yet, as id and number."""
        self.sendings = 0
        self.faults = FAULTS.faults

    @property
    def up(self) -> bool:
        return self.line is not None

    # What the askers do.

    def say(self, asker: str, message_id: str, patience: float, *, copy: bool) -> Said:
        self.look()
        number = len(self.said)
        payload = b'{"n":%d}' % number
        call = Call(message_id, "Heartbeat", payload, b'[2,"%b","Heartbeat",%b]' % (message_id.encode(), payload))
        call.at, call.deadline, call.asker = self.stage.now, self.stage.now + patience, asker
        said = Said(number, call, copy)
        self.said.append(said)
        return said

    @rule(asker=st.sampled_from(ASKERS), message_id=st.sampled_from(IDS), patience=PATIENCES)
    def ask(self, asker: str, message_id: str, patience: float) -> None:
        """Somebody asks, who wants an answer."""
        said = self.say(asker, message_id, patience, copy=False)
        respond, dispatcher = said.heard.append, self.stage.session.dispatcher
        self.leg.ask(Asked(dispatcher, said.call, Plan(("a",), owned=True), respond, plain=True, question=True))
        if self.failed and not self.up and not self.waits:
            assert said.heard.short == "gone"
        self.look()

    @rule(asker=st.sampled_from(ASKERS), message_id=st.sampled_from(IDS), patience=PATIENCES)
    def tell(self, asker: str, message_id: str, patience: float) -> None:
        """The backend is told of a call that another one answers."""
        said = self.say(asker, message_id, patience, copy=True)
        self.leg.tell(said.call)
        self.look()

    # What the backend does.

    @precondition(lambda self: self.up and self.seen)
    @rule(data=st.data(), shape=st.sampled_from(["result", "error", "malformed", "numeric"]))
    def answer(self, data: st.DataObject, shape: str) -> None:
        """The backend answers something that it was asked, whether somebody still waits for it or not."""
        message_id, number = data.draw(st.sampled_from(self.seen))
        self.seen.remove((message_id, number))
        quoted = json.dumps(message_id).encode()
        if shape == "numeric" and message_id.isdigit():
            quoted = message_id.encode()
        echo = json.dumps({"n": number}).encode()
        before = self.hearing()
        if number is None:
            self.opening = False
        self.receive(
            {
                "error": b'[4,%b,"GenericError","%b",{}]' % (quoted, str(number).encode()),
                "malformed": b"[3,%b,%b" % (quoted, echo),
            }.get(shape, b"[3,%b,%b]" % (quoted, echo))
        )
        for said in self.hearing() - before:
            self.judge(said, message_id, number)
        self.look()

    def judge(self, said: Said, message_id: str, number: int | None) -> None:
        """See that an answer went to whoever asked: to that very call, or to a retry under its id by the same asker."""
        reply = said.heard.only
        if isinstance(reply, Unanswered) and reply.reason is not Reason.MALFORMED:
            assert reply.reason is Reason.TIMED_OUT  # its turn came too late
            assert said.call.deadline <= self.stage.now
            return
        assert said.sent[-1] == (self.link, message_id)
        if said.number != number:
            assert number is not None
            meant = self.said[number]
            assert (meant.call.asker, meant.sent[-1][1]) == (said.call.asker, message_id)
            assert meant.heard.short == "timed out"

    @precondition(lambda self: self.up)
    @rule(message_id=st.sampled_from(["nobody's", *IDS]))
    def stray(self, message_id: str) -> None:
        """The backend answers what it was never asked, or has answered already."""
        if any(message_id == open_id for open_id, _ in self.seen):
            return
        before = self.hearing()
        self.receive(json.dumps([3, message_id, {"n": -1}]).encode())
        assert self.hearing() == before
        self.look()

    @precondition(lambda self: self.up)
    @rule(frame=st.sampled_from(BABBLE))
    def babble(self, frame: bytes) -> None:
        """The backend sends what is no message."""
        before = self.hearing()
        self.receive(frame)
        assert self.hearing() == before
        assert self.line is not None
        if self.line.sent and self.line.sent[-1].startswith(b"[4,"):
            del self.line.sent[-1], self.line.times[-1]
        self.look()

    def receive(self, text: bytes) -> None:
        assert self.line is not None
        self.line.sends(text)

    # What time and the link do.

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 3.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, in ticks: nobody waits longer than he asked, nor for the link longer than the backend's wait."""
        self.stage.wait(seconds)
        for said in self.said:
            until = said.call.deadline
            if not self.up:
                until = min(until, max(said.call.at, self.since) + self.most_wait)
            assert said.heard or self.stage.now < until + 0.11
        self.look()

    @rule(seconds=st.sampled_from([0.06, 1.5, 6.0]))
    def stall(self, seconds: float) -> None:
        """Time passes without a tick: the process was busy."""
        self.stage.now += seconds

    @precondition(lambda self: self.up)
    @rule(choked=st.booleans())
    def choke(self, choked: bool) -> None:
        """The write buffer runs full or drains."""
        assert self.line is not None
        if choked != self.choked:
            self.look()
            self.choked = choked
            (self.line.is_full if choked else self.line.has_drained)()
        self.look()

    @precondition(lambda self: self.stage["a"].dials)
    @rule(chokes=st.sampled_from([False, False, True]))
    def accept(self, chokes: bool) -> None:
        """The link opens: the boot goes first, then what the last link left open, as long as it takes something."""
        (leg,) = self.stage["a"].dials
        self.stage["a"].dials.clear()
        left = sorted((s for s in self.said if s.sent and not s.heard), key=lambda said: said.turn)
        self.link += 1
        self.line = Link(self.stage)
        self.line.narrow = leg if chokes else None
        self.choked, self.seen, self.since = False, [], self.stage.now
        self.opening = self.stage.session.boot is not None
        self.opening_until = self.stage.now + BOOT_PATIENCE
        leg.opened(self.line)
        if self.opening:
            assert len(self.line.sent) == 1
            assert json.loads(self.line.sent[0])[2:] == ["BootNotification", {"n": None}]
        due = [said for said in left if not said.heard]
        if not self.opening and not chokes:
            sent = [json.loads(text)[1] for text in self.line.sent]
            assert sent[: len(due)] == [said.sent[-1][1] for said in due][: self.window]
        self.look()
        self.choked, self.line.narrow = chokes and self.line.narrow is None, None

    @precondition(lambda self: self.stage["a"].dials)
    @rule()
    def refuse(self) -> None:
        """The dial comes to nothing: where that is set, what waits for an answer is refused at once."""
        self.failed = True
        self.stage["a"].refuses()
        assert self.waits or all(said.heard for said in self.said if not said.copy)
        self.look()

    @precondition(lambda self: self.up)
    @rule()
    def lose(self) -> None:
        """The link is lost: what was open waits for the next one, or hears so at once."""
        self.look()
        open_calls = [said for said in self.said if self.is_open(said)]
        assert self.line is not None
        line, self.line, self.since, self.failed = self.line, None, self.stage.now, True
        line.hangs_up()
        self.opening = False
        assert line.sent == []
        for said in open_calls:
            assert said.heard.short == (None if self.waits else "gone")
        assert self.waits or all(said.heard for said in self.said if not said.copy)

    # What must always hold.

    def look(self) -> None:
        """Take what was sent, and see that it was allowed."""
        if self.line is None:
            return
        line = self.line
        times, line.times = line.times, []
        if self.opening and any(at >= self.opening_until for at in times):
            self.opening = False  # the boot timed out
        for at, (kind, message_id, action, payload) in zip(times, line.take(), strict=True):
            assert kind == 2
            assert len(message_id) <= 36
            self.seen.append((message_id, payload["n"]))
            if action == "BootNotification":
                assert at == self.since
                continue
            assert not self.choked
            assert not self.opening
            self.note(self.said[payload["n"]], message_id, at)

    def note(self, said: Said, message_id: str, at: float) -> None:
        """Note that a call was sent: again under its old id and before all others, or for the first time."""
        assert said.call.deadline > at
        left = [s for s in self.said if s.sent and s.sent[-1][0] < self.link and not s.heard]
        if said.sent:
            assert self.waits
            assert said.sent[-1][0] < self.link
            assert said.sent[-1][1] == message_id
            assert all(said.turn <= other.turn for other in left)
        else:
            assert left == []
            assert message_id == said.call.id or len(message_id) == 36
            self.sendings += 1
            said.turn = self.sendings
        said.sent.append((self.link, message_id))

    def is_open(self, said: Said) -> bool:
        return self.up and bool(said.sent) and said.sent[-1][0] == self.link and not said.heard

    def hearing(self) -> set[Said]:
        return {said for said in self.said if said.heard}

    @invariant()
    def nobody_hears_twice(self) -> None:
        """Each asker hears once at most, each copy ends once, and nobody answers a call twice."""
        assert all(len(said.heard) <= 1 for said in self.said)
        assert FAULTS.faults == self.faults

    @invariant()
    def few_are_open(self) -> None:
        """No more than the window are open, all under different ids; what the leg says of itself is true."""
        open_ids = [said.sent[-1][1] for said in self.said if self.is_open(said)]
        assert len(open_ids) <= self.leg.turns.open_calls <= self.window
        assert len(set(open_ids)) == len(open_ids)
        assert self.leg.up == self.up
        assert self.leg.busy == (any(not said.heard for said in self.said) or self.leg.turns.open_calls > 0)

    @invariant()
    def few_are_waiting(self) -> None:
        """What waits is bounded, by number and bytes for each asker and by bytes for all; nothing is lost sight of."""
        waiting = [said for said in self.said if not said.heard and not self.is_open(said)]
        assert len(waiting) == self.leg.waiting_calls
        assert self.leg.turns.waiting_calls == 0
        unsent = [said for said in waiting if not said.sent]
        for asker in ASKERS:
            mine = [said for said in unsent if said.call.asker == asker]
            assert len(mine) <= WAITING
            assert sum(len(said.call.text or b"") for said in mine) <= WAITING_BYTES
        assert sum(len(said.call.text or b"") for said in unsent) < 2 * WAITING_BYTES

    @invariant()
    def all_keep_their_order(self) -> None:
        """What one asker says is sent in the order in which it was said, calls and copies."""
        for asker in ASKERS:
            turns = [said.turn for said in self.said if said.sent and said.call.asker == asker]
            assert all(earlier < later for earlier, later in pairwise(turns))

    @invariant()
    def few_wakes_are_due(self) -> None:
        """However much happens, few wakes are in the wheel."""
        assert len(self.stage.wheel) <= 2 * len(self.said) + 3 * self.link + 6

    def teardown(self) -> None:
        """In the end each asker has heard exactly once, and so has each copy ended."""
        if hasattr(self, "stage"):
            self.stage.session.end(1001, "over")
            late = self.say("a", "late", 5.0, copy=False)
            dispatcher = self.stage.session.dispatcher
            plan = Plan(("a",), owned=True)
            self.leg.ask(Asked(dispatcher, late.call, plan, late.heard.append, plain=True, question=True))
            assert [len(said.heard) for said in self.said] == [1] * len(self.said)
            assert (self.leg.turns.open_calls, self.leg.waiting_calls, self.leg.busy) == (0, 0, False)


TestWaiting = World.TestCase
TestWaiting.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
