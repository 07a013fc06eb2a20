"""What asking whether certificates were revoked costs those who do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.configuration import toml
from tests.openssl_authority import OpenSSLAuthority

_READS = """
import sys
from pathlib import Path
from voltgate.app import composition, process
from voltgate.app.authentication import Authentication
from voltgate.config import read
loaded, libraries = read(Path(sys.argv[1]), {}), ("cryptography", "voltgate.directory.ocsp")
for name in [each for each in sys.modules if each.startswith(libraries)]:
    del sys.modules[name]  # reading looks into the certificates that it names
Authentication().follow(loaded.config)
print(*(name in sys.modules for name in libraries))
"""


@pytest.mark.parametrize(("ocsp", "there"), [("off", "False False"), ("soft", "True True"), ("hard", "True True")])
def test_nothing_is_loaded_for_it(tmp_path: Path, ocsp: str, there: str) -> None:
    """What is needed to ask is loaded with the configuration that says so, and not for others."""
    root = OpenSSLAuthority(tmp_path / "root", "root")
    listener = {
        "url": "ws://127.0.0.1:9000",
        "trusted_proxies": ["127.0.0.1"],
        "ocsp": ocsp,
        **({} if ocsp == "off" else {"client_authority": str(root.certificate)}),
    }
    document = {
        "listen": {"stations": [listener]},
        "backends": {"main": {"url": "ws://127.0.0.1:9100/{station}"}},
        "routes": {"main": {"rules": [{"answer": "main"}]}},
        "stations": [{"match": "*"}],
    }
    file = tmp_path / "voltgate.toml"
    file.write_text(toml(document))
    command = [sys.executable, "-c", _READS, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == there
