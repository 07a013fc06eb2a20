"""Lists: what the gateway knows, as tables and as JSON."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import Any

from tests.client.counterpart import DEADLINE, Answer, Asked, Counterpart, Terminal
from tests.harness import VOLTGATE


def station(identity: str, **more: Any) -> dict[str, Any]:
    return {
        "identity": identity,
        "name": identity,
        "tags": [],
        "route": "home",
        "claimed_by": None,
        "source": "entry",
        "connected": True,
        "carrier": "websocket",
        "version": "ocpp1.6",
        "address": "192.0.2.9",
        "since": "2026-11-21T07:30:00.000Z",
    } | more


def page(*items: Any, total: int | None = None) -> dict[str, Any]:
    return {"items": list(items), "total": len(items) if total is None else total, "offset": 0, "limit": 100}


def test_stations_are_a_table_of_aligned_text(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate stations` prints a line for each station, aligned, without columns in which nothing stands."""
    api.says("GET stations", page(station("CP1"), station("CP-22", connected=False, version=None)))
    ended = voltgate("stations")
    assert ended.out.splitlines() == [
        "identity  route  source  connected  version  address    since",
        "CP1       home   entry   yes        ocpp1.6  192.0.2.9  2026-11-21 07:30:00",
        "CP-22     home   entry   no                  192.0.2.9  2026-11-21 07:30:00",
    ]
    assert (ended.code, ended.err) == (0, "")


def test_a_terminal_gets_a_drawn_table(api: Counterpart, voltgate: Terminal) -> None:
    """Where a person looks on, the table is drawn."""
    api.says("GET stations", page(station("CP1")))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*VOLTGATE, "stations"],
        stdout=theirs,
        env=voltgate.environment(COLUMNS="120", TERM="xterm"),
        cwd=voltgate.folder,
        timeout=DEADLINE,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "─" in shown
    assert "CP1" in shown


def test_filters_go_to_the_gateway(api: Counterpart, voltgate: Terminal) -> None:
    """Filters, order and page are the gateway's work."""
    api.says("GET stations", page())
    words = "--q CP --route home --backend a --tag x --away --ocpp 1.6 --sort=-since --offset 7 --limit 5".split()
    assert voltgate("stations", *words).code == 0
    assert api.asked[0].query == {
        "q": "CP",
        "route": "home",
        "backend": "a",
        "tag": "x",
        "connected": "false",
        "version": "ocpp1.6",
        "sort": "-since",
        "offset": "7",
        "limit": "5",
    }


def test_more_than_a_page_is_read_in_pages(api: Counterpart, voltgate: Terminal) -> None:
    """`--limit` may be larger than what the gateway gives at a time; the JSON is one document all the same."""

    def part(asked: Asked) -> Answer:
        offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
        assert limit <= 1000
        return Answer(document=page(*({"station": n} for n in range(offset, min(offset + limit, 2500))), total=2500))

    api.says("GET sessions", part)
    told = voltgate("sessions", "--limit", "2200", "--json").json
    assert [item["station"] for item in told["items"]] == list(range(2200))
    assert (told["total"], told["offset"], told["limit"]) == (2500, 0, 2200)


def test_a_part_of_a_list_says_so(api: Counterpart, voltgate: Terminal) -> None:
    """Whoever sees a part of a list is told how to see the rest; nothing at all is said too."""
    api.says("GET stations", page(station("CP1"), total=1234), page())
    ended = voltgate("stations", "--limit", "1")
    assert ended.err == "1 to 1 of 1,234 stations; --offset 1 shows the next\n"
    ended = voltgate("stations")
    assert (ended.code, ended.out, ended.err) == (0, "", "no stations\n")


def test_one_station_with_its_session(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate stations IDENTITY` shows the station, its legs and its transactions."""
    session = {
        "legs": [{"backend": "billing", "state": "away", "answers": True, "open_calls": 0, "away_seconds": 12.5}],
        "transactions": [{"id": 7, "owner": "billing", "connector": 1, "began": "2026-11-21T07:30:00.000Z"}],
    }
    api.says("GET stations/RDAM%2F1%2023", station("RDAM/1 23", tags=["a", "b"], session=session))
    ended = voltgate("stations", "RDAM/1 23")
    assert ended.code == 0
    assert "tags       a, b" in ended.out
    assert "billing  away   yes         0      12.5" in ended.out
    assert "7            billing  1          2026-11-21 07:30:00" in ended.out


def test_backends_and_their_counters(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate backends` lists them; with a name, what it was told and asked is there too."""
    backend = {
        "name": "billing",
        "url": "ws://10.0.0.1/{station}",
        "state": "up",
        "legs": 3,
        "legs_up": 2,
        "claims": 40,
        "calls": {"results": 1200, "errors": 0, "unanswered": 1},
        "commands": {},
        "given_up": 0,
    }
    api.says("GET backends", page(backend))
    api.says("GET backends/billing", backend)
    assert voltgate("backends").out.splitlines()[1].split() == "billing up ws://10.0.0.1/{station} 2 3 40".split()
    assert "calls    results 1,200, unanswered 1" in voltgate("backends", "billing").out


def test_what_a_charger_wrote_does_not_move_the_cursor(api: Counterpart, voltgate: Terminal) -> None:
    """Control characters that somebody sent are shown as text."""
    waiting = {"identity": "\x1b[31mCP\x9b1", "address": "192.0.2.1", "tries": 3, "reason": "a\nb", "offered": ["x"]}
    api.says("GET waiting", page(waiting))
    out = voltgate("waiting").out
    assert out.isascii()
    assert "\x1b" not in out
    assert r"\x1b[31mCP\x9b1" in out
    assert "a b" in out
