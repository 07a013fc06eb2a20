"""What a running gateway looks at by itself, and tells as events."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.app.running import Running, running
from tests.harness.ports import free_port
from tests.harness.waiting import until
from voltgate.app import monitoring
from voltgate.cluster.ports import Node, Orphan
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.certificate_events import CertificateExpiring, CertificateRenewed
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    DatabaseAway,
    DatabaseBack,
    DiskFilling,
    Event,
    JournalGrowing,
    LegDown,
    LegUp,
    NodeLost,
    StationBooted,
    StationRestarting,
    StationWent,
    TransactionLong,
)
from voltgate.relay.records import OwedRecord, Page


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time."""
    monkeypatch.setattr(monitoring, "_SOON", 0.01)
    monkeypatch.setattr(monitoring, "_SELDOM", 0.01)


def document(**more: Any) -> dict[str, Any]:
    """Write a configuration."""
    listen = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": "off"}
    return {"listen": listen, "store": {"url": "sqlite:///x.db"}} | more


def told(gateway: Running, kind: type[Event]) -> list[Any]:
    """Give the events of a kind that a gateway has told."""
    log = gateway.parts.events
    return [logged.event for logged in log.after(log.beginning).events if isinstance(logged.event, kind)]


def pair(folder: Path, days: float) -> tuple[str, str]:
    """Write a certificate that ends in so many days, with its key; return their paths."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(days=99))
    certificate = builder.not_valid_after(now + timedelta(days=days)).sign(key, SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def test_tokens_that_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As time goes on the log tells of a token 14, 7, 3 and 1 days before its end and then, of each once."""
    began, day = time.time(), 86400.0
    expires = datetime.fromtimestamp(began + 20 * day, UTC)
    configured = {"name": "ci", "role": "viewer", "hash": "sha256:" + "0" * 64, "expires": expires.isoformat()}
    listen = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"}
    lines: list[tuple[str, str, float]] = []

    def warning(event: str, *, token: str, at: str, days: float) -> None:
        lines.append((event, token, days))

    monkeypatch.setattr(monitoring, "log", SimpleNamespace(warning=warning))
    async with running(tmp_path, document(listen=listen, api={"tokens": [configured]})) as gateway:
        watch, looks = gateway.parts.monitoring, 0
        issued = gateway.process._web.access.issued  # type: ignore[union-attr]
        assert issued is not None
        assert await issued.make("made", "viewer", "x", 10 * day)
        look_at_tokens = watch._look_at_tokens

        def counted() -> None:
            nonlocal looks
            look_at_tokens()
            looks += 1

        monkeypatch.setattr(watch, "_look_at_tokens", counted)
        for passed in (0.0, 5.0, 6.5, 6.6, 13.5, 17.5, 19.5, 20.5, 21.0):
            monkeypatch.setattr(watch, "_wall", lambda passed=passed: began + passed * day)
            seen = looks
            await until(lambda seen=seen: looks > seen + 1, "it has looked since")
        assert await issued.remove("made")
    assert [(line, days) for line, token, days in lines if token == "ci"] == [
        ("a token of the API is about to end", 13.5),
        ("a token of the API is about to end", 6.5),
        ("a token of the API is about to end", 2.5),
        ("a token of the API is about to end", 0.5),
        ("a token of the API has ended", -0.5),
    ]
    assert [round(days) for _, token, days in lines if token == "made"] == [10, 5, -4]


async def test_what_lies_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full, and a certificate that ends soon, are told of once each, by their paths."""
    usage = SimpleNamespace(total=100 << 30, free=1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    certificate, key = pair(tmp_path, 5)
    secure = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": certificate, "key": key}
    async with running(tmp_path, document(listen={"stations": [secure], "http": "off"})) as gateway:
        await until(lambda: told(gateway, CertificateExpiring), "the certificate is told of")
        assert told(gateway, DiskFilling) == [DiskFilling(str(tmp_path), 1 << 30, 100 << 30)]
        (expiring,) = told(gateway, CertificateExpiring)
        assert (expiring.name, round(expiring.days)) == (certificate, 5)


async def test_what_stations_and_backends_are_trusted_by(tmp_path: Path) -> None:
    """What signs stations ends with its first certificate, as stations need it; of those for a backend one may do."""
    short = Path(pair(tmp_path, 2)[0]).read_bytes()
    certificate, key = pair(tmp_path, 50)
    (tmp_path / "both.pem").write_bytes(Path(certificate).read_bytes() + short)
    shutil.copy(tmp_path / "both.pem", tmp_path / "backend.pem")
    secure = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": certificate, "key": key}
    listen = {"stations": [secure | {"client_authority": str(tmp_path / "both.pem")}], "http": "off"}
    backends = {"main": {"url": "wss://127.0.0.1:1", "ca": str(tmp_path / "backend.pem")}}
    async with running(tmp_path, document(listen=listen, backends=backends)) as gateway:
        await until(lambda: told(gateway, CertificateExpiring), "the authority is told of")
        (expiring,) = told(gateway, CertificateExpiring)
        assert (expiring.name, round(expiring.days)) == (str(tmp_path / "both.pem"), 2)


async def test_a_file_of_two_uses(tmp_path: Path) -> None:
    """It ends when the first of its uses does, and is told of once, however many name it."""
    short, file = Path(pair(tmp_path, 2)[0]).read_bytes(), tmp_path / "both.pem"
    certificate, key = pair(tmp_path, 50)
    file.write_bytes(Path(certificate).read_bytes() + short)
    secure = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": certificate, "key": key}
    listen = {"stations": [secure | {"client_authority": str(file)}], "http": "off"}
    backends = {"main": {"url": "wss://127.0.0.1:1", "ca": str(file)}}
    async with running(tmp_path, document(listen=listen, backends=backends)) as gateway:
        for _ in range(3):
            await gateway.parts.monitoring.look_around()
        assert [round(each.days) for each in told(gateway, CertificateExpiring)] == [2]
        assert not told(gateway, CertificateRenewed)


async def test_what_the_pages_are_served_with(tmp_path: Path) -> None:
    """The certificate of the API and of the dashboard, and who their provider of sign-in is trusted by, are listed."""
    certificate, key = pair(tmp_path, 5)
    (tmp_path / "ca.pem").write_bytes(Path(certificate).read_bytes())
    http = {"http": f"127.0.0.1:{free_port()}", "http_tls": {"certificate": certificate, "key": key}}
    oidc = {"issuer": "https://i.example", "client_id": "x", "public_url": "https://v.example", "ca": "ca.pem"}
    oidc["roles"] = [{"value": "a", "role": "viewer"}]  # type: ignore[assignment]
    async with running(tmp_path, document(listen=document()["listen"] | http, api={"oidc": oidc})) as gateway:
        await until(lambda: len(told(gateway, CertificateExpiring)) > 1, "they are told of")
        assert {each.name for each in told(gateway, CertificateExpiring)} == {certificate, str(tmp_path / "ca.pem")}
        assert set(gateway.parts.monitoring.ends) == {certificate, str(tmp_path / "ca.pem")}


async def test_a_backend_and_the_database(tmp_path: Path) -> None:
    """A backend that no link of any station reaches, and a database that is away, are told of when they go and come."""
    at_once = {"thresholds": {"backend_away": 0}}
    async with running(tmp_path, document(backends={"main": {"url": "ws://127.0.0.1:1"}}, alerts=at_once)) as gateway:
        parts, store = gateway.parts, gateway.parts.database
        assert store is not None
        parts.happened(LegDown("CP1", "main", "refused", 5.0))
        await until(lambda: told(gateway, BackendAway), "the backend is away")
        parts.gateway.snapshot.backends["main"].up = 1
        parts.happened(LegUp("CP1", "main", first=False))
        await until(lambda: told(gateway, BackendBack), "the backend is back")
        store._reason = "disk I/O error"
        await until(lambda: told(gateway, DatabaseAway), "the database is away")
        store._reason = None
        await until(lambda: told(gateway, DatabaseBack), "the database is back")
        assert [len(told(gateway, kind)) for kind in (BackendAway, BackendBack, DatabaseAway)] == [1, 1, 1]


async def test_a_station_that_boots_and_boots(tmp_path: Path) -> None:
    """Its boots are events, from which another one follows."""
    async with running(tmp_path, document()) as gateway:
        for _ in range(6):
            gateway.parts.happened(StationBooted("CP1", "", "", "", ""))
        (restarting,) = told(gateway, StationRestarting)
        assert (restarting.station, restarting.boots) == ("CP1", 5)


async def test_what_a_backend_is_owed(tmp_path: Path) -> None:
    """An old message in the journal is told of, whichever station it is of."""
    async with running(tmp_path, document()) as gateway:
        store = gateway.parts.database
        assert store is not None
        at = time.time() - 7200
        store.put(OwedRecord("cp-1", 1, "main", at, "StopTransaction", "m1", b"{}", ""))
        await until(lambda: told(gateway, JournalGrowing), "the journal is told of")
        (growing,) = told(gateway, JournalGrowing)
        assert (growing.backend, growing.owed, round(growing.seconds / 60)) == ("main", 1, 120)


async def test_what_is_known_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process before this one may have told of is looked at; what other nodes may see otherwise is theirs."""
    certificate, key = pair(tmp_path, 99)
    secure = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": certificate, "key": key}
    known = set[tuple[str, str]]()
    mine = {("backendAway", "main"), ("backendFailing", "main"), ("diskFilling", str(tmp_path))}
    mine |= {("certificateExpiring", certificate)}
    bounds = {"thresholds": {"backend_calls": 1}}
    changes = {"listen": {"stations": [secure], "http": "off"}, "alerts": bounds}
    backends = {"main": {"url": "ws://127.0.0.1:1"}, "silent": {"url": "ws://127.0.0.1:1"}}

    async def orphans() -> AsyncIterator[list[Orphan]]:
        yield []

    async with running(tmp_path, document(backends=backends, **changes)) as gateway:
        looks = gateway.parts.monitoring
        nodes = [Node(name, name, "1", "serving", 0.0, 1.0, 0, 0.0, alive=True) for name in "ab"]
        looks._cluster = SimpleNamespace(nodes=nodes, orphans=orphans)  # type: ignore[assignment]
        looks._looked = lambda alert, subject: known.add((alert, subject))
        main = gateway.parts.gateway.snapshot.backends["main"]
        main.up = 1
        main.calls.observe(Call("1", "Heartbeat", b"{}"), Result("1", b"{}"), 0.0)
        everybodys = {("journalGrowing", "main"), ("journalGrowing", "silent"), ("nodeLost", "a"), ("nodeLost", "b")}
        for expected in (everybodys, (everybodys | mine) - {("nodeLost", "b")}):
            known.clear()
            looks._rated_at = -1000.0
            await looks.look()
            await looks.look_around()
            assert known == expected
            del nodes[1:]


