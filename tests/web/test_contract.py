"""The API keeps its word: whatever is sent, it answers as its OpenAPI document says, and never with a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks

from tests.harness import Stage
from voltgate.web.bearer import digest_of, fresh, written

PROMISED = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
"""What an answer must be: of a declared status, of a declared kind, and of the declared shape."""
REFUSING = [*PROMISED, checks.negative_data_rejection]
REFUSALS = ["4xx", 503]
"""What is against the document is refused by any of these: one that is too long may also be too large a body (413)."""
EXAMPLES, FEW = 6, 2
"""Requests to each operation that are as declared, and as many that are not: of who may do everything, and of others.

What others are refused is refused before anything else is looked at.
"""
_STREAM = "text/event-stream"


class Attack:
    """One caller's attack on every operation that a gateway describes. `sent` counts his requests."""

    def __init__(self, url: str, token: str | None, examples: int) -> None:
        self.sent = 0
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._settings = settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

    def run(self) -> None:
        """Send everything."""
        described = requests.get(f"{self._url}/api/v1/openapi.json", timeout=30).json()
        with requests.Session() as self._session:
            for operation in _operations(described):
                self._try(operation.as_strategy(), self._as_declared)
                if operation.body or operation.query or operation.path_parameters:
                    self._try(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), self._against)

    def _try(self, cases: SearchStrategy[Case], check: Callable[[Case], None]) -> None:
        self._settings(given(cases)(check))()

    def _as_declared(self, case: Case) -> None:
        case.validate_response(self._answer(_about_somebody(case, self.sent)), checks=PROMISED, headers=self._headers)

    def _against(self, case: Case) -> None:
        assume(not any(value in ([], {}) for value in (case.query or {}).values()))  # of which nothing is on the wire
        case.validate_response(self._answer(case), checks=REFUSING, headers=self._headers)

    def _answer(self, case: Case) -> Any:
        self.sent += 1
        answer = case.call(base_url=self._url, session=self._session, headers=self._headers, timeout=30)
        assert answer.status_code < 500 or answer.status_code in (503, 504), answer.text
        return answer


def _about_somebody(case: Case, number: int) -> Case:
    """Let every other request be about somebody who is there; no station is waited for long."""
    there = {
        "identity": _station(case.path),
        "name": "main" if "/routes/" in case.path else "billing",
        "network": "main",
        "station": "CP1",
        "token": "04A2",
    }
    if number % 2:
        for name in set(there) & set(case.path_parameters or ()):
            case.path_parameters[name] = there[name]
    if case.path.endswith("/calls") and isinstance(case.body, dict):
        case.body["timeout"] = 0.2
    return case


def _station(path: str) -> str:
    """Name the station that a path is about: what is asked of one must not be spoilt by what was done to another."""
    if "/waiting/" in path:
        return "XX1"
    return "CP2" if path.endswith("/disconnect") else "CP1"


def _operations(described: dict[str, Any]) -> Iterator[Any]:
    """Give the operations, but those that stream: their answers have no end."""
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}})
    for result in schemathesis.openapi.from_dict(described, config=config).get_all_operations():
        operation = result.ok()
        responses = described["paths"][operation.path][operation.method.lower()]["responses"]
        if not any(_STREAM in response.get("content", {}) for response in responses.values()):
            yield operation


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "backend", None])
async def test_whatever_is_sent_is_answered_as_declared(stage: Stage, role: str | None) -> None:
    """Requests as declared and against it, by callers of every role and by nobody, are answered as the document says.

    The gateway is a whole one, with stations that are connected and one that waits, and all of its resources.
    """
    billing = await stage.backend("billing")
    tokens = {name: fresh() for name in ("viewer", "operator", "admin", "backend")}
    people = [
        {"name": f"the-{name}", "role": name, "hash": written(digest_of(tokens[name]))}
        for name in ("viewer", "operator", "admin")
    ]
    configuration = stage.configuration(api={"tokens": people, "failed_tokens": 0}, unknown={"policy": "quarantine"})
    configuration["backends"]["billing"]["claims"] = {"token": tokens["backend"]}
    configuration["backends"]["csms"] = {"url": "local:"}
    configuration["routes"]["main"]["rules"] = [{"answer": "billing", "copy": ["csms"]}]
    configuration["stations"] = [{"match": "CP*", "route": "main"}]
    gateway = await stage.gateway(configuration)
    for identity in ("CP1", "CP2"):
        await stage.station(identity)
        await billing.station(identity)
    await stage.refused("XX1")
    url = f"http://127.0.0.1:{gateway.http_port}"
    attack = Attack(url, tokens.get(role or ""), EXAMPLES if role == "admin" else FEW)
    await asyncio.to_thread(attack.run)
    assert attack.sent > 10
    assert (await gateway.get("/healthz")).status == 200
    assert "a fault of Voltgate" not in gateway.log
