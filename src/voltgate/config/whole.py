"""What runs where nothing is configured: the whole system in one process."""

from __future__ import annotations

from typing import Any

CSMS = "csms"
"""The name of the only backend, and of the only route."""


def complete(tree: dict[str, Any]) -> None:
    """Make a whole system of what is configured without a file, unless that says who answers stations.

    On loopback, where nobody else is, any station may come and any token may charge. Who listens elsewhere decides on
    each station (`voltgate waiting`), and on each token.
    """
    if tree.keys() & {"backends", "routes", "stations", "unknown"}:
        return
    tree["backends"] = {CSMS: {"url": "local:"}}
    tree["routes"] = {CSMS: {"rules": [{"answer": CSMS}]}}
    listen = tree.get("listen")
    if isinstance(listen, dict) and listen.keys() & {"stations", "soap"}:
        tree["unknown"] = {"policy": "quarantine"}
        return
    tree["unknown"] = {"policy": "route", "route": CSMS}
    csms = tree.setdefault("csms", {})
    if isinstance(csms, dict):
        csms.setdefault("tokens", "any")
