"""The commands `tokens`, against a real gateway."""

from __future__ import annotations

from tests.client.test_real import terminal
from tests.harness import Gateway, Stage
from tests.web.client import asking
from tests.web.csms import LOCAL


async def claims(gateway: Gateway, token: str) -> int:
    """Claim a station with a token; give the status."""
    async with asking(gateway.http_port, token) as api:
        return (await api.ask("PUT", "/backends/csms/stations", {"stations": ["CP1"]})).status


async def test_tokens_come_and_go(stage: Stage) -> None:
    """One is made and printed alone, claims, is rotated without a gap, listed with its scope and end, and is gone."""
    voltgate = await terminal(stage, **LOCAL)
    made = await voltgate("tokens", "add", "depots", "--claims", "csms", "--expires-in", "90d")
    ends, shown = made.err.splitlines()
    assert (made.code, shown) == (0, "The token depots, for whoever uses it; it cannot be shown again:")
    assert ends.startswith("It ends 20")
    rotated = await voltgate("tokens", "rotate", "depots", "--overlap", "1h")
    again, former, _ = rotated.err.splitlines()
    assert again == ends
    assert former.startswith("The one before it is let in until 20")
    both = (made.out.strip(), rotated.out.strip())
    assert [await claims(voltgate.gateway, token) for token in both] == [200, 200]
    at_once = (await voltgate("tokens", "rotate", "depots", "--overlap", "0s", "--json")).json
    assert (at_once["name"], at_once["role"]) == ("depots", "backend")
    assert [await claims(voltgate.gateway, token) for token in (*both, at_once["token"])] == [401, 401, 200]
    assert (await voltgate("tokens", "add", "north", "--network", "north=operator", "--network", "south=viewer")).out
    assert (await voltgate("tokens", "add", "grafana", "--role", "viewer")).out
    headings, *lines = (await voltgate("tokens")).out.splitlines()
    may = [line[headings.index("may") : headings.index("from")].strip() for line in lines]
    assert may == ["admin", "claim for csms", "viewer", "north operator, south viewer"]
    ends = [line[headings.index("ends") : headings.index("last use")].strip() for line in lines]
    assert [bool(end) for end in ends] == [False, True, False, False]
    assert (await voltgate("tokens", "remove", "depots")).out == "depots lets nobody in any more\n"
    names = [each["name"] for each in (await voltgate("tokens", "list", "--json")).json["items"]]
    assert names == ["admin", "grafana", "north"]
    for wrong in (
        ("add", "x"),
        ("add", "x", "--role", "viewer", "--claims", "csms"),
        ("add", "x", "--network", "north"),
        ("add", "x", "--claims", "nobody"),
        ("add", "grafana", "--role", "viewer"),
        ("rotate", "admin"),
        ("remove", "depots"),
    ):
        refused = await voltgate("tokens", *wrong)
        assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1), refused
    assert (await voltgate("tokens", "add", "x", "--role", "viewer", "--expires-in", "soon")).code == 2
