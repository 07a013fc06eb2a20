"""Routes through the API: the rules as they are written, and which of them a call would meet."""

from __future__ import annotations

from tests.harness import Stage
from tests.web.client import api_of

RULES = [
    {"actions": ["Authorize", "Start*"], "tokens": ["04EM*"], "answer": "a", "copy": ["b"]},
    {"actions": ["Authorize"], "answer": "b", "authorize": ["b", "a"]},
    {"connectors": [2], "answer": {"a": 1, "b": 0}},
    {"actions": ["Boot*", "Heartbeat"], "answer": ["a", "b"]},
    {"answer": "b", "copy": ["a"]},
]


async def test_routes_are_shown_as_they_are_written(stage: Stage) -> None:
    """A route shows its rules as they are configured: what was left out is left out."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, routes={"main": {"admit": "gateway", "rules": RULES}}) as (api, _):
        shown = (await api.get("/routes/main")).gives(200)
        assert shown == {"name": "main", "admit": "gateway", "rules": RULES}
        page = (await api.get("/routes")).gives(200)
        assert page["total"] == 2
        assert shown in page["items"]
        assert (await api.get("/routes/claimed")).gives(200)["rules"] == [{"answer": "claimant"}]
        (await api.get("/routes/other")).gives(404)


async def test_which_rule_a_call_would_meet(stage: Stage) -> None:
    """The API says which rule a call would meet: by action, token and connector, as such a call carries them."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, routes={"main": {"rules": RULES}}) as (api, _):

        async def rule(action: str, **query: object) -> tuple[object, ...]:
            body = (await api.get("/routes/match", station="CP1", action=action, **query)).gives(200)
            return body["rule"], body["answer"], body["copy"], body["authorize"]

        assert await rule("Authorize", token="04EM77") == (0, ["a"], ["b"], [])
        assert await rule("Authorize", token="99") == (1, ["b"], [], ["b", "a"])
        assert await rule("StatusNotification", connector=2) == (2, ["a"], [], [])
        assert await rule("Heartbeat", connector=2, token="04EM77") == (3, ["a", "b"], [], [])
        assert await rule("Heartbeat", version="ocpp2.1") == (3, ["a", "b"], [], [])
        assert await rule("DataTransfer") == (4, ["b"], ["a"], [])


async def test_what_cannot_be_matched(stage: Stage) -> None:
    """A station that nobody knows, and an action that none of its version sends, are refused."""
    await stage.backend("a")
    async with api_of(stage, stations=[{"identity": "CP1", "route": "main"}]) as (api, _):
        (await api.get("/routes/match", station="CP2", action="Heartbeat")).gives(404)
        (await api.get("/routes/match", station="CP1")).gives(422)
        (await api.get("/routes/match", station="CP1", action="Heartbeat", version="ocpp9")).gives(422)
        for query in (
            {"action": "TransactionEvent"},
            {"action": "Reset"},
            {"action": "StartTransaction", "version": "ocpp2.1"},
        ):
            problem = (await api.get("/routes/match", station="CP1", **query)).gives(422)
            assert problem["errors"][0]["where"] == "query.action"
        await stage.station("CP1", "ocpp2.1")
        assert (await api.get("/routes/match", station="CP1", action="TransactionEvent")).gives(200)["rule"] == 0
