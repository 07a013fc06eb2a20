"""Originals: the envelopes that may still go on as they came, and no more of them than a station may take up."""

from __future__ import annotations

from voltgate.carriers.soap.originals import Original, Originals


def of(size: int, version: str = "1.6") -> Original:
    """Make an envelope of a size."""
    return Original(version, "1.2", "m", b"x" * size)  # type: ignore[arg-type]


def test_an_original_is_for_who_speaks_like_it() -> None:
    """An envelope goes on as it came only to the same version of OCPP and edition of SOAP."""
    originals = Originals()
    originals.keep(b"a", of(5))
    assert originals.find(b"a", "1.6", "1.2") == of(5)
    assert originals.find(b"a", "1.5", "1.2") is None
    assert originals.find(b"a", "1.6", "1.1") is None
    assert originals.find(b"b", "1.6", "1.2") is None


def test_few_and_not_large() -> None:
    """The oldest go, by number and by size; the newest stays, however large."""
    originals = Originals()
    for number in range(40):
        originals.keep(b"%d" % number, of(10))
        originals.keep(b"0", of(10))
    kept = [number for number in range(40) if originals.find(b"%d" % number, "1.6", "1.2")]
    assert kept == [0, *range(9, 40)]
    originals.keep(b"large", of(1 << 20))
    assert originals.find(b"39", "1.6", "1.2") is None
    assert originals.find(b"large", "1.6", "1.2") == of(1 << 20)
    originals.keep(b"small", of(1))
    assert originals.find(b"large", "1.6", "1.2") is None
    for number in range(4):
        originals.keep(b"%d" % number, of(250_000))
    assert all(originals.find(b"%d" % number, "1.6", "1.2") for number in range(4))
