"""The management system: answers the calls of stations, and calls stations, whatever brings the messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from voltgate.csms.handlers.billing import costs_so_far
from voltgate.csms.handlers.connection import current_time
from voltgate.csms.handlers.presence import CAME, WENT
from voltgate.csms.handlers.tables import entry_of
from voltgate.csms.handling import Command
from voltgate.csms.model import Row
from voltgate.csms.ports import Elsewhere, Found, Needs, Peer, Store, StoreAway
from voltgate.csms.registered import Registered
from voltgate.csms.rounds import MOST, Rounds
from voltgate.csms.said import Said, fields_of
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.signing import Asked, Signer
from voltgate.csms.table import Entry
from voltgate.ocpp.actions import BOOT, plain_action
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.messages import Call, Error, Handler, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.silence import gone, timed_out
from voltgate.ocpp.wheel import Wheel

GRACE = 5.0
"""Seconds beyond a call's own deadline after which whoever waits for it gives up."""
_AGAIN = 5.0
"""Seconds after which what could not be written down is tried again."""
_TELLING = 1000
"""Stations that are told at a time what they have charged for so far."""

log = structlog.get_logger("voltgate.csms")


@dataclass(slots=True)
class Counts:
    """What the management system has done."""

    unknown: int = 0
    """Calls of actions that stations of the version do not have."""
    commands: int = 0
    """Calls made to stations."""
    failed: int = 0
    """Calls to stations that they did not take, or that got no answer."""


