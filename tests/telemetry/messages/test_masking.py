"""What is masked before it is written: in every action of every version, and in what vendors put beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.telemetry.messages import masking
from voltgate.telemetry.messages.masking import STARS, Mask

TOKENS = {"idTag", "parentIdTag", "idToken", "additionalIdToken", "idTokens", "customerIdentifier", "emaid"}
SECRETS = {"password", "apnPassword", "basicAuthPassword", "simPin", "exiRequest", "exiResponse"}
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEICANARY\n-----END EC PRIVATE KEY-----"
FOLDERS = ("v16", "v201", "v21")


def schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every schema of every version, by name."""
    for folder in FOLDERS:
        for file in (files("ocpp") / folder / "schemas").iterdir():
            yield f"{folder}/{file.name}", json.loads(file.read_text(encoding="utf-8-sig"))


class Instance:
    """Makes an instance of a schema with everything in it; what must not be seen is numbered and remembered."""

    def __init__(self, schema: dict[str, Any], name: str) -> None:
        self._private = "data" if "NotifyCustomerInformation" in name else ""
        self._definitions = schema.get("definitions", {})
        self.hidden: list[str] = []
        self.made = self.of(schema, "")

    def of(self, schema: dict[str, Any], name: str, depth: int = 0) -> Any:
        """Make a value."""
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            inside = schema.get("properties", {}) if depth < 9 else {}
            return {key: self.of(each, key, depth + 1) for key, each in inside.items()}
        if kind == "array":
            return [self.of(schema.get("items", {}), name, depth + 1)]
        return self._plain(schema, name)

    def _plain(self, schema: dict[str, Any], name: str) -> Any:
        if name in TOKENS | SECRETS | {self._private} or (name == "key" and schema.get("maxLength", 0) != 50):
            return self._canary(is_number=schema.get("type") == "integer")
        if "enum" in schema:
            return schema["enum"][0]
        if "ertificate" in name and schema.get("type") == "string":
            self.hidden.append("CANARY\n")
            return KEY
        return {"integer": 1, "number": 1.5, "boolean": True}.get(schema.get("type", ""), "a text")

    def _canary(self, *, is_number: bool) -> Any:
        number = 734_000_000 + len(self.hidden)
        self.hidden.append(str(number) if is_number else f"CANARY{number}")
        return number if is_number else f"CANARY{number}"


@pytest.mark.parametrize(("name", "schema"), list(schemas()), ids=lambda value: value if isinstance(value, str) else "")
def test_no_secret_of_any_action_is_written(name: str, schema: dict[str, Any]) -> None:
    """Tokens, passwords and private keys of every request and response come out masked; all the rest is as it was."""
    instance = Instance(schema, name)
    raw = json.dumps(instance.made).encode()
    masked = Mask().payload(raw)
    assert not [each for each in instance.hidden if each.encode() in masked or each.strip().encode() in masked], masked
    if not instance.hidden:
        assert masked == raw
    assert _shape(json.loads(masked)) == _shape(instance.made)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else None


NAMES = ["AuthorizationKey", "authorizationkey", "BasicAuthPassword", "WifiPassword", "SimPin", "ApiKey", "auth_key"]


@pytest.mark.parametrize("name", NAMES)
def test_configuration_that_is_secret(name: str) -> None:
    """The value of a key or a variable that opens a door is masked wherever it stands beside its name."""
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": name}}
    for said in (
        {"key": name, "value": "CANARY"},
        {"value": "CANARY", "key": name},
        {"configurationKey": [{"key": "A", "readonly": False, "value": "x"}, {"key": name, "value": "CANARY"}]},
        {"setVariableData": [{**variable, "attributeValue": "CANARY"}]},
        {"getVariableResult": [{"attributeStatus": "Accepted", "attributeValue": "CANARY", **variable}]},
        {"reportData": [{**variable, "variableAttribute": [{"type": "Actual", "value": "CANARY"}]}]},
        {"eventData": [{**variable, "actualValue": "CANARY"}]},
        {"customData": {"vendorId": "x", name: "CANARY"}},
        {"vendorId": "x", "data": json.dumps({"settings": [{"key": name, "value": "CANARY"}]})},
        {"vendorId": "x", "data": f"{name}=CANARY"},
    ):
        masked = Mask().payload(json.dumps(said).encode())
        assert b"CANARY" not in masked, masked
        assert b'"A"' in masked or "configurationKey" not in said


