"""`voltgate routes match`: what a route says of a call that none of its rules is for, or that another node has."""

from __future__ import annotations

import pytest

from tests.client.counterpart import Counterpart, Terminal

FOUND = {"station": "CP1", "route": "home", "answer": [], "copy": [], "authorize": [], "left_out": []}
NAMED = "A call of a transaction that runs goes to its owner, whatever the rules say."


@pytest.mark.parametrize(
    ("found", "sentences"),
    [
        (
            {"rule": None, "left_out": ["a"]},
            [
                'Rule 1 of the route "home" does not match: it is for tags ["x\\u001b"].',
                'No rule of the route "home" matches: the call is answered with an error.',
                "Left out, as the version is not taken there: a.",
            ],
        ),
        (
            {"rule": 1, "answer": ["b", "c", "d"], "copy": ["a", "e"]},
            [
                'Rule 1 of the route "home" does not match: it is for tags ["x\\u001b"].',
                'Rule 2 of the route "home" decides.',
                "b answers; if it is away, c and d.",
                "a and e are told besides.",
            ],
        ),
    ],
    ids=["no rule", "a node with other rules"],
)
def test_what_is_not_in_the_route(
    api: Counterpart, voltgate: Terminal, found: dict[str, object], sentences: list[str]
) -> None:
    """No rule, and one that the node that was asked does not have, are said as far as that is known."""
    api.says("GET routes/match", FOUND | found)
    api.says("GET routes/home", {"name": "home", "admit": "gateway", "rules": [{"tags": ["x\x1b"], "answer": "a"}]})
    said = voltgate("routes", "match", "CP1", "Heartbeat", "--ocpp", "1.6", "--type", "eMAID", "--token", "T")
    assert said.out.splitlines() == [*sentences, NAMED]
    query = {"station": "CP1", "action": "Heartbeat", "version": "ocpp1.6", "token": "T", "token_type": "eMAID"}
    assert api.asked[0].query == query
