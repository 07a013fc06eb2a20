"""The API describes itself, from this process alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from fastapi import APIRouter

from tests.web.world import Web, serving
from voltgate.web.access import Viewer
from voltgate.web.bodies import OPEN
from voltgate.web.docs import document
from voltgate.web.problems import declared

router = APIRouter()


@router.get("/things/{name}", responses=declared(404))
async def thing(name: str, _: Viewer) -> str:
    """Give a thing."""
    return name


class _Page(HTMLParser):
    """What a page loads, and what it runs by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline = ""
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        found = dict(attrs)
        self._script = tag in ("script", "style")
        self.inline += "".join(name for name in found if name.startswith("on") or name == "style")
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(str(found.get("src") or found.get("href")))

    def handle_data(self, data: str) -> None:
        """Look at what stands inside an element."""
        if self._script:
            self.inline += data.strip()

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._script = False


async def test_the_page_needs_no_other_host(web: Web) -> None:
    """Everything that /docs loads comes from the gateway, and the policy lets nothing else be loaded."""
    answer = await web.get("/docs")
    page = _Page(answer.content.decode())
    assert answer.kind == "text/html"
    assert page.loads == [
        "docs/favicon-32x32.png",
        "docs/swagger-ui.css",
        "docs/swagger-ui-bundle.js",
        "docs/start.js",
    ]
    assert page.inline == ""
    kinds = [(await web.get(f"/{path}")).kind for path in page.loads]
    assert kinds == ["image/png", "text/css", "text/javascript", "text/javascript"]
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert set(" ".join(policy.values()).split()) == {"'none'", "'self'", "data:"}


async def test_what_the_page_loads_names_no_other_host(web: Web) -> None:
    """The style sheet loads nothing, and the script that starts the page asks for our own document."""
    style = (await web.get("/docs/swagger-ui.css")).content.decode()
    assert "@import" not in style
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", style)
    start = (await web.get("/docs/start.js")).content.decode()
    assert re.findall(r'url: "([^"]*)"', start) == ["api/v1/openapi.json"]
    assert "validatorUrl: null" in start


async def test_no_other_file_is_given_away(web: Web) -> None:
    """Only the files of the page are served below it."""
    for path in ("/docs/../../etc/passwd", "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/main.py", "/docs/swagger-ui.css/x"):
        assert (await web.get(path)).status == 404


async def test_the_document_is_open_and_whole() -> None:
    """The OpenAPI document needs no token, and says of every operation what may go wrong and that a token is needed."""
    async with serving(resources=[router]) as web:
        answer = await web.get("/api/v1/openapi.json")
    described = answer.json
    assert answer.kind == "application/json"
    assert described["info"]["version"] == "1.2.3"
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    things = described["paths"]["/api/v1/things/{name}"]["get"]
    assert things["security"] == [{"token": ["viewer"]}], "the document names the role that is needed"
    assert set(things["responses"]) == {"200", "401", "403", "404", "422", "429"}
    assert set(described["paths"]["/api/v1/tokens"]["post"]["responses"]) >= {"201", "400", "408", "409", "413", "503"}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            assert (path.startswith("/api/v1/") and path not in OPEN) == ("security" in operation)
            for status, response in operation["responses"].items():
                if path.startswith("/api/v1/") and int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in str(described)


async def test_every_name_in_the_document_leads_somewhere() -> None:
    """No schema is referred to that is not there, and none is there that nobody refers to."""
    async with serving(resources=[router]) as web:
        described = document(web.app)
    named = set(re.findall(r"'#/components/schemas/([^']*)'", str(described)))
    assert named == set(described["components"]["schemas"])
