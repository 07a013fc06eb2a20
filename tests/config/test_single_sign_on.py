"""`[api.oidc]`: what would let nobody in, or go without TLS, is found before the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.test_check import GOOD, problems
from voltgate.config import read

OIDC = """
[api.oidc]
issuer = "https://id.example/realms/main"
client_id = "voltgate"
client_secret = { env = "SECRET_OF_OURS" }
public_url = "https://gates.example/voltgate/"
"""
ROLES = """
[[api.oidc.roles]]
value = "ops"
role = "operator"
networks = ["north"]
"""
AROUND = {"SECRET_OF_OURS": "not-to-be-shown"}


def test_a_provider_is_read(tmp_path: Path) -> None:
    """A provider, and who may what; the secret is shown by nothing."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + OIDC + ROLES)
    config = read(file, AROUND).config
    oidc = config.api.oidc
    assert oidc is not None
    assert oidc.public_url == "https://gates.example/voltgate"
    assert oidc.client_secret is not None
    assert oidc.client_secret.get_secret_value() == "not-to-be-shown"
    assert [(entry.value, entry.role, entry.networks) for entry in oidc.roles] == [("ops", "operator", ("north",))]
    assert "not-to-be-shown" not in repr(config)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (ROLES, "", "lets nobody in: say in [[api.oidc.roles]]"),
        ('issuer = "https:', 'issuer = "http:', "must begin with https://"),
        ('issuer = "https://id.example', 'issuer = "id.example', "is not a URL such as"),
        ("realms/main", "realms/main?x=1", "must not contain a query"),
        ('public_url = "https:', 'public_url = "http:', "must begin with https://"),
        ('public_url = "https://gates.example/voltgate/"', "", "public_url"),
        ("gates.example", "me:secret@gates.example", "must not contain a user name or password"),
        ("[api.oidc]", '[api.oidc]\nscopes = ["email"]', '"openid" is missing'),
        ("[api.oidc]", '[api.oidc]\nscopes = ["openid", "a b"]', "one word each"),
        ("[api.oidc]", '[api.oidc]\nallowed_domains = ["@x.example"]', 'not a domain such as "example.com"'),
        ("[api.oidc]", "[api.oidc]\ntimeout = 0", "timeout"),
        ("[api.oidc]", '[api.oidc]\ngroups = "x"', "no such key"),
        ('role = "operator"', 'role = "root"', '"viewer", "operator" or "admin"'),
        ('networks = ["north"]', "networks = []", "networks"),
        ('networks = ["north"]', 'networks = ["a b"]', "networks"),
        ('{ env = "SECRET_OF_OURS" }', '""', "leave it out for a public client"),
        ('{ env = "SECRET_OF_OURS" }', '{ env = "NOT_SET" }', "NOT_SET is not set"),
        ("[api.oidc]", '[store]\nurl = "off"\n[api.oidc]', "needs a database"),
    ],
)
def test_a_provider_that_would_not_work_is_found(tmp_path: Path, before: str, after: str, words: str) -> None:
    """Each mistake has its line and what to do."""
    text = OIDC + ROLES
    assert before in text
    found = problems(tmp_path, GOOD + text.replace(before, after), AROUND)
    assert any(words in problem for problem in found), found
    assert "not-to-be-shown" not in "".join(found)


def test_what_is_doubtful_is_told(tmp_path: Path) -> None:
    """People who would come back to another path than the one that is served are a mistake, or a proxy's doing."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + '[api]\nbase_path = "/gates"\n' + OIDC + ROLES)
    (warning,) = [str(each) for each in read(file, AROUND).warnings if "public_url" in each.key]
    assert 'another path than api.base_path = "/gates"' in warning


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_without_tls_on_this_machine(tmp_path: Path, host: str) -> None:
    """To try it out, a provider and the dashboard may be on this machine."""
    text = OIDC.replace("https://id.example", f"http://{host}").replace("https://gates.example", f"http://{host}")
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + text + ROLES)
    assert read(file, AROUND).config.api.oidc is not None
