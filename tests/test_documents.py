"""The documents: what they show can be copied."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^( *)```toml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
EXAMPLES = [
    pytest.param(found[2], id=f"{page.name}:{page.read_text()[: found.start()].count(chr(10)) + 1}")
    for page in PAGES
    for found in _BLOCK.finditer(page.read_text())
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_is_toml(text: str) -> None:
    """A part of a configuration that is shown is one that can be read."""
    assert tomllib.loads(text)


def test_each_example_is_found() -> None:
    """None is left out by how it is written."""
    assert len(EXAMPLES) == sum(len(re.findall(r"``` *toml", page.read_text(), re.IGNORECASE)) for page in PAGES) > 30
