"""Certificates that cannot be loaded, each with the file that is why; and those that do not hold, or not for long."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.config.test_check import GOOD, problems, warnings
from tests.keypair import Authority, write_chain, write_pair, write_revoked

SECURE = GOOD.replace(
    '"ws://127.0.0.1:9000"', '{ url = "wss://127.0.0.1:9000", certificate = "a.pem", key = "a.key", MORE }'
)


def secure(more: str = "") -> str:
    """Write a configuration with a listener by TLS, and more keys of it."""
    return SECURE.replace(", MORE", f", {more}" if more else "")


def openssl(folder: Path, arguments: str) -> None:
    """Run OpenSSL as people do."""
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


def only(found: list[str]) -> str:
    """Return the one thing that is said."""
    (said,) = found
    return said


def test_a_certificate_in_der(tmp_path: Path) -> None:
    """The certificate is named, not the key, with the command that mends it: which does."""
    write_pair(tmp_path / "right.pem", tmp_path / "a.key", days=400)
    openssl(tmp_path, "x509 -in right.pem -outform DER -out a.pem")
    said = only(problems(tmp_path, secure()))
    assert f"listen.stations[0].certificate: {tmp_path / 'a.pem'} is DER; as PEM: openssl" in said
    openssl(tmp_path, said.partition("openssl ")[2].replace("NEW", "new.pem"))
    (tmp_path / "new.pem").rename(tmp_path / "a.pem")
    assert warnings(tmp_path, secure()) == []


def test_a_key_in_der(tmp_path: Path) -> None:
    """The same of the key."""
    write_pair(tmp_path / "a.pem", tmp_path / "right.key", days=400)
    openssl(tmp_path, "pkey -in right.key -outform DER -out a.key")
    said = only(problems(tmp_path, secure()))
    assert f"listen.stations[0].key: {tmp_path / 'a.key'} is DER; as PEM: openssl" in said
    openssl(tmp_path, said.partition("openssl ")[2].replace("NEW", "new.key"))
    (tmp_path / "new.key").rename(tmp_path / "a.key")
    assert warnings(tmp_path, secure()) == []


def test_a_certificate_and_a_key_that_are_swapped(tmp_path: Path) -> None:
    """It is asked whether they are, at the first of them."""
    write_pair(tmp_path / "a.key", tmp_path / "a.pem")
    said = only(problems(tmp_path, secure()))
    assert f"certificate: {tmp_path / 'a.pem'} holds a private key and no certificate: are certificate and key" in said


def test_a_certificate_twice(tmp_path: Path) -> None:
    """A certificate in place of the key is no key."""
    write_pair(tmp_path / "a.pem", tmp_path / "b.key")
    (tmp_path / "a.key").write_bytes((tmp_path / "a.pem").read_bytes())
    assert f"key: {tmp_path / 'a.key'} holds a certificate and no private key" in only(problems(tmp_path, secure()))


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_key_of_another_certificate(tmp_path: Path, kind: str) -> None:
    """The key does not belong to it, be it of the same algorithm or of another."""
    chain, _, _ = write_chain(tmp_path / "chain", kind)
    write_pair(tmp_path / "b.pem", tmp_path / "a.key")
    (tmp_path / "a.pem").write_bytes(chain.read_bytes())
    said = only(problems(tmp_path, secure()))
    assert said.endswith(f"key: {tmp_path / 'a.key'} does not belong to the certificate {tmp_path / 'a.pem'}")


@pytest.mark.parametrize("more", ["", " -traditional"])
def test_a_key_with_a_passphrase(tmp_path: Path, more: str) -> None:
    """The passphrase is what is in the way, and the command takes it off."""
    write_pair(tmp_path / "a.pem", tmp_path / "right.key", days=400)
    openssl(tmp_path, f"pkey -in right.key -aes256 -passout pass:secret -out a.key{more}")
    said = only(problems(tmp_path, secure()))
    assert f"key: {tmp_path / 'a.key'} has a passphrase" in said
    openssl(tmp_path, said.partition("openssl ")[2].replace("NEW", "new.key") + " -passin pass:secret")
    (tmp_path / "new.key").rename(tmp_path / "a.key")
    assert warnings(tmp_path, secure()) == []


@pytest.mark.parametrize(("file", "what"), [("a.pem", "certificate"), ("a.key", "private key")])
def test_what_is_neither(tmp_path: Path, file: str, what: str) -> None:
    """A text that is no PEM is said to be none."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    (tmp_path / file).write_text("no PEM\n")
    assert f"{tmp_path / file} holds no {what} in PEM" in only(problems(tmp_path, secure()))


def test_a_certificate_that_is_too_weak(tmp_path: Path) -> None:
    """What OpenSSL refuses for another reason is said with it."""
    openssl(tmp_path, "req -x509 -newkey rsa:1024 -nodes -days 400 -subj /CN=x -keyout a.key -out a.pem")
    said = only(problems(tmp_path, secure()))
    assert f"{tmp_path / 'a.pem'} is not usable with {tmp_path / 'a.key'}: EE_KEY_TOO_SMALL" in said


@pytest.mark.parametrize(
    ("days", "words"),
    [(-660, "has ended, on 20"), (5, "ends soon, on 20"), (29.5, "ends soon, on 20"), (30.5, "")],
)
def test_a_certificate_and_its_end(tmp_path: Path, days: float, words: str) -> None:
    """One that has ended, or will before long, is warned of; it is no mistake, as a gateway must start all the same."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key", days)
    said = f"listen.stations[0].certificate: {tmp_path / 'a.pem'} {words}"
    assert [said in each for each in warnings(tmp_path, secure())] == ([True] if words else [])
    later = warnings(tmp_path, secure() + "[alerts.thresholds]\ncertificate_days = [1]\n")
    assert bool(later) is (days < 0)


def test_a_certificate_of_tomorrow(tmp_path: Path) -> None:
    """One that is not valid yet is warned of."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key", 400, after=1)
    assert f"{tmp_path / 'a.pem'} is not valid before 20" in only(warnings(tmp_path, secure()))


def test_authorities_and_lists(tmp_path: Path) -> None:
    """What signs stations is warned of as certificates are; of lists, which end all the time, one that has ended."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key", days=400)
    Authority(tmp_path)
    write_revoked(tmp_path / "revoked.pem")
    text = secure('client_authority = "authority.pem", revocation_lists = ["revoked.pem"]')
    assert "listen.stations[0].client_authority" in only(warnings(tmp_path, text))
    write_revoked(tmp_path / "revoked.pem", days=-1)
    signer, ended = warnings(tmp_path, text)
    assert "authority.pem ends soon" in signer
    assert "listen.stations[0].revocation_lists" in ended
    assert "revoked.pem has ended" in ended


def test_the_authorities_of_a_backend(tmp_path: Path) -> None:
    """Of those that a backend is trusted by one may end, as long as another holds."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key", days=400)
    write_pair(tmp_path / "old.pem", tmp_path / "old.key", days=-1)
    both = (tmp_path / "a.pem").read_bytes() + (tmp_path / "old.pem").read_bytes()
    (tmp_path / "ca.pem").write_bytes(both)
    trusting = (
        secure()
        .replace("[backends.main]", '[backends.main]\nca = "ca.pem"')
        .replace("ws://127.0.0.1:9100", "wss://127.0.0.1:9100")
    )
    assert warnings(tmp_path, trusting) == []
    (tmp_path / "ca.pem").write_bytes((tmp_path / "old.pem").read_bytes())
    assert "ca.pem has ended" in only(warnings(tmp_path, trusting))
