"""A gateway as a service of systemd: what it tells the service manager, and how much the unit leaves open.

Source: sd_notify(3), systemd.exec(5).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness import Stage
from tests.harness.command import VOLTGATE

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "voltgate.service"


@pytest.mark.parametrize("is_abstract", [False, True])
async def test_the_service_manager_is_told(is_abstract: bool, stage: Stage, tmp_path: Path) -> None:
    """READY when stations can come, WATCHDOG again and again while the loop lives, STOPPING when it is to end."""
    name = f"@{tmp_path.name}" if is_abstract else str(tmp_path / "not@ify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{tmp_path.name}" if is_abstract else name)
        manager.setblocking(False)

        async def told(wanted: str) -> str:
            async with asyncio.timeout(30):
                while True:
                    said = (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()
                    if said.startswith(wanted):
                        return said

        await stage.backend("main")
        gateway = stage.prepare(stage.configuration())
        await gateway.launch(environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"})
        assert f"ws://127.0.0.1:{gateway.stations_port}" in (await told("READY=1")).partition("STATUS=")[2]
        for _ in range(3):
            await told("WATCHDOG=1")
        await gateway.stop()
        await told("STOPPING=1")


def test_the_unit_is_one_and_leaves_little_open(tmp_path: Path) -> None:
    """systemd understands the unit, says that little is exposed, and our own command is what it starts."""
    text = UNIT.read_text()
    assert "Type=notify\n" in text
    assert "StateDirectory=voltgate\n" in text
    command = re.search(r"^ExecStart=/usr/bin/voltgate (.*)$", text, re.MULTILINE)
    assert command is not None
    own = tmp_path / "voltgate.service"
    program = shutil.which("python3")
    own.write_text(text.replace("/usr/bin/voltgate", str(program)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(own)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout
    described = subprocess.run([*VOLTGATE, *command[1].split(), "--help"], capture_output=True, text=True, check=False)
    assert described.returncode == 0
