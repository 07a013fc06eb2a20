"""The documents: what they show can be copied."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
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


_NUMBERS = re.findall(r"`([a-z_/*0-9]+)` (\d+)", (ROOT / "docs" / "security.md").read_text())
"""The files of tests that the document names, or several with an asterisk, and how many tests they are said to have."""


def test_numbers_of_tests(request: pytest.FixtureRequest) -> None:
    """Files of tests have as many as docs/security.md says: those of which this run has collected all."""
    config = request.config
    if config.option.keyword or config.option.markexpr or any("::" in arg for arg in config.args):
        pytest.skip("this run has some tests of a file only")
    collected = Counter(item.path for item in request.session.items)
    numbers = {}
    for files, _ in _NUMBERS:
        named = set((ROOT / "tests").glob(f"{files}.py"))
        assert named, files
        if named <= collected.keys():
            numbers[files] = str(sum(collected[path] for path in named))
    if not numbers:
        pytest.skip("this run has collected none of them")
    assert numbers == {files: number for files, number in _NUMBERS if files in numbers}


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_is_toml(text: str) -> None:
    """A part of a configuration that is shown is one that can be read."""
    assert tomllib.loads(text)


def test_each_example_is_found() -> None:
    """None is left out by how it is written."""
    assert len(EXAMPLES) == sum(len(re.findall(r"``` *toml", page.read_text(), re.IGNORECASE)) for page in PAGES) > 30
