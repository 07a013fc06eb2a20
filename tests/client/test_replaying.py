"""`voltgate replay`, as a user types it: what is wrong with a file, or with what was asked, is said in a sentence."""

from __future__ import annotations

import pytest

from tests.client.counterpart import Terminal
from tests.harness import free_port
from tests.replay.test_recording import record, written


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "give either --to URL, or --as-backend"),
        (("--to", "http://127.0.0.1"), "begins with ws:// or wss://"),
        (("--to", "ws://127.0.0.1", "--speed", "0"), "a number above 0, or max"),
        (("--to", "ws://127.0.0.1", "--stand-in", "04A2"), "MASK=TOKEN"),
        (("--to", "ws://127.0.0.1", "--leg", "billing"), 'no records of the leg "billing"; there are: station'),
    ],
)
def test_what_cannot_be_played(voltgate: Terminal, words: tuple[str, ...], sentence: str) -> None:
    """A mistake is named before anything is played."""
    written(voltgate.folder, record(1))
    ended = voltgate("replay", "case.jsonl", *words)
    assert ended.code == 2
    assert sentence in " ".join(ended.err.replace("│", " ").split())


def test_nobody_is_there(voltgate: Terminal) -> None:
    """A port that nobody listens on, and a file that is no recording, end it with exit code 2 and the reason."""
    written(voltgate.folder, record(1))

    ended = voltgate("replay", "case.jsonl", "--to", f"ws://127.0.0.1:{free_port()}", "--speed", "max")
    assert (ended.code, "0 calls made" in ended.out) == (2, True)
    assert "could not be used" in ended.err
    (voltgate.folder / "other.jsonl").write_text("{}\n")
    ended = voltgate("replay", "other.jsonl", "--to", "ws://127.0.0.1")
    assert (ended.code, "is no recording" in ended.err) == (2, True)
    ended = voltgate("replay", "gone.jsonl", "--to", "ws://127.0.0.1")
    assert (ended.code, ended.err) == (2, "voltgate: gone.jsonl: No such file or directory\n")


def test_a_file_that_writes_to_the_terminal(voltgate: Terminal) -> None:
    """What a file says is shown as text: a support case from a stranger moves no cursor."""
    written(voltgate.folder, record(1, station="CP\x1b[31m1", leg="sta\x1b[2J"))
    assert "\\x1b[2J" in voltgate("replay", "case.jsonl", "--to", "ws://127.0.0.1").err
    written(voltgate.folder, record(1, station="CP\x1b[31m1"))
    ended = voltgate("replay", "case.jsonl", "--to", f"ws://127.0.0.1:{free_port()}", "--speed", "max")
    assert "CP\\x1b[31m1" in ended.err
