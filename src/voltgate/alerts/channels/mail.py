"""Mail: by SMTP (RFC 5321) with STARTTLS or TLS from the start, or by a program such as sendmail."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from base64 import b64encode, encodebytes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from email.message import Message as Mail
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr, parseaddr
from typing import Literal, TypeAlias

import aiosmtplib

from voltgate.alerts.channels.channel import ChannelFault, quoted
from voltgate.alerts.channels.remaining import Remaining
from voltgate.alerts.channels.sendmail import sendmail
from voltgate.alerts.message import Message
from voltgate.alerts.plain import one_line

StartTls: TypeAlias = Literal["required", "offered", "never"]
_START_TLS: Mapping[StartTls, bool | None] = {"required": True, "offered": None, "never": False}
_FAREWELL = 5.0
"""Seconds that a server has for its answer to QUIT, when it has taken the message."""
LONGEST_SUBJECT = 900
"""Characters: no line of a mail has more than 998 (RFC 5322 section 2.1.1)."""
_FOLDABLE = 60
"""Characters: a longer word does not fit on the line of its header."""
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Who writes to whom, by which server. `sender` and `to` are as in a header: `Ops <ops@example.com>`.

    `secure`: TLS from the start; else `starttls` says when it begins later. `ca` is a file of the authorities to trust
    in place of the system's. With `sendmail`, the path of a program, nothing of the server counts. `timeout` is for
    one message, in seconds.
    """

    sender: str
    to: tuple[str, ...]
    host: str = "localhost"
    port: int = 587
    secure: bool = False
    starttls: StartTls = "offered"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    sendmail: str | None = None
    timeout: float = 30.0


class MailChannel:
    """Sends messages by mail. A mail that some have got already goes to the others alone when it is tried again."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        self._remaining = Remaining()
        self._trust: ssl.SSLContext | None = None

    async def send(self, message: Message) -> str:
        """Send a mail to everybody. Return who was refused for good while others got it, with the server's reason."""
        settings = self.settings
        recipients = self._remaining.of(message.id, tuple(_address(each) for each in settings.to))
        mail = written(message, settings)
        try:
            if settings.sendmail is None:
                return self._settle(message.id, await self._by_server(mail, recipients))
            async with asyncio.timeout(settings.timeout):
                await sendmail(settings.sendmail, _address(settings.sender), recipients, mail.as_bytes())
        except TimeoutError:
            raise ChannelFault(f"{self._where} did not answer within {settings.timeout:g} s") from None
        return ""

    async def _by_server(self, mail: Mail, recipients: Sequence[str]) -> Mapping[str, tuple[int, str]]:
        """Send a mail by SMTP; return who was refused while others were not. Raise ChannelFault or TimeoutError."""
        settings = self.settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.secure,
            start_tls=False if settings.secure else _START_TLS[settings.starttls],
            username=settings.username,
            password=settings.password,
            local_hostname=_own_name(),
            timeout=None,
            tls_context=await self._context(),
        )
        try:
            async with asyncio.timeout(settings.timeout):
                await client.connect()
                refused, _ = await client.send_message(mail, sender=_address(settings.sender), recipients=recipients)
            await _farewell(client)
        except TimeoutError:
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._fault(error) from None
        finally:
            client.close()
        return {address: (answer.code, answer.message) for address, answer in refused.items()}

    async def _context(self) -> ssl.SSLContext:
        """Return what is trusted. Reading the system's authorities takes long enough to be done in a thread."""
        if self._trust is None:
            try:
                self._trust = await asyncio.to_thread(ssl.create_default_context, cafile=self.settings.ca)
            except OSError as error:
                raise ChannelFault(f"the authorities in {self.settings.ca} cannot be read: {error.strerror}") from None
        return self._trust

    # What became of it.

    def _settle(self, id: str, refused: Mapping[str, tuple[int, str]]) -> str:  # noqa: A002 - as in Message
        """Return the note on those whom the server refused for good; raise for those whom it asks to try again."""
        later = {address: answer for address, answer in refused.items() if answer[0] < 500}
        if later:
            self._remaining.keep(id, tuple(later))
            raise ChannelFault(f"sent, but not yet to all: {self._refusals(later)}")
        self._remaining.forget(id)
        return f"sent, but not to all: {self._refusals(refused)}" if refused else ""

    def _refusals(self, refused: Mapping[str, tuple[int, str]]) -> str:
        told = (f"{address} was refused ({code} {text})" for address, (code, text) in refused.items())
        return quoted("; ".join(told), self._secrets)

    def _fault(self, error: Exception) -> ChannelFault:
        match error.__cause__ if isinstance(error.__cause__, OSError) else error:
            case aiosmtplib.SMTPRecipientsRefused(recipients=refused):
                answers = {each.recipient: (each.code, each.message) for each in refused}
                lasting = all(code >= 500 for code, _ in answers.values())
                return ChannelFault(self._refusals(answers), lasting=lasting)
            case aiosmtplib.SMTPConnectResponseError(code=code, message=text):
                return self._said("turned us away", code, text, lasting=False)
            case aiosmtplib.SMTPAuthenticationError(code=code, message=text):
                return self._said("refused user name or password", code, text)
            case aiosmtplib.SMTPResponseException(code=code, message=text):
                return self._said("refused the mail", code, text)
            case ssl.SSLCertVerificationError(verify_message=why):
                return ChannelFault(f"the certificate of {self._where} is not trusted: {why}")
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
                return ChannelFault(
                    f"{self._where} does not begin with TLS: take out secure = true, or name another port"
                )
            case aiosmtplib.SMTPException(message=text) if "STARTTLS extension not supported" in text:
                told = 'secure = true is for a port that begins with TLS, starttls = "offered" does without'
                return ChannelFault(f"{self._where} offers no STARTTLS, which is required here: {told}")
            case ValueError() | aiosmtplib.SMTPNotSupported():
                reason = quoted(str(error), self._secrets)
                return ChannelFault(f"{self._where} cannot be sent this: {reason}", lasting=True)
            case cause:
                why = str(cause) or type(cause).__name__
                return ChannelFault(quoted(f"{self._where}: {why}", self._secrets))

    def _said(self, what: str, code: int, text: str, *, lasting: bool = True) -> ChannelFault:
        reason = quoted(f"{self._where} {what} ({code} {text})", self._secrets)
        return ChannelFault(reason, lasting=lasting and code >= 500)

    @property
    def _where(self) -> str:
        return self.settings.sendmail or f"{self.settings.host}:{self.settings.port}"

    @property
    def _secrets(self) -> tuple[str, ...]:
        """The password, as it is and as it goes over the wire: a server may repeat what it was sent."""
        password, user = self.settings.password, self.settings.username or ""
        if not password:
            return ()
        forms = (password, f"\0{user}\0{password}")
        return (password, *(b64encode(form.encode()).decode() for form in forms))


