"""Logs as JSON and as text: what a line looks like to whoever reads it, and what does not get into it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

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

_OTHERS = """
import asyncio, logging, sys, threading, uvloop, warnings
from voltgate.telemetry import logs
logs.configure("info", sys.argv[1])
logs.catch_faults()

def fails(password):
    here = "s3cret " + password
    raise ValueError("it broke")

class Fails:
    def __del__(self):
        fails("s3cret")
    def __str__(self):
        fails("s3cret")

logging.getLogger("uvicorn").info("not said")
logging.getLogger("uvicorn").warning("a %s request", "bad")
logging.getLogger("uvicorn").warning("a %d request", "bad")
logging.getLogger("uvicorn").log(35, "an odd level")
logs.log.info("not to be shown", what=Fails())
warnings.warn("deprecated")
thread = threading.Thread(target=fails, args=["s3cret"])
thread.start()
thread.join()
async def main():
    asyncio.get_running_loop().call_soon(fails, "s3cret")
    await asyncio.sleep(0)
uvloop.run(main())
sys.stdout.write("stays as it is")
fails("s3cret")
"""

_RELOADED = """
import threading
from voltgate.telemetry import logs
logs.configure("info", "json")
logs.log.info("one")
logs.configure("error", "human")
logs.log.info("not said")
logs.log.error("two")
logs.configure("info", "json")
logs.log.info("three", threads=[thread.daemon for thread in threading.enumerate()])
"""


_ENDS = """
from voltgate.relay.certificate_events import CertificateExpiring
from voltgate.telemetry import logs
logs.configure("info", "json")
lines = logs.Lines(None, None)
for days in (0.5, 0.0, -660.5):
    lines.write(CertificateExpiring("cert.pem", "2025-02-01", days, 1))
"""


def _logged(script: str, *arguments: str, code: int = 0) -> list[str]:
    """Run a script; return the lines that it logged."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False, capture_output=True)
    assert done.returncode == code
    return done.stderr.decode().splitlines()


def test_a_line_is_one_object_of_json() -> None:
    """Whatever an event carries, its line is JSON: what JSON has no form for is written as text."""
    first, second = map(json.loads, _logged(_LINES))
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "listening",
        "level": "info",
        "file": "/etc/voltgate.toml",
        "station": "Säule 1",
        "seconds": None,
    }
    assert (second["reason"], second["stations"]) == ("it broke", ["A", "B"])


def test_a_certificate_that_has_ended() -> None:
    """The line says that it has, no longer that it is about to."""
    lines = [json.loads(line)["event"] for line in _logged(_ENDS)]
    assert lines == ["certificate is about to expire", "certificate has ended", "certificate has ended"]


_UNCAUGHT = ("critical", "a fault of Voltgate: nobody caught an exception")