def test_other_configuration_is_not_touched() -> None:
    """What is no secret is written byte for byte, numbers and spaces included."""
    for raw in (
        b'{"key":"HeartbeatInterval", "value" : "300"}',
        b'{"configurationKey":[{"key":"AuthorizeRemoteTxRequests","value":"true"}],"n":1.50e0}',
        b'{"connectorId":1,"info":"private@example.com: https://x.example/?a=b"}',
        b"{}",
    ):
        assert Mask().payload(raw) == raw


SIGNED = "https://logs.blob.core.windows.net/cp1/x.log?sv=2022-11-02&se=2026-12-01T00%3A00%3A00Z&sp=cw"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"{SIGNED}&sig=CANARY%3D", f"{SIGNED}&sig=***"),
        ("https://u:CANARY@x.example/a?token=CANARY#b", "https://***@x.example/a?token=***#b"),
        ("https://x.example/?X-Amz-Signature=CANARY&X-Amz-Credential=CANARY", None),
        (f"see {SIGNED}&sig=CANARY until noon", f"see {SIGNED}&sig=*** until noon"),
        ("ftp://x.example/firmware.bin?version=1.2&code=CANARY", "ftp://x.example/firmware.bin?version=1.2&code=***"),
    ],
)
def test_a_url_that_lets_in(said: str, shown: str | None) -> None:
    """Of a URL only what lets whoever has it in is masked: in a field, within JSON in a text, and in a torn frame."""
    mask = Mask()
    masked = json.loads(mask.payload(json.dumps({"location": said, "data": json.dumps({"to": said})}).encode()))
    if shown is not None:
        assert (masked["location"], json.loads(masked["data"])["to"]) == (shown, shown)
    assert "CANARY" not in str(masked)
    assert "CANARY" not in mask.text('[2,"1","GetLog",{"location":"' + said)


@pytest.mark.parametrize(
    "token",
    [
        "04A2B3C4",
        "04a2b3c4d5e680",
        "04:A2:B3:C4:D5:E6:80",
        "04A2B3C4D5E68004A2B3",
        "DE-8AA-C12345678-X",
        "DE8AAC12345678",
    ],
)
def test_a_token_without_a_name(token: str) -> None:
    """What looks like a card or a contract in vendors' own data is a pseudonym, the same as under a name."""
    mask = Mask()
    named = json.loads(mask.payload(json.dumps({"idTag": token}).encode()))["idTag"]
    for said in (
        {"vendorId": "x", "data": token},
        {"vendorId": "x", "messageId": "auth", "data": json.dumps({"a": [token]})},
        {"customData": {"vendorId": "x", "who": token}},
        {"status": "Accepted", "data": token},
        {"token": token},
        {"vendorId": "x", "data": {"userToken": token}},
    ):
        raw = json.dumps(said).encode()
        masked = mask.payload(raw).decode()
        assert token not in masked
        assert named in masked, masked
    words = mask.payload(json.dumps({"vendorId": "x", "data": f"card {token} was shown"}).encode()).decode()
    assert token not in words


def test_what_looks_like_no_token() -> None:
    """Days, times, counts, MAC addresses and firmware versions in vendors' data stay as they were."""
    for text in (
        "20261122",
        "20261122213000",
        "12345678",
        "00:1A:2B:3C:4D:5E",
        "1.2.0-04A2B3C4",
        "CHARGEPOINTONE",
        "OK",
    ):
        raw = json.dumps({"vendorId": "DEADBEEF", "data": text}).encode()
        assert Mask().payload(raw) == raw
    raw = b'{"serial":"04A2B3C4","errorCode":"NoError","info":"DE8AAC12345678"}'
    assert Mask().payload(raw) == raw


