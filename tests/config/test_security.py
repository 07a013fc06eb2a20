"""Security profiles that nobody could meet, or that need something else: a sentence for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.test_check import problems
from tests.keypair import Authority, write_pair, write_revoked
from voltgate.config import read

TEXT = """
[listen]
stations = [{{ {listener} }}]
http = "off"
[backends.main]
url = "ws://127.0.0.1:9100/{{station}}"
[routes.main]
admit = "gateway"
rules = [{{ answer = "main" }}]
[[stations]]
match = "*"
{entry}
"""
PLAIN = 'url = "ws://127.0.0.1:9000"'
SECURE = 'url = "wss://127.0.0.1:9000", certificate = "a.pem", key = "a.key"'
TRUSTING = SECURE + ', client_authority = "authority.pem"'
PROXIED = PLAIN + ', trusted_proxies = ["127.0.0.1"]'
BEHIND = SECURE + ', trusted_proxies = ["127.0.0.1"], proxy_protocol = true'
HASHED = 'auth_lookup = "http://m/{station}"\ncertificate_lookup = "http://m/{hash}"'


def written(tmp_path: Path, listener: str, entry: str = "") -> Path:
    """Write a configuration, and the files that it names."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    Authority(tmp_path)
    write_revoked(tmp_path / "revoked.pem")
    file = tmp_path / "voltgate.toml"
    file.write_text(TEXT.format(listener=listener, entry=entry))
    return file


def found(tmp_path: Path, listener: str, entry: str) -> list[str]:
    """Return what is wrong with a configuration."""
    return problems(tmp_path, written(tmp_path, listener, entry).read_text())


@pytest.mark.parametrize(
    ("listener", "entry"),
    [
        (TRUSTING + ', security_profiles = [2, 3], organizations = ["O"]', 'organizations = ["P"]'),
        (TRUSTING + ', revocation_lists = ["revoked.pem"]', "security_profiles = [3]"),
        (TRUSTING + ', ocsp = "hard", ocsp_url = "https://ocsp.example/a"', "security_profiles = [3]"),
        (PROXIED + ', client_authority = "authority.pem", ocsp = "soft"', "security_profiles = [3]"),
        (BEHIND + ', client_authority = "authority.pem", ocsp = "soft"', HASHED),
        (PROXIED + ", security_profiles = [3]", 'organizations = ["P"]'),
        (PLAIN, "security_profiles = [0]"),
        (PLAIN, 'security_profiles = [0, 1]\npassword = "sixteen-letters-"'),
    ],
)
def test_what_can_be_met(tmp_path: Path, listener: str, entry: str) -> None:
    """Profiles that a listener can take are good."""
    file = written(tmp_path, listener, entry)
    assert read(file, {}).config.stations[0].match == "*"


@pytest.mark.parametrize(
    ("listener", "entry", "words"),
    [
        (PLAIN + ", security_profiles = [2]", "", "write wss://, or name the proxy"),
        (PLAIN + ", security_profiles = []", "", "security_profiles"),
        (PLAIN + ", security_profiles = [4]", "", "security_profiles"),
        (SECURE + ", security_profiles = [3]", "", "needs client_authority"),
        (SECURE + ", security_profiles = [1]", "", "is without TLS"),
        (SECURE + ', revocation_lists = ["revoked.pem"]', "", "no meaning without client_authority"),
        (TRUSTING + ', revocation_lists = ["a.pem"]', "", "holds no revocation list"),
        (TRUSTING + ', revocation_lists = ["none.pem"]', "", "cannot read"),
        (SECURE + ', client_authority = "a.key"', "", "holds no certificate of an authority"),
        (PLAIN + ', client_authority = "authority.pem"', "", "is for a wss:// listener"),
        (PLAIN + ', client_authority = "authority.pem", ocsp = "soft"', "", "is for a wss:// listener"),
        (PROXIED + ', client_authority = "authority.pem"', "", "is for a wss:// listener"),
        (
            PROXIED + ', client_authority = "authority.pem", ocsp = "soft", revocation_lists = ["revoked.pem"]',
            "",
            "revocation_lists: is for a wss:// listener: the proxy reads them",
        ),
        (SECURE + ', ocsp = "hard"', "", "ocsp: needs client_authority"),
        (PROXIED + ', ocsp = "hard"', "", "ocsp: needs client_authority"),
        (TRUSTING + ', ocsp_url = "http://ocsp.example"', "", "ocsp_url: has no meaning without ocsp"),
        (TRUSTING + ', ocsp = "on"', "", "ocsp"),
        (TRUSTING + ', ocsp = "soft", ocsp_url = "ldap://ocsp.example"', "", "ocsp_url: must be a URL that starts"),
        (TRUSTING + ', ocsp = "soft", ocsp_url = "http://us:er@ocsp.example"', "", "must not contain a user name"),
        (PROXIED + ', client_authority = "authority.pem", ocsp = "soft"', HASHED, "have the proxy ask"),
        (PLAIN, "security_profiles = [3]", "no listener takes security profile 3"),
        (SECURE, "security_profiles = [3]", "no listener takes security profile 3"),
        (PLAIN, "security_profiles = [1]", "needs password or password_hook"),
        (PLAIN, 'organizations = ["O"]', "or security profile 3"),
        (TRUSTING, 'security_profiles = [2]\npassword = "sixteen-letters-"\norganizations = ["O"]', "profile 3"),
        (PLAIN, 'security_profiles = [0]\nauth_lookup = "http://m/{station}"', "contradicts auth_lookup"),
    ],
)
def test_what_cannot(tmp_path: Path, listener: str, entry: str, words: str) -> None:
    """The sentence says which key, and what it needs."""
    said = found(tmp_path, listener, entry)
    assert any(words in each for each in said), said
