"""The line of every key, table and list element in a TOML text, which `tomllib` does not report.

The scanner relies on `tomllib` having accepted the text: it only finds where values begin, and does not check them.
Source: TOML 1.0.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The path to a value: keys and list positions, such as `("listen", "stations", 0, "url")`."""

_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'")
_MULTILINE = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' + r"|'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class Lines:
    """The line (from 1) of each path in one text."""

    __slots__ = ("_at",)

    def __init__(self, at: Mapping[Path, int]) -> None:
        self._at = at

    def of(self, path: Path) -> int | None:
        """Return the line of `path`, or of what encloses it if the path itself is not written; None if nothing does."""
        for length in range(len(path), 0, -1):
            if (line := self._at.get(path[:length])) is not None:
                return line
        return None

    def has(self, path: Path) -> bool:
        """Return whether `path` itself is written in the text."""
        return path in self._at


@dataclass(slots=True)
class Table:
    """What one header of a text begins: its first key (none: what stands before any header), and where it stands.

    `end` is behind its last value, or behind the header of one without any.
    """

    key: str | None
    start: int
    end: int


def locate(text: str) -> Lines:
    """Return the lines of a text that `tomllib` accepts; of any other text, those up to its mistake."""
    return Lines(_Scanner(text).scan())


def tables(text: str) -> list[Table]:
    """Return the tables of a text that `tomllib` accepts, in its order."""
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.tables


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._at: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}  # of arrays of tables, so far
        self._table: Path = ()
        self.tables = [Table(None, 0, 0)]

    def scan(self) -> dict[Path, int]:
        self._skip(_SPACE)
        while self._pos < len(self._text):
            before = self._pos
            if self._peek() == "[":
                self._header()
            else:
                self._pair(self._table)
            self.tables[-1].end = self._pos
            self._skip(_SPACE)
            if self._pos == before:
                break
        return self._at

    def _peek(self) -> str:
        return self._text[self._pos : self._pos + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._pos)
        if found is None:
            return ""
        self._pos = found.end()
        return found.group()

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._pos):
            return False
        self._pos += len(text)
        return True

    def _mark(self, path: Path, pos: int) -> None:
        self._at.setdefault(path, bisect_right(self._breaks, pos - 1) + 1)

    def _header(self) -> None:
        start = self._pos
        repeated = self._take("[[") or not self._take("[")
        keys = self._keys()
        self.tables.append(Table(keys[0] if keys else None, start, start))
        self._table = self._resolve(keys[:-1], start)
        if keys:
            self._enter(keys[-1], repeated, start)
        self._take("]]" if repeated else "]")

    def _resolve(self, keys: list[str], start: int) -> Path:
        path: Path = ()
        for key in keys:
            path = self._last_of((*path, key))
            self._mark(path, start)
        return path

    def _last_of(self, path: Path) -> Path:
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _enter(self, key: str, repeated: bool, start: int) -> None:
        path: Path = (*self._table, key)
        self._mark(path, start)
        if repeated:
            self._lengths[path] = self._lengths.get(path, 0) + 1
        self._table = self._last_of(path)
        self._at.pop(self._table, None)  # the table's own header replaces a deeper one before it
        self._mark(self._table, start)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            key = self._key()
            if key is None:
                return keys
            keys.append(key)
            self._skip(_BLANK)
            if not self._take("."):
                return keys

    def _key(self) -> str | None:
        if bare := self._skip(_BARE):
            return bare
        quoted = self._skip(_QUOTED)
        return _decoded(quoted) if quoted else None

    def _pair(self, table: Path) -> None:
        start = self._pos
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path, start)
        self._skip(_BLANK)
        if self._take("="):
            self._skip(_BLANK)
            self._value(path)

    def _value(self, path: Path) -> None:
        match self._peek():
            case '"' | "'":
                self._skip(_MULTILINE) or self._skip(_QUOTED)
            case "[":
                self._take("[")
                self._items("]", lambda index: self._item(path, index))
            case "{":
                self._take("{")
                self._items("}", lambda _: self._pair(path))
            case _:
                self._skip(_SCALAR)

    def _items(self, end: str, item: Callable[[int], None]) -> None:
        index = 0
        self._skip(_SPACE)
        while self._peek() not in ("", end):
            before = self._pos
            item(index)
            self._skip(_SPACE)
            self._take(",")
            self._skip(_SPACE)
            index += 1
            if self._pos == before:
                return
        self._take(end)

    def _item(self, path: Path, index: int) -> None:
        element = (*path, index)
        self._mark(element, self._pos)
        self._value(element)


def _decoded(quoted: str) -> str:
    try:
        return str(tomllib.loads(f"key = {quoted}")["key"])
    except tomllib.TOMLDecodeError:
        return quoted
