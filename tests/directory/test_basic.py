"""HTTP Basic of stations: which headers say who comes, and which spellings of a key are the key."""

from __future__ import annotations

import base64
from binascii import hexlify, unhexlify
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.directory.basic import credentials_of, matches, readings, secret_of

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
RAW = unhexlify(KEY)
ALL = ("bytes", "hex", "text")
CHOICES = [choice for size in range(1, 4) for choice in combinations(ALL, size)]


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (b"Basic QTpi", b"A:b"),
        (b"basic QTpi", b"A:b"),
        (b"  BASIC   QTpi  ", b"A:b"),
        (b"Basic " + base64.b64encode(b"A:" + RAW), b"A:" + RAW),
        (b"Basic", b""),
        (b"Bearer QTpi", None),
        (b"QTpi", None),
        (b"", None),
        (b"Basic QTp", None),
        (b"Basic QTpi!", None),
        (b"Basic QT pi", None),
        (b"Basic \xff\xfe", None),
    ],
)
def test_a_header_is_read(header: bytes, credentials: bytes | None) -> None:
    """Only well-formed Basic gives credentials; the scheme has no case."""
    assert credentials_of(header) == credentials


@given(st.binary(max_size=60))
def test_any_bytes_come_through(credentials: bytes) -> None:
    """Whatever bytes a key holds, they arrive as they were sent."""
    assert credentials_of(b"Basic " + base64.b64encode(credentials)) == credentials


@given(st.binary(max_size=60))
def test_no_header_does_harm(header: bytes) -> None:
    """Whatever stands in the header, reading it ends in credentials or in none."""
    credentials_of(header)
    secret_of(header, "CP-1")


@pytest.mark.parametrize(
    ("credentials", "identity", "secret"),
    [
        (b"CP-1:secret", "CP-1", b"secret"),
        (b"cp-1:secret", "CP-1", b"secret"),
        (b"CP-1:", "CP-1", b""),
        (b"CP-1:a:b:", "CP-1", b"a:b:"),
        (b"CP-1:\x00\xff:", "CP-1", b"\x00\xff:"),
        (b"A:B:secret", "A:B", b"secret"),
        ("Zoë:secret".encode(), "Zoë", b"secret"),
        (b"CP-1", "CP-1", None),
        (b"CP-10:secret", "CP-1", None),
        (b"CP-2:secret", "CP-1", None),
        (b":secret", "CP-1", None),
        (b"", "CP-1", None),
        (b"\xff\xff\xff\xff:secret", "CP-1", None),
    ],
)
def test_the_identity_comes_off_first(credentials: bytes, identity: str, secret: bytes | None) -> None:
    """The user name must be the identity; what follows the colon behind it is the key, more colons included."""
    assert secret_of(credentials, identity) == secret


def test_case_counts_where_it_is_set() -> None:
    """With identities that differ by case alone, the user name must be spelt as the identity is."""
    assert secret_of(b"cp-1:x", "CP-1", case_sensitive=True) is None
    assert secret_of(b"CP-1:x", "CP-1", case_sensitive=True) == b"x"


@pytest.mark.parametrize("spellings", CHOICES)
@pytest.mark.parametrize(
    ("sent", "needs"),
    [
        (RAW, {"bytes"}),
        (KEY.encode(), {"hex", "text"}),
        (KEY.lower().encode(), {"hex"}),
        (KEY[:20].lower().encode() + KEY[20:].encode(), {"hex"}),
        (RAW[:-1], set()),
        (KEY[:-2].encode(), set()),
        (b"", set()),
    ],
)
def test_the_spellings_of_a_key(sent: bytes, needs: set[str], spellings: tuple[str, ...]) -> None:
    """A 1.6 key is accepted decoded, as its digits in any case, or as it stands: each only where it is allowed.

    It makes no difference whether the key is kept as it is or as a hash: `readings` finds what the hash was made of.
    """
    mixed = KEY[:19].lower() + KEY[19:].upper()
    assert matches(sent, KEY, spellings) is bool(needs & set(spellings))
    assert matches(sent, KEY.lower(), ("hex",)) is ("hex" in needs)
    assert matches(sent, mixed, ("hex",)) is ("hex" in needs)
    assert (KEY.encode() in readings(sent, spellings)) is bool(needs & set(spellings))


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=45)
HEX = st.binary(min_size=14, max_size=22).map(lambda raw: hexlify(raw).decode())


@given(PASSWORDS | HEX | HEX.map(str.upper), st.sampled_from(CHOICES), st.data())
def test_a_hash_accepts_what_its_password_does(password: str, spellings: tuple[str, ...], data: st.DataObject) -> None:
    """What is accepted for a password is accepted for its hash."""
    text = password.encode()
    forms = [text, text.lower(), text.upper(), text.swapcase(), *_decoded(text)]
    sent = data.draw(st.sampled_from(forms))
    if matches(sent, password, spellings):
        assert text in readings(sent, spellings)


def _decoded(text: bytes) -> list[bytes]:
    try:
        return [unhexlify(text)]
    except ValueError:
        return []


def test_a_text_is_no_key() -> None:
    """An ordinary password is accepted as it stands and no other way, case included."""
    assert matches("pass wörd".encode(), "pass wörd", ALL)
    assert not matches(b"Password", "password", ALL)
    assert not matches(b"password", "password", ("bytes", "hex"))
    assert readings(b"password", ("bytes",)) == []
    assert readings(b"password", ("hex",)) == []
