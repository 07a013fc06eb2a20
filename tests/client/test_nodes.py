"""The clients and a cluster: its nodes, which of them a station is at, and those that do not answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.counterpart import Counterpart, Terminal, lines, problem, sse, stream
from tests.client.test_lists import page, station


def node(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "version": "0.7.0",
        "state": "serving",
        "stations": 1200,
        "load": 0.314,
        "since": "2026-11-21T07:30:00.000Z",
        "seen": "2026-11-21T07:31:00.000Z",
        "alive": True,
        "here": False,
    } | more


def test_nodes_are_a_table(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate nodes` shows every gateway: how it is, what it holds, how busy it is, and which is asked."""
    api.says("GET nodes", page(node("a", here=True), node("b", state="draining", alive=False)))
    ended = voltgate("nodes")
    assert ended.out.splitlines() == [
        "name  here  state     alive  stations  load  version  since                seen                 id",
        "a     yes   serving   yes        1200   31%  0.7.0    2026-11-21 07:30:00  2026-11-21 07:31:00  id-a",
        "b     no    draining  no         1200   31%  0.7.0    2026-11-21 07:30:00  2026-11-21 07:31:00  id-b",
    ]
    assert (ended.code, ended.err) == (0, "")
    assert voltgate("nodes", "--json").json["items"][0]["load"] == 0.314


def test_a_node_is_drained(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate drain NODE` has a node hand its stations over; without a name, the one that is asked."""
    api.says("POST nodes/b%201/drain", node("b 1"))
    api.says("POST nodes/drain", node("a", stations=1))
    ended = voltgate("drain", "b 1", "--spread", "30")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "b 1 hands 1,200 stations over; `voltgate nodes` shows how far it is\n"
    assert voltgate("drain").out.startswith("a hands 1 station over")
    assert [asked.json for asked in api.asked] == [{"spread": 30.0}, {"spread": None}]


def test_a_node_takes_stations_again(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate undrain NODE` undoes that."""
    api.says("DELETE nodes/b/drain", node("b"))
    api.says("DELETE nodes/drain", node("a"))
    assert voltgate("undrain", "b").out == "b takes stations again\n"
    assert voltgate("undrain").out == "a takes stations again\n"


def test_a_node_that_is_none(api: Counterpart, voltgate: Terminal) -> None:
    """A name of no node ends with the names that there are."""
    api.says("POST nodes/c/drain", problem(404, "Not Found", "There is no node c. There are a, b."))
    ended = voltgate("drain", "c")
    assert (ended.code, ended.err) == (1, "voltgate: There is no node c. There are a, b\n")


def test_a_list_says_who_did_not_answer(api: Counterpart, voltgate: Terminal) -> None:
    """Nodes that did not answer are a warning beside the list, and are in its JSON; the nodes of stations are shown."""
    first = page(station("CP1", node="a"), total=2) | {"missing": ["b"]}
    second = page(station("CP2", node="c"), total=2) | {"missing": []}
    api.says("GET stations", first, second, first, second)
    ended = voltgate("stations")
    assert [line.split()[-1] for line in ended.out.splitlines()] == ["node", "a", "c"]
    assert ended.err == "warning: what these nodes hold is not shown, as they do not answer: b\n"
    warning = ended.err
    ended = voltgate("stations", "--json")
    assert (ended.json["missing"], ended.err) == (["b"], warning)


def test_a_backend_says_whose_numbers_it_lacks(api: Counterpart, voltgate: Terminal) -> None:
    """Numbers that lack what a node has counted are shown with a warning."""
    api.says("GET backends/billing", {"name": "billing", "legs": 3, "missing": ["b"]})
    ended = voltgate("backends", "billing")
    assert "warning: what these nodes hold is not shown" in ended.err
    assert "missing" not in ended.out


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        ("messages", "b was not heard for a while: its messages of that time are not shown"),
        ("events", "b was not heard for a while: what happened there meanwhile is not shown"),
    ],
)
def test_a_stream_says_who_does_not_answer(api: Counterpart, voltgate: Terminal, command: str, lost: str) -> None:
    """Nodes that a live stream does not hear are named beside it, and so is what was missed."""
    api.says(
        f"GET {command}",
        stream(
            sse("missing", {"missing": ["b", "c"]}),
            sse("missing", {"missing": []}),
            sse("lost", {"lost": None, "node": "b"}),
            sse("StationCame" if command == "events" else "message", {"station": "CP1"}),
            None,
        ),
    )
    process = voltgate.start("tail" if command == "messages" else "events")
    try:
        assert "CP1" in next(lines(process, 1))
    finally:
        process.terminate()
        _, remarks = process.communicate(timeout=60)
    assert remarks.splitlines()[:3] == [
        "warning: nodes that do not answer, and are not heard: b, c",
        "all nodes answer again",
        lost,
    ]
