"""Logs as JSON: what a line looks like to the program that reads it."""

from __future__ import annotations

import json
import subprocess
import sys

_LINES = """
from pathlib import Path
import structlog
from voltgate.telemetry import logs
logs.configure("info", "json")
log = structlog.get_logger("voltgate")
log.debug("too small to tell")
log.info("listening", file=Path("/etc/voltgate.toml"), station="Säule 1", seconds=float("nan"))
log.error("a fault", reason=ValueError("it broke"), stations=["A", "B"])
"""


def test_a_line_is_one_object_of_json() -> None:
    """Whatever an event carries, its line is JSON: what JSON has no form for is written as text."""
    done = subprocess.run([sys.executable, "-c", _LINES], capture_output=True, check=True)
    first, second = map(json.loads, done.stderr.decode().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "listening",
        "level": "info",
        "file": "/etc/voltgate.toml",
        "station": "Säule 1",
        "seconds": None,
    }
    assert (second["reason"], second["stations"]) == ("it broke", ["A", "B"])
