"""Mail, by real servers: what arrives, and what is said of each way in which it does not."""

from __future__ import annotations

import asyncio
import stat
import sys
from base64 import b64encode
from dataclasses import replace
from email import charset
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.alerts.messages import faulted
from tests.alerts.smtp_servers import PASSWORD, USER, Inbox, dead_port, scripted_server, server_context, smtp_server
from tests.harness.waiting import until, within
from tests.keypair import write_chain, write_pair
from voltgate.alerts.channels.channel import ChannelFault
from voltgate.alerts.channels.mail import MailChannel, MailSettings
from voltgate.alerts.message import Message

OPS, BOB, EVE = "ops@example.com", "bob@example.com", "eve@example.com"
SETTINGS = MailSettings(sender="Voltgate <alerts@example.com>", to=(OPS, f"Bob <{BOB}>"), host="127.0.0.1")


def settings(port: int, **changes: Any) -> MailSettings:
    """Settings for a server on this port."""
    return replace(SETTINGS, port=port, **changes)


async def fault(mail: MailChannel, message: Message | None = None) -> ChannelFault:
    """Send a mail that does not get through; return why."""
    with pytest.raises(ChannelFault) as failed:
        await within(mail.send(message or faulted()), "the channel gives up")
    reason = failed.value.reason
    assert PASSWORD not in reason
    assert reason == str(failed.value)
    assert "\n" not in reason
    assert len(reason) <= 300
    return failed.value


