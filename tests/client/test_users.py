"""The commands `users`, against a real gateway."""

from __future__ import annotations

from tests.client.test_real import terminal
from tests.harness import Stage
from tests.web.client import asking
from tests.web.csms import LOCAL


async def test_users_come_and_go(stage: Stage) -> None:
    """One is made, chooses a password by what was printed, gets other roles, is invited again, and is gone."""
    voltgate = await terminal(stage, **LOCAL)
    made = await voltgate("users", "add", "nora@x.example", "--name", "Nora", "--network", "north=operator")
    assert (made.code, "nora@x.example chooses a password" in made.err) == (0, True)
    async with asking(voltgate.gateway.http_port) as api:
        chosen = {"invitation": made.out.strip(), "password": "correct horse battery"}
        (await api.post("/password", chosen)).gives(204)
        (await voltgate("users", "add", "ada", "--role", "viewer", "--network", "north=admin", "--json")).json["until"]
        headings, *lines = (await voltgate("users")).out.splitlines()
        assert [line[headings.index("roles") :].split("  ")[0] for line in lines] == [
            "viewer, north admin",
            "north operator",
        ]
        assert ["not chosen" in line for line in lines] == [True, False]
        changed = await voltgate("users", "change", "NORA@x.example", "--role", "operator")
        assert changed.out == "nora@x.example is operator\n"
        again = (await voltgate("users", "invite", "nora@x.example")).out.strip()
        (await api.post("/password", chosen | {"invitation": again})).gives(204)
        (await api.post("/login", {"login": "nora@x.example", "password": "wrong"})).gives(401)
    page = await voltgate.gateway.get("/metrics")
    assert 'voltgate_logins_failed_total{reason="wrong"} 1.0' in page.body
    assert (await voltgate("users", "remove", "ada")).out == "ada is not let in any more\n"
    assert [each["roles"] for each in (await voltgate("users", "list", "--json")).json["items"]] == [{"*": "operator"}]
    for wrong in (("add", "eve"), ("add", "eve", "--network", "north"), ("remove", "ada"), ("add", "nora@x.example")):
        refused = await voltgate("users", *wrong, *(["--role", "viewer"] if wrong[1] == "nora@x.example" else []))
        assert (refused.code, len(refused.err.splitlines())) == (1, 1), refused
