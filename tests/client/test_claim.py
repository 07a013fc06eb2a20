"""`voltgate claim`: a list on standard input becomes a backend's claims."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.counterpart import Answer, Counterpart, Terminal, problem

STATIONS = "backends/a/stations"


def claimed(**more: Any) -> dict[str, Any]:
    answer = {"backend": "a", "stations": 2, "added": 2, "removed": 0, "conflicts": [], "contested": 0, "url": None}
    return answer | more


def test_the_list_replaces_the_last_one(api: Counterpart, voltgate: Terminal) -> None:
    """One identity a line; comments, blank lines, blanks around and what stands twice do not count."""
    api.says(f"PUT {STATIONS}", claimed())
    ended = voltgate("claim", "--backend", "a", stdin="\ufeff# ours\r\nCP1\r\n\n  RDAM 123\t# the old one\nCP1\nCP#2")
    assert (ended.code, ended.out, ended.err) == (0, "a claims 2 stations: 2 added, 0 removed\n", "")
    assert api.asked[0].json == {"stations": ["CP1", "RDAM 123", "CP#2"]}
    assert api.asked[0].query == {}
    assert api.asked[0].headers["authorization"] == "Bearer vg_test"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", "ws://b.example/{station}"], {"url": "ws://b.example/{station}"}),
        (["--soap-url", "http://b.example/ocpp"], {"soap_url": "http://b.example/ocpp"}),
        (["--ip", "192.0.2.7"], {"ip": "192.0.2.7"}),
        (["--ip", "::ffff:192.0.2.7"], {"ip": "192.0.2.7"}),
        (["--ip", "2001:DB8::0:7"], {"ip": "2001:db8::7"}),
    ],
)
def test_the_backend_moves_with_its_list(
    api: Counterpart, voltgate: Terminal, words: list[str], said: dict[str, str]
) -> None:
    """The backend's URL or its IP is part of the same request."""
    api.says(f"PUT {STATIONS}", claimed(url="ws://192.0.2.7/{station}"))
    ended = voltgate("claim", "--backend", "a", *words, stdin="CP1\n")
    assert ended.out == "a claims 2 stations: 2 added, 0 removed; at ws://192.0.2.7/{station}\n"
    assert api.asked[0].json == {"stations": ["CP1"], **said}


def test_a_forced_command_of_sshd(api: Counterpart, voltgate: Terminal) -> None:
    """By ssh the backend is where the connection came from, and what it asked to run is not looked at."""
    api.says(f"PUT {STATIONS}", claimed())
    trap = voltgate.folder / "trap"
    env = voltgate.environment(
        SSH_CONNECTION="192.0.2.7 51234 198.51.100.1 22",
        SSH_ORIGINAL_COMMAND=f"touch {trap}; voltgate claim --backend b --force",
    )
    assert voltgate("claim", "--backend", "a", "--ip-from-ssh", stdin="CP1\n", env=env).code == 0
    assert [(asked.path, asked.query) for asked in api.asked] == [(f"/api/v1/{STATIONS}", {})]
    assert api.asked[0].json == {"stations": ["CP1"], "ip": "192.0.2.7"}
    assert not trap.exists()


@pytest.mark.parametrize(
    ("connection", "ip"),
    [("::ffff:192.0.2.7 5 ::1 22", "192.0.2.7"), ("fe80::1%eth0 5 fe80::2%eth0 22", "fe80::1"), ("", None)],
)
def test_where_the_connection_came_from(api: Counterpart, voltgate: Terminal, connection: str, ip: str | None) -> None:
    """Every spelling of an address that sshd may use is understood; without one nothing is claimed."""
    api.says(f"PUT {STATIONS}", claimed())
    env = voltgate.environment(SSH_CONNECTION=connection)
    ended = voltgate("claim", "--backend", "a", "--ip-from-ssh", stdin="CP1\n", env=env)
    if ip is None:
        assert ended.code == 1
        assert "SSH_CONNECTION" in ended.err
        assert api.asked == []
    else:
        assert api.asked[0].json["ip"] == ip


def test_conflicts_are_reported(api: Counterpart, voltgate: Terminal) -> None:
    """Who holds a station that the backend claims too is said beside the result."""
    since = "2026-11-21T07:30:00.000Z"
    claims = [{"backend": name, "since": since, "by": "admin"} for name in "ba"]
    conflicts = [{"station": f"CP{n}", "held_by": "b", "claims": claims} for n in range(100)]
    api.says(f"PUT {STATIONS}", claimed(conflicts=conflicts, contested=250))
    ended = voltgate("claim", "--backend", "a", stdin="CP1\n")
    assert ended.code == 0
    said = ended.err.splitlines()
    assert said[0] == (
        "contested: CP0 goes to b; claimed by b since 2026-11-21 07:30:00 and a since 2026-11-21 07:30:00"
    )
    assert said[10:] == ["250 stations contested in all: `voltgate claims --contested` lists them"]


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"CP1\n\xff\n", "standard input, line 2: is not UTF-8 text"),
        (b"CP1\n192.0.2.1\tCP2\n", "standard input, line 2: an address stands before the identity"),
        (b"".join(b"%d\n" % number for number in range(250_001)), "one call takes 250,000: claim the first ones"),
        (b"x" * (32 * 1024 * 1024 + 1), "standard input is larger than 32 MB"),
    ],
)
def test_what_is_no_list_is_not_sent(api: Counterpart, voltgate: Terminal, stdin: bytes, said: str) -> None:
    """What cannot be a list of stations is refused with the line, and nothing is changed."""
    ended = voltgate("claim", "--backend", "a", stdin=stdin)
    assert ended.code == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert api.asked == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--backend", "a", "--hosts", "-"],
        ["--backend", "a", "--add", "--remove"],
        ["--backend", "a", "--url", "ws://x", "--ip", "192.0.2.1"],
        ["--backend", "a", "--soap-url", "http://x", "--ip-from-ssh"],
        ["--backend", "a", "--add", "--force"],
        ["--hosts", "-", "--ip", "192.0.2.1"],
    ],
)
def test_what_does_not_go_together(api: Counterpart, voltgate: Terminal, words: list[str]) -> None:
    """Options that contradict each other are refused before anything is read."""
    assert voltgate("claim", *words).code == 2
    assert api.asked == []


