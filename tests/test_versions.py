"""Versions: no backend is dialled, told or asked anything in a version that it does not take, whatever its part is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from tests.anybody import anybody, at_will, unnoticed
from tests.relay.stage import CALENDAR, Line, Shelf
from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.dialler import Dialler
from voltgate.directory.register import Register
from voltgate.directory.stations import Directory, Entry
from voltgate.directory.waiting import WaitingRoom
from voltgate.gateway import Gateway
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext, Verdict
from voltgate.relay.events import BackendLeftOut, Event, GivenUp, StationRefused
from voltgate.relay.notifier import Notifier
from voltgate.relay.permit import FULL
from voltgate.relay.plan import Chain
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.records import Nowhere, OwedRecord, Page
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule
from voltgate.relay.session import Session
from voltgate.relay.tap import Taps
from voltgate.snapshot import Habits, Snapshot

OLD, NEW = ("ocpp1.6",), ("ocpp2.0.1",)
BOTH = (*NEW, *OLD)


@dataclass(frozen=True)
class Spoken:
    """What a station speaks that came by another carrier."""

    speaks: str


class Held(Register):
    """A register by which one backend claims every station; "" none does."""

    by = ""

    def holder(self, key: str) -> str:
        """Give the backend that claims the station."""
        return self.by


class OnTheShelf(Nowhere):
    """The pages of a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def take(self, station: str, *, regardless: int = 0) -> Page:
        """Read what is on the shelf."""
        return self._shelf.page(station)


@dataclass
class Far:
    """One backend, as the test plays it. `answers` is what its next dials come to: a verdict, or the version chosen."""

    world: World
    answers: str | Verdict | None = ""
    """"" chooses the first that is offered, None names none."""
    offers: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def dialled(self, offer: tuple[str, ...]) -> Line | Verdict:
        """Answer a dial."""
        self.offers.append(offer)
        if isinstance(self.answers, Verdict):
            return self.answers
        line = Line(self.world)  # type: ignore[arg-type]  # all that it needs is the time
        line.subprotocol = offer[0] if self.answers == "" else self.answers
        self.lines.append(line)
        return line

    def gets(self, *messages: Any) -> None:
        """See what came on the newest connection."""
        self.lines[-1].gets(*messages)


