"""The gates of a backend: newcomers have slots of their own, and a backend that hangs is dialled by a few."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from voltgate.carriers.memory import MemoryWire, pair
from voltgate.dialler import Dialler
from voltgate.gates import Gates, Slots, in_turn
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.carrier import DialContext, DialledWire, Verdict

FEW = Slots(newcomers=2, sessions=2, probes=1, in_a_row=3, long=1.0)
LOST = Verdict(None, "no answer within 10 s")
REFUSED = Verdict(None, "cannot connect: connection refused")


class Leg:
    """A leg that keeps what became of its dial, and its link."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.link = self
        self.wanted = True
        self.became: str | None = None
        self.shared = False

    def opened(self, wire: DialledWire) -> None:
        """Keep that it is up."""
        self.became = "up"

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Keep why it is not."""
        self.became, self.shared = reason, shared


class Line:
    """A carrier whose dials hang until the test says what becomes of them, with a clock that the test moves."""

    def __init__(self, slots: Slots = FEW) -> None:
        self.now = 0.0
        self.dials: dict[str, asyncio.Future[DialledWire | Verdict]] = {}
        self.dialler = Dialler({"ws": self}, slots, lambda: self.now)
        self.backend = Backend(BackendSettings("b", endpoints=(Endpoint("ws://b/{station}"),)))
        self.legs: dict[str, Leg] = {}

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> DialledWire | Verdict:
        """Hang."""
        waits = self.dials[dial_context.identity] = asyncio.get_running_loop().create_future()
        try:
            return await waits
        finally:
            del self.dials[dial_context.identity]

    async def sessions(self, *names: str) -> None:
        """Have legs dialled."""
        for name in names:
            leg = self.legs[name] = Leg(self.backend)
            self.dialler.start(leg, DialContext(name), (), answering=True)
        await settled()

    def newcomer(self, name: str, within: float = 1000.0) -> asyncio.Task[DialledWire | Verdict]:
        """Dial for a newcomer."""
        dial = self.dialler.dial(self.backend, DialContext(name), (), answering=True, within=within)
        return asyncio.ensure_future(dial)

    async def ends(self, *names: str, after: float = 10.0, by: Verdict | None = LOST) -> None:
        """Let time pass, and dials end by a verdict, or by a wire."""
        self.now += after
        for name in names:
            self.dials[name].set_result(by or cast(MemoryWire, pair("ocpp1.6")[0]))
        await settled()

    @property
    def gates(self) -> Gates:
        """The gates of the backend."""
        return self.dialler.gates["b", self.backend.settings.endpoints[0].url]

    def became(self, *names: str) -> list[str | None]:
        """What became of legs."""
        return [self.legs[name].became for name in names]


class Prompt:
    """A carrier for SOAP stations that always has a wire."""

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> DialledWire | Verdict:
        """Give a wire at once."""
        return cast(MemoryWire, pair("ocpp1.6")[0])


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


HANGS = "b hangs: 3 dials in a row had no answer"


async def hung(line: Line) -> None:
    """Have the backend hang for sessions."""
    await line.sessions("1", "2")
    await line.ends("1", "2")
    await line.sessions("3")
    await line.ends("3")
    assert line.gates.sessions.hangs


async def test_newcomers_have_slots_of_their_own() -> None:
    """Sessions that dial a backend again, as many as may, keep no newcomer waiting; each has a bound."""
    line = Line()
    await line.sessions("1", "2", "3", "4")
    newcomers = [line.newcomer(name) for name in ("A", "B", "C")]
    await settled()
    assert sorted(line.dials) == ["1", "2", "A", "B"]
    assert (line.gates.sessions.waiting, line.gates.newcomers.waiting) == (2, 1)
    await line.ends("A", by=None, after=0.1)
    assert sorted(line.dials) == ["1", "2", "B", "C"]
    await line.ends("B", "C", by=None, after=0.1)
    assert not [newcomer for newcomer in newcomers if isinstance(newcomer.result(), Verdict)]
    await line.dialler.close()


async def test_a_backend_that_hangs_is_dialled_by_a_few() -> None:
    """Those who wait hear of it at once, as if their connection had been refused, and once for all in the log."""
    line = Line()
    with capture_logs() as logs:
        await line.sessions("1", "2", "3", "4", "5", "6")
        await line.ends("1", "2")
        assert line.became("1", "2", "3", "4", "5", "6") == [LOST.reason, LOST.reason, None, None, None, None]
        await line.ends("3")
        assert line.became("4", "5", "6") == [None, HANGS, HANGS]
        assert line.legs["6"].shared
        await line.ends("4")
        await line.sessions("7", "8")
        assert line.became("7", "8") == [None, "b hangs: 4 dials in a row had no answer"]
    assert [(each["log_level"], each["backend"]) for each in logs] == [("warning", "b")]
    assert (line.gates.sessions.open, line.gates.sessions.waiting, line.gates.sessions.put_off) == (1, 0, 3)
    await line.dialler.close()


async def test_newcomers_go_by_what_sessions_met() -> None:
    """A few of them try all the same, with slots of their own; the first that is answered says so for all."""
    line = Line()
    await hung(line)
    await line.sessions("probe")
    probe, late = line.newcomer("A"), line.newcomer("B")
    await settled()
    assert late.result() == Verdict(None, HANGS, shared=True)
    assert sorted(line.dials) == ["A", "probe"]
    await line.ends("A", by=None)
    assert not isinstance(probe.result(), Verdict)
    await line.sessions("1")
    assert (line.became("1"), sorted(line.dials)) == ([None], ["1", "probe"])
    await line.dialler.close()


async def test_a_backend_that_answers_again_is_not_stormed() -> None:
    """Each answer lets one more in at a time, until there are as many as before."""
    line = Line(Slots(newcomers=2, sessions=8, probes=1))
    await hung(line)
    with capture_logs() as logs:
        await line.sessions("probe")
        names = [f"{number:02}" for number in range(30)]
        await line.ends("probe", by=None)
        await line.sessions(*names)
        under_way = []
        while line.dials:
            under_way.append(len(line.dials))
            await line.ends(*line.dials, by=None, after=0.1)
    assert under_way == [2, 4, 8, 8, 8]
    assert set(line.became(*names)) == {"up"}
    assert [(each["log_level"], each["unanswered"]) for each in logs] == [("info", 3)]


@pytest.mark.parametrize("by", [Verdict(401, "answered 401"), Verdict(503, "answered 503"), None])
async def test_any_answer_says_that_it_does_not_hang(by: Verdict | None) -> None:
    """A refusal is an answer as well, and dials that began before it say nothing any more."""
    line = Line(Slots(newcomers=2, sessions=8, probes=4))
    await line.sessions("1", "2", "3", "4", "5", "6")
    await line.ends("1", "2")
    await line.ends("3", by=by)
    await line.ends("4", "5", "6")
    assert line.gates.unanswered == 0


async def test_a_verdict_of_ours_is_no_answer() -> None:
    """A station that its backend cannot be asked about says nothing of the backend, whatever it is told itself."""
    line = Line()
    await hung(line)
    await line.sessions("odd")
    await line.ends("odd", by=Verdict(400, "cannot have a topic for this identity", ours=True), after=0.1)
    assert line.gates.sessions.hangs
    await line.dialler.close()


async def test_a_connection_that_is_there_says_that_it_does_not_hang() -> None:
    """Nobody is put off any more when the connection is open that all share; they go a few at a time."""
    line = Line()
    line.dialler.answers("b")
    await hung(line)
    line.dialler.answers("b")
    await line.sessions("1", "2", "3")
    assert line.became("1", "2", "3") == [None, None, None]
    assert len(line.dials) == 2
    await line.dialler.close()


async def test_a_refused_connection_is_no_hang() -> None:
    """It costs no time: a backend that is down is dialled as `retry` says."""
    line = Line()
    await line.sessions("1", "2", "3", "4", "5")
    for name in "12345":
        await line.ends(name, by=REFUSED, after=0.01)
    assert (line.gates.unanswered, line.became("5")) == (0, [REFUSED.reason])


async def test_a_newcomer_that_waits_for_a_slot_goes_on() -> None:
    """The wait at a gate counts: a newcomer is not kept until its own time is over."""
    line = Line()
    others = [line.newcomer("A"), line.newcomer("B")]
    late = line.newcomer("C", within=0.05)
    assert await late == Verdict(None, "b is dialled by too many: no slot within 0.05 s")
    assert sorted(line.dials) == ["A", "B"]
    await line.ends("A", "B", by=None)
    assert [isinstance(await each, Verdict) for each in others] == [False, False]
    assert (line.gates.newcomers.open, line.gates.newcomers.waiting) == (0, 0)


async def test_a_dial_has_its_share_of_the_time() -> None:
    """A newcomer gives a backend up when its share is over; that counts as silence, and frees the slot."""
    line = Line()
    dial = line.newcomer("A", within=0.05)
    await settled()
    line.now += 10
    assert await dial == Verdict(None, "no answer within 0.05 s")
    assert (line.gates.newcomers.open, line.gates.unanswered) == (0, 1)


async def test_a_slow_backend_does_not_hang() -> None:
    """Who waited for a slot until there was hardly time left to dial says nothing of a backend that answers slowly."""
    line = Line()
    first = [line.newcomer("A", within=10.05), line.newcomer("B", within=10.05)]
    late = [line.newcomer(name, within=10.05) for name in "CD"]
    await settled()
    await line.ends("A", "B", by=None)
    assert sorted(line.dials) == ["C", "D"]
    line.now += 2
    assert await asyncio.gather(*late) == [Verdict(None, "no answer within 10.1 s")] * 2
    assert (line.gates.newcomers.open, line.gates.unanswered) == (0, 0)
    assert [isinstance(await each, Verdict) for each in first] == [False, False]


async def test_stations_that_hang_up_free_their_slots() -> None:
    """One that has waited long says that the backend hangs; one that hangs up at once says nothing."""
    line = Line()
    dialling, waiting, last = line.newcomer("A"), line.newcomer("B"), line.newcomer("C")
    await settled()
    assert line.gates.newcomers.waiting == 1
    dialling.cancel()
    last.cancel()
    await settled()
    assert (line.gates.newcomers.open, line.gates.newcomers.waiting, line.gates.unanswered) == (1, 0, 0)
    line.now += 10
    waiting.cancel()
    await settled()
    assert (line.gates.newcomers.open, line.gates.unanswered) == (0, 1)


async def test_strangers_that_hang_up_do_not_make_a_backend_hang() -> None:
    """A backend may take its time to refuse a stranger, who hangs up meanwhile, again and again."""
    line = Line()
    for _ in range(5):
        strangers = [line.newcomer("X1"), line.newcomer("X2")]
        await settled()
        line.now += 2
        for stranger in strangers:
            stranger.cancel()
        await settled()
    assert (line.gates.unanswered, line.gates.newcomers.hangs) == (0, False)
    newcomers = [line.newcomer(name) for name in ("A", "B", "C")]
    await settled()
    await line.ends("A", "B", by=None, after=0.1)
    await line.ends("C", by=None, after=0.1)
    assert not [newcomer for newcomer in newcomers if isinstance(newcomer.result(), Verdict)]


async def test_a_slot_is_not_lost_to_one_who_goes() -> None:
    """A station that hangs up in the moment in which it is given a slot leaves it to the next."""
    line = Line()
    held = [line.newcomer("A"), line.newcomer("B")]
    goes, stays = line.newcomer("C"), line.newcomer("D")
    await settled()
    line.dials["A"].set_result(LOST)
    for _ in range(20):
        await asyncio.sleep(0)
        if line.gates.newcomers.waiting == 1:
            goes.cancel()
            break
    await settled()
    assert sorted(line.dials) == ["B", "D"]
    await line.ends("B", "D", by=None)
    await asyncio.gather(*held, stays)


async def test_another_address_is_another_gate() -> None:
    """What was met at an address says nothing of the one that takes its place; who dials there takes no slot."""
    line = Line()
    await hung(line)
    probe, late = line.newcomer("A"), line.newcomer("B")
    await settled()
    assert late.result() == Verdict(None, HANGS, shared=True)
    line.backend = Backend(BackendSettings("b", endpoints=(Endpoint("ws://c/{station}"),)))
    newcomers = [line.newcomer(name) for name in "CD"]
    await settled()
    assert sorted(line.dials) == ["A", "C", "D"]
    await line.ends("A")
    assert (isinstance(probe.result(), Verdict), line.gates.unanswered) == (True, 0)
    await line.ends("C", "D", by=None)
    assert [isinstance(each.result(), Verdict) for each in newcomers] == [False, False]
    assert len(line.dialler.gates) == 2
    line.backend = Backend(BackendSettings("b", endpoints=(Endpoint("ws://d/{station}"),)))
    last = line.newcomer("E")
    await settled()
    assert list(line.dialler.gates) == [("b", "ws://d/{station}")]
    last.cancel()


async def test_each_carrier_has_gates_of_its_own() -> None:
    """A backend whose service for SOAP answers may hang for all others."""
    line = Line()
    line.dialler = Dialler({"ws": line, "http": Prompt()}, FEW, lambda: line.now)
    soap = Endpoint("http://b/", carrier="soap")
    line.backend = Backend(BackendSettings("b", endpoints=(*line.backend.settings.endpoints, soap)))
    for name in "123":
        await line.sessions(name)
        by_soap = await line.dialler.dial(line.backend, DialContext("S", carrier="soap"), (), answering=True)
        assert not isinstance(by_soap, Verdict)
        await line.ends(name)
    assert line.gates.sessions.hangs
    by_soap = await line.dialler.dial(line.backend, DialContext("S", carrier="soap"), (), answering=True)
    assert not isinstance(by_soap, Verdict)
    assert line.gates.sessions.hangs


async def test_the_wait_for_a_slot_counts() -> None:
    """Who had to wait has that much less for the dial: a station does not wait for longer than it was to."""
    line = Line()
    held = [line.newcomer("A"), line.newcomer("B")]
    waits = line.newcomer("C", within=60.0)
    await settled()
    await line.ends("A", by=None, after=60.0)
    async with asyncio.timeout(20):
        assert await waits == Verdict(None, "no answer within 60 s")
    await line.ends("B", by=None)
    await asyncio.gather(*held)


async def test_what_one_gate_learns_the_other_goes_by_at_once() -> None:
    """Sessions that wait are told when newcomers find that the backend hangs; each answer to one lets in a session."""
    line = Line(Slots(newcomers=2, sessions=3, probes=1, in_a_row=3, long=1.0))
    await line.sessions("1", "2", "3", "4")
    newcomers = [line.newcomer("A"), line.newcomer("B")]
    await settled()
    await line.ends("A", "B")
    newcomers.append(line.newcomer("C"))
    await settled()
    assert line.became("4") == [None]
    await line.ends("C")
    assert line.became("4") == [HANGS]
    await line.ends("1", "2", after=0.0)
    for name, dialled in (("D", ["3", "5"]), ("E", ["3", "5", "6"])):
        newcomers.append(line.newcomer(name))
        await settled()
        await line.ends(name, by=None)
        if name == "D":
            await line.sessions("5", "6")
        assert sorted(line.dials) == dialled
    await line.dialler.close()
    await asyncio.gather(*newcomers)


async def test_nobody_is_dialled_for_a_station_that_has_gone() -> None:
    """Its turn comes too late: a link for it would take the place of that of its next connection."""
    line = Line()
    await line.sessions("1", "2", "gone", "3")
    line.legs["gone"].wanted = False
    await line.ends("1", by=None, after=0.1)
    assert sorted(line.dials) == ["2", "3"]
    assert (line.became("gone"), line.legs["gone"].shared) == (["is not wanted any more"], True)
    await line.dialler.close()


def test_the_time_is_shared() -> None:
    """Each backend of a failover gets its share of the time that is left when it is dialled."""
    clock = iter((100.0, 102.0, 104.0))
    assert list(in_turn(("a", "b", "c"), 130.0, lambda: next(clock))) == [("a", 10.0), ("b", 14.0), ("c", 26.0)]
