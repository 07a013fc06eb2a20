"""What outlives a change of the configuration, and goes by the new one."""

from __future__ import annotations

from pathlib import Path

from voltgate.app.build import Surroundings
from voltgate.config import read

TEXT = """
[claims]
expire = 60
[backends.csms]
url = "local:"
[backends.billing]
url = "ws://billing.example"
"""


def test_claims_of_the_management_system_last(tmp_path: Path) -> None:
    """Nobody renews them; those of other backends expire."""
    (tmp_path / "voltgate.toml").write_text(TEXT)
    surroundings = Surroundings()
    surroundings.follow(read(tmp_path / "voltgate.toml", {}).config)
    assert (surroundings.register.claims.expire, surroundings.register.claims.lasting) == (60, {"csms"})
    surroundings.close()
