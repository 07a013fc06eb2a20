"""Converts the files of another proxy to the text of a voltgate.toml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from voltgate.config import ConfigErrors
from voltgate.convert.env import read_env
from voltgate.convert.everythingcharge import MARKS, convert_everythingcharge, is_everythingcharge
from voltgate.convert.ini import read_ini
from voltgate.convert.json_text import read_json
from voltgate.convert.keys import Keys, refused
from voltgate.convert.proxy_alert import convert_proxy_alert, is_names
from voltgate.convert.two_way import convert_two_way

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that are read: names for some hundred thousand chargers fit."""

_KNOWN = "known are ocpp-2w-proxy.ini, config.json of OCPP-Proxy-Alert, and .env.backend of EVerythingcharge"
_VARIABLES = re.compile(rf"^\s*(export\s+)?({'|'.join(MARKS)})\s*=", re.MULTILINE)


def convert(files: Sequence[Path]) -> str:
    """Return the configuration equivalent to `files`, as TOML. Raises ConfigErrors with every mistake in them."""
    first, *more = files
    text = _text(first)
    if _is_json(first, text):
        return _from_json(read_json(str(first), text), more)
    if _is_env(first, text):
        return _from_env(read_env(str(first), text), more)
    return _from_ini(first, text, more)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise refused(str(file), None, "", f"cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise refused(str(file), None, "", f"is larger than {LARGEST >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise refused(str(file), line, "", "is not UTF-8 text") from None


def _is_json(file: Path, text: str) -> bool:
    """Return whether a file is JSON, not INI: by the suffix of its name, else by its first character."""
    return file.suffix == ".json" or (file.suffix != ".ini" and text.lstrip().startswith("{"))


def _is_env(file: Path, text: str) -> bool:
    """Return whether a file sets environment variables: by its name, else by what it sets."""
    return ".env" in (file.name[:4], file.suffix) or (file.suffix != ".ini" and _VARIABLES.search(text) is not None)


def _from_json(keys: Keys, more: Sequence[Path]) -> str:
    if not keys.within("proxy") and not keys.within("primaryUrl"):
        if is_names(keys):
            raise refused(keys.file, None, "", "holds names of chargers: write config.json before it")
        raise refused(keys.file, None, "", f"is in no format that can be converted: {_KNOWN}")
    if len(more) > 1:
        raise refused(str(more[1]), None, "", "is one too many: config.json, then clientIdToHuman.json")
    names = read_json(str(more[0]), _text(more[0])) if more else None
    return convert_proxy_alert(keys, names)


def _from_env(keys: Keys, more: Sequence[Path]) -> str:
    if not is_everythingcharge(keys):
        raise refused(keys.file, None, "", f"is in no format that can be converted: {_KNOWN}")
    if more:
        raise refused(str(more[0]), None, "", f"is one too many: {keys.name} comes alone")
    return convert_everythingcharge(keys)


def _from_ini(file: Path, text: str, more: Sequence[Path]) -> str:
    try:
        keys = read_ini(str(file), text)
    except ConfigErrors:
        if file.suffix == ".ini" or "[ext-server]" in text:
            raise
        raise refused(str(file), None, "", f"is in no format that can be converted: {_KNOWN}") from None
    if not keys.within("ext-server") and not keys.within("host"):
        raise refused(str(file), None, "", f"is in no format that can be converted: {_KNOWN}")
    if more:
        raise refused(str(more[0]), None, "", f"is one too many: {file.name} comes alone")
    return convert_two_way(keys)
