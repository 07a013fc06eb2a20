"""What the audit trail says of each operation that changes something: whom or what, and what was asked."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.web.world import Web, serving
from voltgate.relay.records import AuditRecord
from voltgate.web import alerting, openapi
from voltgate.web.api import claims, csms
from voltgate.web.api.resources import routers
from voltgate.web.audited import Audit
from voltgate.web.csms import operating, parts

ROOT = "/api/v1"
SECRET = "correct horse battery"
URL = f"wss://h/a?key={SECRET.replace(' ', '+')}"
TEXT = "[routes.main]"
TAG = hashlib.sha256(TEXT.encode()).hexdigest()
WHOLE = {
    "DELETE /alerts/mutes/{id}",
    "DELETE /csms/stations/{identity}",
    "DELETE /csms/stations/{identity}/uploads/{upload}",
    "DELETE /id-tokens/{token}",
    "DELETE /jobs/{job}",
    "DELETE /networks/{network}",
    "DELETE /nodes/{node}/drain",
    "DELETE /stations/{identity}",
    "DELETE /stations/{identity}/callback",
    "DELETE /stations/{identity}/password",
    "DELETE /tokens/{name}",
    "DELETE /users/{login}",
    "DELETE /waiting/{identity}",
    "POST /alerts/channels/{name}/test",
    "POST /callback-key",
    "POST /logout",
    "POST /sign-out",
    "POST /stations/{identity}/disconnect",
    "POST /users/{login}/invitation",
    "PUT /me/password",
}
"""The path, and who asks, is all that there is to say."""
AFTERWARDS = {"POST /password"}
"""It is known by what came of it, which tests/web/test_users.py shows."""
ASKED: list[tuple[str, str, Any, str]] = [
    ("DELETE /nodes/drain", "", None, platform.node()),
    ("DELETE /tariffs/{name}", "", None, "all versions"),
    ("DELETE /tariffs/{name}", "?version=3", None, "version 3"),
    (
        "PATCH /backends/{name}/stations",
        "",
        {"add": ["A", "B"], "url": URL},
        "add: 2 (A, B), remove: 0, url: wss://h/a?…",
    ),
    ("PATCH /csms/stations/{identity}", "", {"registration": "Rejected"}, 'registration="Rejected"'),
    ("PATCH /id-tokens/{token}", "", {"status": "Blocked"}, 'status="Blocked"'),
    ("PATCH /networks/{network}", "", {"name": "North"}, 'name="North"'),
    ("PATCH /users/{login}", "", {"roles": {"*": "admin"}}, 'roles={"*": "admin"}'),
    ("POST /alerts/mutes", "", {"stations": ["CP*"], "seconds": 60.0}, 'stations=["CP*"], seconds=60.0'),
    ("POST /configuration/routes/check", "", {"text": TEXT}, f'routes "{TAG}"'),
    ("POST /csms/stations", "", {"identity": "CP1"}, 'identity="CP1"'),
    (
        "POST /csms/stations/import",
        "",
        [{"identity": f"CP{n}"} for n in range(6)],
        "stations: 6 (CP0, CP1, CP2, CP3, CP4, …)",
    ),
    ("POST /csms/stations/{identity}/commands/{command}", "", {"password": SECRET}, "parameters: 1 (password)"),
    ("POST /id-tokens", "", {"token": "04AA"}, 'token="04AA"'),
    ("POST /id-tokens/import", "", [{"token": "04AA"}], "id tokens: 1 (04AA)"),
    (
        "POST /jobs",
        "",
        {"command": "x", "parameters": {"password": SECRET}, "stations": ["CP1"], "rate": 5},
        "x, parameters: 1 (password), stations: 1 (CP1), rate=5.0",
    ),
    ("POST /login", "", {"login": "ann", "password": SECRET}, "ann"),
    ("POST /networks", "", {"id": "north"}, 'id="north"'),
    ("POST /networks/{network}/stations", "", {"identity": "CP1"}, 'identity="CP1"'),
    ("POST /nodes/drain", "", {"spread": 5.0}, f"{platform.node()} spread=5.0"),
    ("POST /nodes/{node}/drain", "", {"spread": 5.0}, "spread=5.0"),
    ("POST /sign-in", "", {"login": "ann", "password": SECRET}, "ann"),
    ("POST /stations/{identity}/calls", "", {"action": "Reset", "payload": {"x": SECRET}}, "Reset"),
    ("POST /tokens", "", {"name": "ci", "role": "admin", "expires_in": 60.0}, "ci, admin, for 60 s"),
    ("POST /tokens/{name}/rotation", "", {"overlap": 60.0}, "overlap=60.0"),
    ("POST /users", "", {"login": "ann", "roles": {"*": "viewer"}}, "ann, *=viewer"),
    ("POST /waiting/{identity}/accept", "", {"route": "main"}, "on the route main"),
    (
        "PUT /backends/{name}/stations",
        "?force=true",
        {"stations": ["A"], "ip": "::1"},
        "stations: 1 (A), ip: ::1, force",
    ),
    ("PUT /configuration/routes", "", {"text": TEXT}, f'routes "{TAG}"'),
    ("PUT /messages/recording", "", {"stations": ["CP*"], "hours": 2.0}, 'stations=["CP*"], hours=2.0'),
    ("PUT /stations/{identity}/password", "", {"password": SECRET}, "as it was given"),
    ("PUT /stations/{identity}/password", "", {}, "made by Voltgate"),
    ("PUT /stations/{identity}/security/profile", "", {"profile": 1}, "profile=1"),
    ("PUT /tariffs/{name}", "", {"per_kwh": "0.39"}, 'per_kwh="0.39"'),
]


def test_each_operation_is_here() -> None:
    """No operation that may change something is left out."""
    there = {
        f"{method.upper()} {path.removeprefix(ROOT)}"
        for path, operations in json.loads(openapi.text())["paths"].items()
        for method in operations
        if method not in ("get", "head", "parameters")
    }
    told = {operation for operation, *_ in ASKED}
    assert there == WHOLE | AFTERWARDS | told
    assert not (WHOLE | AFTERWARDS) & told
    assert all(said for *_, said in ASKED)


def nothing() -> SimpleNamespace:
    """Return parts that there are none of."""
    return SimpleNamespace()


@pytest.fixture
async def nothing_behind() -> AsyncIterator[Web]:
    """An API behind which there is nothing that could be changed: whatever is asked comes to nothing."""
    async with serving(resources=(claims.router, *routers(), *csms.routers())) as web:
        state = web.app.state
        state.queries = SimpleNamespace(others=None)
        state.claiming = state.routes_file = None
        for dependency in (parts._parts, operating._parts, alerting._parts):
            web.app.dependency_overrides[dependency] = nothing
        with capture_logs():
            yield web


async def test_what_was_asked_is_written_down(nothing_behind: Web) -> None:
    """The line of a request says what was asked, whatever came of it, and no secret."""
    for operation, query, body, said in ASKED:
        kept: list[AuditRecord] = []
        audit = nothing_behind.app.state.audit = Audit(kept.append)
        method, _, template = operation.partition(" ")
        path = template.replace("{name}", "billing").replace("{command}", "reset")
        path = path.replace("{", "the-").replace("}", "")
        token = None if template in ("/login", "/sign-in") else "admin"
        answer = await nothing_behind.ask(method, f"{ROOT}{path}{query}", token, json=body)
        audit.refusals.close()
        (record,) = kept
        assert (record.action.replace(":path", ""), record.detail) == (operation, f"{path}: {said}"), answer.json
        assert SECRET not in str(record)
        assert "correct+horse" not in str(record)


async def test_a_long_path_hides_nothing(nothing_behind: Web) -> None:
    """However long a name is, what was asked has room beside it."""
    kept: list[AuditRecord] = []
    nothing_behind.app.state.audit = Audit(kept.append)
    await nothing_behind.ask("POST", f"{ROOT}/stations/{'x' * 255}/calls", "admin", json={"action": "y" * 100})
    assert kept[0].detail == f"/stations/{'x' * 255}/calls: {'y' * 100}"