# Hosts files.


def at(name: str, url: str, soap_url: str | None = None, claimed_url: str | None = None) -> dict[str, str | None]:
    return {"name": name, "url": url, "soap_url": soap_url, "claimed_url": claimed_url}


BACKENDS = {
    "items": [
        at("a", "ws://10.0.0.1:9000/{station}"),
        at("b", "ws://10.9.9.9/{station}", claimed_url="ws://[2001:db8::2]/{station}"),
        at("c", "wss://csms.example/{station}", soap_url="http://10.0.0.3:6060/ocpp"),
        at("d", "ws://10.0.0.5/{station}"),
        at("e", "ws://10.0.0.5:81/{station}"),
    ],
    "total": 5,
}


def test_a_hosts_file_is_claimed_backend_by_backend(api: Counterpart, voltgate: Terminal) -> None:
    """Lines `<IP> <identity>` become the claims of the backends at these addresses."""
    api.says("GET backends", BACKENDS)
    for name in "abc":
        api.says(f"PUT backends/{name}/stations", claimed(backend=name))
    text = "# ours\n10.0.0.1   CP1\n2001:DB8:0::2\tCP2\n10.0.0.3 RDAM 123\n10.0.0.1 CP10 # new\n10.0.0.1 CP1\n"
    (voltgate.folder / "hosts").write_text(text)
    ended = voltgate("claim", "--hosts", "hosts", "--json")
    assert ended.code == 0, ended.err
    put = {asked.path.split("/")[-2]: asked.json for asked in api.asked if asked.method == "PUT"}
    assert put == {
        "a": {"stations": ["CP1", "CP10"]},
        "b": {"stations": ["CP2"]},
        "c": {"stations": ["RDAM 123"]},
    }
    assert len(ended.out.splitlines()) == 3


def test_unknown_addresses_change_nothing(api: Counterpart, voltgate: Terminal) -> None:
    """Addresses that are no backend's, or two backends', are named with their lines, and nothing is changed."""
    api.says("GET backends", BACKENDS)
    text = "10.0.0.1 CP1\n10.9.9.9 CP2\n\n127.0.0.1 localhost\n10.0.0.5 CP4\n10.9.9.9 CP5\n"
    ended = voltgate("claim", "--hosts", "-", stdin=text)
    assert ended.code == 1
    assert ended.err == (
        "voltgate: standard input: lines 2 and 6: 10.9.9.9 is the address of no backend; line 4: 127.0.0.1 is the "
        "address of no backend; line 5: 10.0.0.5 is the address of d and of e: claim for each by --backend. "
        "Nothing was changed\n"
    )
    assert [asked.method for asked in api.asked] == ["GET"]


def test_a_wrong_hosts_file_changes_nothing(api: Counterpart, voltgate: Terminal) -> None:
    """Lines that are none, and stations at two addresses, are named; the gateway is not even asked."""
    ended = voltgate("claim", "--hosts", "-", stdin="10.0.0.1 CP1\nCP2\n10.0.0.3 CP1\n10.0.0.1\n")
    assert ended.code == 1
    assert 'line 2: "CP2" is not an IP address and an identity' in ended.err
    assert 'line 3: "CP1" belongs to 10.0.0.1 already on line 1' in ended.err
    assert "line 4" in ended.err
    assert api.asked == []
    assert (
        voltgate("claim", "--hosts", "nowhere").err == "voltgate: nowhere cannot be read: No such file or directory\n"
    )
    assert voltgate("claim", "--hosts", "-").code == 1


def test_a_hosts_file_that_is_refused_half_way_says_so(api: Counterpart, voltgate: Terminal) -> None:
    """When a backend's list is refused, those that were claimed before it are named."""
    api.says("GET backends", BACKENDS)
    api.says("PUT backends/a/stations", claimed())
    api.says("PUT backends/c/stations", problem(409, "Conflict", "The list is much shorter than the last."))
    ended = voltgate("claim", "--hosts", "-", stdin="10.0.0.1 CP1\n10.0.0.3 CP2\n")
    assert ended.code == 1
    assert ended.err == "voltgate: c: The list is much shorter than the last; claimed before that: a\n"


def test_claims_are_printed_as_a_hosts_file(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate claims --hosts` prints the lines of all backends, as the gateway gives them."""
    api.says("GET backends", {"items": [{"name": "a"}, {"name": "b"}], "total": 2})
    api.says("GET backends/a/stations", Answer(kind="text/plain", pieces=("10.0.0.1 CP1\n10.0", ".0.1 CP2\n")))
    api.says("GET backends/b/stations", Answer(kind="text/plain", pieces=("10.0.0.2 CP3\n",)))
    assert voltgate("claims", "--hosts").out == "10.0.0.1 CP1\n10.0.0.1 CP2\n10.0.0.2 CP3\n"
    assert voltgate("claims", "--hosts", "--backend", "b").out == "10.0.0.2 CP3\n"
    assert {asked.query.get("format") for asked in api.asked if "stations" in asked.path} == {"hosts"}
    assert voltgate("claims", "--hosts", "--backend", "z").code == 1
    assert voltgate("claims", "--hosts", "--json").code == 2