async def test_by_starttls_with_a_password(tmp_path: Path) -> None:
    """The link is secured before the password is said, and everybody gets the mail in text and in HTML."""
    chain, key, root = write_chain(tmp_path)
    inbox = Inbox()
    async with smtp_server(inbox, server_context(chain, key), auth=True) as port:
        own = settings(port, starttls="required", username=USER, password=PASSWORD, ca=str(root))
        assert await within(MailChannel(own).send(faulted()), "the mail is sent") == ""
    ((recipients, mail),) = inbox.mails
    assert (recipients, inbox.secure) == ([OPS, BOB], [True])
    assert inbox.authenticated[0] in ("PLAIN", "LOGIN")
    assert mail["From"] == "Voltgate <alerts@example.com>"
    assert mail["To"] == f"{OPS}, Bob <{BOB}>"
    assert mail["Subject"] == "[North Parking] Connector #1 is now Faulted"
    assert mail["Message-ID"] == "<3f6c-0001@example.com>"
    assert mail["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] is None
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == faulted().text.splitlines()
    assert "Connector ID: #1<br>\nError Code: GroundFailure" in html.get_content().replace("\r\n", "\n")


async def test_by_tls_from_the_start(tmp_path: Path) -> None:
    """With `secure` the first byte is TLS; what endangers people is marked as urgent."""
    chain, key, root = write_chain(tmp_path)
    inbox = Inbox()
    async with smtp_server(inbox, server_context(chain, key), secure=True, auth=True) as port:
        own = settings(port, secure=True, username=USER, password=PASSWORD, ca=str(root))
        await within(MailChannel(own).send(faulted(severity="danger")), "the mail is sent")
    ((_, mail),) = inbox.mails
    assert inbox.secure == [True]
    assert (mail["Importance"], mail["X-Priority"]) == ("high", "1")


async def test_without_any_security() -> None:
    """A relay of one's own may do without TLS and password; `starttls = "offered"` takes what there is."""
    inbox = Inbox()
    async with smtp_server(inbox) as port:
        await within(MailChannel(settings(port)).send(faulted()), "the mail is sent")
    assert inbox.secure == [False]


async def test_starttls_is_taken_where_it_is_offered(tmp_path: Path) -> None:
    """`starttls = "offered"` secures the link where the server can, and verifies its certificate then."""
    chain, key, root = write_chain(tmp_path)
    inbox = Inbox()
    async with smtp_server(inbox, server_context(chain, key)) as port:
        await within(MailChannel(settings(port, ca=str(root))).send(faulted()), "the mail is sent")
        stranger = await fault(MailChannel(settings(port)))
    assert inbox.secure == [True]
    assert not stranger.lasting
    assert "certificate" in stranger.reason


async def test_a_strangers_words_stay_words() -> None:
    """Line breaks, long names and other scripts in a subject neither make headers nor are lost."""
    inbox = Inbox()
    subjects = [
        "[CP-1] now\r\nBcc: eve@example.com\r\n\r\nClick here",
        "[CP\u2028Bcc: eve@example.com] \x85\x0b\x1c\x00 \ud800 \u202eevil",
        "Säule Süd — 北停车场 " * 20,
        "x" * 700,
        "ü" * 700,
        "[=?utf-8?b?U2VydmljZQ==?=] is now Faulted",
        "a  b",
    ]
    async with smtp_server(inbox) as port:
        for subject in subjects:
            await within(MailChannel(settings(port)).send(faulted(subject=subject)), "the mail is sent")
    for recipients, mail in inbox.mails:
        assert recipients == [OPS, BOB]
        assert mail["Bcc"] is None
        assert mail.get_body(("plain",)) is not None
    got = [str(mail["Subject"]) for _, mail in inbox.mails]
    assert got[0] == "[CP-1] now Bcc: eve@example.com Click here"
    assert got[1] == "[CP Bcc: eve@example.com] evil"
    assert got[2:] == [*(subject.strip() for subject in subjects[2:-1]), "a b"]
    for raw in inbox.raw:
        head = raw.partition(b"\r\n\r\n")[0]
        assert b"Content-Type: multipart/alternative" in head
        assert head.isascii()
        assert max(map(len, raw.split(b"\r\n"))) <= 998


async def test_a_body_in_any_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of strangers arrive as they are, also those that are one dot, and lines beyond what SMTP takes.

    Apprise changes how Python writes all mails of the process; ours do not go by it.
    """
    monkeypatch.setitem(charset.CHARSETS, "utf-8", (charset.QP, charset.QP, "utf-8"))
    inbox = Inbox()
    text = "Störung\n.\n..\nFrom here\n" + "北" * 2000
    async with smtp_server(inbox) as port:
        await within(MailChannel(settings(port)).send(faulted(text=text, html="<b>北</b>")), "the mail is sent")
    ((_, mail),) = inbox.mails
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().splitlines() == text.splitlines()


async def test_the_wrong_password(tmp_path: Path) -> None:
    """It is refused for good, and told without the password, also by a server that repeats what it was sent."""
    chain, key, root = write_chain(tmp_path)
    inbox = Inbox()
    async with smtp_server(inbox, server_context(chain, key), auth=True) as port:
        own = settings(port, starttls="required", username=USER, password="mistyped", ca=str(root))
        refused = await fault(MailChannel(own))
        assert "mistyped" not in repr(own)
    assert refused.lasting
    assert refused.reason.startswith(f"127.0.0.1:{port} refused user name or password (535 ")
    said = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    async with scripted_server("250-hello\r\n250 AUTH PLAIN", f"535 no: {said} {PASSWORD}", "221 bye") as (port, heard):
        refused = await fault(MailChannel(settings(port, username=USER, password=PASSWORD)))
    assert f"AUTH PLAIN {said}" in heard
    assert said not in refused.reason
    assert refused.reason.endswith("(535 no: *** ***)")


async def test_no_starttls_no_password() -> None:
    """A password does not go over a link that somebody has kept from being secured."""
    async with scripted_server("250-hello\r\n250 AUTH PLAIN", "221 bye") as (port, heard):
        stripped = await fault(MailChannel(settings(port, starttls="required", username=USER, password=PASSWORD)))
    assert not stripped.lasting
    assert "STARTTLS" in stripped.reason
    assert not any("AUTH" in line for line in heard)


async def test_the_wrong_way_to_tls() -> None:
    """Who asks for TLS in a way that the server does not know hears which keys to change."""
    async with smtp_server(Inbox()) as port:
        at_once = await fault(MailChannel(settings(port, secure=True)))
        later = await fault(MailChannel(settings(port, starttls="required")))
    assert (at_once.lasting, later.lasting) == (False, False)
    assert at_once.reason.endswith("does not begin with TLS: take out secure = true, or name another port")
    assert later.reason.endswith(
        "offers no STARTTLS, which is required here: secure = true is for a port that begins with TLS, "
        'starttls = "offered" does without'
    )


async def test_a_certificate_that_nobody_has_signed(tmp_path: Path) -> None:
    """It is not trusted, by either way to TLS; it may be mended, so the mail is tried again."""
    write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    context = server_context(tmp_path / "a.pem", tmp_path / "a.key")
    for secure in (True, False):
        async with smtp_server(Inbox(), context, secure=secure) as port:
            strange = await fault(MailChannel(settings(port, secure=secure, starttls="required")))
        assert not strange.lasting
        assert "certificate" in strange.reason.lower()


async def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that has gone is named."""
    gone = await fault(MailChannel(settings(25, ca=str(tmp_path / "gone.pem"))))
    assert gone.reason == f"the authorities in {tmp_path / 'gone.pem'} cannot be read: No such file or directory"


async def test_a_recipient_who_is_refused() -> None:
    """The others get the mail, and it is noted who does not; nobody at all is a fault."""
    inbox = Inbox()
    inbox.refused = {BOB: "550 no such user"}
    async with smtp_server(inbox) as port:
        mail = MailChannel(settings(port))
        assert await mail.send(faulted()) == f"sent, but not to all: {BOB} was refused (550 no such user)"
        inbox.refused[OPS] = "551 moved"
        nobody = await fault(mail)
    assert [recipients for recipients, _ in inbox.mails] == [[OPS]]
    assert nobody.lasting
    assert nobody.reason == f"{OPS} was refused (551 moved); {BOB} was refused (550 no such user)"


async def test_a_recipient_who_is_to_be_tried_again() -> None:
    """Whom a server puts off (greylisting) is tried again alone: the others do not get the mail twice."""
    inbox = Inbox()
    inbox.refused = {BOB: "451 try again later", EVE: "550 gone"}
    async with smtp_server(inbox) as port:
        mail = MailChannel(settings(port, to=(OPS, BOB, EVE)))
        later = await fault(mail)
        assert not later.lasting
        assert "bob@example.com was refused (451 try again later)" in later.reason
        assert not (await fault(mail)).lasting
        inbox.refused = {}
        assert await mail.send(faulted()) == ""
        assert await mail.send(faulted()) == ""
        assert await mail.send(faulted(id="another")) == ""
    assert [recipients for recipients, _ in inbox.mails] == [[OPS], [BOB], [OPS, BOB, EVE], [OPS, BOB, EVE]]


@pytest.mark.parametrize(
    ("verdict", "lasting"), [("451 busy", False), ("452 full", False), ("552 too large", True), ("554 spam", True)]
)
async def test_a_mail_that_is_refused(verdict: str, lasting: bool) -> None:
    """A 4xx is for now, a 5xx for good."""
    inbox = Inbox()
    inbox.verdict = verdict
    async with smtp_server(inbox) as port:
        refused = await fault(MailChannel(settings(port)))
    assert refused.reason == f"127.0.0.1:{port} refused the mail ({verdict})"
    assert refused.lasting is lasting


@pytest.mark.parametrize(
    ("greeting", "answers"),
    [
        ("", []),
        (".", []),
        ("421 too busy", []),
        ("554 not from you", []),
        ("HTTP/1.1 400 Bad Request", []),
        ("220 hello", [""]),
        ("220 hello", ["."]),
        ("220 hello", ["250 hello", ""]),
        ("220 hello", ["250 hello", "250 ok", "250 ok", "250 ok", "."]),
        ("220 hello", ["250 hello", "250 ok", "250 ok", "250 ok", "354 go on", ""]),
        ("220 hello", ["250 hello", "250 ok", "250 ok", "250 ok", "354 go on", "."]),
        ("220 hello", ["250 hello", "250 ok", "421 going down", "."]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else value[:3],
)
async def test_a_server_that_misbehaves(greeting: str, answers: list[str]) -> None:
    """One that hangs, refuses or goes in the midst is tried again; it costs no more than the deadline."""
    async with scripted_server(*answers, greeting=greeting) as (port, _):
        again = await fault(MailChannel(settings(port, timeout=0.3)))
    assert not again.lasting
    assert again.reason.startswith(f"127.0.0.1:{port}")


async def test_a_server_that_is_not_there() -> None:
    """Nobody listens, or nobody has such a name: it is tried again."""
    port = dead_port()
    for host in ("127.0.0.1", "mail.invalid"):
        away = await fault(MailChannel(settings(port, host=host)))
        assert not away.lasting
        assert away.reason.startswith(f"{host}:{port}: ")


async def test_what_a_server_does_after_it_has_taken_a_mail() -> None:
    """The mail was taken: that the server then hangs up, instead of a farewell, makes no second one."""
    answers = ["250 hello", "250 ok", "250 ok", "250 ok", "354 go on", "250 taken", "."]
    async with scripted_server(*answers) as (port, heard):
        assert await within(MailChannel(settings(port)).send(faulted()), "the mail is sent") == ""
    assert "QUIT" in heard


# A program in place of a server.


def program(folder: Path, *lines: str) -> str:
    """Write a program, and return where it is."""
    file = folder / "sendmail"
    file.write_text("\n".join((f"#!{sys.executable}", "import os, sys, time", *lines)))
    file.chmod(file.stat().st_mode | stat.S_IEXEC)
    return str(file)


async def test_by_sendmail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is handed the mail and the recipients, and none of our secrets; what it leaves behind may go on."""
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    path = program(
        tmp_path,
        f"open('{tmp_path}/got', 'wb').write(sys.stdin.buffer.read())",
        f"open('{tmp_path}/how', 'w').write(repr((sys.argv[1:], sorted(os.environ))))",
        "if os.fork() == 0:",
        f"    time.sleep(0.2); open('{tmp_path}/delivered', 'w'); time.sleep(5)",
    )
    own = replace(SETTINGS, sendmail=path)
    assert await within(MailChannel(own).send(faulted()), "the mail is handed over") == ""
    got = (tmp_path / "got").read_bytes()
    assert b"Subject: [North Parking] Connector #1 is now Faulted\n" in got
    assert b"\r" not in got
    await until((tmp_path / "delivered").exists, "what it left behind has delivered")
    how = (tmp_path / "how").read_text()
    assert f"['-i', '-f', 'alerts@example.com', '--', '{OPS}', '{BOB}']" in how
    assert "SMTP_PASSWORD" not in how


@pytest.mark.parametrize(
    ("lines", "told", "lasting"),
    [
        (["print('no room', file=sys.stderr)", "sys.exit(75)"], "ended with 75: no room", False),
        (["sys.exit(69)"], "ended with 69: no reason was given", False),
        (["sys.stderr.write('x' * 100_000 + ' no such user')", "sys.exit(67)"], "67: the recipient is not known", True),
        (["os.close(0)", "sys.exit(78)"], "ended with 78: it is configured wrongly", True),
        (["os.kill(os.getpid(), 9)"], "ended with -9", False),
        (["time.sleep(60)"], "did not answer within 0.5 s", False),
    ],
)
async def test_a_program_that_fails(tmp_path: Path, lines: list[str], told: str, lasting: bool) -> None:
    """Its exit code says whether it may be tried again; one that hangs is ended."""
    own = replace(SETTINGS, sendmail=program(tmp_path, *lines), timeout=0.5 if "sleep" in lines[0] else 30)
    failed = await fault(MailChannel(own))
    assert told in failed.reason
    assert failed.lasting is lasting


def test_a_program_that_does_not_read_the_mail() -> None:
    """It is told as the program's failure on the gateway's own loop as well, however early it ends."""

    async def told() -> set[str]:
        mail = MailChannel(replace(SETTINGS, sendmail="/bin/false"))
        return {(await fault(mail)).reason for _ in range(20)}

    assert uvloop.run(told()) == {"/bin/false ended with 1: no reason was given"}


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    """Nothing of it stays behind, nor of what it has started."""
    lines = ["if os.fork():", "    os.wait()", f"open('{tmp_path}/' + str(os.getpid()), 'w')", "time.sleep(60)"]
    mail = MailChannel(replace(SETTINGS, sendmail=program(tmp_path, *lines)))
    sending = asyncio.ensure_future(mail.send(faulted()))
    (child,) = await until(lambda: [file.name for file in tmp_path.iterdir() if file.name.isdecimal()], "it runs")
    sending.cancel()
    await within(asyncio.wait([sending]), "the channel has given up")
    await until(lambda: not running(child), "it has ended")


def running(pid: str) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return bool(Path("/proc", pid, "cmdline").read_bytes())
    except OSError:
        return False


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """It is named; it may be installed yet."""
    gone = await fault(MailChannel(replace(SETTINGS, sendmail=str(tmp_path / "gone"))))
    assert gone.reason == f"{tmp_path}/gone cannot be run: No such file or directory"
    assert not gone.lasting