class World:
    """A gateway in memory. `backends` are the versions that each takes, or more of its settings."""

    def __init__(
        self,
        *rules: Rule,
        admit: Literal["gateway", "backend"] = "gateway",
        running: Literal["owner", "wait"] = "owner",
        aliases: dict[str, str] | None = None,
        station: dict[str, Any] | None = None,
        **backends: tuple[str, ...] | dict[str, Any],
    ) -> None:
        self.now = 5000.0
        self.wheel = Wheel(self.now)
        self.events: list[Event] = []
        self.store = Shelf()
        self.far = {name: Far(self) for name in backends}
        self.dialler = Dialler({"ws": self, "http": self})
        ports = Ports(
            self.wheel,
            lambda: self.now,
            lambda: 0.0,
            self.dialler.start,
            self.events.append,
            Counts(),
            Calendar(lambda: self.now + CALENDAR, lambda: self.now),
            self.store,
            Taps(Notifier(lambda: self.now, print)),
        )
        self.register = Held()
        self.snapshot = Snapshot(
            self._directory(station),
            {"home": Route("home", admit, rules)},
            {name: _backend(name, how) for name, how in backends.items()},
            lambda station, version: SessionSettings(),
            lambda station: Habits(),
            lambda station, version: Dialect(version),
            anybody,
            unnoticed,
            at_will,
            running=running,
            subprotocol_aliases=aliases or {},
        )
        self.gateway = Gateway(self.snapshot, ports, self.dialler, WaitingRoom(), OnTheShelf(self.store))

    def _directory(self, station: dict[str, Any] | None) -> Directory:
        return Directory((Entry("home", match="CP-*", **(station or {})),), register=self.register)

    # The carrier.

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> Line | Verdict:
        """Let the backend answer."""
        return self.far[backend.name].dialled(offer)

    # What happens.

    async def comes(self, *offered: str) -> Line:
        """Let a station come in."""
        admitted = await self.asks(*offered)
        assert isinstance(admitted, Admitted)
        line = Line(self)  # type: ignore[arg-type]  # all that it needs is the time
        line.subprotocol = admitted.subprotocol
        line.receiver = admitted.opened(line)
        await _settle()
        return line

    async def asks(self, *offered: str) -> Admitted | Refused:
        """Let a station ask to come in."""
        address = "192.0.2.1"
        return await self.gateway.admit(
            Handshake("/CP-1", "CP-1", offered, None, None, (), address, address, address, False, "test")
        )

    async def posts(self) -> Session | Refused:
        """Let a station come by SOAP 1.5."""
        address, native = "192.0.2.1", Spoken("ocpp1.5")
        handshake = Handshake(
            "/", "CP-1", (), None, None, (), address, address, address, False, "test", carrier="soap", native=native
        )
        session = await self.gateway.admit_request(handshake, Line(self), "ocpp1.6")  # type: ignore[arg-type]
        await _settle()
        return session

    async def changes(
        self, *rules: Rule, station: dict[str, Any] | None = None, **backends: tuple[str, ...] | dict[str, Any]
    ) -> None:
        """Change the configuration: other rules, or what some backends or stations take."""
        made = {name: _backend(name, how) for name, how in backends.items()}
        for name in made:
            self.far.setdefault(name, Far(self))
        route = self.snapshot.routes["home"]
        self.snapshot = replace(
            self.snapshot,
            directory=self._directory(station),
            routes={"home": Route("home", route.admit, rules or route.rules)},
            backends={**self.snapshot.backends, **made},
        )
        await self.gateway.change(self.snapshot)
        await _settle()

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.1
            self.wheel.tick(self.now)
            await _settle()

    # What is seen.

    @property
    def session(self) -> Session:
        """The station's session."""
        return self.gateway.sessions["cp-1"]

    def __getitem__(self, name: str) -> Far:
        """Give a backend."""
        return self.far[name]

    def offers(self) -> dict[str, list[tuple[str, ...]]]:
        """Give what each backend was offered, if it was dialled at all."""
        return {name: far.offers for name, far in self.far.items() if far.offers}

    def left_out(self) -> list[tuple[str, str]]:
        """Give whom was reported to have no part in the session, and in which version."""
        return [(each.backend, each.version) for each in self.events if isinstance(each, BackendLeftOut)]


def _backend(name: str, how: tuple[str, ...] | dict[str, Any]) -> Backend:
    settings: dict[str, Any] = {"endpoints": (Endpoint("ws://b"),), "permit": FULL}
    return Backend(BackendSettings(name, **settings | (how if isinstance(how, dict) else {"versions": how})))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def one(*answer: str, copy: Iterable[str] = (), **more: Any) -> Rule:
    """Make a rule."""
    return Rule(answer=answer, copy=tuple(copy), **more)


HEARTBEAT = [2, "h", "Heartbeat", {}]
ADMIT = pytest.mark.parametrize("admit", ["gateway", "backend"])


@ADMIT
async def test_a_copy_that_does_not_take_the_version(admit: Literal["gateway", "backend"]) -> None:
    """It is neither dialled nor told; the station is served, and who is left out is counted and shown."""
    world = World(one("a", copy=["old", "new"]), admit=admit, a=BOTH, old=OLD, new=NEW)
    station = await world.comes(*NEW)
    station.sends(*HEARTBEAT)
    world["a"].gets(HEARTBEAT)
    world["new"].gets(HEARTBEAT)
    assert world.offers() == {"a": [NEW], "new": [NEW]}
    assert world.left_out() == [("old", "ocpp2.0.1")]
    assert world.snapshot.backends["old"].left_out == 1
    assert list(world.session.legs) == ["a", "new"]
    station.hangs_up()
    await world.comes(*OLD)
    assert world["old"].offers == [OLD]
    assert world.left_out() == [("old", "ocpp2.0.1"), ("new", "ocpp1.6")]


async def test_a_failover_skips_who_does_not_take_the_version() -> None:
    """The second of a failover is not dialled in a version that is not its own when the first goes away."""
    world = World(one("a", "b", "c"), a=NEW, b=OLD, c=NEW)
    station = await world.comes(*NEW)
    world["a"].answers = Verdict(None, "refused")
    world["a"].lines[-1].hangs_up()
    await world.passes(5)
    station.sends(*HEARTBEAT)
    world["c"].gets(HEARTBEAT)
    assert world["b"].offers == []


