"""`[[api.tokens]]` and `admin_token`: what would let nobody in, or the wrong one, is found before the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.config.test_check import GOOD, problems, warnings
from voltgate.config import read
from voltgate.config.api_checks import SOON

HASH = "sha256:" + "0a" * 32


def entry(name: str = "ci", role: str = "viewer", hash_: str = HASH) -> str:
    """Write an entry."""
    return f'[[api.tokens]]\nname = "{name}"\nrole = "{role}"\nhash = "{hash_}"\n'


def test_tokens_are_read(tmp_path: Path) -> None:
    """An entry names whose token it is, what role it has, and the hash; it shows nothing when it is printed."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + entry() + entry("ops", "admin", "sha256:" + "0b" * 32))
    config = read(file, {"VOLTGATE_ADMIN_TOKEN": "long-enough-for-anybody"}).config
    assert [(token.name, token.role, token.digest) for token in config.api.tokens] == [
        ("ci", "viewer", b"\x0a" * 32),
        ("ops", "admin", b"\x0b" * 32),
    ]
    assert "long-enough-for-anybody" not in repr(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (entry(role="root"), '"viewer", "operator" or "admin"'),
        (entry(name="c i"), "names begin with a letter or digit"),
        (entry(hash_="sha256:00"), "`voltgate token` prints one"),
        (entry(hash_="vg_the-token-itself"), "`voltgate token` prints one"),
        (entry() + entry(hash_="sha256:" + "0b" * 32), 'there is a token "ci" already'),
        (entry() + entry("other"), "is another caller's token already"),
        (entry() + 'token = "x"\n', "no such key"),
        (entry() + "expires = 2027-06-30T12:00:00\n", "is no date and time with a zone"),
        (entry() + "expires = 2027-06-30\n", "is no date and time with a zone"),
        (entry() + 'expires = "2027-06-30T12:00:00"\n', "is no date and time with a zone"),
        (entry() + 'expires = "in a year"\n', "is no date and time with a zone"),
        (entry() + "expires = 1814349600\n", "is no date and time with a zone"),
        ("[api]\nfailed_tokens = -1\n", "must be at least 0"),
        ('[api]\nbase_path = "/api"\n', "begins as paths of Voltgate itself do"),
        ('[api]\nbase_path = "/.."\n', "begins as paths of Voltgate itself do"),
        ('[api]\nbase_path = "voltgate"\n', "base_path"),
        ('[api]\nbase_path = "/voltgate/"\n', "base_path"),
    ],
)
def test_tokens_that_would_not_work_are_found(tmp_path: Path, text: str, words: str) -> None:
    """Each mistake has its line and what to do."""
    (problem,) = problems(tmp_path, GOOD + text)
    assert words in problem
    assert "vg_the-token-itself" not in problem


@pytest.mark.parametrize("written", ["2100-06-30T12:00:00+02:00", '"2100-06-30T10:00:00Z"', "2100-06-30 10:00:00Z"])
def test_a_token_ends(tmp_path: Path, written: str) -> None:
    """When a token ends is written as TOML has it, or as text; nothing is doubtful about it long before."""
    assert warnings(tmp_path, GOOD + entry() + f"expires = {written}\n") == []
    (token,) = read(tmp_path / "voltgate.toml", {}).config.api.tokens
    assert token.expires == datetime(2100, 6, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=-1), "has passed: this token lets nobody in"),
        (timedelta(days=-400), "has passed: this token lets nobody in"),
        (timedelta(hours=5, minutes=10), "this token ends in 5 hours"),
        (SOON - timedelta(minutes=1), "this token ends in 13 days"),
    ],
)
def test_a_token_that_ends_soon_is_told_of(tmp_path: Path, left: timedelta, words: str) -> None:
    """One that has ended, or will within 14 days, is a warning at its line, with what to do."""
    ends = (datetime.now(UTC) + left).isoformat(timespec="seconds")
    (said,) = warnings(tmp_path, GOOD + entry() + f"expires = {ends}\n")
    line, words_of_it = said.split(": ", 1)
    assert (GOOD + entry()).count("\n") + 1 == int(line)
    assert words_of_it.startswith(f"api.tokens[0].expires: {words}")
    assert "`voltgate token`" in said


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("short", "at least 16 characters"),
        ("a pass phrase with spaces", "one word of ASCII"),
        ("långt-nog-för-alla", "one word of ASCII"),
    ],
)
def test_an_admin_token_that_would_not_work_is_found(tmp_path: Path, token: str, words: str) -> None:
    """A token that is easily guessed, or that cannot be sent in a header, is refused without being repeated."""
    (problem,) = problems(tmp_path, GOOD, {"VOLTGATE_ADMIN_TOKEN": token})
    assert words in problem
    assert token not in problem


def test_a_backends_token_is_its_own(tmp_path: Path) -> None:
    """The same token for a backend and for the administrator is a mistake: it would be unclear who calls."""
    text = GOOD.replace("[routes", '[backends.main.claims]\ntoken = "one-token-for-everybody"\n[routes')
    (problem,) = problems(tmp_path, text, {"VOLTGATE_ADMIN_TOKEN": "one-token-for-everybody"})
    assert "is another caller's token already" in problem
