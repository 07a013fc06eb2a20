"""The dashboard's files are served as a browser needs them; without them a page says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.web.world import Web, serving
from voltgate.web import openapi, ui

ROOT = Path(__file__).parent.parent.parent
TYPES = ROOT / "web" / "ui" / "src" / "api" / "schema.d.ts"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A dashboard as it is built: a page, and a script in three forms."""
    (tmp_path / "assets").mkdir()
    page = '<meta property="csp-nonce" nonce="NONCE-OF-THIS-RESPONSE"><script src="./assets/index-1.js"></script>'
    (tmp_path / "index.html").write_text(page)
    for suffix, text in (("", "plain"), (".br", "brotli"), (".gz", "gzip")):
        (tmp_path / "assets" / f"index-1.js{suffix}").write_text(text)
    (tmp_path / "assets" / "font.woff2").write_text("font")
    (tmp_path / ".sources").write_text("secret")
    return tmp_path


def test_what_is_there_is_said_as_it_was_built(built: Path, tmp_path: Path) -> None:
    """Whoever starts a gateway is told of the dashboard, but where it was left out."""
    assert ui.offered(built) == "dashboard, API, health and metrics"
    assert ui.offered(tmp_path / "none") == "API, health and metrics"


async def _served(built: Path, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with serving() as web:
        routes = [route for route in web.app.router.routes if getattr(route, "path", "") not in ("/", "/assets/{name}")]
        web.app.router.routes[:] = routes
        ui.install(web.app, built)
        async with web.http.get(web.url + path, headers=headers, auto_decompress=False) as response:
            return response.status, dict(response.headers), await response.read()


async def test_the_page_runs_nothing_but_its_own(built: Path) -> None:
    """Each response has a nonce of its own for styles, and a policy that lets nothing else be loaded, run or framed."""
    nonces = set()
    for _ in range(2):
        status, headers, body = await _served(built, "/")
        policy = headers["Content-Security-Policy"]
        found = re.search(r'nonce="([^"]+)"', body.decode())
        assert status == 200
        assert found is not None
        assert f"style-src 'self' 'nonce-{found[1]}'" in policy
        assert "script-src 'self';" in policy
        for closed in ("default-src", "base-uri", "form-action", "frame-ancestors"):
            assert f"{closed} 'none'" in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        nonces.add(found[1])
    assert len(nonces) == 2


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip, deflate, br", "br", b"brotli"),
        ("gzip", "gzip", b"gzip"),
        ("br;q=0, gzip;q=0.5", "gzip", b"gzip"),
        ("identity", None, b"plain"),
        ("", None, b"plain"),
    ],
)
async def test_the_smallest_form_that_is_taken(built: Path, accepted: str, encoding: str | None, body: bytes) -> None:
    """A browser gets what it takes, compressed before it asked, and keeps it for good."""
    status, headers, got = await _served(built, "/assets/index-1.js", **{"Accept-Encoding": accepted})
    assert (status, got, headers.get("Content-Encoding")) == (200, body, encoding)
    assert headers["Content-Type"].startswith("text/javascript")
    assert headers["Vary"] == "Accept-Encoding"
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/assets/.sources", "/assets/../.sources", "/assets/%2e%2e%2f.sources", "/assets/no.js"]
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    """What was not built into the page is not there."""
    status, _, body = await _served(built, path)
    assert status == 404
    assert b"secret" not in body


async def test_a_gateway_without_its_dashboard_says_so(tmp_path: Path) -> None:
    """Where the dashboard was left out there is one small page, with how to have it."""
    status, headers, body = await _served(tmp_path, "/")
    assert status == 200
    assert b"VOLTGATE_NO_UI" in body
    assert b"<script" not in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_page_takes_no_token(web: Web) -> None:
    """The page is the same for everybody: it asks who is there."""
    assert (await web.get("/")).status == 200


@pytest.mark.timeout(600)  # the first time packages are installed
def test_the_types_of_the_dashboard_are_those_of_the_api(tmp_path: Path) -> None:
    """The types that the dashboard is written with are generated from the API as it is."""
    file = tmp_path / "schema.d.ts"
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "dashboard.py"), "types", "--output", str(file)],
        input=openapi.text(),
        capture_output=True,
        timeout=590,
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    assert file.read_text() == TYPES.read_text(), (
        "the types are stale: python -m voltgate.web.openapi | "
        "python scripts/dashboard.py types --output src/api/schema.d.ts"
    )


def _hook(root: Path, **environment: str) -> str:
    """Say what the build would need, in a checkout."""
    said = (
        "import dashboard, pathlib, sys; root = pathlib.Path(sys.argv[1]);"
        "dashboard.SOURCES, dashboard.BUILT = root / 'web/ui', root / 'built';"
        "print(dashboard.is_built(), dashboard.digest())"
    )
    around = {**os.environ, **environment, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", said, str(root)], env=around, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_build_is_skipped_while_its_sources_are_the_same(tmp_path: Path) -> None:
    """What is built says what it was made from; another source, and only that, has it built anew."""
    sources = tmp_path / "web" / "ui"
    (sources / "src").mkdir(parents=True)
    for name in (
        ".npmrc",
        "index.html",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "vite.config.ts",
        "src/a.ts",
    ):
        (sources / name).write_text(name)
    is_built, digest = _hook(tmp_path).split()
    assert is_built == "False"
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / ".sources").write_text(digest)
    assert _hook(tmp_path) == f"True {digest}"
    (sources / "src" / "a.test.ts").write_text("a test")
    (sources / "node_modules").mkdir()
    assert _hook(tmp_path) == f"True {digest}"
    (sources / "src" / "a.ts").write_text("another")
    assert _hook(tmp_path).split()[0] == "False"


def test_the_application_has_one_page() -> None:
    """The dashboard is no part of the API's description."""
    app = FastAPI()
    ui.install(app)
    assert app.openapi()["paths"] == {}
