"""INI files, as Python's configparser reads them, with the line of every key."""

from __future__ import annotations

import configparser
import re
from typing import Any

from voltgate.config.lines import Path
from voltgate.convert.keys import Keys, refused

_HEADER = re.compile(r"\s*\[(?P<name>.+)\]")
_OPTION = re.compile(r"\s*(?P<name>[^#;=:\s][^=:]*?)\s*[=:]")


def read_ini(file: str, text: str) -> Keys:
    """Return the settings of a file. Raises ConfigErrors with the lines that are not INI."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, file)
    except configparser.MissingSectionHeaderError as error:
        raise refused(file, error.lineno, "", "is not INI: the first line must be a [section]") from None
    except configparser.DuplicateSectionError as error:
        raise refused(file, error.lineno, error.section, "is not INI: the section stands there twice") from None
    except configparser.DuplicateOptionError as error:
        key = f"{error.section}.{error.option}"
        raise refused(file, error.lineno, key, "is not INI: the key stands there twice") from None
    except configparser.ParsingError as error:
        raise refused(file, error.errors[0][0], "", "is not INI: neither [section] nor key = value") from None
    return _keys(file, parser, _lines(text))


def _keys(file: str, parser: configparser.ConfigParser, lines: dict[Path, int]) -> Keys:
    values: dict[Path, Any] = {}
    broken: dict[Path, str] = {}
    for section in parser.sections():
        for key in parser.options(section):
            try:
                values[section, key] = parser.get(section, key)
            except configparser.InterpolationError:
                broken[section, key] = "holds a % that leads nowhere; a real one is written %%"
    keys = Keys(file, values, lines)
    for path, message in broken.items():
        keys.reject(path, message)
    return keys


def _lines(text: str) -> dict[Path, int]:
    at: dict[Path, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header["name"]
            at.setdefault((section,), number)
        elif option := _OPTION.match(line):
            at.setdefault((section, option["name"].lower()), number)
    return at