class ManagementSystem:
    """Serves peers. `fold` gives the key of an identity, `holder` names this process.

    `clock` is that of the wheel, `wall` gives seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        settings: CsmsSettings,
        wheel: Wheel,
        clock: Callable[[], float],
        wall: Callable[[], float],
        fold: Callable[[str], str],
        holder: str,
    ) -> None:
        self.counts = Counts()
        self.rounds = Rounds(store, settings)
        self.peers: dict[str, Peer] = {}
        """The connection of each station that this process holds, by its key."""
        self.signer = Signer(store, fold, wall)
        self.elsewhere: Elsewhere | None = None
        """What calls the others; None: there are none."""
        self._store = store
        self._wheel = wheel
        self._clock = clock
        self._wall = wall
        self._fold = fold
        self._holder = holder
        self._seen: dict[str, float] = {}
        self._telling = asyncio.Semaphore(_TELLING)
        self._registered: dict[str, Registered] = {}
        """Of each station that this process holds, by its key; what gateways hold they look after themselves."""

    @property
    def settings(self) -> CsmsSettings:
        """What it goes by."""
        return self.rounds.settings

    def follow(self, settings: CsmsSettings) -> None:
        """Go by other settings from now on."""
        self.rounds.settings = settings

    @property
    def away(self) -> str:
        """Why nobody can be answered now; "" if everybody can."""
        return self._store.away

    # Stations.

    def serve(self, peer: Peer) -> Handler:
        """Return what answers a station's calls: it is connected from now on."""
        key = self._fold(peer.identity)
        if not peer.holder:
            self.peers[key] = peer
            self._registered[key] = Registered()
        self._note(key, peer, CAME)
        return partial(self._take, key, peer)

    def left(self, peer: Peer) -> None:
        """Take note that a station's connection has ended; it may be one that was never served here."""
        key = self._fold(peer.identity)
        if peer.holder:
            self._note(key, peer, WENT)
        elif self.peers.get(key) is peer:
            del self.peers[key]
            del self._registered[key]
            self._note(key, peer, WENT)

    def _note(self, key: str, peer: Peer, entry: Entry) -> None:
        now = self._wall()
        sent = peer.said_at or now
        said = Said(key, peer.identity, peer.protocol, "", "", {}, now, holder=self._holder_of(peer), sent=sent)
        self._write_down(said, peer, entry, peer.hold())

    def _write_down(self, said: Said, peer: Peer, entry: Entry, kept: Callable[[], None]) -> None:
        self.rounds.answer(said, entry, partial(self._noted, said, peer, entry, kept))

    def _holder_of(self, peer: Peer) -> str:
        return peer.holder or self._holder

    def _noted(
        self,
        said: Said,
        peer: Peer,
        entry: Entry,
        kept: Callable[[], None],
        reply: Reply | None,
        commands: list[Command],
    ) -> None:
        """Note it again later if the database was away: by its time, it is in order then."""
        if reply is None:
            self._wheel.at(self._clock() + _AGAIN, lambda now: self._write_down(said, peer, entry, kept))
            return
        kept()
        if entry is CAME and self.peers.get(said.station) is peer:
            self._registered[said.station].told(reply)

    async def record(self, key: str, entry: Entry) -> None:
        """Have a round write down something about a station, by its key. Raise StoreAway if it did not."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def answered(reply: Reply | None, commands: list[Command]) -> None:
            if not done.done():
                done.set_result(isinstance(reply, Result))

        self.rounds.answer(Said(key, key, "", "", "", {}, self._wall()), entry, answered)
        if not await done:
            raise StoreAway("the management system cannot keep this now")

    async def write_seen(self) -> None:
        """Write down which stations were heard since the last time. Raise StoreAway.

        One that is heard here, and is taken for gone, is connected after all: others may have thought us dead.
        """
        seen, self._seen = self._seen, {}
        try:
            gone = await self._store.seen(seen)
        except StoreAway:
            self._seen = seen | self._seen
            raise
        for key in gone:
            if key in self.peers:
                self._note(key, self.peers[key], CAME)

    async def tell_costs(self, peers: Mapping[str, Peer]) -> None:
        """Tell those of some stations that speak 2.x what they have charged for so far, if that is set.

        `peers` are the stations by key; some are asked at a time. Raise StoreAway.
        """
        modern = sorted(key for key, peer in peers.items() if self.settings.tell_costs and is_modern(peer.protocol))
        for few in (modern[at : at + MOST] for at in range(0, len(modern), MOST)):
            told: list[tuple[str, Command]] = []

            def look(found: Found, told: list[tuple[str, Command]] = told) -> Iterable[Row]:
                told[:] = costs_so_far(found, self._wall())
                return ()

            await self._store.round(Needs(there=set(few), running=set(few)), look)
            for key, command in told:
                await self._telling.acquire()
                peer = peers.get(key)
                if peer is None:  # it has gone meanwhile
                    self._telling.release()
                else:
                    self._tell(peer, command, self._telling.release)

    # Their calls.

    def _take(self, key: str, peer: Peer, call: Call, respond: Respond) -> None:
        version, action, now = peer.protocol, plain_action(call.action), self._wall()
        self._seen[key] = now
        entry = entry_of(version, action)
        if entry is None:
            self.counts.unknown += 1
            respond(Error(call.id, "NotImplemented", f"No station of {version} calls {action[:100]}"))
            return
        fields, registered = fields_of(call), self._registered.get(key)
        if action == "Heartbeat" and not fields and registered and registered.is_accepted and not self.away:
            self.rounds.counts.calls += 1
            respond(Result(call.id, msgspec.json.encode(current_time(now))))
            return
        requested = registered.was_asked(action) if registered else bool(peer.holder)
        holder, sent = self._holder_of(peer), peer.said_at or now
        said = Said(key, peer.identity, version, action, call.id, fields, now, requested, holder, sent, call.size)
        self.rounds.answer(said, entry, partial(self._answered, said, peer, respond))

    def _answered(self, said: Said, peer: Peer, respond: Respond, reply: Reply | None, commands: list[Command]) -> None:
        if said.action == BOOT and self.peers.get(said.station) is peer:
            self._registered[said.station].told(reply)
        respond(reply or Unanswered(Reason.GONE, "The management system cannot keep this now"))
        for command in commands:
            self._tell(peer, command)
        if said.action == "SignCertificate" and isinstance(reply, Result):
            self.signer.ask(Asked(said, partial(self._tell, peer)))

    # Calls to them.

    def _tell(self, peer: Peer, command: Command, answered: Callable[[], None] = lambda: None) -> None:
        """Make a station a call of which nobody needs to know what it answers, but for when it has."""

        def respond(reply: Reply) -> None:
            answered()
            if not isinstance(reply, Result):
                self.counts.failed += 1
                log.warning(
                    "a station did not take a call", station=peer.identity, action=command.action, why=repr(reply)
                )

        self.command(peer, command, respond, self.settings.patience)

    def command(self, peer: Peer, command: Command, respond: Respond, patience: float) -> None:
        """Call a station; `respond` hears its answer, or why there is none within `patience` seconds.

        A station is not called with what it must not be asked while it is not accepted.
        """
        self._send(self._fold(peer.identity), peer, self._made(command, patience), respond)

    def _made(self, command: Command, patience: float) -> Call:
        self.counts.commands += 1
        call = Call(str(uuid4()), command.action, msgspec.json.encode(command.payload))
        call.at = self._clock()
        call.deadline = call.at + patience
        return call

    def _send(self, key: str, peer: Peer, call: Call, respond: Respond) -> None:
        registered = self._registered.get(key)
        refusal = None if registered is None else registered.refusal(call)
        if refusal is None:
            peer.command(call, respond)
        else:
            respond(refusal)

    async def call(self, key: str, action: str, payload: dict[str, Any], patience: float) -> Reply:
        """Call a station, by its key, wherever it is connected; return its answer.

        Unanswered: there is none within `patience` seconds. With an `id` the call was sent, and the station may have
        done what it says; without one it was not, as to a station that is not connected.
        """
        call = self._made(Command(action, payload), patience)
        if key in self.peers or self.elsewhere is None:
            reply = await self.call_within(key, call, patience)
        else:
            reply = await self.elsewhere.call(key, call, patience)
        self.counts.failed += not isinstance(reply, Result)
        return reply

    async def call_within(self, key: str, call: Call, patience: float) -> Reply:
        """Make a call to a station whose connection this process holds; return its answer, as `call` does."""
        peer = self.peers.get(key)
        if peer is None:
            return gone("The station is not connected")
        call.at = self._clock()
        call.deadline = call.at + patience
        return await answered(partial(self._send, key, peer), call, patience)


async def answered(command: Handler, call: Call, patience: float) -> Reply:
    """Make a call, and return what comes of it, `GRACE` seconds after its deadline at last: the wheel stands still."""
    answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def respond(reply: Reply) -> None:
        if not answer.done():
            answer.set_result(reply)

    command(call, respond)
    try:
        async with asyncio.timeout(max(patience, 0.0) + GRACE):
            return await answer
    except TimeoutError:
        return timed_out(call, call.id, call.deadline)
