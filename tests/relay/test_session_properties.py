"""A session under any interleaving of what stations, backends, time and the gateway can do to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.relay.stage import Line, Stage, one
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.counts import FAULTS
from voltgate.relay.rule import Rule
from voltgate.relay.uplink import State

NAMES = ("a", "b", "c")
ROUTES: tuple[tuple[Rule, ...], ...] = (
    (one("a", "b", copy=("c",)),),
    (one("a"),),
    (one("c", actions=("Authorize",)), one("b", "a", copy=("a",))),
    (one("b", actions=("Auth*", "Start*")), one("c", copy=("b",), actions=("Boot*",))),
)
VERSIONS = st.sampled_from(["1.6", "2.1"])
ACTIONS = ("Heartbeat", "Authorize", "StartTransaction", "BootNotification")
PATIENCE, STATION_PATIENCE = 30.0, 60.0
backends = st.fixed_dictionaries(
    {
        "when_down": st.sampled_from(["wait", "refuse", "close"]),
        "then": st.sampled_from(["close", "refuse"]),
        "window": st.sampled_from([1, 2, 16]),
        "waiting": st.sampled_from([1, 64]),
        "replay_boot": st.booleans(),
    }
)


@dataclass(eq=False)
class Said:
    """One call of the station on one connection, and the answers that came."""

    line: Line
    message_id: str
    action: str
    at: float
    answers: list[list[object]] = field(default_factory=list)


class World(RuleBasedStateMachine):
    """A station and three backends that come, go, answer, stall and command as they like."""

    @initialize(sections=st.tuples(backends, backends, backends), route=st.sampled_from(ROUTES), version=VERSIONS)
    def begin(self, sections: tuple[dict[str, object], ...], route: tuple[Rule, ...], version: str) -> None:
        """Let the station in."""
        self.stage = Stage(*route, version=f"ocpp{version}", backends=dict(zip(NAMES, sections, strict=True)))
        for name in NAMES:
            self.stage.known(name)
        self.said: list[Said] = []
        self.asked: dict[tuple[Line, str], int] = {}
        self.commands = 0
        self.open_here: dict[str, float] = {}
        self.full: set[Line] = set()
        self.faults = FAULTS.faults
        self.numbers: dict[tuple[Line, str], str] = {}

    @property
    def lines(self) -> list[tuple[str, Line]]:
        """The backends' connections that are open."""
        return [(name, line) for name in NAMES for line in self.stage[name].lines if line.closed is None]

    # What the station does.

    @precondition(lambda self: self.stage.station.closed is None and not self.stage.station.pauses)
    @rule(action=st.sampled_from(ACTIONS))
    def say(self, action: str) -> None:
        """The station makes a call."""
        message_id = f"s{len(self.said)}"
        said = Said(self.stage.station, message_id, action, self.stage.now)
        self.said.append(said)
        self.stage.station.sends(2, message_id, action, {"n": message_id})
        self.look()

    @precondition(lambda self: self.stage.station.closed is None and self.open_here)
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        """The station answers a command."""
        message_id = data.draw(st.sampled_from(sorted(self.open_here)))
        del self.open_here[message_id]
        self.stage.station.sends(3, message_id, {"for": self.numbers.get((self.stage.station, message_id))})
        self.look()

    @precondition(lambda self: self.stage.station.closed is None)
    @rule()
    def go(self) -> None:
        """The station goes."""
        self.stage.station.hangs_up()
        self.look()

    # What the backends do.

    @precondition(lambda self: any(self.stage[name].dials for name in NAMES))
    @rule(data=st.data(), accepts=st.booleans())
    def dial(self, data: st.DataObject, accepts: bool) -> None:
        """A dial ends."""
        far = self.stage[data.draw(st.sampled_from([name for name in NAMES if self.stage[name].dials]))]
        leg = far.dials.pop(0)
        if accepts:
            line = Line(self.stage)
            far.lines.append(line)
            line.receiver = leg
            leg.opened(line)
        else:
            leg.failed("connection refused")
        self.look()

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A backend's link is lost."""
        _, line = data.draw(st.sampled_from(self.lines))
        self.full.discard(line)
        line.hangs_up()
        self.look()

    @precondition(lambda self: any(line.closed is None for line, _ in self.asked))
    @rule(data=st.data(), kind=st.sampled_from([3, 3, 3, 4]))
    def answer(self, data: st.DataObject, kind: int) -> None:
        """A backend answers what it was asked, under the same id and saying which."""
        line, message_id = data.draw(st.sampled_from([key for key in self.asked if key[0].closed is None]))
        number = self.asked.pop((line, message_id))
        if line.pauses:
            return
        line.sends(*((3, message_id, {"n": number}) if kind == 3 else (4, message_id, "GenericError", number, {})))
        self.look()

    @precondition(lambda self: any(not line.pauses for _, line in self.lines))
    @rule(data=st.data(), message_id=st.sampled_from("12"))
    def command(self, data: st.DataObject, message_id: str) -> None:
        """A backend commands the station."""
        name, line = data.draw(st.sampled_from([(name, line) for name, line in self.lines if not line.pauses]))
        self.commands += 1
        line.sends(2, message_id, "Reset", {"by": name})
        self.look()

    # What buffers, time and the gateway do.

    @rule(data=st.data())
    def buffer(self, data: st.DataObject) -> None:
        """A write buffer runs full, or drains."""
        open_lines = [line for _, line in self.lines] + [self.stage.station] * (self.stage.station.closed is None)
        if not open_lines:
            return
        line = data.draw(st.sampled_from(open_lines))
        if line in self.full:
            self.full.discard(line)
            line.has_drained()
        else:
            self.full.add(line)
            line.is_full()
        self.look()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 12.0, 40.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.stage.wait(seconds)
        self.look()
        for said in self.said:
            if said.line is self.stage.station and said.line.closed is None:
                assert said.answers or self.stage.now < said.at + PATIENCE + 0.3

    @precondition(lambda self: self.stage.station.closed is None)
    @rule(route=st.sampled_from(ROUTES), anew=st.sampled_from([None, *NAMES]))
    def move(self, route: tuple[Rule, ...], anew: str | None) -> None:
        """The configuration changes: another route, perhaps a backend that is another from now on."""
        if anew is not None:
            old = self.stage.replaces(anew)
            far = self.stage[anew]
            far.lines, far.dials = old.lines, old.dials
        self.stage.moves(*route)
        self.look()

    @precondition(lambda self: self.stage.station.closed is None)
    @rule()
    def handshake(self) -> None:
        """A newcomer knocks, or is refused."""
        if self.stage.session.dialling_paused:
            self.stage.session.resume_dialling()
        else:
            self.stage.session.pause_dialling()
        self.look()

    @precondition(lambda self: self.said)
    @rule(legs_survive=st.booleans())
    def come_again(self, legs_survive: bool) -> None:
        """The station comes again and takes its own place."""
        stage = self.stage
        old, (new, line) = stage.session, stage.newcomer()
        new.take_over(old, keep_legs=legs_survive and not old.ended)
        self.look()
        self.full.discard(stage.station)
        stage.session, stage.station = new, line
        self.open_here = {}
        stage.open()
        self.look()

    # What must always hold.

    def look(self) -> None:
        """Take what everybody was sent, and see whom it is for."""
        for name in NAMES:
            for line in self.stage[name].lines:
                for kind, message_id, *rest in line.take():
                    if kind == 2:
                        number = rest[1].get("n")
                        if number is not None:
                            self.asked[line, message_id] = number
                    elif kind == 3:
                        assert rest[0]["for"] == name
        for kind, message_id, *rest in self.stage.station.take():
            if kind == 2:
                asked_at = self.open_here.get(message_id)
                late = asked_at is not None and self.stage.now - asked_at > STATION_PATIENCE
                is_retry = self.numbers.get((self.stage.station, message_id)) == rest[1]["by"]
                assert asked_at is None or late or is_retry  # one that timed out keeps its id for the same backend
                self.open_here[message_id] = self.stage.now
                self.numbers[self.stage.station, message_id] = rest[1]["by"]
                continue
            (said,) = [s for s in self.said if s.message_id == message_id and s.line is self.stage.station]
            said.answers.append(rest)
            if kind == 3:
                assert rest[0]["n"] == message_id
            else:
                backends_own = rest[0] == "GenericError"
                assert rest[1] == message_id if backends_own else not is_transaction(said.action)

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        """Each call of the station has one answer at most; nobody answered a call of ours twice."""
        assert all(len(said.answers) <= 1 for said in self.said)
        assert FAULTS.faults == self.faults

    @invariant()
    def pauses_have_a_reason(self) -> None:
        """A connection is paused as long as somebody whom it feeds does not read, and no longer."""
        stage = self.stage
        if stage.station.closed is not None:
            return
        feeding = [leg for leg in stage.session.legs.values() if leg.state is State.UP and leg.turns.full]
        if not self.full & {line for _, line in self.lines}:
            assert not feeding
            assert stage.station.pauses == 0
        for leg in stage.session.legs.values():
            if leg.state is State.UP:
                (line,) = [line for _, line in self.lines if line.receiver is leg]
                assert line.pauses == (stage.station in self.full)

    @invariant()
    def books_are_right(self) -> None:
        """What is said of links and legs is true; few wakes are due."""
        stage = self.stage
        if stage.session.ended:
            assert all(leg.state is State.ENDED or leg.retired for leg in stage.session.legs.values())
        assert stage.session.ended == (stage.station.closed is not None)
        assert len(stage.wheel) < 60 + 4 * len(self.said) + 4 * self.commands

    def teardown(self) -> None:
        """When all has ended and time has passed, no link is left, and nothing is waited for."""
        if not hasattr(self, "stage"):
            return
        self.stage.session.end(1001, "over")
        self.look()
        for far in self.stage.far.values():
            for leg in far.dials:
                leg.opened(Line(self.stage))
            far.dials.clear()
        self.stage.wait(0.5 + self.stage.session.settings.backend_patience)
        self.look()
        assert self.lines == []
        assert all((far.backend.legs, far.backend.up) == (0, 0) for far in self.stage.far.values())


TestSession = World.TestCase
TestSession.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
