"""Who may charge, in the words of each version."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.stage import NOON, Stage
from voltgate.csms.model import Station, Token
from voltgate.ocpp.schemas import check
from voltgate.ocpp.times import stamp

TOKENS = [
    Token("04aa", "04AA", group="FAMILY", expires=NOON + 3600),
    Token("blocked", "BLOCKED", status="Blocked"),
    Token("old", "OLD", expires=NOON),
    Token("there", "THERE", network="harbour"),
    Token("de8aa", "DE8AA", kind="eMAID"),
    Token("mac", "MAC", kind="MacAddress"),
    Token("long", "LONG", group="G" * 40, language="a-very-long-language", message="m" * 2000),
]

AS_IT_IS = {
    "04aa": "Accepted",
    "04AA": "Accepted",
    "BLOCKED": "Blocked",
    "OLD": "Expired",
    "THERE": "NotAtThisLocation",
    "NOBODY": "Unknown",
    "DE8AA": "Invalid",  # a card with the number of a contract
}
IN_1X = {"NotAtThisLocation": "Invalid", "Unknown": "Invalid"}


async def authorize(version: str, text: str, kind: str = "ISO14443", **more: Any) -> dict[str, Any]:
    """Return what an Authorize is answered, which is valid."""
    async with Stage(tokens=more.pop("tokens", "known")) as stage:
        stage.rows.put(Station("cp-1", "CP-1"))
        for token in TOKENS:
            stage.rows.put(token)
        said = {"idTag": text} if version == "ocpp1.6" else {"idToken": {"idToken": text, "type": kind}, **more}
        answer = await stage.station(protocol=version).say("Authorize", said)
        assert check(version, "Authorize", "response", answer) is None
        return answer


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize(("text", "status"), AS_IT_IS.items())
async def test_tokens_of_2x(version: str, text: str, status: str) -> None:
    assert (await authorize(version, text))["idTokenInfo"]["status"] == status


@pytest.mark.parametrize(("text", "status"), AS_IT_IS.items())
async def test_tokens_of_1x(text: str, status: str) -> None:
    expected = "Accepted" if text == "DE8AA" else IN_1X.get(status, status)  # 1.x has no kinds
    assert (await authorize("ocpp1.6", text))["idTagInfo"]["status"] == expected


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [
        ("DE8AA", "eMAID", "Accepted"),
        ("DE8AA", "EMAID", "Accepted"),
        ("mac", "MacAddress", "Accepted"),
        ("MAC", "Central", "Invalid"),
        ("", "NoAuthorization", "Accepted"),
        ("", "Central", "Unknown"),
    ],
)
async def test_kinds_of_tokens(text: str, kind: str, status: str) -> None:
    assert (await authorize("ocpp2.1", text, kind))["idTokenInfo"]["status"] == status


async def test_what_is_known_of_a_token_is_told() -> None:
    assert (await authorize("ocpp1.6", "04AA"))["idTagInfo"] == {
        "status": "Accepted", "expiryDate": stamp(NOON + 3600), "parentIdTag": "FAMILY",
    }  # fmt: skip
    assert (await authorize("ocpp2.0.1", "04AA"))["idTokenInfo"] == {
        "status": "Accepted",
        "cacheExpiryDateTime": stamp(NOON + 3600),
        "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
    }


async def test_what_a_version_has_no_room_for_is_not_told() -> None:
    """A group that is cut would be another; a message that is cut can still be read."""
    assert (await authorize("ocpp1.6", "LONG"))["idTagInfo"] == {"status": "Accepted"}
    of_201, of_21 = [(await authorize(version, "LONG"))["idTokenInfo"] for version in ("ocpp2.0.1", "ocpp2.1")]
    assert ("groupIdToken" in of_201, len(of_201["personalMessage"]["content"])) == (False, 512)
    assert (of_21["groupIdToken"]["idToken"], len(of_21["personalMessage"]["content"])) == ("G" * 40, 1024)


async def test_anybody_may_charge_where_the_operator_says_so() -> None:
    assert (await authorize("ocpp2.1", "NOBODY", tokens="any"))["idTokenInfo"]["status"] == "Accepted"
    assert (await authorize("ocpp2.1", "BLOCKED", tokens="any"))["idTokenInfo"]["status"] == "Blocked"


HASH = {
    "hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c", "responderURL": "d",
}  # fmt: skip


@pytest.mark.parametrize("shown", [{"iso15118CertificateHashData": [HASH]}, {"certificate": "-----BEGIN"}])
async def test_a_certificate_that_nobody_has_judged_lets_nobody_charge(shown: dict[str, Any]) -> None:
    answer = await authorize("ocpp2.0.1", "DE8AA", "eMAID", **shown)
    assert answer == {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "NoCertificateAvailable"}
