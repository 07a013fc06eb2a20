"""Security: who is let in, over what, and what of it is told or kept. Over real sockets, and real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.words import MODERN
from tests.harness import Link, ScriptedStation, Stage, basic, boot_payload
from tests.harness.ports import free_port
from tests.keypair import write_chain
from voltgate.ocpp.soap.operations import operations

KEY = "0001023A0405060708FF3A0B0C0D0E0FFF3AFF3A"
"""A key of 1.6 whose bytes hold colons, and what is no UTF-8."""
PASSWORD = "a-password-of-CP1"

EXTENSION_DOWN = (
    ("CertificateSigned", {"certificateChain": "x"}),
    ("DeleteCertificate", {"certificateHashData": {}}),
    ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://x"}}),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "x"}),
    ("SignedUpdateFirmware", {"requestId": 1, "firmware": {}}),
)
EXTENSION_UP = (
    ("LogStatusNotification", {"status": "Idle", "requestId": 1}),
    ("SecurityEventNotification", {"type": "Reset", "timestamp": "2026-01-01T00:00:00Z"}),
    ("SignCertificate", {"csr": "x"}),
    ("SignedFirmwareStatusNotification", {"status": "Idle", "requestId": 1}),
)


async def guarded(stage: Stage, password: str = PASSWORD, **changes: Any) -> None:
    """Start a gateway that checks the password of CP1."""
    await stage.backend("main")
    entries = [{"identity": identity, "password": password, "route": "main"} for identity in ("CP1", "CP2")]
    await stage.gateway(stations=entries, **changes)


async def secured(stage: Stage, *kinds: str, **changes: Any) -> tuple[str, Path]:
    """Start a gateway that listens with and without TLS; give the URL of CP1 with it, and the root to trust."""
    pairs = [write_chain(stage.folder / kind, kind) for kind in kinds or ("ec",)]
    (chain, key, root), *more = pairs
    tls = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": chain, "key": key}
    tls["certificates"] = [{"certificate": one[0], "key": one[1]} for one in more]
    if not stage.backends:
        await stage.backend("main")
    document = stage.configuration(**changes)
    document["listen"]["stations"].append(tls)
    await stage.gateway(document)
    return f"{tls['url'].replace('127.0.0.1', 'localhost')}/CP1", root


async def let_in(stage: Stage, password: str | bytes, *offers: str, identity: str = "CP1") -> ScriptedStation:
    """Connect with a password."""
    return await stage.station(identity, *offers, headers={"Authorization": basic(identity, password)})


async def shaken(url: str, context: ssl.SSLContext) -> ssl.SSLObject:
    """Make a TLS handshake; give what was agreed. Raise ssl.SSLError."""
    host, port = url.removeprefix("wss://").partition("/")[0].split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return agreed


def trusting_all() -> ssl.SSLContext:
    """Make a client that asks for no proof."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def outdated(version: ssl.TLSVersion) -> ssl.SSLContext:
    """Make a client that speaks nothing newer than this version, with whatever suites there are."""
    context = trusting_all()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    return context


