"""A backend that attacks: what it sends on its own socket, and what of that reaches the station."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.harness import Link, Message, ScriptedStation, Stage
from tests.harness.messages import RESULT
from tests.harness.waiting import until

CARD = "04EM0001"
"""The token that the rules give to the victim; every other is the attacker's."""
RULES = [{"tokens": [CARD], "answer": "victim", "copy": ["attacker"]}, {"answer": "attacker", "copy": ["victim"]}]


@dataclass(slots=True)
class Attack:
    """A station with the transaction of one backend, and another backend that answers its boots and attacks."""

    stage: Stage
    station: ScriptedStation
    attacker: Link
    victim: Link
    number: int = 0
    """The number of the victim's transaction at the station (1.6)."""
    _ids: count[int] = field(default_factory=count)

    async def sends(self, action: str, payload: str | bytes) -> Message | None:
        """Have the attacker call with this payload; return what reached the station, None if it was refused."""
        return await self.frame(b"%b,%b" % (json.dumps(action).encode(), _bytes(payload)))

    async def frame(self, rest: bytes, tail: bytes = b"]") -> Message | None:
        """Have the attacker send what follows an id of its own; return what reached the station, None if nothing."""
        message_id = f"a{next(self._ids)}"
        self.attacker.send(b'[2,"%b",%b%b' % (message_id.encode(), rest, tail))
        await until(lambda: self._answered(message_id) or self.station.unread, f"the fate of {rest[:200]!r}")
        if not self.station.unread:
            self.attacker._inbox.clear()
            return None
        call = await self.station.next()
        await self.station.answer(call, {"status": "Accepted"})
        await self.attacker.expect_answer(message_id)
        return call

    def _answered(self, message_id: str) -> bool:
        return any(each.kind != 2 and each.parts[1] == message_id for each in self.attacker.unread)

    async def refused(self, action: str, payload: str | bytes) -> None:
        """See that a call does not reach the station."""
        reached = await self.sends(action, payload)
        assert reached is None, f"reached the station: {reached.text if reached else ''}"

    async def reads(self, call: str, payload: Any, answer: Any, *, backend: Link | None = None) -> Any:
        """Have a backend (the attacker) ask what the station answers; return what it reads."""
        asker = backend or self.attacker
        asked = await asker.ask(call, payload)
        await self.station.answer(await self.station.expect(call), answer)
        return (await asker.expect_result(asked)).payload


async def attacks(
    stage: Stage, version: str = "ocpp1.6", permit: str = "charge", *, charging: bool = True, **more: Any
) -> Attack:
    """Play a station that charges for `victim`, on connector 1; the attacker has a permit."""
    await stage.backend("attacker")
    await stage.backend("victim")
    backends = {"attacker": {"permit": permit}, "victim": {"permit": "charge"}}
    await stage.gateway(**({"backends": backends, "routes": {"main": {"admit": "gateway", "rules": RULES}}} | more))
    station, attacker, victim = await stage.heard("CP1", version)
    attack = Attack(stage, station, attacker, victim)
    if charging:
        await _charge(attack, version)
    return attack


async def _charge(attack: Attack, version: str) -> None:
    station, victim, attacker = attack.station, attack.victim, attack.attacker
    if version == "ocpp1.6":
        start = {"connectorId": 1, "idTag": CARD, "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
        asked = await station.ask("StartTransaction", start)
        for link, number in ((victim, 5), (attacker, 9)):
            reply = {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
            await link.answer(await link.expect("StartTransaction"), reply)
        attack.number = int((await station.expect_result(asked)).payload["transactionId"])
        return
    event = {
        "eventType": "Started",
        "seqNo": 0,
        "timestamp": "2026-01-01T10:00:00Z",
        "triggerReason": "Authorized",
        "transactionInfo": {"transactionId": "T1"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": CARD, "type": "ISO14443"},
    }
    asked = await station.ask("TransactionEvent", event)
    for link in (victim, attacker):
        await link.answer(await link.expect("TransactionEvent"))
    await station.expect_result(asked)


def is_result(message: Message) -> bool:
    """Whether a message is a CALLRESULT."""
    return message.kind == RESULT


def _bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload
