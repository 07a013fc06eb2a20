"""Pairs of envelopes: what a template of one says of the other, beside what the parser says of it.

Nobody may be able to tell that there are templates. `python -m tests.ocpp.soap_pairs 1000000` tries as many pairs, from
seed 0 or the one that is said next; a difference ends it with the pair. Everything is drawn from the seed.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from tests.ocpp.soap_bodies import BODIES, body
from voltgate.ocpp.schemas import Violation
from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.codec import decode
from voltgate.ocpp.soap.envelope import LARGEST, Envelope, parse
from voltgate.ocpp.soap.names import ADDRESSING, ANONYMOUS, EDITIONS
from voltgate.ocpp.soap.template import Template, template

_ALIKE = 10
"""Pairs of one template."""
_SERVICES = {"Cs": "CentralSystemService", "Cp": "ChargePointService"}
_DATES = {"1.2": "2010/08", "1.5": "2012/06", "1.6": "2015/10"}
_TEXTS = (
    "CP-1",
    "a",
    "",
    "Müller",
    "a &amp; b",
    "&#65;",
    "12900",
    "]]",
    "<![CDATA[x<y]]>",
    "x\ty",
    "日本",
    "-0.0",
    "/Reset",
)
_TIMES = ("2026-11-21T10:00:00Z", "1970-01-01T00:00:00", "now")
_NUMBERS = ("0", "42", "-7", "007", "300.0", "1e400", "", "five", " 5 ", "99999999999999999999")


class DifferenceError(AssertionError):
    """A template says of an envelope what the parser does not say."""


_ATTRIBUTED = [
    one for one in BODIES if one[0] == "1.5" and one[2:] in {("MeterValues", "request"), ("StopTransaction", "request")}
]
"""The bodies that have attributes."""


class _Draw:
    """Draws the values of a body; most are plain."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._odd = random.random() < 0.2

    def times(self, least: int, unbounded: bool) -> int:
        return max(least, int(self._random.random() * (3 if unbounded else 2)))

    def word(self, words: list[str]) -> str:
        return self._random.choice(words)

    def _one(self, plain: str, odd: tuple[str, ...]) -> str:
        return self._random.choice(odd) if self._odd and self._random.random() < 0.2 else plain

    def int(self) -> str:
        return self._one(str(self._random.getrandbits(20)), _NUMBERS)

    def bool(self) -> str:
        return self._one("true", ("1", "0", "false", "TRUE", "maybe"))

    def time(self) -> str:
        return self._one(_TIMES[0], _TIMES)

    def decimal(self) -> str:
        return self._one("16.5", _NUMBERS)

    def uri(self) -> str:
        return "ftp://host/a?b"

    def text(self) -> str:
        return self._one(f"T{self._random.getrandbits(24):x}", _TEXTS)


@dataclass(frozen=True, slots=True)
class _Style:
    """How one side writes its envelopes: all but the ids and the values."""

    version: str
    service: str
    operation: str
    kind: str
    soap: str
    prefix: str
    own: str
    """The prefix of OCPP; "" for a default namespace."""
    start: str
    order: tuple[int, ...]
    must: str
    action: str
    identity: str
    sender: str
    to: str
    more: str
    gap: str
    relates: bool


def _mostly(random: Random, plain: tuple[str, ...], odd: tuple[str, ...]) -> str:
    return random.choice(plain if random.random() < 0.95 else odd)


_STARTS = (
    "\ufeff",
    " \n",
    "<!-- a -->",
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<?xml version="1.0" encoding="utf-16"?>',
    "\n<?xml version='1.0'?><!-- <w:MessageID>1</w:MessageID> -->",
)
_MORE = (
    "<!-- a -->",
    "<w:MessageID2>@</w:MessageID2>",
    '<f:MessageID xmlns:f="urn:f">@</f:MessageID>',
    '<f x="@"><w:MessageID>@</w:MessageID></f>',
    "<f>@</f>",
)
"""What else may stand in the header; @ is the MessageID."""


