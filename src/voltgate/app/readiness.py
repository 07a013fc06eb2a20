"""What /readyz answers: whether stations can come in, and how each part is."""

from __future__ import annotations

from typing import Any

from voltgate.app.active import ActiveConfiguration
from voltgate.app.composition import Composition
from voltgate.store import Database
from voltgate.telemetry.supervision import Supervision
from voltgate.web.times import stamp


class Readiness:
    """The readiness of one process, read at each request."""

    def __init__(self, parts: Composition, active: ActiveConfiguration) -> None:
        self._parts = parts
        self._active = active

    def __call__(self) -> dict[str, Any]:
        """Return the body of the response."""
        gateway, listeners, active = self._parts.gateway, self._parts.listeners, self._active
        state = self._parts.draining.state
        return {
            "ready": state == "serving",
            "state": state,
            "stations": {
                "connected": len(gateway.sessions),
                "listeners": [url for urls in listeners.addresses().values() for url in urls],
            },
            "backends": {
                name: {"legs": backend.legs, "up": backend.up} for name, backend in gateway.snapshot.backends.items()
            },
            "store": store_state(self._parts.database),
            "cluster": {"status": "off"} if self._parts.cluster is None else self._parts.cluster.state,
            "tasks": task_states(self._parts.supervision),
            "clock": {"steady": self._parts.calendar.is_steady, "jumps": self._parts.calendar.jumps},
            "configuration": configuration_state(active),
        }


def configuration_state(active: ActiveConfiguration) -> dict[str, Any]:
    """Return which configuration is in force, and what was wrong with the last one."""
    return {
        "file": str(active.loaded.source) if active.loaded.source else None,
        "changes": active.changes,
        "problems": list(active.problems),
        "warnings": [str(warning) for warning in active.loaded.warnings],
    }


def task_states(supervision: Supervision) -> dict[str, Any]:
    """Return how the tasks of the process are. None decides on readiness: each goes on by itself."""
    return {
        name: {"status": "failing", "faults": task.faults, "since": stamp(task.since), "problem": task.problem}
        if supervision.fails(name)
        else {"status": "ok", "faults": task.faults}
        for name, task in supervision.tasks.items()
    }


def store_state(database: Database | None) -> dict[str, Any]:
    """Return how the database is. It does not decide on readiness: stations of one backend are answered without it."""
    if database is None:
        return {"status": "off"}
    state = database.state
    owed = {"messages": state.owed, "oldest_seconds": round(state.oldest_owed)}
    status = {"status": "ok"} if state.reason is None else {"status": "away", "reason": state.reason}
    lost = {
        "dropped_records": state.dropped,
        "unwritable_records": state.unwritable,
        "unreadable_records": state.unreadable,
        "faults": state.faults,
    }
    return status | {"waiting_records": state.pending, "owed": owed} | lost