@pytest.mark.parametrize("version", MODERN)
async def test_sc_02_user_and_password_are_checked_before_the_upgrade(stage: Stage, version: str) -> None:
    """A wrong user, a wrong password or none gets 401 with a challenge, and no backend hears of it."""
    await guarded(stage)
    wrong = [basic("CP2", PASSWORD), basic("CP1", PASSWORD + "x"), basic("CP1", ""), basic("", PASSWORD)]
    for headers in (*({"Authorization": each} for each in wrong), {}):
        response = await stage.refused("CP1", version, headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert stage.backends["main"].handshakes == []
    await let_in(stage, PASSWORD, version)


async def test_sc_03_a_key_of_1_6_is_sent_decoded_or_as_its_digits(stage: Stage) -> None:
    """The worked example of OCPP-J 1.6 section 6.2, decoded and as hex; off by one byte it is refused."""
    key = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
    await stage.backend("main")
    await stage.gateway(stations=[{"identity": "AL1000", "password": key, "route": "main"}])
    example = "Basic QUwxMDAwOgABAgMEBQYH////////////////"
    for header in (example, basic("AL1000", key)):
        await stage.station("AL1000", headers={"Authorization": header})
    off = bytes.fromhex(key)[:-1] + b"\xfe"
    assert (await stage.refused("AL1000", headers={"Authorization": basic("AL1000", off)})).status_code == 401


async def test_sc_04_a_key_of_any_bytes(stage: Stage) -> None:
    """A key that holds colons and what is no UTF-8 is compared byte by byte, behind the first colon."""
    await guarded(stage, KEY)
    await let_in(stage, bytes.fromhex(KEY))
    off = bytes.fromhex(KEY)[:-1] + b"\xfe"
    assert (await stage.refused("CP1", headers={"Authorization": basic("CP1", off)})).status_code == 401
    assert (
        await stage.refused("CP1", headers={"Authorization": basic("CP1:x", bytes.fromhex(KEY))})
    ).status_code == 401


async def test_sc_06_a_long_password_of_2_1(stage: Stage) -> None:
    """A password of 64 characters, some of them not ASCII, is compared as UTF-8."""
    password = "Größe-日本語-" + "x" * 54
    assert len(password) == 64
    await guarded(stage, password)
    await let_in(stage, password, "ocpp2.1")
    response = await stage.refused("CP1", "ocpp2.1", headers={"Authorization": basic("CP1", password[:-1])})
    assert response.status_code == 401


async def test_sc_08_a_password_is_told_nowhere(stage: Stage) -> None:
    """Neither the log, nor the database, nor the API or the metrics show a password, its hex or its header."""
    environment = {"VOLTGATE_ADMIN_TOKEN": "the-first-operator-of-all"}
    await stage.backend("main")
    document = stage.configuration(
        stations=[{"identity": "CP1", "password": KEY, "route": "main"}], log={"level": "debug"}
    )
    gateway = stage.prepare(document)
    await gateway.start(environment=environment)
    header = basic("CP1", bytes.fromhex(KEY))
    station = await stage.station("CP1", headers={"Authorization": header})
    await stage.refused("CP1", headers={"Authorization": basic("CP1", KEY + "00")})
    await station.ask("BootNotification", boot_payload("ocpp1.6"))
    shown = (await gateway.get("/metrics")).body
    await gateway.stop()
    kept = b"".join(file.read_bytes() for file in gateway.folder.rglob("*.db*"))
    assert b"BootNotification" in kept or b"Finch" in kept
    for secret in (KEY, KEY.lower(), header.removeprefix("Basic ")):
        assert secret not in gateway.log
        assert secret not in shown
        assert secret.encode() not in kept
    assert bytes.fromhex(KEY) not in kept


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # what is deprecated is what is refused
async def test_sc_09_old_tls_is_refused(stage: Stage) -> None:
    """TLS 1.1 and older get no handshake, whatever their suites; TLS 1.2 and 1.3 are spoken, uncompressed."""
    url, _ = await secured(stage)
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await shaken(url, outdated(version))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = outdated(version)
        context.minimum_version = version
        context.options &= ~ssl.OP_NO_COMPRESSION
        agreed = await shaken(url, context)
        assert agreed.version() == version.name.replace("_", ".")
        assert agreed.compression() is None


async def test_sc_10_the_four_cipher_suites(stage: Stage) -> None:
    """With an RSA and an ECDSA certificate each of the four suites that OCPP demands is agreed to."""
    url, _ = await secured(stage, "ec", "rsa")
    for cipher in (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    ):
        context = trusting_all()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        agreed = (await shaken(url, context)).cipher()
        assert agreed is not None
        assert agreed[0] == cipher


async def asked(link: Link, station: ScriptedStation, action: str, payload: Any) -> None:
    """See that a backend's call reaches the station as it is, and its answer the backend."""
    message_id = await link.ask(action, payload)
    call = await station.expect(action)
    assert call.payload == payload
    await station.answer(call, {"status": "Accepted"})
    assert (await link.expect_result(message_id)).payload == {"status": "Accepted"}


async def test_sc_14_the_security_extension_of_1_6(stage: Stage) -> None:
    """Its eleven messages go through unchanged as JSON; SOAP knows none of them."""
    await stage.backend("main")
    permit = {"everything": {"base": "full", "credentials": True}}
    await stage.gateway(permits=permit, backends={"main": {"permit": "everything"}})
    station, main = await stage.meet()
    for action, payload in EXTENSION_DOWN:
        await asked(main, station, action, payload)
    for action, payload in EXTENSION_UP:
        await asked(station, main, action, payload)  # type: ignore[arg-type]
    names = {action for action, _ in (*EXTENSION_DOWN, *EXTENSION_UP)}
    assert len(names) == 11
    assert not names & (operations("1.6", "Cs") | operations("1.6", "Cp"))


async def test_sc_15_each_leg_has_its_own_certificates(stage: Stage) -> None:
    """A station sees Voltgate's server certificate, a backend its client certificate; neither sees the other's."""
    theirs, theirs_key, theirs_root = write_chain(stage.folder / "backend")
    ours, ours_key, ours_root = write_chain(stage.folder / "client")
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(theirs, theirs_key)
    there.load_verify_locations(ours_root)
    there.verify_mode = ssl.CERT_REQUIRED
    await stage.backend("main", tls=there)
    certificates = {"ca": theirs_root, "certificate": ours, "key": ours_key}
    url, root = await secured(stage, backends={"main": certificates})
    station = await stage.station(url=url, tls=ssl.create_default_context(cafile=str(root)))
    link = await stage.backends["main"].station("CP1")
    assert station.certificate in (stage.folder / "ec" / "ec-chain.pem").read_text()
    assert link.certificate in ours.read_text()


@pytest.mark.parametrize("version", ["ocpp1.6", *MODERN])
async def test_sc_16_what_the_station_proves_itself_by_is_not_a_backends(stage: Stage, version: str) -> None:
    """A backend that shares a station cannot change its password, its certificates or where it connects."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(backends={"main": {"permit": "full"}, "other": {"permit": "full"}})
    station, main, other = await stage.heard("CP1", version)
    if version == "ocpp1.6":
        password: tuple[str, Any] = ("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})
        profile: tuple[str, Any] = ("ChangeConfiguration", {"key": "SecurityProfile", "value": "1"})
    else:
        item = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        password = ("SetVariables", {"setVariableData": [item | {"attributeValue": PASSWORD}]})
        profile = ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": {}})
    certificate = ("CertificateSigned", {"certificateChain": "x"})
    for link in (main, other):
        for call in (password, profile, certificate):
            assert "Rejected" in (await link.expect_result(await link.ask(*call))).text
    await stage.quiet(station)


async def test_sc_17_guessing_is_slowed_down(stage: Stage) -> None:
    """After so many wrong passwords for one identity there is 429 and a time to wait; another station comes in."""
    await guarded(stage, limits={"failed_logins": 3})
    for _ in range(3):
        assert (await stage.refused("CP1", headers={"Authorization": basic("CP1", "wrong")})).status_code == 401
    throttled = await stage.refused("CP1", headers={"Authorization": basic("CP1", "wrong")})
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) > 0
    await let_in(stage, PASSWORD, identity="CP2")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # what is deprecated is what is refused
async def test_sc_18_no_port_speaks_legacy_tls(stage: Stage) -> None:
    """A charger of TLS 1.0 gets no handshake, whatever suites it has; another one comes in by TLS."""
    url, root = await secured(stage)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await shaken(url, outdated(ssl.TLSVersion.TLSv1))
    await stage.station(url=url, tls=ssl.create_default_context(cafile=str(root)))


async def test_sc_19_the_whole_chain_is_served(stage: Stage) -> None:
    """A charger that pins the root alone can verify the certificate: the intermediate one comes along."""
    url, root = await secured(stage)
    pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pinned.load_verify_locations(root)
    await stage.station(url=url, tls=pinned)