def _style(random: Random) -> _Style:
    version, service, operation, kind = random.choice(BODIES if random.random() < 0.9 else _ATTRIBUTED)
    means = f"/{operation}" if kind == "request" else f"/{operation}Response"
    full = f"urn://Ocpp/{service}/{_DATES[version]}/{_SERVICES[service]}{means}"
    order = list(range(8))
    random.shuffle(order)
    return _Style(
        version,
        service,
        operation,
        kind,
        random.choice(list(EDITIONS)) if random.random() < 0.2 else next(iter(EDITIONS)),
        _mostly(random, ("s", "soap", "SOAP-ENV"), ("MessageID",)),
        _mostly(random, ("", "", "o", "ns2", "x.y"), ("É",)),
        _mostly(random, ('<?xml version="1.0" encoding="UTF-8"?>\n', "<?xml version='1.0'?>", ""), _STARTS),
        tuple(order),
        _mostly(random, (' @:mustUnderstand="true"', ' @:mustUnderstand="1"', ""), (" x='>'", ' x="/>"')),
        random.choice((means, full, f'"{means}"', "")),
        random.choice(("CP-1", " CP-1\n", "CP&#45;1", "", "É")),
        random.choice(("http://10.0.0.1/", "", "http://10.0.0.1/?a&amp;b")),
        random.choice(("http://there/", "")),
        _mostly(random, ("", "", "<x xmlns=''>1</x>"), _MORE),
        random.choice(("", "", "\n  ", "\r\n")),
        random.random() < (0.1 if kind == "request" else 0.8),
    )


_IDS = (
    "urn:uuid:{:032x}",
    "{}",
    "http://on/",
    "CP-1",
    "two {}",
    "a&#66;{}",
    "",
    "{:0121}",
    "<![CDATA[{}]]>",
    " {}",
    "é{}",
    "a>{}",
)


def _id(random: Random) -> str:
    return (_IDS[0] if random.random() < 0.95 else random.choice(_IDS)).format(random.getrandbits(48))


def _written(style: _Style, random: Random) -> str:
    """Write an envelope in a style, with ids and values of its own."""
    space = f"urn://Ocpp/{style.service}/{_DATES[style.version]}/"
    must, s, gap = style.must.replace("@", style.prefix), style.prefix, style.gap
    address = "<w:Address>{}</w:Address>".format
    message_id = _id(random)
    more = style.more.replace("@", message_id.strip())
    message_id = f" {message_id}" if more and random.random() < 0.05 else message_id
    identified = f'<c:chargeBoxIdentity xmlns:c="{space}"{must}>{style.identity}</c:chargeBoxIdentity>'
    headers = (
        identified if style.identity else "",
        f"<w:Action{must}>{style.action}</w:Action>" if style.action else "",
        f"<w:MessageID{must if must[:2] == ' x' else ''}>{message_id}</w:MessageID>",
        f"<w:From>{address(style.sender)}</w:From>" if style.sender else "",
        f"<w:ReplyTo>{address(ANONYMOUS)}</w:ReplyTo>" if style.sender else "<w:ReplyTo/>",
        f"<w:To{must}>{style.to}</w:To>" if style.to else "",
        f"<w:RelatesTo>{_id(random)}</w:RelatesTo>" if style.relates else "",
        more,
    )
    content = body(style.version, style.service, style.operation, style.kind, _Draw(random))
    if style.own:
        content = re.sub(r"<(/?)(?!!)", rf"<\1{style.own}:", content).replace(" xmlns=", f" xmlns:{style.own}=", 1)
    if gap:
        content = re.sub(r">(?=<)", f">{gap}", content)
    if not content.count("<") - 2:
        content = re.sub(r"></[^>]*>$", "/>", content) if style.gap or style.own else content
    return (
        f'{style.start}<{s}:Envelope xmlns:{s}="{style.soap}" xmlns:w="{ADDRESSING}">{gap}<{s}:Header>{gap}'
        f"{gap.join(headers[n] for n in style.order)}</{s}:Header>{gap}<{s}:Body>{gap}{content}{gap}"
        f"</{s}:Body>{gap}</{s}:Envelope>"
    )


