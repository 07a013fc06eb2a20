"""Programs that stand before gateways, HAProxy and nginx, configured as the documents show."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness import free_port, until

DOCUMENTS = Path(__file__).parents[2] / "docs"


def shown(document: str, program: str, number: int = 0) -> str:
    """Return the configuration of a program that a document shows: the one with this number."""
    return str(re.findall(rf"```{program}\n(.*?)```", (DOCUMENTS / document).read_text(), re.DOTALL)[number])


class Proxy:
    """A program with a configuration that is whole but for the port on which it listens, which is a free one."""

    def __init__(self, program: str, configuration: str, folder: Path) -> None:
        found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
        if found is None:
            pytest.skip(f"{program} is not installed (Debian: {program})")
        self.port = free_port()
        self._file = folder / f"{program}.conf"
        self._log = folder / f"{program}.log"
        text, listens = re.subn(r"(bind |listen )(:?)\d+", rf"\g<1>\g<2>{self.port}", configuration)
        assert listens == 1
        text = text.replace("maxconn 100000", "maxconn 1000")
        if program == "nginx":
            kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
            text = f"pid {folder}/pid;\n{text.replace('http {', 'http {' + paths)}"
        self._file.write_text(text)
        self._command = {
            "haproxy": [found, "-db", "-f", str(self._file)],
            "nginx": [found, "-p", str(folder), "-c", str(self._file), "-e", "stderr", "-g", "daemon off;"],
        }[program]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: ASYNC220

        def listens() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        await until(listens, "the proxy listens")

    def drop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)
