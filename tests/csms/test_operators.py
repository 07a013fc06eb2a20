"""What operators tell stations: which of them hears it, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.csms.job_ports import BEGAN
from tests.harness.waiting import until
from voltgate.csms.commands.limit import FIRST_ID
from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.table import parameters
from voltgate.csms.commands.target import Facts
from voltgate.csms.handling import Command
from voltgate.csms.jobs import Job
from voltgate.csms.operators import Known, Operators, Told
from voltgate.csms.uploads import Bounds, Folder, Tickets
from voltgate.ocpp.messages import Reply, Result
from voltgate.ocpp.silence import gone


class System:
    """Connected stations, by the version of each; notes what they are told, and lets tests answer."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions
        self.told: list[tuple[str, Command, float]] = []
        self.answers: list[asyncio.Future[Reply]] = []

    async def call(self, station: str, action: str, payload: dict[str, Any], patience: float) -> Reply:
        """Take note, and wait for the test."""
        self.told.append((station, Command(action, payload), patience))
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


def at(system: System, note: Callable[[Told], None] = lambda _: None, **facts: Any) -> Operators:
    """Return the operators of a system, at one time and with one patience."""

    async def look(station: str) -> Known | None:
        version = system.versions.get(station)
        return None if version is None else Known(version, Facts(**facts))

    return Operators(system.call, look, lambda: BEGAN, lambda: 30.0, note)


def reset(operators: Operators, station: str) -> Coroutine[Any, Any, Outcome]:
    """Have a station reset."""
    return operators.tell(station, "reset", parameters("reset", {}), "anna")


async def test_the_station_is_told_in_its_version() -> None:
    """The command is planned for what the station speaks, and its answer is the outcome."""
    system = System(a="ocpp1.6", b="ocpp2.1")
    operators = at(system, stack_level=8)
    wanted = parameters("limit", {"limit": 16, "evse": 1})
    telling = [asyncio.ensure_future(operators.tell(each, "limit", wanted, "anna")) for each in "ab"]
    await asyncio.sleep(0)
    assert [(who, said.action, patience) for who, said, patience in system.told] == [
        ("a", "SetChargingProfile", 30.0),
        ("b", "SetChargingProfile", 30.0),
    ]
    assert [said.payload.keys() for _, said, _ in system.told] == [
        {"connectorId", "csChargingProfiles"},
        {"evseId", "chargingProfile"},
    ]
    profile = system.told[0][1].payload["csChargingProfiles"]
    assert (profile["stackLevel"], profile["chargingSchedule"]["startSchedule"]) == (8, "1970-01-12T13:45:40.000Z")
    system.answers[0].set_result(Result("1", b'{"status":"Accepted"}'))
    system.answers[1].set_result(gone("No answer within 30 s", "7"))
    outcomes = await asyncio.gather(*telling)
    assert [(each.accepted, each.status) for each in outcomes] == [(True, "Accepted"), (None, "Unanswered")]


async def test_a_station_that_is_not_here() -> None:
    """It heard nothing: a job may try again."""
    outcome = await reset(at(System()), "a")
    assert outcome == Outcome(False, "NotSent", "The station is not connected", sent=False)


async def test_numbers_of_requests_differ() -> None:
    """Two reports of one station are told apart by their numbers, which are none of those of limits."""
    system = System(b="ocpp2.1")
    job = Job("1", "report", {}, BEGAN, BEGAN + 60)
    telling = [asyncio.ensure_future(at(system).tell_for("b", job)) for _ in range(3)]
    await asyncio.sleep(0)
    numbers = {said.payload["requestId"] for _, said, _ in system.told}
    assert len(numbers) == 3
    assert all(0 < number < FIRST_ID for number in numbers)
    for task in telling:
        task.cancel()


async def test_who_asked_for_what_is_noted() -> None:
    """Each message of a command is, with whoever wanted it and the answer; also when nobody waits for that any more."""
    system, notes = System(a="ocpp1.6"), list[Told]()
    telling = asyncio.ensure_future(reset(at(system, notes.append), "a"))
    await asyncio.sleep(0)
    answer = Result("1", b'{"status":"Rejected"}')
    system.answers[0].set_result(answer)
    assert (await telling).accepted is False
    assert notes == [Told("a", "anna", "reset", "Reset", answer)]


async def logs(system: System, tickets: Tickets | None) -> asyncio.Task[Outcome]:
    """Have a station upload its log to wherever files are taken; it has been told when this returns."""

    async def look(station: str) -> Known:
        return Known("ocpp2.0.1")

    operators = Operators(system.call, look, lambda: BEGAN, lambda: 30.0, tickets=tickets)
    telling = asyncio.ensure_future(operators.tell("a", "logs", parameters("logs", {}), "anna"))
    await until(lambda: telling.done() or system.answers, "the station is told, or nobody is")
    return telling


async def test_an_upload_to_the_management_system(tmp_path: Path) -> None:
    """The station is given an address of its own; the outcome names the upload, one that was refused leaves none."""
    folder = Folder(tmp_path, lambda: BEGAN, Bounds(tickets=1))
    tickets = Tickets(folder, "https://gateway.example/")
    for status, uploads in (("Rejected", 0), ("Accepted", 1)):
        system = System()
        telling = await logs(system, tickets)
        assert system.told[0][1].payload["log"]["remoteLocation"].startswith("https://gateway.example/uploads/")
        system.answers[0].set_result(Result("1", b'{"status":"%b"}' % status.encode()))
        outcome = await telling
        assert outcome.accepted is (status == "Accepted")
        named = [outcome.result["upload"]] if uploads else []
        assert [each.id for each in folder.uploads()] == named
    full = await (await logs(System(), tickets))
    assert (full.status, full.sent, full.info) == ("NotSent", False, "There are 1 uploads: remove some")


async def test_uploads_that_are_not_taken() -> None:
    """Nothing is sent, and the operator reads what to set."""
    outcome = await (await logs(System(), None))
    assert (outcome.status, outcome.sent, "csms.uploads" in outcome.info) == ("Unsupported", False, True)