@pytest.mark.parametrize(("chosen", "header"), [(None, None), ("", "ocpp1.6")])
async def test_the_second_of_a_failover_decides_by_its_own_offer(chosen: str | None, header: str | None) -> None:
    """A backend that was offered 1.6 only makes the session 1.6, whether its answer names the version or none."""
    world = World(one("a", "b"), admit="backend", a=BOTH, b=OLD)
    world["a"].answers, world["b"].answers = Verdict(None, "refused"), chosen
    station = await world.comes(*BOTH)
    assert world.offers() == {"a": [BOTH, OLD], "b": [OLD]}, "the first is dialled back in what is spoken by then"
    assert (world.session.dialect.version, station.subprotocol) == ("ocpp1.6", header)
    assert world.left_out() == []


@ADMIT
async def test_the_first_of_a_failover_answers_as_long_as_it_is_there(admit: Literal["gateway", "backend"]) -> None:
    """A station that may speak what the first takes is not given to the second for the sake of a later version."""
    world = World(one("a", "b"), admit=admit, a=OLD, b=NEW)
    await world.comes(*BOTH)
    assert world.offers() == {"a": [OLD]}
    assert world.left_out() == [("b", "ocpp1.6")]


async def test_a_backend_is_let_in_for_others_that_are_away() -> None:
    """Where the first is away the second lets the station in, in what it takes; the first has no part then."""
    world = World(one("a", "b"), admit="backend", a=OLD, b=NEW)
    world["a"].answers = Verdict(503, "answered 503")
    station = await world.comes(*BOTH)
    assert world.offers() == {"a": [OLD], "b": [NEW]}
    station.sends(*HEARTBEAT)
    world["b"].gets(HEARTBEAT)
    assert world.left_out() == [("a", "ocpp2.0.1")]


FLEET = Rule(actions=("Authorize", "StartTransaction", "DataTransfer"), answer=("fleet",))


@ADMIT
async def test_the_version_that_all_rules_take(admit: Literal["gateway", "backend"]) -> None:
    """Of what a station offers that is chosen in which each of its rules has somebody who answers."""
    world = World(FLEET, one("a"), admit=admit, a=BOTH, fleet=OLD)
    await world.comes(*BOTH)
    assert world.offers() == {"a": [OLD], "fleet": [OLD]}
    assert world.left_out() == []


@ADMIT
async def test_the_version_that_all_of_a_failover_take(admit: Literal["gateway", "backend"]) -> None:
    """Of two that the first takes that is chosen which the second takes as well; a backend is offered both."""
    world = World(one("a", "b"), admit=admit, a=BOTH, b=OLD)
    await world.comes("ocpp2.0.1", "ocpp1.6")
    assert world.offers()["a"][0] == (OLD if admit == "gateway" else ("ocpp2.0.1", "ocpp1.6"))


@ADMIT
async def test_a_backend_of_its_own_version(admit: Literal["gateway", "backend"]) -> None:
    """It is offered that, whatever the station offers."""
    own = {"dialect": Dialect("ocpp1.6")}
    world = World(one("a"), admit=admit, a=own)
    await world.comes(*NEW)
    assert world.offers() == {"a": [OLD]}
    assert world.session.dialect.version == "ocpp2.0.1"


@ADMIT
async def test_a_call_that_nobody_answers_in_this_version(admit: Literal["gateway", "backend"]) -> None:
    """It falls to no other rule: it is refused with the reason, and a transaction message stays with the station."""
    world = World(FLEET, one("a"), admit=admit, a=BOTH, fleet=OLD)
    station = await world.comes(*NEW)
    assert world.left_out() == [("fleet", "ocpp2.0.1")]
    station.sends(*HEARTBEAT)
    world["a"].gets(HEARTBEAT)
    station.sends(2, "1", "DataTransfer", {"vendorId": "x"})
    station.gets([4, "1", "NotSupported", "No backend that takes ocpp2.0.1 answers this", {}])
    station.sends(2, "2", "StartTransaction", {})
    assert station.closed == (1008, "No backend that takes ocpp2.0.1 answers StartTransaction")
    world["a"].gets()
    assert world.offers() == {"a": [NEW]}


