"""The table: every rule of these areas is tested here, or it stands below with the reason why not yet."""

from __future__ import annotations

import json
import re
from pathlib import Path

HERE = Path(__file__).parent

AREAS = {"handshake", "framing", "liveness", "routing", "registration", "security", "soap", "data"}

DEFERRED = {
    "DT-02": "there is no record of sessions with times of their own yet: the gateway passes on what it is told",
    "LV-03": "concerns the station: tests/simulator/test_commands.py and test_fleet.py hold the simulated one to it",
    "LV-04": "a hint of the management pages, which do not exist yet",
    "LV-08": "the simulated station does not change its network profile",
    "SC-01": "the profile of a station is no setting: who wants TLS has no plain listener (Basic: SC-02)",
    "SC-05": "lengths are not judged: shorter ones are in the field, and the version is not known before",
    "SC-07": "nobody changes a station's password through Voltgate yet: a CSMS of our own will; SC-16 has it refused",
    "SC-11": "stations prove themselves by password only: client certificates are no setting of a listener yet",
    "SC-12": "there are no client certificates yet (SC-11), so none that have expired",
    "SC-13": "profiles are not recorded (SC-01): who shares a station cannot change its profile (SC-16)",
    "RG-07": "the answer to a BootNotification is the answering backend's own; intervals are not merged yet",
}
"""Rules without a test of their own, with the reason."""


def _rules() -> set[str]:
    rows = json.loads((HERE / "rules.json").read_text())
    return {row["id"] for row in rows if row["area"] in AREAS}


def _tested() -> set[str]:
    names = (
        name
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    )
    found = (re.match(r"test_([a-z]{2})_(\d\d)_", name) for name in names)
    return {f"{rule[1].upper()}-{rule[2]}" for rule in found if rule}


def test_every_rule_is_tested_or_deferred_with_a_reason() -> None:
    """No rule of the wire is forgotten, and none is called deferred that has its test."""
    rules, tested = _rules(), _tested()
    assert len(rules) == 146
    assert rules - tested - set(DEFERRED) == set(), "neither tested nor deferred"
    assert tested & set(DEFERRED) == set(), "tested: no longer deferred"
    assert (tested | set(DEFERRED)) - rules == set(), "no such rule"
    assert all(DEFERRED.values())
