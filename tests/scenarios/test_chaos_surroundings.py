"""What fault runs break around a gateway, and what they can still tell while it is broken."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from pathlib import Path

import pytest

from chaos.configurations import overlay, pair_of, put
from chaos.launcher import DEAD, Surroundings
from chaos.logs import Log, database_spells
from chaos.plan import REFUSED, TAKEN, Variant
from chaos.records import Spell
from chaos.run import swallowing
from chaos.shape import Ports, Shape, configuration
from tests.harness import free_port
from tests.harness.waiting import until
from tests.keypair import write_pair
from voltgate.config import ConfigErrors, read

# The log.


async def test_the_reader_of_a_log_goes_and_comes_back(tmp_path: Path) -> None:
    """Whoever writes while nobody reads is told so; what is written afterwards is in the file, and nothing twice."""
    log = Log(tmp_path / "voltgate.log")
    log.be(gone=False, stalled=False)
    os.write(log.writer, b"one\n")
    await until(lambda: log.text == "one\n", "the first line")
    log.be(gone=True, stalled=False)
    with pytest.raises(BrokenPipeError):
        os.write(log.writer, b"two\n")
    log.be(gone=False, stalled=False)
    os.write(log.writer, b"three\n")
    await until(lambda: log.text == "one\nthree\n", "the line after the reader had come back")
    log.close()


async def test_a_log_that_is_not_read_takes_nothing_more(tmp_path: Path) -> None:
    """From the first moment of a stall there is no room in the pipe; what waited is read when it is over."""
    log = Log(tmp_path / "voltgate.log")
    log.be(gone=False, stalled=True)
    os.set_blocking(log.writer, False)
    with pytest.raises(BlockingIOError):
        os.write(log.writer, b"one\n")
    log.be(gone=False, stalled=False)
    await until(lambda: log.text, "room in the pipe")
    os.write(log.writer, b"two\n")
    await until(lambda: log.text.strip() == "two", "the line after the stall")
    log.close()


@pytest.mark.parametrize(
    ("said", "unread", "spells"),
    [
        ([(1.0, "begun"), (2.0, "there")], [], []),
        ([(1.0, "begun"), (2.0, "there"), (20.0, "away"), (25.0, "there")], [], [(17.0, 26.0)]),
        ([(1.0, "begun"), (2.0, "there"), (20.0, "away")], [], [(17.0, 99.0)]),
        # A line was lost: the first one, the second one with and without another spell after it, or none.
        ([(1.0, "begun"), (2.0, "there"), (25.0, "there")], [(21.0, 23.0)], [(18.0, 26.0)]),
        ([(1.0, "begun"), (2.0, "there"), (20.0, "away")], [(21.0, 23.0)], [(17.0, 24.0)]),
        (
            [(1.0, "begun"), (2.0, "there"), (20.0, "away"), (60.0, "away"), (61.0, "there")],
            [(21.0, 23.0)],
            [(17.0, 24.0), (57.0, 62.0)],
        ),
        ([(1.0, "begun"), (2.0, "there"), (20.0, "away"), (25.0, "there")], [(40.0, 42.0)], [(17.0, 26.0)]),
        # A process that begins says that its database is there, whatever was not read of the one before.
        ([(1.0, "begun"), (2.0, "there"), (30.0, "begun"), (31.0, "there")], [(21.0, 23.0)], []),
        ([(1.0, "begun"), (2.0, "there"), (25.0, "there")], [], []),
    ],
)
def test_a_line_that_was_lost_excuses_no_more_than_it_must(
    said: list[tuple[float, str]], unread: list[tuple[float, float]], spells: list[tuple[float, float]]
) -> None:
    """When the database was away is known from pairs of lines, one of which may have been lost with the log."""
    lost = [Spell("log gone", *each) for each in unread]
    assert [(each.begun, each.over) for each in database_spells("away", said, lost, end=99.0)] == spells


# The configuration.

ONLY_WHEN_DONE = {"host impossible", "port taken"}
"""What may only be found when it is tried."""


def put_there(folder: Path, what: str) -> Path:
    """Put the configuration of a run there, with something that is the matter with it, in the place of a good one."""
    file = folder / "voltgate0.toml"
    ports = Ports({"billing": 1, "employer": 2}, 3, 4, 5, 6, 7, "run")
    text = configuration(Variant(), Shape(), ports, "sqlite:///voltgate.db", 0, overlay(what, ports, file))
    put(file, text)
    put(file, text, what)
    return file


@pytest.mark.parametrize("what", sorted({*REFUSED} - ONLY_WHEN_DONE))
def test_what_is_to_be_refused_is_wrong(tmp_path: Path, what: str) -> None:
    """No reader takes it; the usual one that follows is taken."""
    file = put_there(tmp_path, what)
    with pytest.raises(ConfigErrors):
        read(file, {})
    read(put_there(tmp_path, ""), {})


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_to_be_taken_is_right(tmp_path: Path, what: str) -> None:
    """It is another configuration than the usual one, and a good one."""
    changed, usual = (read(put_there(tmp_path, each), {}).config for each in (what, ""))
    assert changed != usual


def test_a_certificate_that_comes_makes_its_configuration_whole(tmp_path: Path) -> None:
    """Only the file was missing."""
    file = put_there(tmp_path, "certificate missing")
    write_pair(*pair_of(file))
    assert len(read(file, {}).config.listen.stations) == 2


# The resolver.


def addresses(found: list[tuple[object, object, object, object, tuple[str, int]]]) -> list[str]:
    """Return the addresses that were looked up, in their order."""
    return list(dict.fromkeys(each[4][0] for each in found))


def test_a_resolver_that_is_away_was_there_before() -> None:
    """What was looked up once is not found any more; what was not still is, as by a process that has just begun."""
    around = Surroundings()
    assert addresses(around.look_up("billing.chaos.test", 80)) == ["127.0.0.1"]
    around.heed('["resolver away"]')
    with pytest.raises(socket.gaierror):
        around.look_up("billing.chaos.test", 80)
    assert addresses(around.look_up("employer.chaos.test", 80)) == ["127.0.0.1"]
    assert addresses(around.look_up("127.0.0.1", 80)) == ["127.0.0.1"]


def test_the_first_address_of_a_name_may_be_dead() -> None:
    """The living one comes after it."""
    around = Surroundings()
    around.heed('["first address dead"]')
    assert addresses(around.look_up("billing.chaos.test", 80)) == ["127.0.0.2", "127.0.0.1"]


async def test_a_resolver_that_hangs_answers_when_it_is_mended() -> None:
    """Until then it says nothing."""
    around = Surroundings()
    around.heed(json.dumps(["resolver hangs"]))
    asking = asyncio.create_task(asyncio.to_thread(around.look_up, "billing.chaos.test", 80))
    await asyncio.sleep(0)
    assert not asking.done()
    around.heed("[]")
    assert addresses(await asking) == ["127.0.0.1"]


async def test_nobody_is_let_in_at_the_dead_address_or_refused() -> None:
    """Whoever connects waits."""
    others = swallowing(port := free_port())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.open_connection(DEAD, port), 0.3)
    for each in others:
        each.close()


# The clock.


def test_a_clock_jumps_stands_and_comes_back() -> None:
    """Sixty days ahead or back, or always the same time; afterwards it is right."""
    around = Surroundings()
    for line, days in (('["clock ahead"]', 60), ('["clock back"]', -60), ("[]", 0)):
        around.heed(line)
        assert around.wall() == pytest.approx(time.time() + days * 86400, abs=60)
    around.heed('["clock stands"]')
    stood = around.wall()
    around.heed('["clock stands", "log gone"]')
    assert around.wall() == stood
