"""The types of values in a configuration: texts and secrets from elsewhere, sizes, durations, URLs, networks."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit
from zlib import crc32

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic.config import JsonDict

from voltgate.config import hosts
from voltgate.config.patterns import is_pattern, matching

LARGEST_SECRET = 64 * 1024
"""Bytes at most of a `{ file = … }`."""

Version: TypeAlias = Literal["ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1"]
VERSIONS: tuple[Version, ...] = ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1")
"""The sub-protocols that are registered with IANA."""


class Section(BaseModel):
    """A table of the configuration: frozen, strict, and without unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


RESTART: JsonDict = {"restart": True}
"""Marks a field whose change takes a restart: `json_schema_extra=RESTART`."""

Stamp: TypeAlias = tuple[int, int] | None
"""Time of change (ns) and size of a file, or of a pattern which files it stands for; None while there is none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The context in which a configuration is read: what relative paths and `{ env = … }` refer to.

    `files` are those that it names, itself among them, each as it was when it was first looked at.
    """

    folder: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    files: dict[Path, Stamp] = field(default_factory=dict)

    def note(self, file: Path) -> Path:
        """Remember a file as it is now, unless it is known already; return it."""
        if file not in self.files:
            self.files[file] = stamp(file)
        return file

    def file(self, name: str) -> Path:
        """Return the file of a name in the configuration, and remember it."""
        return self.note(self.folder / Path(name).expanduser())


def stamp(file: Path) -> Stamp:
    """Return by what one version of a file is told from another."""
    try:
        stat = file.stat()
    except OSError:
        return _stamp_of_pattern(file) if is_pattern(file.name) else None
    return stat.st_mtime_ns, stat.st_size


def _stamp_of_pattern(pattern: Path) -> Stamp:
    try:
        names = [file.name for file in matching(pattern)]
    except OSError:
        return None
    return crc32("\0".join(names).encode(errors="surrogateescape")), len(names)


def surroundings(info: ValidationInfo) -> Surroundings:
    """Return the surroundings that a validation runs in; those of the process if none were given."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def from_elsewhere(value: Any, info: ValidationInfo) -> Any:
    """Return `{ file = "…" }` and `{ env = "…" }` resolved, else the value. Raises ValueError if there is none."""
    match value:
        case {"file": str(name), **rest} if not rest:
            return _text_of(surroundings(info).file(name))
        case {"env": str(name), **rest} if not rest:
            return _variable(surroundings(info).environ, name)
        case _:
            return value


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    if len(content) > LARGEST_SECRET:
        raise ValueError(f"{path} holds more than {LARGEST_SECRET // 1024} KiB")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def _variable(environ: Mapping[str, str], name: str) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} is not set")
    return environ[name]


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)([iI]?)[bB]?")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3}


def size(value: Any) -> Any:
    """Return "64KiB", "1MiB", "1.5MB" as bytes (KiB = 1024, kB = 1000); numbers are bytes already."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f'"{value}" is not a size; write bytes as a number, or "64KiB", "1MiB"')
    number, letter, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWER[letter.lower()])


def seconds(value: Any) -> Any:
    """Return a duration unchanged. Raises ValueError for text such as "30s", with what to write instead."""
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*s?(ec|econds?)?\s*", value)):
        raise ValueError(f"durations are numbers of seconds, without quotes or unit: {found.group(1)}")
    return value


def moment(value: Any) -> Any:
    """Return a date and a time of day with a zone, as TOML or RFC 3339 has it. Raises ValueError."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("is no date and time with a zone, as 2027-06-30T12:00:00Z is")
    return value


def path(value: Any, info: ValidationInfo) -> Any:
    """Return a path; a relative one starts at the folder of the configuration's file."""
    value = from_elsewhere(value, info)
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError("is not a path")
    return surroundings(info).file(value)


def network(value: Any) -> Any:
    """Return an address or a network in CIDR notation."""
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an address or a network such as "10.0.0.0/8": {error}') from None


def split_url(url: str) -> SplitResult:
    """Return a URL split. Raises ValueError if it cannot be dialled or listened on; never repeats a password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        what = str(error)
        if "'" in what:  # it quotes a part of the URL
            what = "its host or its port cannot be read; a password does not belong there"
        raise ValueError(f"is not a URL: {what}") from None
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("is not a URL: it contains white space or control characters")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password; use the keys username and password")
    if parts.fragment:
        raise ValueError('must not contain a fragment (what stands behind "#")')
    if port == 0:
        raise ValueError("port 0 means nothing here; write the port")
    why = hosts.objection(parts.hostname) if parts.hostname and "{" not in parts.hostname else ""
    if why:
        raise ValueError(f'names no host that there can be: "{parts.hostname}" {why}')
    return parts


def http_url(url: str) -> str:
    """Return a URL. Raises ValueError, without the URL in it, if nothing can be asked or posted there by HTTP."""
    parts = split_url(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL that starts with http:// or https://")
    return url


_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def is_header_name(name: str) -> bool:
    """Return whether `name` may be the name of an HTTP header (RFC 9110 section 5.1)."""
    return _HEADER_NAME.fullmatch(name) is not None


Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Text: TypeAlias = Annotated[str, BeforeValidator(from_elsewhere)]
Secret: TypeAlias = Annotated[SecretStr, BeforeValidator(from_elsewhere)]
Size: TypeAlias = Annotated[int, BeforeValidator(size), Field(json_schema_extra={"unit": "bytes"})]
Seconds: TypeAlias = Annotated[
    float, BeforeValidator(seconds), Field(allow_inf_nan=False, json_schema_extra={"unit": "seconds"})
]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(moment)]
SecurityProfile: TypeAlias = Literal[0, 1, 2, 3]
"""A security profile of OCPP: 0 nothing, 1 HTTP Basic, 2 HTTP Basic over TLS, 3 a certificate of the station's own."""
FilePath: TypeAlias = Annotated[Path, BeforeValidator(path)]
Network: TypeAlias = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(network)]
