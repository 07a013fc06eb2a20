"""The bench's measurement of the management system."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from bench import csms, csms_lists, report
from bench.contenders import Place
from bench.csms_node import Station, held
from bench.phases import Sample
from bench.results import Results
from tests.csms.stage import Stage
from voltgate.config import load
from voltgate.csms.costs import account_of
from voltgate.csms.model import MeterValue
from voltgate.ocpp.schemas import check
from voltgate.store.csms import tables


def test_what_voltgate_is_told_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "voltgate.toml"
    url = f"sqlite:///{tmp_path}/csms.db"
    path.write_text(csms.settings(url, Place(tmp_path, 20001, 20002, 20003, 20004, None, 1000)), encoding="utf-8")
    found = load(path, {})
    assert (found.backends["csms"].url, found.csms.tokens, found.store.url) == ("local:", "any", url)


async def test_rows_are_made_as_the_management_system_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all indexes, and a cost that can be read."""
    monkeypatch.setattr(csms_lists, "ROWS", 20_000)
    url = f"sqlite:///{tmp_path}/csms.db"
    await asyncio.to_thread(csms_lists.fill, url)
    database = sqlite3.connect(tmp_path / "csms.db")
    count, running, account = database.execute(
        "SELECT count(*), sum(state = 'running'), max(cost_data) FROM csms_transactions"
    ).fetchone()
    stations = database.execute("SELECT count(DISTINCT station) FROM csms_transactions").fetchone()[0]
    there = {row[1] for row in database.execute("PRAGMA index_list(csms_transactions)")}
    database.close()
    assert (count, running, stations) == (20_000, 2, csms_lists.STATIONS)
    priced = account_of(account)
    assert priced.cost is not None
    assert (priced.cost.total, priced.energy) == (440, 11_000.0)
    assert there >= {index.name for index in tables.transactions.indexes}


@pytest.mark.parametrize("is_end", [False, True])
async def test_the_largest_message_is_one_that_stations_may_send(is_end: bool) -> None:
    async with Stage(tokens="any") as stage:
        station = Station(1, stage.csms)
        call = station.largest(is_end=is_end)
        assert check("ocpp1.6", call.action, "request", msgspec.json.decode(bytes(call.payload))) is None
        assert 1_000_000 < call.size <= 1 << 20
        assert await held([station]) > 0
        assert len(stage.rows.all(MeterValue)) > 1000


def found() -> Results:
    """Return results in which everything was measured, and only the total of all is too slow."""
    figures = {"megabytes": 120.0}
    for name in csms.DATABASES:
        for figure in ("micros", "rate", "paced", "p50", "p99", "held", "gateway micros", "gateway rate"):
            figures[f"{name} {figure}"] = 40.0 if figure == "held" else 6000.0
        figures |= {f"{name} gateway p50": 1.0, f"{name} gateway p99": 2.0}
        figures |= {f"{name} list {kind}": 20.0 for kind in csms.LISTED}
    figures["postgresql list total"] = 412.0
    results = Results()
    results.add("csms", Sample("voltgate", 0, figures))
    return results


def test_the_aims_of_the_management_system_are_judged() -> None:
    verdicts = {aim.what: aim.met for aim in report.aims(found())}
    assert verdicts["station messages a second of a node, SQLite"] is True
    assert verdicts["ms of CPU for which a message of 1 MiB keeps the loop from all others"] is True
    assert verdicts["p95 of a list of 1,000,000 transactions, ms"] is True
    assert verdicts["p95 of their totals, ms"] is False
    assert {aim.met for aim in report.aims(Results())} == {None}


def test_a_run_of_some_measurements_renews_their_sections_only() -> None:
    run = report.Run("2026-11-21", {"processor": "one"}, {"voltgate": "1.0"}, ("voltgate",), " --quick", "two", 1, 100)
    page = "# Benchmarks\n\n## The management system\n\nOld.\n\n## Claims\n\nKept.\n\n## Method\n\nKept.\n"
    once = report.renewed(page, found(), run)
    assert "Old." not in once
    assert once.startswith("# Benchmarks\n\n## The management system\n\nOne node")
    assert once.endswith("on 2026-11-21 with 1.0: one.\n\n## Claims\n\nKept.\n\n## Method\n\nKept.\n")
    assert "nan" not in once
    assert report.renewed(once, found(), run) == once
    assert report.renewed(page, Results(), run) == page
    added = report.renewed("# Benchmarks\n\n## Method\n\nKept.\n", found(), run)
    assert added.startswith("# Benchmarks\n\n## The management system\n\n")
    assert added.endswith("with 1.0: one.\n\n## Method\n\nKept.\n")
