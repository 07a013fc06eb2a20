"""`python -m voltgate.web.openapi` prints the OpenAPI document of a gateway, from which the dashboard has its types."""

from __future__ import annotations

import sys

import msgspec
from fastapi import FastAPI

from voltgate import __version__
from voltgate.web import docs
from voltgate.web.access import Access
from voltgate.web.api import claims, csms, install
from voltgate.web.api.resources import routers


def text() -> bytes:
    """Return the document as JSON, indented, its keys in order: the same text for the same API."""
    app = FastAPI(title="Voltgate", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    install(app, Access(), resources=(claims.router, *routers(), *csms.routers()))
    return msgspec.json.format(msgspec.json.encode(docs.document(app), order="sorted"), indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(text())
