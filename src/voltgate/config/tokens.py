"""The tokens that a rule matches, and named groups of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainValidator

from voltgate.config.values import FilePath, Section, Text

LONGEST = 255
LARGEST_FILE = 64 * 1024 * 1024

Which: TypeAlias = Literal["any", "none"] | tuple[str, ...]
Normalizer: TypeAlias = Literal["reverse_bytes", "strip_zeros"]


def read_tokens(value: Any) -> Which:
    """Return `"any"`, `"none"` or the tokens of a list. Raises ValueError."""
    if value in ("any", "none"):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        raise ValueError('is "any", "none" or a list: ["04EM*", "04A1B2C3"]')  # noqa: TRY004
    return read_list(value)


def read_list(value: Any) -> tuple[str, ...]:
    """Return the tokens of a list. Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError('is a list of tokens in quotes: ["04EM*"]')  # noqa: TRY004
    return tuple(_token(each) for each in value)


def _token(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'a token is written in quotes: "{value}"')  # noqa: TRY004 - 04E1 without them is a number
    if not value or len(value) > LONGEST:
        raise ValueError(f"a token has 1 to {LONGEST} characters")
    if "*" in value[:-1]:
        raise ValueError(f'"{value[:40]}": a * may only stand at the end')
    return value


def read_file(path: Path) -> tuple[str, ...]:
    """Return a file's tokens: one a line, without empty lines and what follows #. Raises ValueError with the line."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if len(content) > LARGEST_FILE:
        raise ValueError(f"{path} holds more than {LARGEST_FILE >> 20} MiB")
    lines = ((number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1))
    return tuple(_token_at(path, number, line) for number, line in lines if line)


def _token_at(path: Path, number: int, line: str) -> str:
    try:
        return _token(line)
    except ValueError as error:
        raise ValueError(f"{path}:{number}: {error}") from None


class TokenGroup(Section):
    """A named group of tokens: `[token_groups.NAME]`."""

    tokens: Annotated[tuple[str, ...], PlainValidator(read_list)] = Field(
        default=(), description='Its tokens; `"04EM*"` stands for all that begin so.'
    )
    file: FilePath | None = Field(
        default=None, description="A text file with more of them, one a line; `#` begins a comment. Changes are heeded."
    )

    @property
    def all(self) -> tuple[str, ...]:
        """Every token of the group. Raises ValueError if the file cannot be read."""
        return (*self.tokens, *(read_file(self.file) if self.file is not None else ()))


class TokenKeys(Section):
    """The keys of a rule that match tokens."""

    tokens: Annotated[Which | None, PlainValidator(read_tokens)] = Field(
        default=None,
        description='Tokens (1.6 idTag, 2.x idToken), in quotes: `["04EM*", "04A1B2C3"]`, `*` at the end for all that '
        'begin so; `"any"`: calls that carry one; `"none"`: calls that carry none.',
    )
    token_groups: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Groups of tokens, in addition to `tokens`: see `[token_groups.NAME]`."
    )
    token_types: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description='2.x: types of the tokens meant, such as `["ISO14443"]`. Without: every type.'
    )
    case_sensitive: bool = Field(default=False, description="Whether `04em` and `04EM` are two tokens. OCPP: no.")
    normalize: Annotated[tuple[Normalizer, ...], Field(strict=False)] = Field(
        default=(),
        description='What readers do to tokens, for comparison only: `"reverse_bytes"` (the bytes may come in reversed '
        'order), `"strip_zeros"` (leading zeros do not count). A token is passed on as it came.',
    )
    connectors: Annotated[tuple[int, ...], Field(strict=False)] = Field(
        default=(), description="Connectors (1.6) or EVSEs (2.x): only calls that name one of them."
    )
