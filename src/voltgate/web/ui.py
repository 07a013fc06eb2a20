"""`/`: the dashboard, from the files that were built with the program; or a page that says that they were left out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response

BUILT = Path(__file__).parent / "dashboard"
"""What `hatch_build.py` makes of `web/ui/`."""

_NONCE = "NONCE-OF-THIS-RESPONSE"
"""Stands in the built page (`web/ui/vite.config.ts`) where each response has a nonce of its own."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOREVER = "public, max-age=31536000, immutable"
"""A file of another content has another name."""

_KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))

_WITHOUT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Voltgate</title>
</head>
<body>
<main>
<h1>Voltgate, without its dashboard</h1>
<p>This gateway was installed without the dashboard (<code>VOLTGATE_NO_UI=1</code>): it has the API alone, which
<a href="docs">docs</a> describes. To have the dashboard, install it again without that variable.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Asset:
    """A built file, and the forms in which it is there compressed: file suffixes by the name of the encoding."""

    file: Path
    encodings: dict[str, str]

    def answer(self, accepted: str) -> Response:
        """Return the smallest form that is accepted (RFC 9110 section 12.5.3)."""
        taken = set(_taken(accepted))
        headers = {**_HEADERS, "Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        file = self.file
        for encoding, suffix in self.encodings.items():
            if encoding in taken:
                headers["Content-Encoding"] = encoding
                file = file.with_name(file.name + suffix)
                break
        return FileResponse(file, media_type=_KINDS[self.file.suffix], headers=headers)


def _taken(accepted: str) -> Iterator[str]:
    """Yield the encodings that a header Accept-Encoding names, but those with the weight 0."""
    for part in accepted.split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if weight.strip("0.") or not weight:  # "0", "0.0", "0.000"
            yield name


def offered(built: Path = BUILT) -> str:
    """Say what `listen.http` has, in words."""
    dashboard = "dashboard, " if (built / "index.html").is_file() else ""
    return f"{dashboard}API, health and metrics"


def install(app: FastAPI, built: Path = BUILT) -> None:
    """Serve the dashboard from a folder, without a token: it is the same for everybody, and asks who is there."""
    page = (built / "index.html").read_text() if (built / "index.html").is_file() else _WITHOUT
    assets = {asset.file.name: asset for asset in _assets(built / "assets")}

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = {**_HEADERS, "Content-Security-Policy": _POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return Response(page.replace(_NONCE, nonce), headers=headers, media_type="text/html")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        found = assets.get(name)
        if found is None:
            return Response("There is no such file: load the page anew.\n", 404, media_type="text/plain")
        return found.answer(request.headers.get("accept-encoding", ""))


def _assets(folder: Path) -> list[_Asset]:
    files = sorted(file for file in folder.glob("*") if file.suffix in _KINDS)
    return [
        _Asset(file, {name: suffix for name, suffix in _ENCODINGS if file.with_name(file.name + suffix).is_file()})
        for file in files
    ]
