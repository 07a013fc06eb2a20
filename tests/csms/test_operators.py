"""What operators tell stations: which of them hears it, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.csms.job_ports import BEGAN
from voltgate.csms.commands.limit import FIRST_ID
from voltgate.csms.commands.outcome import Outcome, by_status, read
from voltgate.csms.commands.table import parameters
from voltgate.csms.commands.target import Facts
from voltgate.csms.desk import Command
from voltgate.csms.jobs import Job
from voltgate.csms.operators import AWAY, Known, Operators, Told, call_here
from voltgate.csms.ports import Peer
from voltgate.ocpp.messages import Call, Respond, Result
from voltgate.ocpp.silence import gone


@dataclass(slots=True)
class Station:
    """A connected station."""

    identity: str
    protocol: str

    def command(self, call: Call, respond: Respond) -> None:
        """Stations are called through the system."""
        raise NotImplementedError


@dataclass(slots=True)
class Here:
    """A system with some stations, that notes what they are told and lets tests answer."""

    peers: dict[str, Peer] = field(default_factory=dict)
    told: list[tuple[str, Command, float]] = field(default_factory=list)
    responds: list[Respond] = field(default_factory=list)

    def command(self, peer: Peer, command: Command, respond: Respond, patience: float) -> None:
        """Take note."""
        self.told.append((peer.identity, command, patience))
        self.responds.append(respond)


def at(system: Here, note: Callable[[Told], None] = lambda _: None, **facts: Any) -> Operators:
    """Return the operators of a system, at one time and with one patience."""

    async def look(station: str) -> Known | None:
        peer = system.peers.get(station)
        return None if peer is None else Known(peer.protocol, Facts(**facts))

    return Operators(partial(call_here, system), look, lambda: BEGAN, lambda: 30.0, note)


def reset(operators: Operators, station: str) -> Coroutine[Any, Any, Outcome]:
    """Have a station reset."""
    return operators.tell(station, "reset", parameters("reset", {}), "anna")


async def test_the_station_is_told_in_its_version() -> None:
    """The command is planned for what the station speaks, and its answer is the outcome."""
    system = Here({"a": Station("A", "ocpp1.6"), "b": Station("B", "ocpp2.1")})
    operators = at(system, stack_level=8)
    wanted = parameters("limit", {"limit": 16, "evse": 1})
    telling = [asyncio.ensure_future(operators.tell(each, "limit", wanted, "anna")) for each in "ab"]
    await asyncio.sleep(0)
    assert [(who, said.action, patience) for who, said, patience in system.told] == [
        ("A", "SetChargingProfile", 30.0),
        ("B", "SetChargingProfile", 30.0),
    ]
    assert [said.payload.keys() for _, said, _ in system.told] == [
        {"connectorId", "csChargingProfiles"},
        {"evseId", "chargingProfile"},
    ]
    profile = system.told[0][1].payload["csChargingProfiles"]
    assert (profile["stackLevel"], profile["chargingSchedule"]["startSchedule"]) == (8, "1970-01-12T13:45:40.000Z")
    system.responds[0](Result("1", b'{"status":"Accepted"}'))
    system.responds[1](gone("No answer within 30 s", "7"))
    outcomes = await asyncio.gather(*telling)
    assert [(each.accepted, each.status) for each in outcomes] == [(True, "Accepted"), (None, "Unanswered")]


async def test_a_station_that_is_not_here() -> None:
    """It heard nothing: a job may try again."""
    outcome = await reset(at(Here()), "a")
    assert outcome == Outcome(False, "NotSent", "The station is not connected", sent=False)


async def test_numbers_of_requests_differ() -> None:
    """Two reports of one station are told apart by their numbers, which are none of those of limits."""
    system = Here({"b": Station("B", "ocpp2.1")})
    job = Job("1", "report", {}, BEGAN, BEGAN + 60)
    telling = [asyncio.ensure_future(at(system).tell_for("b", job)) for _ in range(3)]
    await asyncio.sleep(0)
    numbers = {said.payload["requestId"] for _, said, _ in system.told}
    assert len(numbers) == 3
    assert all(0 < number < FIRST_ID for number in numbers)
    for task in telling:
        task.cancel()


async def test_an_answer_after_the_operator_has_gone() -> None:
    """It finds nobody, and harms nobody."""
    system = Here({"b": Station("B", "ocpp2.1")})
    telling = asyncio.ensure_future(reset(at(system), "b"))
    await asyncio.sleep(0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    system.responds[0](Result("1", b'{"status":"Accepted"}'))


async def test_a_station_that_goes_before_it_is_told() -> None:
    """It heard nothing either: a job may try again."""
    outcome = read(await call_here(Here(), "a", "Reset", {}, 1.0), by_status)
    assert outcome == Outcome(False, "NotSent", AWAY, sent=False)


async def test_who_asked_for_what_is_noted() -> None:
    """Each message of a command is, with whoever wanted it and the answer; also when nobody waits for that any more."""
    system, notes = Here({"a": Station("A", "ocpp1.6")}), list[Told]()
    telling = asyncio.ensure_future(reset(at(system, notes.append), "a"))
    await asyncio.sleep(0)
    answer = Result("1", b'{"status":"Rejected"}')
    system.responds[0](answer)
    assert (await telling).accepted is False
    assert notes == [Told("a", "anna", "reset", "Reset", answer)]
