"""The files of the log: bounded in bytes and days, readable whatever happens to them, and quick to search."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from voltgate.relay.tap import FROM_STATION
from voltgate.telemetry.messages import shares as shares_module
from voltgate.telemetry.messages.entries import CALLED, RESULT, Entry
from voltgate.telemetry.messages.masking import Mask
from voltgate.telemetry.messages.reading import Search, document, find
from voltgate.telemetry.messages.segments import SMALLEST, Bounds, Segments, first_id, moment_of, segments_in
from voltgate.telemetry.messages.shares import Shares
from voltgate.telemetry.messages.writer import Batch, Dropped, Settings, Writer

NOW = time.time()
A_DAY = 86_400.0
WHOLE = Bounds(1 << 30, 30 * A_DAY)


def entry(at: float, station: str = "CP-1", **more: Any) -> Entry:
    """Make an entry of a heartbeat."""
    body, reply = b'[2,"m","Heartbeat",{}]', b'[3,"m",{"currentTime":"x"}]'
    return Entry(
        **({"kind": CALLED, "at": at, "station": station, "direction": 0, "body": body, "reply": reply} | more)
    )


class WrittenLog:
    """A writer in this process, and the log that it writes."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder / "messages"
        self.said = io.BytesIO()
        self.writer = Writer(self.said)
        whole = {"folder": str(self.folder), "most_bytes": 1 << 30, "most_seconds": 30 * A_DAY}
        self.writer.take(Settings(**(whole | settings)))

    def writes(self, *entries: Entry) -> None:
        """Write these at once."""
        self.writer.take(Batch(list(entries)))
        self.writer.write()

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        """Search, and give what the API would show, the newest first."""
        return [document(record) for record in find(self.folder, Search(**wanted)).records]

    @property
    def reports(self) -> list[dict[str, Any]]:
        """Give what the writer has reported."""
        return [msgspec.json.decode(line) for line in self.said.getvalue().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Iterable[WrittenLog]:
    log = WrittenLog(tmp_path)
    yield log
    log.writer.close()


def test_what_a_record_says(log: WrittenLog) -> None:
    """A record has what its frames say, and when it was."""
    log.writes(entry(NOW, took=0.25, backend="main", route="home", rule=0, decided="rule", call=7))
    (shown,) = log.find()
    assert abs(shown.pop("at") - NOW) < 0.001
    assert int(shown.pop("id")) >> 10 == int(NOW * 1e6)
    assert shown == {
        "kind": "call",
        "station": "CP-1",
        "leg": "station",
        "direction": "from_station",
        "action": "Heartbeat",
        "message_id": "m",
        "payload": {},
        "outcome": "result",
        "reply": {"currentTime": "x"},
        "latency_ms": 250.0,
        "backend": "main",
        "route": "home",
        "rule": 0,
        "decided": "rule",
        "changed": None,
        "call": "7",
        "description": None,
    }


def test_what_was_changed(log: WrittenLog) -> None:
    """The fields that differ from what was said on the other leg are named, with why, and masked like all the rest."""
    numbered = b'{"transactionId":7,"idTag":"04A1"}'
    was, limit = b'{"transactionId":1,"idTag":"04A1"}', b'{"limit":[{"a":6}],"more":[1,2]}'
    log.writes(
        entry(NOW, direction=1, body=numbered, was=was, action="X", message_id="x", outcome=RESULT, reply=b"{}"),
        entry(NOW + 1, direction=3, body=limit, was=b'{"limit":[{"a":32}],"more":[1]}', action="X", message_id="y"),
        entry(NOW + 2, reply=b'{"interval":60}', reply_was=b'{"interval":0}', outcome=RESULT),
        entry(NOW + 3, body=b"{}", was=b"{", action="X", message_id="z"),
    )
    assert [each["changed"] for each in log.find()[::-1]] == [
        "transactionId 1 → 7 (number)",
        "limit[0].a 32 → 6 (permit); more [1] → [1,2] (permit)",
        "answer: interval 0 → 60 (gateway)",
        None,
    ]


def test_an_error_and_a_frame_that_is_torn(log: WrittenLog) -> None:
    """An error has its three parts, without the token that its call named; what is no frame stays as it came."""
    authorize = b'[2,"a","Authorize",{"idTag":"04FACE"}]'
    said = {"outcome": 1, "reply": b'{"idTag":"04FACE"}', "code": "GenericError", "description": "04FACE is unknown"}
    log.writes(entry(NOW, body=authorize, **said), entry(NOW + 1, body=b"[2,", reply=b"[9]", action="X"))
    torn, error = log.find()
    assert (torn["payload"], torn["reply"], torn["action"]) == ("[2,", [9], "X")
    token = error["payload"]["idTag"]
    assert error["reply"] == {
        "code": "GenericError",
        "description": f"{token} is unknown",
        "details": {"idTag": token},
    }
    assert "FACE" not in str(error)


def test_searches(log: WrittenLog) -> None:
    """Each filter takes what it says, in any combination; identities as they are compared, text in any letters."""
    log.writes(
        entry(NOW, "CP-1", backend="a"),
        entry(NOW + 1, "cp-2", backend="b", outcome=1, code="GenericError", reply=b"{}", description="Nope 100%"),
        entry(NOW + 2, "CP-2", kind=1, reply=None),
        entry(NOW + 3, "", kind=4, body=None, reply=None, direction=-1, description="5 are not here"),
    )
    stations = {
        "all": ({}, ["", "CP-2", "cp-2", "CP-1"]),
        "station": ({"station": "CP-2"}, ["CP-2", "cp-2"]),
        "exactly": ({"station": "CP-2", "exactly": True}, ["CP-2"]),
        "backend": ({"backend": "a"}, ["CP-1"]),
        "action": ({"action": "Heartbeat"}, ["CP-2", "cp-2", "CP-1"]),
        "error": ({"outcome": "error"}, ["cp-2"]),
        "kind": ({"kind": "lost"}, [""]),
        "id": ({"message_id": "m", "outcome": "result"}, ["CP-1"]),
        "text": ({"text": "nope 100%"}, ["cp-2"]),
        "no wildcard": ({"text": "n%pe"}, []),
        "since": ({"since": NOW + 2}, ["", "CP-2"]),
        "until": ({"until": NOW + 1}, ["CP-1"]),
        "both": ({"station": "cp-2", "until": NOW + 1.5}, ["cp-2"]),
    }
    for name, (wanted, found) in stations.items():
        assert [each["station"] for each in log.find(**wanted)] == found, name


def test_pages_over_many_segments(tmp_path: Path) -> None:
    """Cursors lead through all segments without a gap, and nothing comes twice, also where segments overlap."""
    log = Segments(tmp_path, Bounds(16 * SMALLEST, 30 * A_DAY))
    text, made = "x" * 2000, []
    for number in range(4000):
        at = NOW - (number * 7919 % 4000)  # answered in another order than asked
        made.append((log.number(at), 0, "CP-1", 0, None, "m", "X", text, 0, "{}", *([None] * 8)))
    for start in range(0, 4000, 500):
        log.write(made[start : start + 500], NOW)
    log.bounds = WHOLE
    assert log.count > 5
    seen: list[int] = []
    before: int | None = None
    while True:
        found = find(tmp_path, Search(limit=300, before=before))
        seen += [record[0] for record in found.records]
        before = found.reached
        if before is None:
            break
    log.close()
    assert seen == sorted((record[0] for record in made), reverse=True)[: len(seen)]
    assert len(set(seen)) == len(seen) == sum(_count(path) for path in segments_in(tmp_path))


def _count(path: Path) -> int:
    with sqlite3.connect(path) as segment:
        return int(segment.execute("SELECT count(*) FROM messages").fetchone()[0])


def test_a_long_search_comes_in_parts(tmp_path: Path) -> None:
    """A search that takes too long, or finds too much, says how far it has come; the next one goes on there."""
    for number in range(3):
        log = Segments(tmp_path, Bounds(1 << 30, 1600))
        log.write(
            [(log.number(NOW + number * 200), 0, "CP-1", 0, None, "m", "X", "y" * 500, *([None] * 10))],
            NOW + 200 * number,
        )
        log.close()
    assert len(segments_in(tmp_path)) == 3
    found = find(tmp_path, Search(text="z"), patience=-1)
    assert (found.records, found.reached and int(moment_of(found.reached))) == ([], int(NOW + 400))
    found = find(tmp_path, Search(text="y", before=found.reached), patience=-1)
    assert found.reached is not None
    assert (len(found.records), int(moment_of(found.reached))) == (1, int(NOW + 200))
    assert len(find(tmp_path, Search(), share=1000).records) == 2


def test_a_search_stops_within_a_segment(tmp_path: Path) -> None:
    """One that is out of time stops where it is; its parts together are the whole, also where times overlap."""
    for number in range(3):
        log = Segments(tmp_path, Bounds(1 << 30, 160))
        texts = [f"{number}-{each} {'yes' if each % 2 else 'no'}" for each in range(9)]
        log.write([_row(log, NOW + each + number / 9, text) for each, text in enumerate(texts)], NOW + 20 * number)
        log.close()
    assert len(segments_in(tmp_path)) == 3
    parts, before = [], None
    while not parts or before is not None:
        part = find(tmp_path, Search(text="yes", before=before), patience=-1)
        before = part.reached
        parts.append([record[7] for record in part.records])
    assert max(map(len, parts)) == 1
    assert len(parts) >= 27
    both = find(tmp_path, Search(text="yes")).records
    assert [text for part in parts for text in part] == [record[7] for record in both]
    assert len(both) == 12


def test_a_journal_that_was_left_behind(tmp_path: Path) -> None:
    """What a writer that was killed has only written to a journal is found, also when another one has gone on."""
    (tmp_path / "killed").mkdir()
    log = Segments(tmp_path / "killed", WHOLE)
    log.write([_row(log, NOW, "first")], NOW)
    log.write([_row(log, NOW + 1, "second")], NOW + 1)
    shutil.copytree(tmp_path / "killed", tmp_path / "left")
    log.close()
    after = Segments(tmp_path / "left", Bounds(1 << 30, 160))
    after.write([_row(after, NOW + 60, "third")], NOW + 60)
    after.close()
    assert len(list((tmp_path / "left").glob("*-wal"))) == 1
    for _ in range(2):
        assert [record[7] for record in find(tmp_path / "left", Search()).records] == ["third", "second", "first"]


def _row(log: Segments, at: float, text: str) -> tuple[Any, ...]:
    return (log.number(at), 0, "CP-1", 0, None, "m", "X", text, *([None] * 10))


def test_large_messages_are_not_all_in_memory(log: WrittenLog) -> None:
    """A station that says a megabyte each time does not make an answer of a gigabyte, nor a search of that size."""
    body = b'{"a":"' + b"x" * 1_000_000 + b'"}'
    for number in range(40):
        log.writes(entry(NOW + number, body=body))
    tracemalloc.start()
    parts, before = [], None
    while not parts or before is not None:
        part = find(log.folder, Search(limit=1000, before=before), share=2_500_000)
        parts.append(len(part.records))
        before = part.reached
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parts == [3] * 13 + [1]
    assert most < 10_000_000


def test_bytes_are_bounded(tmp_path: Path) -> None:
    """The oldest part is removed as a whole when there are too many bytes; the newest stays."""
    log = WrittenLog(tmp_path, most_bytes=4 * SMALLEST)
    for number in range(60):
        log.writes(
            *(
                entry(
                    NOW + number + each / 1e4, f"CP-{number}", body=b'{"a":"' + os.urandom(600).hex().encode() + b'"}'
                )
                for each in range(100)
            )
        )
    size = sum(path.stat().st_size for path in log.folder.glob("*.sqlite*"))
    assert size <= 6 * SMALLEST
    assert 3 <= len(segments_in(log.folder)) <= 5
    newest, oldest = log.find(limit=1)[0]["at"], find(log.folder, Search(limit=10_000)).records[-1][0]
    assert newest >= NOW + 59
    assert oldest > first_id(NOW + 1)
    log.writer.close()


def test_one_station_does_not_push_out_the_others(tmp_path: Path) -> None:
    """Of one that never stops the log takes a share when it is full, counts the rest, and says so in its place."""
    log = WrittenLog(tmp_path, most_bytes=16 * SMALLEST)
    large = b'{"a":"' + b"x" * 8000 + b'"}'
    log.writes(entry(NOW, "CP-quiet"))
    for number in range(200):
        log.writes(*(entry(NOW + 1 + number + each / 1e4, "CP-loud", body=large) for each in range(20)))
    log.writes(entry(NOW + 300, "CP-quiet"))
    log.writer.write()
    report = log.reports[-1]
    assert len(log.find(station="CP-quiet")) == 2
    assert report["dropped"] > 1500
    assert report["written"] + report["dropped"] == 4002
    (said,) = log.find(station="CP-loud", kind="lost")
    assert "of CP-loud" in said["description"]
    log.writer.close()


def test_one_station_may_fill_what_is_free() -> None:
    """A share is for a log that is full: until then a station is written whatever it says."""
    shares, bounds = Shares(), Bounds(16 * SMALLEST, A_DAY)
    shares.takes("CP-2", 1000, 0, bounds, is_full=False)
    assert all(shares.takes("CP-1", SMALLEST, 0, bounds, is_full=False) for _ in range(16))
    assert not shares.takes("CP-1", SMALLEST, 0, bounds, is_full=True)
    assert shares.takes("CP-2", SMALLEST // 2, 0, bounds, is_full=True)
    assert shares.takes("CP-3", 2 * SMALLEST, 0, bounds, is_full=True), "a message is never too long for a quiet one"
    assert shares.takes("CP-1", SMALLEST // 2, 1100, bounds, is_full=True), "1 KiB a second is everybody's"


def test_stations_without_end_have_no_share_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have made good what they wrote are forgotten."""
    monkeypatch.setattr(shares_module, "_MOST", 10)
    shares, bounds = Shares(), Bounds(16 * SMALLEST, A_DAY)
    for number in range(1000):
        assert shares.takes(f"CP-{number}", 1000, number * 10.0, bounds, is_full=True)
    assert len(shares._levels) <= 11


def test_a_station_that_is_alone_has_the_whole_log(tmp_path: Path) -> None:
    """Where nobody else is recorded, a station pushes out its own oldest, and the newest is there."""
    log = WrittenLog(tmp_path, most_bytes=4 * SMALLEST)
    large = b'{"a":"' + b"x" * 8000 + b'"}'
    for number in range(100):
        log.writes(*(entry(NOW + number + each / 1e4, body=large) for each in range(20)))
    assert log.reports[-1]["dropped"] == 0
    assert log.find(limit=1)[0]["at"] >= NOW + 99
    log.writer.close()


def test_days_are_bounded(tmp_path: Path) -> None:
    """What is older than it is kept goes, also while nothing new comes; a clock that jumps back loses nothing."""
    log = Segments(tmp_path, Bounds(1 << 30, 3.5 * A_DAY))
    for number in range(6):
        log.write([(log.number(NOW), 0, f"CP-{number}", 0, None, "m", "X", *([None] * 11))], NOW + number * A_DAY)
    kept = [record[2] for record in find(tmp_path, Search()).records]
    assert sorted(kept) == ["CP-1", "CP-2", "CP-3", "CP-4", "CP-5"]
    log.tidy(NOW + 6.6 * A_DAY)
    assert sorted(record[2] for record in find(tmp_path, Search()).records) == ["CP-3", "CP-4", "CP-5"]
    log.write([(log.number(NOW), 0, "CP-back", 0, None, "m", "X", *([None] * 11))], NOW)
    log.write([(log.number(NOW), 0, "CP-back", 0, None, "m", "X", *([None] * 11))], NOW)
    assert [record[2] for record in find(tmp_path, Search()).records].count("CP-back") == 2
    assert log.count == 3, "no segment for each time that something is written"
    log.close()


def test_a_clock_that_was_ahead(tmp_path: Path) -> None:
    """What was written while the clock was a year ahead is kept as long as all else, from when it was set right."""
    log = Segments(tmp_path, Bounds(1 << 30, 16 * A_DAY))
    ahead = NOW + 365 * A_DAY
    for number in range(2):
        log.write([_row(log, ahead + number, "ahead")], ahead + number * 2 * A_DAY)
    log.close()
    for path in segments_in(tmp_path):
        os.utime(path, (ahead, ahead))
    log, now = Segments(tmp_path, Bounds(1 << 30, 16 * A_DAY)), time.time()
    for number in range(2):
        log.write([_row(log, now + number, "right")], now + number * 2 * A_DAY)
    assert log.count == 4, "a segment ends at its time, although its name is of the time that was ahead"
    log.tidy(now + 15 * A_DAY)
    assert [record[7] for record in find(tmp_path, Search()).records] == ["ahead"] * 2 + ["right"] * 2
    log.tidy(now + 17 * A_DAY)
    assert "ahead" not in [record[7] for record in find(tmp_path, Search()).records]
    log.close()


def test_a_clock_that_stands_still(log: WrittenLog) -> None:
    """More records of one moment than ids tell apart are all there."""
    log.writes(*(entry(NOW) for _ in range(2500)))
    assert len(log.find(limit=5000)) == 2500


def test_a_log_is_continued_after_a_start(tmp_path: Path) -> None:
    """A writer that begins goes on with the newest segment; one of another version is left alone, and not read."""
    for number in range(3):
        log = WrittenLog(tmp_path)
        log.writes(entry(NOW + number))
        log.writer.close()
    assert len(segments_in(log.folder)) == 1
    with sqlite3.connect(segments_in(log.folder)[0]) as segment:
        segment.execute("PRAGMA user_version = 99")
    log = WrittenLog(tmp_path)
    log.writes(entry(NOW + 9))
    assert len(log.find()) == 1
    assert len(segments_in(log.folder)) == 2
    log.writer.close()


def test_a_segment_that_is_broken(log: WrittenLog) -> None:
    """A file that is no database is passed over, and the rest is read."""
    log.writes(entry(NOW))
    (log.folder / "00000000000000001.sqlite").write_bytes(b"no database" * 100)
    assert len(log.find()) == 1


def test_a_disk_that_is_full(log: WrittenLog) -> None:
    """What cannot be written is dropped and counted; when there is room again a record says how many are missing."""
    log.writes(entry(NOW))
    segments = log.writer._segments
    assert segments is not None
    assert segments._open is not None
    (pages,) = segments._open.execute("PRAGMA page_count").fetchone()
    segments._open.execute(f"PRAGMA max_page_count = {pages}")
    log.writes(*(entry(NOW + 1 + each / 1e6, body=b'{"a":"' + b"x" * 900 + b'"}') for each in range(200)))
    assert "full" in log.reports[-1]["problem"]
    log.writes(entry(NOW + 2))
    lost, told = log.find(kind="lost"), log.reports[-1]
    assert [each["description"].partition(" ")[0] for each in lost] == ["200"]
    assert (told["written"], told["dropped"], told["problem"]) == (2, 200, "")


def test_what_was_dropped_before_it_came(log: WrittenLog) -> None:
    """What the gateway had to drop is said in the log as well, even if nothing more comes."""
    log.writer.take(Dropped(7))
    log.writer.idle()
    assert log.find()[0]["description"].startswith("7 entries")


def test_an_entry_that_cannot_be_masked(log: WrittenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault at one entry is counted and said, and takes none of the others with it."""

    def fails(self: Mask, raw: bytes, found: Any = None) -> bytes:
        if b"bad" in raw:
            raise KeyError(raw)
        return raw

    monkeypatch.setattr(Mask, "payload", fails)
    log.writes(entry(NOW), entry(NOW + 1, body=b'{"bad":1}'), entry(NOW + 2))
    assert "KeyError" in log.reports[0]["problem"]
    assert len(log.find(kind="call")) == 2
    assert log.find(kind="lost")[0]["description"].startswith("1 entries")


def test_two_legs_that_cannot_be_masked(log: WrittenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that says two legs is written twice, the backend's first; as two it is missing if it cannot be."""
    masked = Mask.payload

    def fails(self: Mask, raw: bytes, found: Any = None) -> bytes:
        return masked(self, raw, found) if b"bad" not in raw else masked(self, None, found)  # type: ignore[arg-type]

    monkeypatch.setattr(Mask, "payload", fails)
    both = {"direction": FROM_STATION, "backend": "a", "took": 0.5, "took_backend": 0.25, "route": "home", "rule": 0}
    log.writes(entry(NOW, **both), entry(NOW + 1, body=b'{"bad":1}', **both))
    legs = log.find(kind="call")
    assert [(each["direction"], each["latency_ms"], each["route"]) for each in legs] == [
        ("from_station", 500.0, "home"),
        ("to_backend", 250.0, None),
    ]
    assert log.reports[-1]["dropped"] == 2
    assert log.find(kind="lost")[0]["description"].startswith("2 entries")


def test_a_folder_of_another_gateway(tmp_path: Path) -> None:
    """A folder that another process writes to is left alone: what comes is dropped until it is free."""
    first, second = WrittenLog(tmp_path), WrittenLog(tmp_path)
    first.writes(entry(NOW))
    second.writes(entry(NOW + 1))
    assert "messages" in second.reports[-1]["problem"]
    assert second.writer.report.dropped == 1
    first.writer.close()
    second.writes(entry(NOW + 2))
    assert [each["kind"] for each in second.find()] == ["lost", "call", "call"]
    second.writer.close()


def test_entries_before_it_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that does not know its folder writes nowhere; what it is handed is dropped, and said when it knows."""
    monkeypatch.chdir(tmp_path)
    writer = Writer(io.BytesIO())
    writer.take(Batch([entry(NOW)]))
    writer.write()
    assert (writer.report.dropped, list(tmp_path.iterdir())) == (1, [])
    writer.take(Settings(str(tmp_path / "messages"), 1 << 30, A_DAY))
    writer.idle()
    (lost,) = find(tmp_path / "messages", Search()).records
    assert "1 entries" in str(document(lost)["description"])
    writer.close()


def test_another_folder_and_another_mask(tmp_path: Path) -> None:
    """New settings hold for what comes after them."""
    log = WrittenLog(tmp_path, mask=False)
    said = b'{"idTag":"04FACE"}'
    log.writes(entry(NOW, body=said))
    log.writer.take(Settings(str(log.folder), 1 << 30, A_DAY))
    log.writes(entry(NOW + 1, body=said))
    masked, plain = log.find()
    assert (plain["payload"], masked["payload"]["idTag"][0]) == ({"idTag": "04FACE"}, "~")
    log.writer.take(Settings(str(tmp_path / "other"), 1 << 30, A_DAY))
    log.writes(entry(NOW + 2))
    assert len(log.find()) == 2
    assert len(find(tmp_path / "other", Search()).records) == 1
    log.writer.close()
