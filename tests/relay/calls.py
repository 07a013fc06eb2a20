"""Calls that the tests of a session play again and again, and the settings of a backend that is waited for."""

from __future__ import annotations

from tests.relay.stage import Stage

BEAT = (2, "1", "Heartbeat", {})
START = (2, "s", "StartTransaction", {"idTag": "04EM"})
BOOT = (2, "b", "BootNotification", {"chargePointVendor": "v"})
RESET = (2, "r", "Reset", {"type": "Soft"})
AWAY = {"when_down": "wait", "wait": 10.0}


def boots(stage: Stage, status: str = "Accepted", by: str = "a") -> None:
    """Play a BootNotification that is answered."""
    stage.station.sends(*BOOT)
    stage[by].gets([*BOOT])
    answer = {"currentTime": "2027-01-15T08:00:00Z", "interval": 300, "status": status}
    stage[by].sends(3, "b", answer)
    stage.station.gets([3, "b", answer])
