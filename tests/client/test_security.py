"""`voltgate security`: what is typed wrong, before the API is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.counterpart import Counterpart, Terminal


@pytest.mark.parametrize(("content", "why"), [(None, "No such file or directory"), (b"\xff\n", "it is not text")])
def test_a_password_that_cannot_be_read(
    api: Counterpart, voltgate: Terminal, tmp_path: Path, content: bytes | None, why: str
) -> None:
    """The reason is said, without the words of the programming language."""
    file = tmp_path / "new.txt"
    if content is not None:
        file.write_bytes(content)
    ended = voltgate("security", "password", "CP1", "--file", str(file))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.rstrip().endswith(f"the password cannot be read from {file}: {why}")
    assert api.asked == []