def test_one_token_is_one_pseudonym() -> None:
    """The same token has the same pseudonym, as it is written large or small; another writer gives another."""
    mask = Mask()
    one, same = (json.loads(mask.payload(json.dumps({"idTag": tag}).encode())) for tag in ("04ab", "04AB"))
    nested = json.loads(mask.payload(b'{"idToken":{"idToken":"04ab","type":"ISO14443"}}'))
    other = json.loads(mask.payload(b'{"idTag":"04AC"}'))
    assert one == same
    assert nested == {"idToken": {"idToken": one["idTag"], "type": "ISO14443"}}
    assert other["idTag"] != one["idTag"]
    assert len(one["idTag"]) <= 20
    assert Mask().payload(b'{"idTag":"04ab"}') != mask.payload(b'{"idTag":"04ab"}')


def test_texts_within_texts() -> None:
    """A token is masked however deep its text stands in others; escapes bound how deep that may be."""
    text = '{"idTag":"CANARY"}'
    for _ in range(12):
        text = json.dumps({"x": text})
    began = time.process_time()
    masked = Mask().payload(json.dumps({"vendorId": "x", "data": text}).encode())
    assert time.process_time() - began < 1
    assert b"CANARY" not in masked
    assert b"~" in masked


def test_names_and_tokens_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few are remembered, and a token that was forgotten has its pseudonym again."""
    monkeypatch.setattr(masking, "_MOST_KNOWN", 10)
    mask = Mask()
    first = mask.payload(b'{"idTag":"T0"}')
    for number in range(100):
        mask.payload(f'{{"idTag":"T{number}","name{number}":1}}'.encode())
    assert max(len(mask._kinds), len(mask._pseudonyms)) <= 10
    assert mask.payload(b'{"idTag":"T0"}') == first


def test_what_cannot_be_read() -> None:
    """Torn frames, escapes, numbers that are too large: what may be a secret is not kept."""
    mask = Mask()
    for text in (
        '[2,"1","Authorize",{"idTag":"CANARY',
        '[2,"1","Authorize",{"id\\u0054ag":"CANARY"}',
        '[2,"1","ChangeConfiguration",{"value":"CANARY","key":"AuthorizationKey"',
        '{"idTag":"CANARY","n":1e999',
        f'{{"certificate":"{KEY}"',
        "PASSWORD=CANARY",
    ):
        assert "CANARY" not in mask.text(text), mask.text(text)
    for raw in (b'{"idTag":"CANARY","n":1e999}', b'{"id\\u0054ag":"CANARY"}', b'{"idTag":' + b"[" * 2000 + b'"CANARY"'):
        assert b"CANARY" not in mask.payload(raw)
    assert mask.text("[9, 1]") == "[9, 1]"
    assert mask.target("/CP1?token=CANARY") == f"/CP1?{STARS}"


def test_a_token_in_an_error() -> None:
    """A description that repeats the token of its call has the pseudonym in its place."""
    mask, found = Mask(), dict[str, str]()
    mask.payload(b'{"idTag":"04AB77"}', found)
    assert mask.words("No such card: 04AB77", found) == f"No such card: {found['04AB77']}"


def test_nothing_is_masked_when_nothing_is_to_be() -> None:
    """In full everything is as it was said."""
    mask = Mask(off=True)
    assert mask.payload(b'{"idTag": "A"}') == b'{"idTag": "A"}'
    assert (mask.text('"password":"x"'), mask.target("/a?b"), mask.words("A", {})) == ('"password":"x"', "/a?b", "A")


KEYS = st.sampled_from(["idTag", "idToken", "password", "a", "data", "value", "key", "variable", "name", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["idTag", "IDTAG", "id_tag", "parentIdTag", "password", "PassWord"]))
def test_nothing_gets_through_wherever_it_stands(said: Any, name: str) -> None:
    """A token or a password is masked at any depth, beside anything; the result is JSON of the same shape."""
    whole = {"a": [said, {name: "CANARY", "b": said}], "c": {"d": {name: ["CANARY"]}}}
    masked = Mask().payload(json.dumps(whole).encode())
    assert b"CANARY" not in masked
    assert json.loads(masked).keys() == whole.keys()


SAID_OTHERWISE = [
    {"data": "<idTag>CANARY</idTag>"},
    {"data": "<password>CANARY</password>"},
    {"data": "idTag CANARY1 refused"},
    {"data": "idTag,CANARY1"},
    {"data": {"name": "idTag", "value": "CANARY"}},
    {"data": {"name": "Password", "value": "CANARY"}},
    {"data": {"Key": "AuthorizationKey", "Value": "CANARY"}},
    {"data": {"tagId": "CANARY", "rfid": "CANARY", "cardNumber": "CANARY", "id-tag": "CANARY"}},
    {"data": {"accessToken": "CANARY"}},
    {"configurationKey": [{"key": "WifiPass", "readonly": False, "value": "CANARY"}]},
    {"statusInfo": {"additionalInfo": "idToken CANARY1 unknown"}},
    {"techInfo": "login with password CANARY1"},
    {"location": "ftp://user:pass@CANARY@files.example/"},
    {"idToken": {"idToken": "1", "type": "eMAID"}, "certificate": "-----BEGIN CERTIFICATE-----CANARY"},
]


@pytest.mark.parametrize("payload", SAID_OTHERWISE, ids=str)
def test_what_vendors_and_words_name_otherwise(payload: dict[str, Any]) -> None:
    assert b"CANARY" not in Mask().payload(json.dumps(payload).encode())


def test_a_twin_that_hides_a_token() -> None:
    """The one that comes first is not seen by who takes the JSON apart, but it stands in the file."""
    assert Mask().payload(b'{"idTag":"CANARY","idTag":""}') == b'{"idTag":""}'


@pytest.mark.parametrize(
    "torn",
    [
        '[2,"1","Authorize",{idTag:"CANARY"}]',
        "[2,'1','Authorize',{'idTag':'CANARY'}]",
        '[2,"1","Authorize",{"idTag":[ "CANARY"',
        '[2,"1","Authorize",{"idTag" "CANARY"',
        '[2,"1","DataTransfer",{"data":"{\\"idTag\\":\\"CANARY\\"}"',
        "<idTag>CANARY</idTag>",
    ],
)
def test_a_torn_frame_in_which_a_token_cannot_be_told_from_the_rest(torn: str) -> None:
    assert "CANARY" not in Mask().text(torn)


def test_half_a_pair_of_surrogates() -> None:
    """No text has one: what is written down would be refused by the database, with all that is written beside it."""
    assert Mask().text('[2,"1","X",{"a":"\\ud800 \\ud83d\\ude00"') == '[2,"1","X",{"a":"\ufffd \U0001f600"'
    assert Mask().payload(b'{"idTag":"CANARY","x":"\\ud800"}') == '{"idTag":"***","x":"\ufffd"}'.encode()


@pytest.mark.parametrize("text", ["@=" + "auth" * 20_000, '{"idTag' + '\\"' * 20_000], ids=["a key", "quotes"])
def test_a_text_that_is_made_to_take_long(text: str) -> None:
    began = time.process_time()
    Mask().payload(json.dumps({"data": text}).encode())
    assert time.process_time() - began < 0.5


def test_an_answer_that_repeats_a_token() -> None:
    """What a backend says of a card in words is not written down with its number."""
    mask, found = Mask(), dict[str, str]()
    mask.payload(b'{"idTag":"CANARY","parentIdTag":"1"}', found)
    said = b'{"info":["card CANARY is unknown",1],"n":1}'
    assert mask.answer(said, found) == f'{{"info":["card {found["CANARY"]} is unknown",1],"n":1}}'.encode()
    assert b"CANARY" not in mask.answer(b'{"info":"card CANARY', found)
    assert mask.answer(b'{"status":"Accepted1"}', found) == b'{"status":"Accepted1"}'
