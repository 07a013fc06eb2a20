"""Masking: what identifies people or opens doors is not written down.

Tokens become pseudonyms, the same for the same token as long as the gateway runs, so that two can be told apart;
passwords, keys and what customers are asked for become stars. It goes by the names of fields, in every action and in
vendors' own data, where what looks like the number of a card or of a contract is a token without a name as well; JSON
within a text is looked into, and the query of a URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from voltgate.ocpp.secrets import SECRET

STARS = "***"

_TOKEN = re.compile(
    r"id[_ -]?tag|id[_ -]?token|emaid|customeridentifier|masterpassgroup"
    r"|tag[_-]?(?:id|uid)|card[_-]?(?:id|uid|no|num)|rfid[_-]?(?:id|uid|no|num|tag|$)"
    r"|token(?:_?(?:id|uid|no|num|value))?(?=$|\"|\s*[=:])",
    re.IGNORECASE,
)
_NAMES = ("key", "Key", "name", "Name", "messageId")
"""Where a name stands beside a value, besides variables and components (2.x)."""
_VALUES = frozenset({"value", "attributeValue", "actualValue", "data", "Value"})
"""Where the value stands beside a name."""
_HINT = re.compile(
    rb"id[_ -]?t|key|p(?:as|ri|sk|wd|in)|sec|ema|cust|c(?:red|ard)|exir|rfid|t(?:ag[_-]?[iu]|oken)|@|\\u"
)
"""One of these, in small letters, is in everything that has to be looked into, but for URLs and vendors' data."""
_SAID = (b'"idtaginfo":{', b'"idtokeninfo":{')
"""What nearly every answer about a token has in it, and is no token."""
_MOST_KNOWN = 10_000
"""Names and tokens that are remembered with what became of them."""
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"]*(?=@)")
_PARAMETER = re.compile(r"(?<=[?&;])([^=&#;\s\"]+)=[^&#;\s\"]+")
_OPENS = re.compile(r"^(?:sig|sas|code|key|auth|jwt|se?s?sion)$|signature|accesskey", re.IGNORECASE)
"""Names of parameters in a URL that let whoever has them in, beside those that are secret anywhere."""
_BARE = re.compile(
    r"(?<![\w:.-])(?:"
    r"(?=[0-9]*[A-Fa-f])(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20})"
    r"|[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){9}|(?::[0-9A-Fa-f]{2}){6}|(?::[0-9A-Fa-f]{2}){3})"
    r"|[A-Z]{2}(?P<by>[*-]?)[A-Z0-9]{3}(?P=by)C[A-Z0-9]{8}(?:(?P=by)[A-Z0-9])?"
    r")(?![\w:.-])"
)
"""The number of a card (4, 7 or 10 bytes in hexadecimal digits, a letter among them) or of a contract (ISO 15118)."""
_PEM = "PRIVATE KEY"
_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s,}\]\[{"]+)')
_MASKED = re.compile(r'"[^"]*":"\*\*\*"')
_LONGEST = 4096
"""Characters of a text that is no JSON and names a token, in which the token is looked for."""
_SEPARATED = re.compile(r"[\s,;|]")
_DIGIT = re.compile(r"\d")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_SHORT = 3
"""Characters of a token that is not looked for in words."""

_decode = msgspec.json.decode
_encode = msgspec.json.encode
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Mask:
    """Masks payloads. One that is `off` leaves everything as it is; two with one `key` have the same pseudonyms."""

    def __init__(self, *, off: bool = False, key: bytes = b"") -> None:
        self.off = off
        self.key = key or os.urandom(32)
        self._kinds: dict[str, str] = {}
        self._pseudonyms: dict[str, str] = {}

    def payload(self, raw: bytes, found: dict[str, str] | None = None) -> bytes:
        """Return the JSON of a payload, masked; byte for byte as it was if there is nothing to mask.

        The tokens that were masked are entered in `found`, each with what it became.
        """
        if self.off or not _may_hold(raw):
            return raw
        try:
            plain = _decode(raw)
            masked = self._any(plain, {} if found is None else found)
        except _UNREADABLE:
            return self.text(raw.decode(errors="replace")).encode()
        made = _encode(masked)
        if masked == plain and made != raw and not _names(raw.decode(errors="replace")):
            return raw  # else it may have twins, of which one was not seen
        return made

    def answer(self, raw: bytes, found: dict[str, str]) -> bytes:
        """Return the JSON of an answer, masked: also where its words repeat a token of the call."""
        masked = self.payload(raw)
        repeated = {token: name for token, name in found.items() if len(token) > _SHORT and token.encode() in masked}
        try:
            return masked if not repeated else _encode(_renamed(_decode(masked), repeated))
        except _UNREADABLE:
            text: str = _renamed(masked.decode(errors="replace"), repeated)
            return text.encode()

    def text(self, text: str) -> str:
        """Return a text that is no JSON, masked: as a whole where it names a secret."""
        if self.off or not _may_hold(text.encode(errors="replace")):
            return text
        readable = _without_access(_without_escapes(text))
        if _PEM in readable.upper() or SECRET.search(readable):
            return f"({len(text)} characters that name a secret are not kept)"
        if _TOKEN.search(readable):
            masked = _FIELD.sub(self._field, readable) if len(readable) <= _LONGEST else readable
            if _TOKEN.search(_MASKED.sub("", masked)):  # where the token is cannot be told
                return f"({len(text)} characters that name a token are not kept)"
            return masked
        return readable

    def words(self, text: str, found: dict[str, str]) -> str:
        """Return a description, without tokens that were masked in the same call."""
        for token, pseudonym in found.items():
            text = text.replace(token, pseudonym)
        return text if self.off else self._string(text, found)

    def target(self, target: str) -> str:
        """Return what a handshake asked for, without what its query says."""
        path, mark, _ = target.partition("?")
        return target if self.off or not mark else f"{path}?{STARS}"

    def _field(self, match: re.Match[str]) -> str:
        return f'"{match[1]}":"{STARS}"' if _TOKEN.search(match[1]) else match[0]

    def _any(self, value: Any, found: dict[str, str], *, is_vendors: bool = False) -> Any:
        if isinstance(value, dict):
            return self._object(value, found, is_vendors=is_vendors)
        if isinstance(value, list):
            return [self._any(each, found, is_vendors=is_vendors) for each in value]
        return self._string(value, found, is_vendors=is_vendors) if isinstance(value, str) else value

    def _object(self, value: dict[str, Any], found: dict[str, str], *, is_vendors: bool = False) -> dict[str, Any]:
        is_vendors = is_vendors or "vendorId" in value or ("data" in value and "status" in value)
        beside = self._kind(_name_of(value))
        masked: dict[str, Any] = {}
        for key, each in value.items():
            kind = self._kind(key) or (beside if key in _VALUES else "")
            if kind == "secret" or (key == "key" and "server" in value):
                masked[key] = _starred(each)
            elif kind:
                masked[key] = self._token(each, found)
            elif beside and key == "variableAttribute":
                masked[key] = [self._attribute(one) for one in each] if isinstance(each, list) else _starred(each)
            elif key == "data" and "requestId" in value and "seqNo" in value:
                masked[key] = _starred(each)  # NotifyCustomerInformation: what is known of a customer
            elif key == "certificate" and "idToken" in value:
                masked[key] = _starred(each)  # Authorize: of a contract, with whose it is in it
            elif isinstance(each, str):
                masked[key] = self._string(each, found, is_vendors=is_vendors and key != "vendorId")
            else:
                masked[key] = self._any(each, found, is_vendors=is_vendors)
        return masked

    def _kind(self, name: str) -> str:
        """Return whether a name is that of a "token" or a "secret"; "" for neither."""
        known = self._kinds.get(name)
        if known is None:
            known = "secret" if SECRET.search(name) else "token" if _TOKEN.search(name) else ""
            _remember(self._kinds, name, known)
        return known

    @staticmethod
    def _attribute(attribute: Any) -> Any:
        if not isinstance(attribute, dict):
            return _starred(attribute)
        return {key: _starred(each) if key in _VALUES else each for key, each in attribute.items()}

    def _token(self, value: Any, found: dict[str, str]) -> Any:
        """Return a token, or all that is within an object or a list of that name, masked."""
        if isinstance(value, dict):
            return self._object(value, found)
        if isinstance(value, list):
            return [self._token(each, found) for each in value]
        if value is None or isinstance(value, bool) or value == "":
            return value
        return self.pseudonym(str(value), found)

    def pseudonym(self, token: str, found: dict[str, str]) -> str:
        """Return what stands for a token: 11 characters, in which nobody finds it without this process's memory."""
        made = self._pseudonyms.get(token)
        if made is None:
            digest = blake2b(token.casefold().encode(errors="replace"), key=self.key, digest_size=5).hexdigest()
            made = f"~{digest}"
            _remember(self._pseudonyms, token, made)
        found[token] = made
        return made

    def _string(self, text: str, found: dict[str, str], *, is_vendors: bool = False) -> str:
        if len(text) > len(_PEM) and _PEM in text.upper():
            return STARS
        if text.startswith(("{", "[")):  # there are few within each other: escapes double
            try:
                inner = _decode(text)
                masked = self._any(inner, found, is_vendors=is_vendors)
            except _UNREADABLE:
                return self.text(text)
            return text if masked == inner else _encode(masked).decode()
        if "://" in text:
            text = _without_access(text)
            if _SEPARATED.search(text) is None:
                return text
        if is_vendors:
            text = _BARE.sub(lambda match: self.pseudonym(match[0], found), text)
        if _may_tell(text):
            return self.text(text) if _TOKEN.search(text) is None else STARS
        return text


def _without_access(text: str) -> str:
    """Return a text without what lets whoever reads its URLs in: passwords, and signatures in queries."""
    return _PARAMETER.sub(_parameter, _USERINFO.sub(STARS, text))


def _parameter(match: re.Match[str]) -> str:
    name = match[1]
    return f"{name}={STARS}" if _OPENS.search(name) or _names(name) else match[0]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with other names in its texts."""
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if isinstance(value, str):
        for token, name in names.items():
            value = value.replace(token, name)
    return value


def _remember(known: dict[str, str], key: str, value: str) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = value


def _may_hold(raw: bytes) -> bool:
    """Return whether something may have to be masked: quickly, as most messages have nothing of the kind."""
    small = raw.lower()
    if b"idt" in small:
        for said in _SAID:
            small = small.replace(said, b"")
    if b"vendorid" in small or b'data"' in small or (b"/" in small and _is_address(small)):
        return True
    return _HINT.search(small) is not None


def _is_address(small: bytes) -> bool:
    return b"://" in small or b":\\/\\/" in small


def _names(text: str) -> bool:
    """Return whether a token or a secret is named in a text."""
    return _TOKEN.search(text) is not None or SECRET.search(text) is not None


def _may_tell(text: str) -> bool:
    """Return whether a text may say more than a name: assignments, XML, or words with a number among them."""
    if "=" in text or ":" in text or "<" in text:
        return True
    return _SEPARATED.search(text) is not None and _DIGIT.search(text) is not None


def _without_escapes(text: str) -> str:
    """Return a text with the characters that JSON's escapes stand for; half a pair of surrogates is none."""
    readable = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")
    return readable.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _name_of(value: dict[str, Any]) -> str:
    """Return the name beside a value: of a configuration key (1.6), or of a variable (2.x); "" for anything else."""
    for each in _NAMES:
        if isinstance(value.get(each), str):
            return str(value[each])
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else variable
    component = value.get("component")
    return name if isinstance(name, str) else component if isinstance(component, str) else ""


def _starred(value: Any) -> Any:
    """Return stars in the place of everything within a value."""
    if isinstance(value, dict):
        return {key: _starred(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_starred(each) for each in value]
    return value if value is None or isinstance(value, bool) or value == "" else STARS
