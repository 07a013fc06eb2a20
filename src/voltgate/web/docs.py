"""`/docs`: the documentation of the API; nothing is loaded from another host."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from voltgate.web.problems import MEDIA_TYPE, SCHEMA, declared

DOCUMENT = "/api/v1/openapi.json"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of Voltgate</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="ui">The API is described in <a href="api/v1/openapi.json">openapi.json</a>.</div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_START = """\
SwaggerUIBundle({
  url: "api/v1/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
"""
"""A separate file, as an inline script would need a weaker content security policy."""

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
"""The files of Swagger UI (Apache-2.0) that the package `fastapi-swagger` brings."""


def install(app: FastAPI) -> None:
    """Serve the page, its assets, and the OpenAPI document, without a token: they are the same everywhere."""
    page = Response(_PAGE, headers=_HEADERS, media_type="text/html")
    start = Response(_START, headers=_HEADERS, media_type="text/javascript")
    described = Described(app)

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> Response:
        return page

    @app.get("/docs/start.js", include_in_schema=False)
    async def begin() -> Response:
        return start

    for name, kind in _ASSETS.items():
        app.add_api_route(f"/docs/{name}", _asset(name, kind), include_in_schema=False)

    @app.get(DOCUMENT, include_in_schema=False)
    async def openapi() -> Response:
        return Response(described.text, media_type="application/json", headers={"Cache-Control": "no-cache"})


def _asset(name: str, kind: str) -> Any:
    async def asset() -> FileResponse:
        return FileResponse(_folder() / name, media_type=kind, headers=_HEADERS)

    return asset


def _folder() -> Path:
    """Return the folder of Swagger UI's files; its package is located, and not imported."""
    spec = find_spec("fastapi_swagger")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package fastapi-swagger is not installed")
    return Path(spec.origin).parent / "resources"


class Described:
    """The OpenAPI document of an application, generated at the first request: by then all routes exist."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._text: bytes | None = None

    @property
    def text(self) -> bytes:
        """The document as JSON."""
        if self._text is None:
            self._text = msgspec.json.encode(document(self._app))
        return self._text


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the problems that any operation may answer."""
    described = app.openapi()
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = SCHEMA
    for operations in described["paths"].values():
        for operation in operations.values():
            operation["responses"] = _with_problems(operation)
    return described


def _with_problems(operation: dict[str, Any]) -> dict[str, Any]:
    own = {status: response for status, response in operation["responses"].items() if not _is_frameworks(response)}
    if "security" not in operation:
        return own
    common = declared(401, 403, 422, 429)
    if "requestBody" in operation:
        common |= declared(400, 408, 413)
    return {str(status): response for status, response in common.items()} | own


def _is_frameworks(response: dict[str, Any]) -> bool:
    """Return whether a response is FastAPI's own declaration of an invalid request."""
    content = response.get("content", {})
    return MEDIA_TYPE not in content and "HTTPValidationError" in str(content)
