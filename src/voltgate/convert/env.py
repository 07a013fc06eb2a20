"""Files of environment variables, `NAME=value` a line, as Docker Compose and python-dotenv read them."""

from __future__ import annotations

import re
from typing import Any

from voltgate.config.lines import Path
from voltgate.convert.keys import Keys, refused

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def read_env(file: str, text: str) -> Keys:
    """Return the settings of a file. Raises ConfigErrors with the first line that sets none.

    Of a name that is there twice the last counts. What only a shell would replace (`$NAME`) is left as it is.
    """
    values: dict[Path, Any] = {}
    lines: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise refused(file, number, "", "is not NAME=value")
        values[found["name"],] = _unquoted(found["value"])
        lines[found["name"],] = number
    return Keys(file, values, lines)


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and quote in value[1:]:
        return value[1 : value.index(quote, 1)]
    return _COMMENT.sub("", value)