async def test_a_long_transaction(tmp_path: Path) -> None:
    """A transaction of a connected station that runs for more than a day is told of."""
    async with running(tmp_path, document()) as gateway:
        parts = gateway.parts
        ledger = parts.gateway._ports.ledger("cp-1", Page("cp-1"))
        tx = ledger.begin("main", ())
        tx.id, tx.began = "7", tx.began - 90_000
        parts.gateway.sessions["cp-1"] = SimpleNamespace(identity="CP1", ledger=ledger)  # type: ignore[assignment]
        await until(lambda: told(gateway, TransactionLong), "the transaction is told of")
        del parts.gateway.sessions["cp-1"]
        (long,) = told(gateway, TransactionLong)
        assert (long.station, long.transaction, round(long.seconds / 1000)) == ("CP1", "7", 90)


async def test_a_node_that_is_lost(tmp_path: Path) -> None:
    """A node that has been silent is told of by its name, and the stations that were there."""

    def node(name: str, seen: float, *, alive: bool) -> Node:
        return Node(name, name, "1", "serving", 0.0, seen, 0, 0.0, alive)

    async with running(tmp_path, document()) as gateway:
        nodes = [node("a", 100.0, alive=True), node("b", 80.0, alive=False)]

        async def orphans() -> AsyncIterator[list[Orphan]]:
            yield [Orphan("CP7", 5.0)] if not told(gateway, StationWent) else []

        fake = SimpleNamespace(nodes=nodes, orphans=orphans)
        gateway.parts.monitoring._cluster = fake  # type: ignore[assignment]
        await until(lambda: told(gateway, NodeLost), "the node is told of")
        assert told(gateway, NodeLost) == [NodeLost("b", 20.0)]
        await until(lambda: told(gateway, StationWent), "its station is told of")
        assert told(gateway, StationWent) == [StationWent("CP7", 1006, "Its gateway has died", "gateway", 5.0)]
