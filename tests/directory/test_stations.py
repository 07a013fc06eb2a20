"""The directory: which entry a station's identity leads to, and which identities are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.directory.stations import OLD_VERSIONS, Credentials, Directory, Entry, unlawful


def route(directory: Directory, identity: str, target: str = "") -> str | None:
    """Give the route that an identity takes."""
    station = directory.find(identity, target)
    return None if station is None else station.route


def test_one_station_beats_patterns() -> None:
    """An entry for one identity counts wherever it stands; of patterns the first that fits counts."""
    entries = [Entry("all", match="CP-*"), Entry("one", match="CP-1?"), Entry("own", identity="CP-12")]
    directory = Directory(entries)
    assert route(directory, "CP-12") == "own"
    assert route(directory, "CP-11") == "all"
    assert route(directory, "XP-11") is None


def test_a_pattern_without_a_wildcard_is_one_station() -> None:
    """A match that holds no wildcard is for that identity, and counts like one."""
    directory = Directory([Entry("all", match="*"), Entry("own", match="CP-1")])
    assert route(directory, "CP-1") == "own"
    assert route(directory, "CP-10") == "all"


def test_an_identity_is_never_a_pattern() -> None:
    """Wildcards in an identity, in the entry or off the wire, stand for themselves."""
    directory = Directory([Entry("star", identity="CP*"), Entry("rest", match="CP[0-9]")])
    assert route(directory, "CP*") == "star"
    assert route(directory, "CP1") == "rest"
    assert route(directory, "CP[0-9]") is None


def test_case() -> None:
    """Identities are the same whatever their case, unless set otherwise, and are kept as they were written."""
    entries = [Entry("one", identity="CP-1"), Entry("many", match="Depot-*")]
    station = Directory(entries).find("cp-1")
    assert station is not None
    assert (station.identity, station.key, station.route) == ("cp-1", "cp-1", "one")
    assert route(Directory(entries), "DEPOT-7") == "many"
    strict = Directory(entries, case_sensitive=True)
    assert route(strict, "cp-1") is None
    assert route(strict, "CP-1") == "one"
    assert route(strict, "DEPOT-7") is None


def test_strangers() -> None:
    """Whom no entry knows is unknown, or takes the route for strangers."""
    assert route(Directory([]), "CP-1") is None
    directory = Directory([Entry("own", identity="CP-1")], unknown=Entry("lobby", match="*"))
    assert (route(directory, "CP-1"), route(directory, "CP-2")) == ("own", "lobby")


def test_an_alias_is_a_path() -> None:
    """A raw path that is an alias means its station, whatever the path says by itself; the query does not count."""
    directory = Directory([Entry("own", identity="CP-1", aliases=("/ws://host/CP_1/S1",))])
    station = directory.find("S1", "/ws://host/CP_1/S1?x=1")
    assert station is not None
    assert (station.identity, station.name) == ("CP-1", "CP-1")
    assert directory.find("S1", "/elsewhere/S1") is None
    assert directory.find("", "/ws://host/CP_1/S1") is not None


def test_what_2_x_forbids_is_1_x() -> None:
    """An identity that OCPP 2.x does not allow speaks the versions before, and is unknown where only 2.x is let in."""
    directory = Directory([Entry("any", match="A*"), Entry("new", match="B*", versions=("ocpp2.0.1",))], longest=60)
    for identity in ("A 1", "Aé", "A:1", "A" * 49):
        station = directory.find(identity)
        assert station is not None
        assert station.versions == OLD_VERSIONS
    plain = directory.find("A-1")
    assert plain is not None
    assert plain.versions == ()
    assert directory.find("B 1") is None
    station = directory.find("B-1")
    assert station is not None
    assert station.versions == ("ocpp2.0.1",)


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("", "names no station"),
        ("x" * 49, "longer than 48"),
        ("CP\n1", "control characters"),
        ("CP\0", "control characters"),
        ("CP\u202e1", "control characters"),
        (" CP1", "begins or ends with a space"),
        ("CP1 ", "begins or ends with a space"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        (".", "dots"),
        ("..", "dots"),
    ],
)
def test_what_is_no_identity(identity: str, words: str) -> None:
    """An identity that could become another path, file or topic is refused, and the reason is told."""
    directory = Directory([], unknown=Entry("lobby", match="*"))
    reason = directory.objection(identity)
    assert reason is not None
    assert words in reason
    assert directory.find(identity) is None


@given(st.text(max_size=60))
def test_the_short_way_is_the_long_way(identity: str) -> None:
    """The quick look at ordinary identities never says otherwise than the whole rule, and no text does harm."""
    directory = Directory([Entry("all", match="*")])
    assert directory.objection(identity) == unlawful(identity, 48)
    assert (directory.find(identity) is None) is (directory.objection(identity) is not None)


def test_what_a_station_says_of_itself() -> None:
    """Name, tags and the assumed version come from the entry; without a name it is called by its identity."""
    entry = Entry("own", identity="CP-1", name="North", tags=frozenset({"vip"}), missing_subprotocol="refuse")
    station = Directory([entry, Entry("x", match="*")]).find("CP-1")
    assert station is not None
    assert (station.name, station.tags, station.missing_subprotocol) == ("North", {"vip"}, "refuse")
    other = Directory([Entry("x", match="*")]).find("CP-2")
    assert other is not None
    assert (other.name, other.credentials) == ("CP-2", None)


def test_credentials_do_not_show() -> None:
    """Neither a password nor the address of a hook stands in what is logged of a station."""
    for credentials in (Credentials("Zx9-secret"), Credentials(hook="https://hook.example/Zx9-secret")):
        entry = Entry("own", identity="CP-1", credentials=credentials)
        assert "Zx9-secret" not in repr(Directory([entry]).find("CP-1"))