_SNIPPETS = (
    "<!-- a -->", "<![CDATA[x]]>", "<?x y?>", "&amp;", "&#65;", "&bogus;", "&", "]]>", "<!DOCTYPE x>", "<", ">", '"',
    "'", "<x/>", "<x>", "</x>", "<x>1</x>", " ", "\n", "\r", "\0", "\ufeff", "é", "\x01", "\ufffe", "/",
    "<a>" * 40 + "</a>" * 40, ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"', ' a="b"',
    ' a="b" a="b"', "<value unit='W'>1</value>", "<idTag>1</idTag>", "<connectorId>1</connectorId>",
    "<status>Accepted</status>", "<status/>", "<status />", "<key>a</key>", "</connectorId >", "<key>", "</key>",
    '<value unit="W" unit="W">1</value>', "<o:status>1</o:status>", "<ns2:status>1</status>",
    "<q:status>1</q:status>", "<chargeBoxIdentity>CP-2</chargeBoxIdentity>", "<w:MessageID>1</w:MessageID>",
    "<w:RelatesTo>2</w:RelatesTo>", "<w:Action>/Reset</w:Action>", "<c:chargeBoxIdentity>CP-2</c:chargeBoxIdentity>",
)  # fmt: skip
_SWAPS = (
    ("CP-1", "CP-2"), ("10.0.0.1", "10.0.0.2"), ("there", "here"), ("2015/10", "2012/06"), ("2012/06", "2010/08"),
    ("2012/06/", "2012/06"), ("2003/05/soap-envelope", "2003/05/soap-envelop"), ("Request", "Response"), ("Cs/", "Cp/"),
    (next(iter(EDITIONS)), list(EDITIONS)[1]), ('mustUnderstand="true"', 'mustUnderstand="0"'), ("Header", "Heider"),
    ("UTF-8", "ISO-8859-1"), ("heartbeat", "authorize"), ("meterValue", "value"), ("connectorId", "idTag"),
    ("<w:", "<v:"), ("</", "< /"), (">", " >"), ("urn:uuid:", "urn:uuid:é"), (ANONYMOUS, "http://x/"),
    ("status", "state"), ("T", "<T"),
)  # fmt: skip


