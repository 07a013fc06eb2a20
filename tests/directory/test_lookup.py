"""The lookup: what a registry says of a station, and by which of three profiles it is let in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness import until
from tests.keypair import Authority
from voltgate.carriers.websocket import reaching
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.directory.asking import Undecided
from voltgate.directory.certificates import named_by
from voltgate.directory.hook import Hook
from voltgate.directory.lookup import Lookup, Registered, Shown
from voltgate.directory.passwords import UNKNOWN, WRONG, Denied, Passwords
from voltgate.directory.stations import Credentials, Directory, Entry
from voltgate.directory.throttle import Throttle

REACH = partial(Attempt, Resolver())


def hashed(password: str) -> str:
    """Return a password as the registry keeps it."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()


@dataclass
class Registry:
    """A registry with one answer, which keeps what it was asked."""

    status: int = 200
    body: Any = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    certificate: Any = None
    port: int = 0

    @property
    def url(self) -> str:
        """Where stations are looked up."""
        return f"http://127.0.0.1:{self.port}/api/v0/cs/{{station}}/auth"

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request."""
        self.asked.append(request.raw_path)
        if request.path.startswith("/api/v0/certificate/"):
            return web.json_response(self.certificate, status=404 if self.certificate is None else 200)
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return web.Response(status=self.status, text=text, content_type="application/json")


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    """A registry that runs."""
    registry = Registry()
    app = web.Application()
    app.router.add_get("/{tail:.*}", registry.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry.port = runner.addresses[0][1]
    yield registry
    await runner.cleanup()


with tempfile.TemporaryDirectory() as _folder:
    ANY = Authority(Path(_folder)).issue("CP-1", "Example")[0].read_bytes()
PLAIN, SECURE = Shown(), Shown(secure=True)
OWN = Shown(secure=True, name="cp-1", organizations=("Example", "Other"))


async def knock(
    registry: Registry,
    shown: Shown = PLAIN,
    secret: str | None = "secret",
    user: str = "CP-1",
    organizations: frozenset[str] = frozenset(),
) -> Denied | None:
    """Have a station come."""
    certificates = f"http://127.0.0.1:{registry.port}/api/v0/certificate/{{hash}}"
    credentials = Credentials(lookup=registry.url, organizations=organizations, certificates=certificates)
    station = Directory([Entry("main", identity="CP-1", credentials=credentials)]).find("CP-1")
    assert station is not None
    header = None if secret is None else b"Basic " + base64.b64encode(f"{user}:{secret}".encode())
    passwords = Passwords(Throttle(100), lambda: 0.0, Hook(REACH), Lookup(REACH))
    try:
        return await passwords.check(station, header, "192.0.2.1", (), shown)
    finally:
        passwords.close()


@pytest.mark.parametrize(("profile", "shown"), [(0, PLAIN), (1, SECURE)])
async def test_a_password(registry: Registry, profile: int, shown: Shown) -> None:
    """Profiles 0 and 1 are HTTP Basic, without TLS and with it, and not the other way round."""
    registry.body = {"securityProfile": profile, "base64SHA256Password": hashed("secret")}
    assert await knock(registry, shown) is None
    assert registry.asked == ["/api/v0/cs/CP-1/auth"]
    assert await knock(registry, SECURE if shown is PLAIN else PLAIN) is WRONG
    assert await knock(registry, shown, "Secret") is WRONG
    assert await knock(registry, shown, "") is WRONG
    assert await knock(registry, shown, None) is WRONG
    assert await knock(registry, shown, user="CP-2") is WRONG
    assert await knock(registry, Shown(shown.secure, "CP-1"), None) is WRONG
    registry.body |= {"invalidUsernameAllowed": True}
    assert await knock(registry, shown, user="CP-2") is None
    assert await knock(registry, shown, "wrong", user="CP-2") is WRONG


@pytest.mark.parametrize("stored", [None, "", "none", hashed("")])
async def test_a_password_that_is_not_set(registry: Registry, stored: str | None) -> None:
    """Nobody comes in without one."""
    registry.body = {"securityProfile": 0, "base64SHA256Password": stored}
    assert await knock(registry, secret="") is (None if stored == hashed("") else WRONG)
    assert await knock(registry, secret=None) is WRONG


async def test_a_certificate(registry: Registry) -> None:
    """Profile 2 is TLS with a certificate that bears the station's own identity: another one's does not do."""
    registry.body = {"securityProfile": 2, "base64SHA256Password": hashed("secret")}
    assert await knock(registry, OWN, None) is None
    assert await knock(registry, OWN, None, organizations=frozenset({"Other"})) is None
    assert await knock(registry, OWN, None, organizations=frozenset({"Another"})) is WRONG
    assert await knock(registry, Shown(True, "CP-2", ("Example",)), None) is WRONG
    assert await knock(registry, SECURE) is WRONG
    assert await knock(registry, PLAIN) is WRONG


def proxied(certificate: bytes) -> Shown:
    """Return what is known of a station that has shown a certificate to a proxy."""
    der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
    return Shown(secure=True, fingerprint=base64.b64encode(hashlib.sha256(der).digest()).decode())


async def test_a_certificate_that_a_proxy_has_verified(registry: Registry, tmp_path: Path) -> None:
    """The registry knows it by its SHA-256: whom it names, and no other, may come in."""
    authority = Authority(tmp_path)
    own, another = (authority.issue(each, "Example")[0].read_bytes() for each in ("CP-1", "CP-2"))
    registry.body = {"securityProfile": 2}
    registry.certificate = {"certificate": own.decode()}
    shown = proxied(own)
    assert await knock(registry, shown, None) is None
    asked = registry.asked[-1].removeprefix("/api/v0/certificate/")
    assert asked == shown.fingerprint.rstrip("=").replace("+", "-").replace("/", "_")
    assert await knock(registry, shown, None, organizations=frozenset({"Example"})) is None
    assert await knock(registry, shown, None, organizations=frozenset({"Another"})) is WRONG
    assert await knock(registry, SECURE, None) is WRONG, "it has shown none"
    registry.certificate = {"certificate": another.decode()}
    assert await knock(registry, proxied(another), None) is WRONG, "it is another station's"
    for answer, why in (
        ({"certificate": another.decode()}, "another certificate than was asked for"),
        ({"certificate": "-----BEGIN CERTIFICATE-----x-----END CERTIFICATE-----"}, "no certificate in PEM"),
        ({"certificate": ""}, "no certificate in PEM"),
        ({}, "required field `certificate`"),
    ):
        registry.certificate = answer
        denied = await knock(registry, shown, None)
        assert denied is not None
        assert (denied.status, why in denied.reason) == (503, True), denied
    registry.certificate = None
    assert await knock(registry, shown, None) is WRONG, "the registry does not know it"


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_for_a_certificate(data: st.DataObject) -> None:
    """Whatever a registry sends is a certificate or a ValueError."""
    der = bytearray(x509.load_pem_x509_certificate(ANY).public_bytes(serialization.Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    der = der[: data.draw(st.integers(0, len(der)))]
    pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----"
    with contextlib.suppress(ValueError):
        named_by(pem, base64.b64encode(hashlib.sha256(der).digest()).decode())


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_a_station_that_is_not_registered(registry: Registry, status: int) -> None:
    """The station gets 404."""
    registry.status = status
    assert await knock(registry) is UNKNOWN
    assert UNKNOWN.status == 404


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, {}, "answered 500"),
        (302, {}, "answered 302"),
        (200, "{", "cannot be read"),
        (200, {}, "cannot be read"),
        (200, {"securityProfile": "0"}, "cannot be read"),
        (200, {"securityProfile": 3}, "security profile 3"),
        (200, {"securityProfile": 0, "x": "y" * 70_000}, "more than 65536 bytes"),
    ],
)
async def test_a_registry_that_does_not_say(registry: Registry, status: int, body: Any, words: str) -> None:
    """Nobody is let in by mistake, and nobody is sent away for good: the station comes again."""
    registry.status, registry.body = status, body
    denied = await knock(registry)
    assert denied is not None
    assert (denied.status, denied.retry_after) == (503, 10)
    assert words in denied.reason


async def test_a_registry_that_is_not_there() -> None:
    """The same, and after no more than its time."""
    denied = await knock(Registry(port=1))
    assert denied is not None
    assert denied.status == 503

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Undecided, match=r"within 0\.1 s"):
        await Lookup(REACH, 0.1).find(f"http://127.0.0.1:{silent.getsockname()[1]}/{{station}}", "CP-1")


async def test_identities_in_the_path(registry: Registry) -> None:
    """An identity is one segment of the path, whatever it holds."""
    registry.body = {"securityProfile": 1}
    assert await Lookup(REACH).find(registry.url, "a/../b?c#ü") == Registered(1)
    assert registry.asked == ["/api/v0/cs/a%2F..%2Fb%3Fc%23%C3%BC/auth"]


async def test_a_registry_with_an_address_that_is_silent(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question that met it is not decided; the next one goes to the other address of the name."""
    monkeypatch.setattr(reaching, "_DELAY", 600.0)  # however long it takes to accept
    registry.body = {"securityProfile": 1}
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", registry.port))
        silent.listen(16)
        reach = partial(Attempt, Resolver(look_up=lambda host, port: ["127.0.0.2", "127.0.0.1"]))
        url = f"http://registry.test:{registry.port}/{{station}}"
        with pytest.raises(Undecided, match="did not answer within"):
            await Lookup(reach, patience=0.2).find(url, "CP-1")
        assert await Lookup(reach, patience=20).find(url, "CP-1") == Registered(1)


async def test_a_registry_that_hangs_leaves_room_for_others(registry: Registry) -> None:
    """Its questions, of whichever stations, wait for one another, and not those of another registry."""
    registry.body = {"securityProfile": 1}
    lookup = Lookup(REACH, patience=20, at_once=1)
    accepted = list[asyncio.StreamWriter]()
    async with await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0) as hung:
        url = f"http://127.0.0.1:{hung.sockets[0].getsockname()[1]}/{{station}}"
        waiting = [asyncio.ensure_future(lookup.find(url, f"CP-{number}")) for number in range(2)]
        await until(lambda: accepted, "the first registry is asked")
        assert await lookup.find(registry.url, "CP-1") == Registered(1)
        assert len(accepted) == 1
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        accepted[0].transport.abort()
