"""Globs, as the configuration and permits have them for actions, identities and configuration keys.

They are no part of OCPP; they stand here because this is the one part that all parts which match them may import.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache


@lru_cache(maxsize=16_384)
def compile_glob(glob: str) -> re.Pattern[str]:
    """Return a pattern whose `match` succeeds for the texts that `glob` matches as a whole.

    `*`, `?`, `[seq]` and `[!seq]` mean what they mean in `fnmatch`. Case counts: to ignore it, fold both the glob and
    the text. Only globs that operators wrote may be compiled, never a text off the wire: the cache is shared.
    """
    return re.compile(translate(glob))