def _inserted(text: str, other: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _between(text: str, other: str, random: Random) -> str:
    """Insert after a tag."""
    ends = [found.end() for found in re.finditer(">", text)]
    at = random.choice(ends) if ends else 0
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _swapped(text: str, other: str, random: Random) -> str:
    old, new = random.choice([swap for swap in _SWAPS if swap[0] in text] or [("", "")])
    return text.replace(old, new, random.choice((1, -1))) if old else text


def _cut(text: str, other: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + random.choice((1, 1, 2, 10, 60)) :]


def _doubled(text: str, other: str, random: Random) -> str:
    """Repeat an element of the body, or any stretch."""
    elements = [found.span() for found in re.finditer(r"<([\w:]+)[^<>]*>[^<>]*</\1>", text)]
    start, end = (
        random.choice(elements) if elements and random.random() < 0.7 else (random.randrange(len(text) + 1),) * 2
    )
    end = end if end > start else start + random.randrange(80)
    return text[:end] + text[start:end] + text[end:]


def _moved(text: str, other: str, random: Random) -> str:
    """Take the beginning of one envelope and the end of another."""
    at = random.randrange(len(text) + 1)
    return text[:at] + other[min(len(other), at + random.randrange(-30, 30)) :]


def _grown(text: str, random: Random) -> str:
    """Repeat the last element, also so often that the envelope is longer than templates are for."""
    found = re.search(r"<([\w:]+)[^<>]*>[^<>]*</\1>(?=(?:(?!Header).)*$)", text, re.DOTALL)
    return (
        text if found is None else text[: found.end()] + found[0] * random.choice((2, 200, 2000)) + text[found.end() :]
    )


def _attributed(text: str, other: str, random: Random) -> str:
    """Repeat or change an attribute of the body."""
    ends = [found.end() for found in re.finditer(r' \w+="[^"]*"(?=[^<]*>(?!.*Header))', text, re.DOTALL)]
    if not ends:
        return text
    at = random.choice(ends)
    added = text[text.rindex(" ", 0, at) : at] if random.random() < 0.5 else ""
    return (
        text[: at - (not added)]
        + (added or random.choice(("&", "&amp;", "<", ">", "'", '"', "é", "\t")))
        + text[at - (not added) :]
    )


def _prefixed(text: str, other: str, random: Random) -> str:
    """Begin the content with a prefix, and give that to its elements, whether it is bound or not."""
    found = re.search(r"(:Body>\s*<[^<>]*[^/]>)(.*)(</[^<>]*>\s*</[^<>]*:Body>)", text, re.DOTALL)
    if found is None:
        return text
    prefix = random.choice(("q", "w", "c", "o", "MessageID"))
    content = re.sub(r"<(/?)(?:[\w.]+:)?(?=\w)", rf"<\1{prefix}:", found[2])
    start = random.choice((f"{prefix}:", f"{prefix}:", f" {prefix}:", ""))
    return text[: found.end(1)] + start + content + text[found.start(3) :]


# Those of the content most often: that is where templates have to tell right from wrong.
_CHANGES: tuple[Callable[[str, str, Random], str], ...] = (
    _inserted, _inserted, _between, _between, _between, _swapped, _swapped, _cut, _doubled, _doubled, _moved,
    _attributed, _prefixed,
)  # fmt: skip


def _encoded(text: str, random: Random) -> bytes:
    chance = random.random()
    if chance < 0.97:
        raw = text.encode("utf-8", "surrogatepass")
        if chance < 0.03:
            at = random.randrange(len(raw) + 1)
            raw = raw[:at] + bytes([random.getrandbits(8)]) + raw[at + random.choice((0, 1)) :]
        elif chance < 0.04:
            raw += random.choice((b"\0", b"\n", b" ", b"<x/>", b"x"))
        return raw
    return text.encode(random.choice(("utf-16", "utf-16-le", "iso-8859-1", "utf-8-sig")), "replace")


def pairs(random: Random) -> Iterator[tuple[Template | None, bytes, int]]:
    """Draw templates, envelopes for each, and how many bytes those may have."""
    while True:
        style = _style(random)
        first = _written(style, random)
        if random.random() < 0.05:
            first = random.choice(_CHANGES)(first, first, random)
        raw = _encoded(first, random)
        envelope = parse(raw)
        made = template(raw, envelope) if isinstance(envelope, Envelope) else None
        for _ in range(_ALIKE):
            other = _written(style if random.random() < 0.95 else _style(random), random)
            if random.random() < 0.01:
                other = _grown(other, random)
            for _ in range(random.choice((0, 0, 1, 1, 2))):
                other = random.choice(_CHANGES)(other, first, random)
            yield made, _encoded(other, random), 1000 if random.random() < 0.02 else LARGEST


def judge(made: Template, raw: bytes, largest: int = LARGEST) -> str:
    """Return what becomes of an envelope. Raise DifferenceError where template and parser do not say the same."""
    match = made.match(raw, largest)
    parsed = parse(raw, largest)
    if match is None:
        return "for the parser" if isinstance(parsed, Envelope) else "refused"
    if not isinstance(parsed, Envelope):
        raise DifferenceError(f"The parser refuses it: {parsed.reason}", made, raw)
    expected = replace(made.envelope, body=parsed.body, message_id=match.message_id, relates_to=match.relates_to)
    if parsed != expected:
        raise DifferenceError("The parser reads another header", made, raw)
    payload = decode(parsed)
    if isinstance(payload, Violation):
        raise DifferenceError(f"The content is ambiguous: {payload.description}", made, raw)
    forwarded = made.forwarded(raw, match, "http://on/", "http://back/")
    if forwarded is not None and forwarded != readdress(raw, "http://on/", "http://back/", ANONYMOUS):
        raise DifferenceError("It does not go on as the parser has it", made, raw)
    return "by template"


def run(number: int, seed: int = 0) -> Counter[str]:
    """Try pairs, and count what became of them. Raise DifferenceError."""
    counts: Counter[str] = Counter()
    for made, raw, largest in islice(pairs(Random(seed)), number):
        counts["without template" if made is None else judge(made, raw, largest)] += 1
    return counts


if __name__ == "__main__":
    print(dict(run(*map(int, sys.argv[1:3] or ["1000000"]))))