def written(message: Message, settings: MailSettings) -> Mail:
    """Return a message as a mail, in text and in HTML. Its Message-ID is the same each time that it is sent.

    It is made by the older half of Python's `email`: the newer one loses spaces of subjects in other scripts.
    """
    mail = MIMEMultipart("alternative")
    domain = _address(settings.sender).rpartition("@")[2]
    mail["From"] = formataddr(parseaddr(settings.sender))
    mail["To"] = ", ".join(formataddr(parseaddr(each)) for each in settings.to)
    mail["Subject"] = _subject(one_line(message.subject, LONGEST_SUBJECT))
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    mail["Message-ID"] = f"<{_NOT_IN_AN_ID.sub('_', message.id)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers by machines
    if message.is_urgent:
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    mail.attach(_part(message.text or message.subject, "plain"))
    mail.attach(_part(_PAGE.format(message.html), "html"))
    return mail


def _subject(text: str) -> str:
    """Return a subject as it goes over the wire: as it is if that is plain, else in encoded words (RFC 2047)."""
    longest = max(map(len, text.split()), default=0)
    is_plain = text.isascii() and "=?" not in text and longest < _FOLDABLE
    return Header(text, "ascii" if is_plain else "utf-8", header_name="Subject").encode()


def _part(text: str, kind: str) -> Mail:
    """Return a text in Base64, so that no line of it means anything on the way; others' defaults do not count."""
    part = MIMENonMultipart("text", kind, charset="utf-8")
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(encodebytes(text.encode(errors="replace")).decode())
    return part


_PAGE = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{}\n</body></html>\n'


async def _farewell(client: aiosmtplib.SMTP) -> None:
    """Say goodbye to a server that has taken a mail: nothing that it does then undoes that."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(_FAREWELL):
            await client.quit()


def _address(text: str) -> str:
    return parseaddr(text)[1]


def _own_name() -> str:
    """Return how we greet a server: by our name, if it is a whole one, else by an address (RFC 5321 section 4.1.3)."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() and not any(char.isspace() for char in name) else "[127.0.0.1]"
