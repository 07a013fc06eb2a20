"""RFID tokens and their like, as the API shows them and takes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from voltgate.csms.model import Token
from voltgate.store.columns import LONGEST_KEY
from voltgate.web.csms.stations import NAME, Words
from voltgate.web.models import Asked, Time
from voltgate.web.times import seconds_of, stamp, stamp_or_none

Text = Annotated[
    str, Field(min_length=1, max_length=255, description="As it is written; upper and lower case are the same.")
]
Kind = Annotated[str, Field(max_length=100, description="The type of 2.x: ISO14443, eMAID …; empty: any.")]
Group = Annotated[
    str, Field(max_length=255, description="The parentIdTag of 1.x, the groupIdToken of 2.x; empty: none.")
]
Status = Literal["Accepted", "Blocked"]
Concurrent = Annotated[
    int, Field(ge=0, le=1_000_000, description="Transactions that it may have at once; 0: any number.")
]
NetworkOrAny = Annotated[
    str, Field(pattern=rf"^$|{NAME}", description="The only network that it may charge in; empty: any.")
]


class IdToken(BaseModel):
    """What somebody charges by."""

    token: str
    type: str
    group: str
    status: Status
    expires: Time | None
    concurrent: int
    network: str
    holder: str
    language: str
    message: str


class IdTokenChange(Asked):
    """What is to change of a token; what is not named stays."""

    type: Kind = ""
    group: Group = ""
    status: Status = "Accepted"
    expires: str | None = Field(default=None, max_length=40, description="RFC 3339; null: never.")
    concurrent: Concurrent = 0
    network: NetworkOrAny = ""
    holder: Words = Field(default="", description="Whose it is, for people.")
    language: str = Field(default="", max_length=8)
    message: Words = Field(default="", description="What 2.x stations show to its holder.")

    @field_validator("expires")
    @classmethod
    def _time(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                text = stamp(seconds_of(text))
            except (ValueError, OverflowError):
                raise ValueError("is no time: write one like 2026-12-31T23:59:59Z") from None
        return text

    @field_validator("group")
    @classmethod
    def _bounded(cls, text: str) -> str:
        return _key(text)


class IdTokenWanted(IdTokenChange):
    """A token to be made."""

    token: Text

    @field_validator("token")
    @classmethod
    def _sound(cls, text: str) -> str:
        if not text.isprintable() or text != text.strip():
            raise ValueError("has characters that cannot be printed, or begins or ends with a blank")
        return _key(text)


def _key(text: str) -> str:
    """Return a text that is looked for. Raise ValueError for one that the database does not take as a key."""
    if len(text.casefold().encode(errors="surrogatepass")) > LONGEST_KEY:
        raise ValueError(f"is longer than {LONGEST_KEY} bytes")
    return text


def token_of(row: Token) -> IdToken:
    """Return what is known of a token."""
    return IdToken(
        token=row.text,
        type=row.kind,
        group=row.group,
        status=row.status,
        expires=stamp_or_none(row.expires),
        concurrent=row.concurrent,
        network=row.network,
        holder=row.holder,
        language=row.language,
        message=row.message,
    )


def row_of(wanted: IdTokenWanted) -> Token:
    """Return the row of a token that is wanted."""
    return Token(wanted.token.casefold(), wanted.token, **changes_of(wanted, whole=True))


def changes_of(change: IdTokenChange, *, whole: bool = False) -> dict[str, Any]:
    """Return the columns that a change names; `whole`: all of them."""
    said = change.model_dump(exclude={"token"}, exclude_unset=not whole)
    if "type" in said:
        said["kind"] = said.pop("type")
    if said.get("expires") is not None:
        said["expires"] = seconds_of(said["expires"])
    return said
