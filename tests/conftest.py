"""What every test may ask for: a stage to play a scenario on."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import Stage
from tests.servers import RabbitMQ, rabbitmq

# What depends on the speed of the machine is no finding: it may be two busy cores.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Where make runs in the background, Ctrl-C is ignored, and so it would be by every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_STAGE = pytest.StashKey[Stage]()


@pytest.fixture
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage; when the scenario went well, its gateways must end well too."""
    stage = Stage(tmp_path)
    request.node.stash[_STAGE] = stage
    yield stage
    failed = request.node.stash.get(_FAILED, False)
    await (stage.drop() if failed else stage.close())


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """What the names of one test begin with, on a broker that tests share."""
    return str(request.node.name).replace("[", "-").replace("]", "")


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitMQ]:
    """A RabbitMQ that all tests of a process share, as it takes long to start: each has names of its own on it."""
    with rabbitmq() as server:
        yield server


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """Show the transcript and the gateway's log beside a failure."""
    report: pytest.TestReport = yield
    if report.failed:
        item.stash[_FAILED] = True
        if (stage := item.stash.get(_STAGE, None)) is not None:
            report.sections.append(("scenario", str(stage)))
    return report