@ADMIT
async def test_a_station_that_nobody_understands(admit: Literal["gateway", "backend"]) -> None:
    """It is refused, and is told with which versions it may come."""
    world = World(one("a", copy=["b"]), admit=admit, a=OLD, b=NEW)
    refused = await world.asks(*NEW)
    text = "None of the sub-protocols offered is taken here: known are ocpp1.6"
    assert refused == Refused(400, text)
    assert [each.reason for each in world.events if isinstance(each, StationRefused)] == [text]
    assert await world.asks("ocpp9") == Refused(400, text)
    assert world.offers() == {}


@ADMIT
async def test_a_weighted_choice_among_those_who_take_the_version(admit: Literal["gateway", "backend"]) -> None:
    """Whoever takes nothing of what a station offers is not chosen; who is chosen is asked in what it takes."""
    rule = Rule(weights=(("a", 1e9), ("b", 1)))
    world = World(rule, admit=admit, a=OLD, b=BOTH)
    station = await world.comes(*NEW)
    assert world.offers() == {"b": [NEW]}
    station.hangs_up()
    await world.comes(*BOTH)
    assert world["a"].offers == [OLD]


async def test_a_chain_asks_those_who_take_the_version() -> None:
    """Whether a token may charge is asked of those of a chain that understand the question, else of who answers."""
    chain = Chain(("x", "y", "z"))
    world = World(Rule(answer=("a",), chain=chain), a=NEW, x=OLD, y=NEW, z=NEW)
    station = await world.comes(*NEW)
    token = {"idToken": {"idToken": "T", "type": "Central"}}
    station.sends(2, "1", "Authorize", token)
    world["y"].gets([2, "1", "Authorize", token])
    assert "x" not in world.offers()
    world = World(Rule(answer=("a",), chain=chain), a=NEW, x=OLD, y=OLD, z=OLD)
    station = await world.comes(*NEW)
    station.sends(2, "1", "Authorize", token)
    world["a"].gets([2, "1", "Authorize", token])
    assert world.offers() == {"a": [NEW]}


