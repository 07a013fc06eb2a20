"""What operators tell stations: a command to one that is connected here, by an API call or a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from secrets import randbelow
from typing import Any, Protocol

from voltgate.csms.commands.limit import FIRST_ID
from voltgate.csms.commands.outcome import NOT_SENT, Outcome
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.commands.table import parameters, perform
from voltgate.csms.commands.target import Facts, Target
from voltgate.csms.desk import Command
from voltgate.csms.jobs import Job
from voltgate.csms.ports import Peer
from voltgate.ocpp.messages import Reply, Respond

_UNTOLD = Facts()
"""What is known of a station that has told nothing of its limits."""


class System(Protocol):
    """The stations that are connected here. `service.ManagementSystem` is one."""

    @property
    def peers(self) -> Mapping[str, Peer]:
        """The connection of each station that is here, by its key."""

    def command(self, peer: Peer, command: Command, respond: Respond, patience: float) -> None:
        """Call a station; `respond` hears its answer, or why there is none within `patience` seconds."""


class Operators:
    """Tells stations what operators want. `facts` says what is known of the limits of a station, by its key."""

    def __init__(
        self,
        system: System,
        wall: Callable[[], float],
        patience: Callable[[], float],
        facts: Callable[[str], Facts] = lambda _: _UNTOLD,
    ) -> None:
        self._system = system
        self._wall = wall
        self._patience = patience
        self._facts = facts

    async def tell(self, station: str, wanted: Parameters) -> Outcome:
        """Carry out a command at a station, by its key; each message of it has the same patience."""
        peer = self._system.peers.get(station)
        if peer is None:
            return Outcome(False, NOT_SENT, "The station is not connected", sent=False)
        now = datetime.fromtimestamp(self._wall(), UTC)
        target = Target(peer.protocol, 1 + randbelow(FIRST_ID - 1), now, facts=self._facts(station))

        async def ask(action: str, payload: dict[str, Any]) -> Reply:
            return await self._ask(peer, Command(action, payload))

        return await perform(ask, target, wanted)

    async def tell_for(self, station: str, job: Job) -> Outcome:
        """Carry out a job's command at one of its stations."""
        return await self.tell(station, parameters(job.command, job.fields))

    async def _ask(self, peer: Peer, command: Command) -> Reply:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def respond(reply: Reply) -> None:
            if not answered.done():  # whoever asked may have gone
                answered.set_result(reply)

        self._system.command(peer, command, respond, self._patience())
        return await answered
