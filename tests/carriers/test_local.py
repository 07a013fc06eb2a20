"""The carrier of backends in this process: connections end when nobody can be answered, and that is said once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from voltgate.carriers.local import LocalCarrier, LocalPeer
from voltgate.ocpp.messages import FOREVER, Call, Handler, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.carrier import DialContext, Verdict
from voltgate.relay.events import CarrierDown, CarrierUp


@dataclass
class System:
    """What answers: every call by its own payload, but those that it cannot keep."""

    away: str = ""
    peers: list[LocalPeer] = field(default_factory=list)

    def serve(self, peer: LocalPeer) -> Handler:
        self.peers.append(peer)
        return self.answer

    def left(self, peer: LocalPeer) -> None:
        self.peers.remove(peer)

    def answer(self, call: Call, respond: Respond) -> None:
        if call.action == "StopTransaction":
            respond(Unanswered(Reason.GONE, "it cannot be kept"))
        else:
            respond(Result(call.id, call.payload))


@dataclass
class Leg:
    """The gateway's end of a connection."""

    heard: list[Any] = field(default_factory=list)
    lost_as: list[tuple[int, str]] = field(default_factory=list)

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        self.heard.append(json.loads(text))

    def lost(self, code: int, reason: str) -> None:
        self.lost_as.append((code, reason))

    def writable(self, yes: bool) -> None:
        raise AssertionError("so little is written here")


class Scene:
    """A carrier with what answers behind it, and what was said of that."""

    def __init__(self) -> None:
        self.system = System()
        self.events: list[object] = []
        self.carrier = LocalCarrier(Wheel(0.0), lambda: 1.0, self.events.append)
        self.carrier.answering = self.system

    async def dial(self, identity: str = "CP-1") -> Any:
        """Dial for a station."""
        backend, endpoint = Backend(BackendSettings("csms")), Endpoint("local:", carrier="local")
        return await self.carrier.dial(backend, endpoint, DialContext(identity), ("ocpp1.6",), answering=True)

    async def leg(self, identity: str = "CP-1") -> tuple[Any, Leg]:
        """Dial for a station, and start the wire."""
        wire, leg = await self.dial(identity), Leg()
        wire.start(leg)
        return wire, leg


async def rest() -> None:
    """Let everything that is due be done."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_calls_both_ways(scene: Scene) -> None:
    wire, leg = await scene.leg()
    (peer,) = scene.system.peers
    assert (peer.identity, peer.protocol, wire.subprotocol) == ("CP-1", "ocpp1.6", "ocpp1.6")
    wire.send(b'[2,"a","Heartbeat",{}]')
    await rest()
    assert leg.heard == [[3, "a", {}]]
    replies: list[Reply] = []
    reset = Call("b", "Reset", b'{"type":"Soft"}')
    reset.at, reset.deadline = 1.0, 31.0
    peer.command(reset, replies.append)
    await rest()
    assert leg.heard[1] == [2, "b", "Reset", {"type": "Soft"}]
    wire.send(b'[3,"b",{"status":"Accepted"}]')
    await rest()
    assert isinstance(replies[0], Result)
    wire.close(1000, "gone")
    await rest()
    assert scene.system.peers == []
    peer.command(reset, replies.append)
    assert isinstance(replies[1], Unanswered)


async def test_what_cannot_be_kept_ends_the_connection(scene: Scene) -> None:
    """The gateway decides then what becomes of the call, as with any backend that is lost."""
    wire, leg = await scene.leg()
    wire.send(b'[2,"a","StopTransaction",{}]')
    await rest()
    assert (leg.heard, leg.lost_as) == ([], [(1006, "it cannot be kept")])


async def test_it_is_said_once_that_nobody_can_be_answered(scene: Scene) -> None:
    legs = [(await scene.leg(f"CP-{number}"))[1] for number in range(3)]
    assert scene.events == [CarrierUp("csms", first=True)]
    scene.system.away = "the database is away"
    scene.carrier.look()
    await rest()
    assert [leg.lost_as for leg in legs] == [[(1006, "the database is away")]] * 3
    assert await scene.dial() == Verdict(None, "the database is away", shared=True)
    scene.system.away = ""
    wire, _ = await scene.leg()
    assert wire.shared  # so that no leg says by itself what the carrier has said for all
    assert scene.events[1:] == [CarrierDown("csms", "the database is away", None), CarrierUp("csms", first=False)]
    assert len(scene.system.peers) == 1


async def test_nobody_is_there_yet(scene: Scene) -> None:
    scene.carrier.answering = None
    assert await scene.dial() == Verdict(None, "it has not begun", shared=True)
    assert scene.events == [CarrierDown("csms", "it has not begun", None)]
