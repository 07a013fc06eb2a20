"""Commands that wait for their turn at the station, and signed ones whose numbers cannot be changed."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.relay.policies.test_commands import asks
from tests.relay.policies.test_transactions_16 import split, starts
from tests.relay.stage import Stage, one
from voltgate.relay.events import CommandRefused
from voltgate.relay.permit import Permit
from voltgate.relay.records import AuditRecord

STOP = {"permit": Permit("own", ("*",), limit=True)}


def test_a_command_is_looked_at_again_when_its_turn_comes() -> None:
    """A reset that waited is refused when it would by now end somebody else's transaction."""
    stage = split(backends={"a": STOP, "b": STOP})
    stage["a"].sends(2, "g", "GetLocalListVersion", {})
    stage.station.gets([2, "g", "GetLocalListVersion", {}])
    stage["a"].sends(2, "r", "Reset", {"type": "Hard"})
    starts(stage, "b", 5)
    stage["a"].line.take()
    stage.station.sends(3, "g", {"listVersion": 0})
    stage.station.gets()
    stage["a"].gets([3, "g", {"listVersion": 0}], [3, "r", {"status": "Rejected"}])
    (refused,) = stage.happened(CommandRefused)
    assert (refused.backend, refused.action) == ("a", "Reset")
    assert stage["a"].backend.commands_refused == {"Reset": 1}
    assert [line.outcome for line in stage.store.of(AuditRecord) if line.action == "Reset"] == ["refused"]


def test_a_command_that_waited_and_may_still_pass() -> None:
    """A reset that waited is sent when nothing of another backend runs meanwhile."""
    stage = split(backends={"a": STOP, "b": STOP})
    stage["a"].sends(2, "g", "GetLocalListVersion", {})
    stage["a"].sends(2, "r", "Reset", {"type": "Hard"})
    stage.station.take()
    stage.station.sends(3, "g", {"listVersion": 0})
    stage.station.gets([2, "r", "Reset", {"type": "Hard"}])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].gets([3, "g", {"listVersion": 0}], [3, "r", {"status": "Accepted"}])


def test_a_signed_stop_of_the_only_backend() -> None:
    """What is signed passes with the station's own number; where that is another one, it cannot be changed."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait"}})
    stage.up("a")
    starts(stage, "a", 5)

    def signed(number: int) -> dict[str, Any]:
        inside = json.dumps({"transactionId": number}).encode()
        return {"payload": base64.urlsafe_b64encode(inside).decode(), "signature": "x"}

    action = "RemoteStopTransaction-Signed"
    assert asks(stage, "a", action, signed(5)) == [action, signed(5)]
    stage.session.ledger.find("5").numbers["a"] = 6  # type: ignore[union-attr]
    assert asks(stage, "a", action, signed(6)) == {"status": "Rejected"}
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": 6})[1] == {"transactionId": 5}


def test_a_command_is_looked_at_again_when_it_has_waited_for_the_disk() -> None:
    """A profile that was being written down while another backend's session began there is not sent any more."""
    stage = split(backends={"a": STOP, "b": {"permit": Permit("own", ("*",))}})
    starts(stage, "b", 5)
    stage.session.ledger.end(next(iter(stage.session.ledger.running.values())))
    tx = stage.session.ledger.begin("b", ())
    tx.connector, tx.id = 1, "77"
    stage["b"].line.take()
    stage.store.slow = True
    profile = {"chargingProfileId": 9, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    stage["b"].sends(2, "p", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    stage.station.gets()
    tx.owner = "a"
    stage.store.writes()
    stage.station.gets()
    stage["b"].gets([3, "p", {"status": "Rejected"}])
    (refused,) = stage.happened(CommandRefused)
    assert (refused.backend, refused.action) == ("b", "SetChargingProfile")
