"""A backend that asks without end: other stations, other backends, the log and the audit trail go on."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import closing

import pytest

from tests.attacks.backends import CARD, Attack, attacks
from tests.harness import Stage
from tests.harness.waiting import until, within

REFUSED = '{"type":"Hard"}'


async def floods(attack: Attack, action: str, payload: str, times: int) -> None:
    """Have the attacker call many times, and wait for all the answers."""
    for n in range(times):
        attack.attacker.websocket.send_text(f'[2,"f{n}","{action.format(n=n)}",{payload}]'.encode())
        if n % 500 == 499:
            attack.attacker._flush()
            await attack.attacker.drained()
    attack.attacker._flush()
    await until(lambda: len(attack.attacker.unread) >= times, "an answer to each call")
    attack.attacker._inbox.clear()


@pytest.mark.parametrize("action", ["Reset", "VendorsOwn{n}", "GetConfiguration"])
async def test_refusals_without_end(stage: Stage, action: str) -> None:
    """20,000 calls that are refused cost a few lines of log and audit trail, with their number in them."""
    attack = await attacks(stage, "ocpp1.6", "observe")
    attack.station.answers("GetConfiguration")
    await floods(attack, action, "{}", 20_000)
    gateway = stage.gateways[-1]
    await attack.station.close()
    await gateway.stop()
    lines = [line for line in gateway.log.splitlines() if "command refused" in line]
    assert 2 <= len(lines) <= 40, f"{len(lines)} lines of the log"
    assert any("times within a minute" in line for line in lines)
    with closing(sqlite3.connect(gateway.folder / "var" / "voltgate.db")) as database:
        rows = database.execute("SELECT detail FROM audit WHERE outcome = 'refused'").fetchall()
    assert 2 <= len(rows) <= 40, f"{len(rows)} lines of the audit trail"
    assert any("times within a minute" in detail for (detail,) in rows)


ASKS = """
import sys, threading, time, http.client
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
print("begun", flush=True)
while not over.is_set():
    asked = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    connection.close()
    print(time.monotonic() - asked)
"""
"""A process that asks the gateway whether it is well, again and again, until its input ends."""


async def test_everybody_else_meanwhile(stage: Stage) -> None:
    """While a backend floods one station the gateway goes on with all else, again and again."""
    attack = await attacks(stage, "ocpp1.6", "observe")
    pipe = asyncio.subprocess.PIPE
    port = str(stage.gateways[-1].http_port)
    asking = await asyncio.create_subprocess_exec(sys.executable, "-c", ASKS, port, stdin=pipe, stdout=pipe)
    assert asking.stdout is not None
    assert await asking.stdout.readline() == b"begun\n"
    began = time.monotonic()
    await floods(attack, "Reset", REFUSED, 20_000)
    lasted = time.monotonic() - began
    said, _ = await within(asking.communicate(b""), "the process that asks ends")
    waits = [float(line) for line in said.split()]
    print(f"{len(waits)} answers in a flood of {lasted:.2f} s, the longest after {max(waits):.3f} s")
    assert len(waits) >= 10, "all else is answered all the while"


async def test_large_calls_of_one_backend(stage: Stage) -> None:
    """Calls of 1 MB of a backend that may only read do not take the room of the owner's RemoteStart."""
    limits = {"command_bytes_per_second": 0, "commands_per_second": 0}
    attack = await attacks(stage, "ocpp1.6", "observe", limits=limits)
    station, attacker, victim = attack.station, attack.attacker, attack.victim
    large = '{"key":["' + "x" * 1_000_000 + '"]}'
    for n in range(8):
        attacker.send(f'[2,"f{n}","GetConfiguration",{large}]')
        await attacker.drained()
    held = await station.expect("GetConfiguration")  # the others wait
    await until(lambda: attacker.unread, "one that does not fit is refused")
    asked = await victim.ask("RemoteStartTransaction", {"idTag": CARD, "connectorId": 2})
    station.answers("GetConfiguration", {})
    station.answers("RemoteStartTransaction", {"status": "Accepted"})
    await victim.ping()
    await station.answer(held)
    assert (await victim.expect_result(asked)).payload == {"status": "Accepted"}


async def test_bytes_beyond_the_rate(stage: Stage) -> None:
    """Large calls beyond the rate are refused before they are read, and those of the owner pass."""
    attack = await attacks(stage, "ocpp1.6", "observe")
    attack.station.answers("GetConfiguration", {})
    large = '{"key":["' + "x" * 1_000_000 + '"]}'
    await floods(attack, "GetConfiguration", large, 30)
    metrics = await stage.gateways[-1].metric("voltgate_commands_refused_total")
    assert metrics >= 20
    asked = await attack.victim.ask("RemoteStartTransaction", {"idTag": CARD, "connectorId": 2})
    await attack.station.answer(await attack.station.expect("RemoteStartTransaction"), {"status": "Accepted"})
    await attack.victim.expect_result(asked)