async def test_the_owner_of_a_transaction_in_another_version() -> None:
    """A station that comes again in another version is answered by the rules: its owner would not understand."""
    rules = (Rule(actions=("StartTransaction",), answer=("old",)), one("a", copy=["old"]))
    world = World(*rules, a=BOTH, old=OLD)
    station = await world.comes(*OLD)
    station.sends(2, "1", "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "t"})
    world["old"].lines[-1].sends(3, "1", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
    station.hangs_up()
    station = await world.comes(*NEW)
    assert list(world.session.legs) == ["a"]
    station.sends(2, "2", "MeterValues", {"evseId": 1, "meterValue": []})
    world["a"].gets([2, "2", "MeterValues", {"evseId": 1, "meterValue": []}])
    assert world["old"].offers == [OLD]
    assert world["old"].lines[-1].closed is not None


async def test_a_copy_that_takes_a_version_no_more() -> None:
    """A change of `versions` takes a copy out of the sessions that it does not take any more, and brings it back."""
    world = World(one("a", copy=["b"]), a=BOTH, b=BOTH)
    station = await world.comes(*NEW)
    before = world["b"].lines[-1]
    await world.changes(b=OLD)
    station.sends(*HEARTBEAT)
    before.gets()
    assert before.closed is not None
    assert (world["b"].offers, world.left_out()) == ([NEW], [("b", "ocpp2.0.1")])
    await world.changes(b=OLD)
    assert world.snapshot.backends["b"].left_out == 0, "it is another backend"
    assert len(world.left_out()) == 1
    await world.changes(b=NEW)
    station.sends(*HEARTBEAT)
    world["b"].gets(HEARTBEAT)


@ADMIT
async def test_an_answering_backend_that_takes_a_version_no_more(admit: Literal["gateway", "backend"]) -> None:
    """A station whose backend takes its version no more comes again, in one that it does."""
    world = World(one("a"), admit=admit, a=BOTH)
    station = await world.comes(*BOTH)
    await world.changes(a=OLD)
    assert station.closed == (1001, "Come again: the backend takes another version")
    await world.comes(*BOTH)
    assert world["a"].offers[-1] == OLD


async def test_a_station_that_may_speak_its_version_no_more() -> None:
    """It comes again in one that it may speak."""
    world = World(one("a"), a=BOTH)
    station = await world.comes(*BOTH)
    await world.changes(station={"versions": BOTH})
    assert station.closed is None
    await world.changes(station={"versions": OLD})
    assert station.closed == (1001, "Come again: the backend takes another version")
    await world.comes(*BOTH)
    assert world["a"].offers[-1] == OLD


async def test_a_claim_by_a_backend_that_does_not_take_the_version() -> None:
    """It moves the station as far as the rules have somebody else who answers; else the station comes again."""
    world = World(one("claimant", "a", copy=["b"]), a=BOTH, b=BOTH, old=OLD)
    station = await world.comes(*NEW)
    world.register.by = "old"
    await world.gateway.reevaluate(["cp-1"])
    await _settle()
    station.sends(*HEARTBEAT)
    world["a"].gets(HEARTBEAT)
    assert ("old" in world.offers(), world.left_out()) == (False, [("old", "ocpp2.0.1")])
    for name in "ab":
        world[name].lines[-1].sends(3, "h", {})
    await world.changes(one("claimant", copy=["a"]))
    assert station.closed == (1001, "Come again: the backend takes another version")
    station.hangs_up()
    await world.comes(*BOTH)
    assert world["old"].offers == [OLD]


async def test_a_claim_that_is_given_up() -> None:
    """Where nobody answers whatever a station speaks it need not come again; it waits for who claims it next."""
    world = World(one("claimant"), a=NEW, b=OLD)
    world.register.by = "a"
    station = await world.comes(*BOTH)
    world.register.by = ""
    await world.gateway.reevaluate(["cp-1"])
    station.sends(*HEARTBEAT)
    station.gets([4, "h", "NotSupported", "No rule says who answers this", {}])
    assert station.closed is None


async def test_a_station_without_a_subprotocol() -> None:
    """It is taken to speak what is written for it, and backends are offered that alone."""
    world = World(one("a", copy=["b"]), admit="backend", station={"missing_subprotocol": "ocpp1.6"}, a=BOTH, b=NEW)
    station = await world.comes()
    assert station.subprotocol is None
    assert world.offers() == {"a": [OLD]}
    await world.changes(station={"missing_subprotocol": "ocpp1.6", "versions": NEW})
    assert await world.asks() == Refused(400, "Sec-WebSocket-Protocol is missing: known are ocpp2.0.1")


@ADMIT
async def test_a_version_by_another_name(admit: Literal["gateway", "backend"]) -> None:
    """A station's own name of a version stands for it: backends are offered the version, the station gets its name."""
    aliases = {"ocpp16": "ocpp1.6", "v201": "ocpp2.0.1"}
    world = World(one("a", copy=["b"]), admit=admit, aliases=aliases, a=BOTH, b=OLD)
    station = await world.comes("ocpp16", "ocpp1.6", "v201")
    assert station.subprotocol == "ocpp16"
    offered = ("ocpp1.6", "ocpp2.0.1") if admit == "backend" else OLD
    assert world.offers() == {"a": [offered], "b": [OLD]}


@pytest.mark.parametrize(("again", "dials"), [(OLD, [OLD]), (NEW, [OLD, NEW])])
async def test_a_newer_connection_in_another_version(again: tuple[str, ...], dials: list[tuple[str, ...]]) -> None:
    """Links go on under a new connection of the same version; in another they are dialled anew, in what that speaks."""
    world = World(one("a", copy=["b"]), a=BOTH, b=OLD)
    before = await world.comes(*OLD)
    station = await world.comes(*again)
    assert before.closed is not None
    assert world["a"].offers == dials
    station.sends(*HEARTBEAT)
    world["a"].gets(HEARTBEAT)
    assert [line.closed is None for line in world["b"].lines] == [again == OLD]


async def test_a_link_is_dialled_back_in_the_version_of_its_session() -> None:
    """What a backend takes besides is not offered when its link is lost: the station speaks one version by then."""
    world = World(one("a", copy=["b"]), admit="backend", a=BOTH, b=BOTH)
    world["a"].answers = "ocpp1.6"
    await world.comes(*BOTH)
    for name in "ab":
        world[name].lines[-1].hangs_up()
    await world.passes(5)
    assert world.offers() == {"a": [BOTH, OLD], "b": [OLD, OLD]}


async def test_what_is_put_into_another_version_on_its_way() -> None:
    """A backend takes what its carrier puts into its words, and nothing that it cannot."""
    soap = {"versions": ("ocpp1.5",), "endpoints": (Endpoint("http://b", carrier="soap", takes=OLD),)}
    world = World(one("a", copy=["b"]), a=soap, b=soap)
    await world.comes(*BOTH)
    assert world.offers() == {"a": [OLD], "b": [OLD]}
    refused = await world.asks("ocpp1.5")
    assert refused == Refused(400, "None of the sub-protocols offered is taken here: known are ocpp1.6")


async def test_a_station_of_another_carrier() -> None:
    """What a SOAP station says goes to whom it can be put into the words of: by SOAP, or in 1.6."""
    soap = Endpoint("http://b", carrier="soap", takes=OLD)
    both = {"versions": ("ocpp1.5", "ocpp2.0.1"), "endpoints": (Endpoint("ws://b"), soap)}
    world = World(one("a", copy=["b", "c"]), a=OLD, b=both, c=NEW)
    session = await world.posts()
    assert isinstance(session, Session)
    assert world.offers() == {"a": [OLD], "b": [OLD]}
    assert world.left_out() == [("c", "ocpp1.5")]
    await world.changes(a=("ocpp1.6", "ocpp2.0.1"))
    assert not session.ended
    await world.changes(station={"versions": ("ocpp1.6",)})
    assert session.ended, "it may not speak 1.5 any more"
    assert await world.posts() == Refused(400, "This station may not speak OCPP 1.5")
    await world.changes(one("c"))
    assert await world.posts() == Refused(400, "No backend takes what a station says in OCPP 1.5")
    await world.changes(one("a"), station={"missing_subprotocol": None})
    assert isinstance(await world.posts(), Session), "it offers no sub-protocols, for it needs none"


# What is owed of a session in another version.

START = [2, "1", "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "t"}]
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
EVENT = [2, "3", "TransactionEvent", {"eventType": "Updated", "transactionInfo": {"transactionId": "x"}}]


def stop(number: int) -> list[Any]:
    """Make the end of a transaction."""
    return [2, "2", "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "u"}]


async def owing(**more: Any) -> tuple[World, Line]:
    """Have a copy owed a transaction of 1.6, and its station come again in 2.0.1."""
    keeps = {"versions": OLD, "deliver": "always", **more}
    world = World(one("a", copy=["b"]), a=BOTH, b=keeps)
    world["b"].answers = Verdict(None, "refused")
    station = await world.comes(*OLD)
    station.sends(2, "0", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    world["a"].lines[-1].sends(3, "0", {"status": "Accepted", "interval": 60, "currentTime": "t"})
    station.sends(*START)
    world["a"].lines[-1].sends(3, "1", STARTED)
    number = station.take()[-1][2]["transactionId"]
    station.sends(*stop(number))
    world["a"].lines[-1].sends(3, "2", {})
    station.hangs_up()
    assert [record.action for record in world.store.of(OwedRecord)] == ["StartTransaction", "StopTransaction"]
    world["b"].answers, world["b"].offers = "", []
    return world, await world.comes(*NEW)


async def test_what_is_owed_of_an_earlier_version_is_delivered_in_it() -> None:
    """A copy gets what it is owed of a session in 1.6 on a link in 1.6, and nothing of what is said in 2.0.1."""
    world, station = await owing()
    station.sends(*EVENT)
    assert world["b"].offers == [OLD]
    link = world["b"].lines[-1]
    link.gets(START)
    link.sends(3, "1", {"transactionId": 41, "idTagInfo": {"status": "Accepted"}})
    await world.passes(0.3)
    link.gets(stop(41))
    link.sends(2, "c", "Reset", {"type": "Soft"})
    link.gets([4, "c", "NotSupported", "The station speaks another version now", {}])
    assert world.snapshot.backends["b"].commands_refused == {"Reset": 1}
    link.sends(3, "2", {})
    assert link.closed == (1000, "Nothing more is owed")
    assert world.store.of(OwedRecord) == []
    assert (world.session.roster.every, world.snapshot.backends["b"].given_up) == ([world.session.legs["a"]], 0)


@pytest.mark.parametrize("reading", ["at once", "late", "broken"])
async def test_what_is_owed_is_looked_at_before_a_version_is_chosen(reading: str) -> None:
    """A backend of both families that is left out gets what was said in 1.6 in 1.6, as soon as that can be read."""
    world, station = await owing(versions=("ocpp1.6", "ocpp2.1"))
    station.hangs_up()
    world["b"].lines[-1].sends(3, "1", STARTED)
    await world.passes(1)
    world.store.slow, world.store.broken, world["b"].offers = reading == "late", reading == "broken", []
    station = await world.comes(*NEW)
    if reading != "at once":
        await world.passes(2)
        assert world["b"].offers == []
    world.store.slow = world.store.broken = False
    world.store.writes()
    await world.passes(1)
    assert world["b"].offers == [OLD]
    world["b"].gets(stop(7))
    world["b"].lines[-1].sends(3, "2", {})
    assert ([each for each in world.events if isinstance(each, GivenUp)], world.store.of(OwedRecord)) == ([], [])
    assert station.closed is None


async def test_what_is_owed_waits_for_a_link() -> None:
    """A backend that is away is dialled back for what it is owed, and stands in the session's view meanwhile."""
    world, station = await owing()
    world["b"].lines[-1].hangs_up()
    await world.passes(1.2)
    assert world["b"].offers == [OLD, OLD]
    assert [leg.name for leg in world.session.roster.every] == ["a", "b"]
    world["b"].lines[-1].is_full()
    world["b"].lines[-1].has_drained()
    world["b"].lines[-1].sends(3, "1", STARTED)
    await world.passes(0.3)
    world["b"].gets(START, stop(7))
    station.hangs_up()
    assert world["b"].lines[-1].closed is None, "it is being asked to take a message"
    world["b"].lines[-1].sends(3, "2", {})
    await world.passes(1)
    assert world["b"].lines[-1].closed is not None
    assert world.store.of(OwedRecord) == []


async def test_what_a_backend_does_not_want_is_given_up() -> None:
    """What it says it will never take is given up, counted and reported, and so is the end that it has no number of."""
    world, _ = await owing()
    world["b"].lines[-1].sends(4, "1", "NotSupported", "", {})
    await world.passes(0.3)
    assert [each.action for each in world.events if isinstance(each, GivenUp)] == [
        "StartTransaction",
        "StopTransaction",
    ]
    assert world.snapshot.backends["b"].given_up == 2
    assert world["b"].lines[-1].closed is not None


async def test_what_nobody_takes_any_more_is_kept() -> None:
    """Where a backend takes the version neither of then nor of now it is not dialled; it is owed as long as may be."""
    world, station = await owing()
    link = world["b"].lines[-1]
    await world.changes(b={"versions": ("ocpp2.1",), "deliver": "always"})
    assert link.closed is None, "it is being asked to take a message"
    link.sends(3, "1", STARTED)
    await world.passes(0.5)
    assert link.closed is not None
    assert len(world["b"].offers) == 1
    assert [record.action for record in world.store.of(OwedRecord)] == ["StopTransaction"]
    await world.changes(b={"versions": OLD, "deliver": "always"})
    assert world["b"].offers == [OLD, OLD]
    world["b"].gets(stop(7))
    await world.changes(b={"versions": BOTH, "deliver": "always"})
    assert world["b"].offers == [OLD, OLD, NEW]
    assert station.closed is None


async def test_a_newcomer_is_not_pushed_out() -> None:
    """Nobody is dialled back while a newcomer is judged: it may be let in by the same backend."""
    world, _ = await owing()
    world.session.pause_dialling()
    world["b"].lines[-1].hangs_up()
    await world.passes(3)
    assert world["b"].offers == [OLD]
    world.session.resume_dialling()
    await _settle()
    assert world["b"].offers == [OLD, OLD]


async def test_a_boot_of_another_version_is_not_replayed() -> None:
    """A BootNotification of 1.6 that is on record is not told a backend that comes back in a session of 2.0.1."""
    world, _ = await owing()
    world["a"].gets()
    world["a"].lines[-1].hangs_up()
    await world.passes(2)
    assert world["a"].offers == [OLD, NEW, NEW]
    world["a"].gets()