def test_what_others_log_is_a_line_as_well() -> None:
    """What libraries log, warnings and exceptions that nobody catches are lines like any other."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in _logged(_OTHERS, "json", code=1)]
    assert [(line["level"], re.sub(" at 0x.*>", ">", line["event"].partition("\n")[0])) for line in lines] == [
        ("warning", "a bad request"),
        ("warning", "a %d request (TypeError('%d format: a real number is required, not str'))"),
        ("warning", "an odd level"),
        ("info", "not to be shown"),
        _UNCAUGHT,  # in __del__
        ("warning", "<string>:22: UserWarning: deprecated"),
        _UNCAUGHT,  # in a thread
        ("error", "Exception in callback <function fails>"),
        _UNCAUGHT,
    ]
    assert lines[0]["logger"] == "uvicorn"
    assert lines[-1]["exception"].endswith("ValueError: it broke")


@pytest.mark.parametrize("form", ["json", "human"])
def test_tracebacks_show_no_secrets(form: str) -> None:
    """Neither arguments nor local variables are shown: they hold passwords and tokens."""
    shown = "\n".join(_logged(_OTHERS, form, code=1))
    assert shown.count("it broke") >= 4
    assert "s3cret" not in shown


_HOSTILE = """
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.events import StationWent
from voltgate.telemetry import logs
logs.configure("info", "human")
lines = logs.Lines(Wheel(0.0), lambda: 0.0)
lines.write(StationWent("CP\\x9b2J", 1000, "\\x1b[2J\\x1b]0;owned\\x07", "station", 1.0))
lines.write(StationWent("M\u00fcller", 1000, "one\\n2026-11-22T10:00:00Z [info] two", "station", 1.0))
"""


def test_a_stranger_writes_nothing_on_a_terminal() -> None:
    """What a station says is text in its own line: nothing in it is obeyed by a terminal, or begins another line."""
    lines = _logged(_HOSTILE)
    assert len(lines) == 2
    assert all(re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]*", line) for line in lines)
    assert "station=CP\\x9b2J" in lines[0]
    assert "M\u00fcller" in lines[1]


_REFUSED = """
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.certificate_events import CertificateRefused, CertificateUnasked
from voltgate.relay.events import StationRefused
from voltgate.telemetry import logs
logs.configure("info", "json")
wheel, now = Wheel(0.0), 0.0
lines = logs.Lines(wheel, lambda: now)
def dials(station="CP1", address="2001:db8::1", status=401, reason="wrong: the first"):
    lines.write(StationRefused(station, "/" + station, address, status, reason))
def wait(seconds):
    global now
    now += seconds
    wheel.tick(now)
for each in range(1, 1001):
    dials(address=f"2001:db8::{each:x}", reason=f"wrong: {each}")
    lines.write(CertificateRefused("wss", "192.0.2.1", "expired"))
    lines.write(CertificateUnasked("wss", "192.0.2.1", f"CP{each}", "away"))
for other in ({"station": "CP2"}, {"address": "2001:db8:0:1::1"}, {"status": 403}, {"reason": "another"}):
    dials(**other)
lines.write(CertificateRefused("wss", "192.0.2.1", "revoked"))
logs.log.info("a minute")
wait(61)
logs.log.info("many")
for each in range(200):
    dials(f"X{each}")
wait(61)
logs.log.info("the end")
dials("X0")
dials("X0")
lines.close()
dials("X0")
"""


def test_refused_handshakes_of_one_kind_are_merged() -> None:
    """One line at once and one a minute later, for each station, address, status and reason; many kinds are one."""
    lines = list(map(json.loads, _logged(_REFUSED)))
    events = [line["event"] for line in lines]
    minute, many, end = (events.index(each) for each in ("a minute", "many", "the end"))
    refused, certificate = "station refused", "certificate of a station"
    at_once = [refused, f"{certificate} refused", f"{certificate} not asked about", *[refused] * 4]
    assert events[:minute] == [*at_once, f"{certificate} refused"]
    assert not any("times" in line for line in lines[:minute])
    assert [(line["reason"], line["times"]) for line in lines[minute + 1 : many]] == [
        ("wrong: 1000 (999 times within a minute)", 999),
        ("expired (999 times within a minute)", 999),
        ("away (999 times within a minute)", 999),
    ]
    told = [(line["station"], line.get("times", 1)) for line in lines[many + 1 : end]]
    assert told[:-1] == [(f"X{each}", 1) for each in range(98)]
    assert told[-1] == ("X199", 102)
    assert "as others of several kinds" in lines[end - 1]["reason"]
    assert [line.get("times", 1) for line in lines[end + 1 :]] == [1, 1, 1]


def test_a_reload_goes_on_with_the_same_thread() -> None:
    """Another level or form counts from the next line on; the lines before it are not lost."""
    one, two, three = _logged(_RELOADED)
    assert json.loads(one)["event"] == "one"
    assert two.endswith("[error    ] two")
    assert json.loads(three)["threads"] == [False, True]
