"""The command line. Every error ends in a sentence, never in a stack trace."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from voltgate import __version__
from voltgate.client.listing import Listing
from voltgate.client.terminal_text import counted
from voltgate.client.token import token
from voltgate.telemetry.lines import ERRORS, occupy

if TYPE_CHECKING:
    from sqlalchemy import URL

    from voltgate.config import ConfigErrors

app = typer.Typer(
    name="voltgate",
    help="The OCPP gateway: every charger connects to one address; Voltgate decides who answers it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The configuration; without it the usual places are looked in."
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voltgate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take what stands before a command."""


@app.command()
def run(
    config: ConfigFile = None,
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="Run N gateways on the same ports, one for each core; they need PostgreSQL.",
        ),
    ] = 1,
    worker: Annotated[str, typer.Option(hidden=True, help="Which of several workers this is.")] = "",
) -> None:
    """Run the gateway in the foreground."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it can be heeded: what it asks for is about to be read
    from voltgate import app as gateway  # noqa: PLC0415 - `voltgate check` needs none of it

    if workers > 1:
        raise typer.Exit(gateway.supervise(config, workers))
    raise typer.Exit(gateway.run(config, gateway.Worker.read(worker) if worker else None))


@app.command()
def gateway(config: ConfigFile = None) -> None:
    """Run the gateway without a management system in its process: `voltgate csms` answers, behind RabbitMQ."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as above
    from voltgate import app as processes  # noqa: PLC0415

    raise typer.Exit(processes.run_apart(config))


@app.command()
def csms(
    config: ConfigFile = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Answer for this backend only; may be repeated. Without: for all with an amqp:// address.",
        ),
    ] = None,
) -> None:
    """Run a node of the management system: it answers stations that gateways send it by RabbitMQ."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as above
    from voltgate import app as processes  # noqa: PLC0415

    raise typer.Exit(processes.run_csms(config, backend or []))


@app.command()
def check(
    config: ConfigFile = None,
    security: Annotated[
        bool,
        typer.Option(
            "--security", help="Say line by line how open it is, and what to write instead; 1 if anything is open."
        ),
    ] = False,
) -> None:
    """Read the configuration and report every mistake in it."""
    from voltgate.config import judged  # noqa: PLC0415
    from voltgate.config.openness import LEVELS  # noqa: PLC0415

    loaded, found = judged(config, os.environ)
    for warning in loaded.warnings:
        typer.echo(f"{warning} (warning)", err=True)
    listeners = loaded.config.listen
    listen = ", ".join(listener.url for listener in (*listeners.stations, *listeners.soap))
    counts = f"{counted(len(loaded.config.routes), 'route')}, {counted(len(loaded.config.backends), 'backend')}"
    typer.echo(f"{loaded.source or 'no file, defaults'}: good. Listens on {listen}; {counts}.")
    if loaded.included:
        typer.echo(f"Included: {', '.join(map(str, loaded.included))}.")
    if loaded.environment:
        keys = ", ".join(f"{key} (${variable})" for key, variable in loaded.environment.items())
        typer.echo(f"From the environment: {keys}.")
    if security:
        for level, problem in found:
            typer.echo(f"{level}  {problem}")
        numbers = Counter(level for level, _ in found)
        typer.echo(", ".join(f"{numbers[level]} {level}" for level in LEVELS) + ".")
        raise typer.Exit(1 if numbers["open"] else 0)


@app.command()
def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="ocpp-2w-proxy.ini; or config.json of OCPP-Proxy-Alert, and its clientIdToHuman.json; or .env.backend "
            "of EVerythingcharge.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, where nothing may be yet.")
    ] = None,
) -> None:
    """Print the configuration that does what another proxy's files say, with remarks on what differs."""
    from voltgate.convert import convert as converted  # noqa: PLC0415

    text = converted(files).encode()
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        _write_new(output, text)
    except FileExistsError:
        typer.echo(f"voltgate: {output} exists already; it is left as it is", err=True)
        raise typer.Exit(1) from None


def _write_new(output: Path, text: bytes) -> None:
    """Write a file that does not exist yet, completely or not at all. Raises OSError."""
    with output.open("xb") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            output.unlink()
            raise


@app.command("hash")
def hash_password() -> None:
    """Read a station's password, from the terminal or standard input, and print its hash for the configuration."""
    import argon2  # noqa: PLC0415

    password = typer.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password:
        typer.echo("voltgate: the password is empty", err=True)
        raise typer.Exit(1)
    typer.echo(argon2.PasswordHasher().hash(password))


app.command()(token)


importing = typer.Typer(help="Take over what another system has kept.", no_args_is_help=True)
app.add_typer(importing, name="import")


@importing.callback()
def sources() -> None:
    """Take what stands before the name of a system."""


@importing.command()
def everythingcharge(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="postgresql://user@host/database; its password is best given as PGPASSWORD."
        ),
    ],
    config: ConfigFile = None,
    role: Annotated[str, typer.Option(help="What users may do: viewer, operator or admin.")] = "operator",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken.")] = False,
) -> None:
    """Take over networks, stations and users of EVerythingcharge: those that are not there yet, all or nothing."""
    from voltgate.app.imported import take_over  # noqa: PLC0415

    raise typer.Exit(take_over(config, url, role, dry_run=dry_run))


database = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(database, name="db")


@database.command()
def upgrade(config: ConfigFile = None) -> None:
    """Give the database all that this version of Voltgate works with; gateways of the version before may go on."""
    from voltgate.app import database as maintenance  # noqa: PLC0415
    from voltgate.store import schema  # noqa: PLC0415

    revision = _said(config, maintenance.upgrade)
    if revision == schema.expanded() != schema.wanted():
        typer.echo("when no gateway of an older version runs any more, run `voltgate db contract`")


@database.command()
def contract(config: ConfigFile = None) -> None:
    """Remove from the database what only older versions of Voltgate use, when none of them runs any more."""
    from voltgate.app import database as maintenance  # noqa: PLC0415

    _said(config, maintenance.contract)


@database.command()
def current(config: ConfigFile = None) -> None:
    """Print the revision that the database has."""
    from voltgate.app import database as maintenance  # noqa: PLC0415

    typer.echo(_with_database(config, maintenance.revision) or "the database is empty: run `voltgate db upgrade`")


def _said(config: Path | None, do: Callable[[URL], Coroutine[None, None, str | None]]) -> str:
    """Run an action on the database; say which database that was, and return the revision that it has."""
    from voltgate.app.database import address_of  # noqa: PLC0415
    from voltgate.config import read  # noqa: PLC0415

    revision = str(_with_database(config, do))
    address = address_of(read(config, os.environ))
    assert address is not None  # noqa: S101 - something was done to it
    typer.echo(f"{address.render_as_string(hide_password=True)} has revision {revision}")
    return revision


def _with_database(config: Path | None, do: Callable[[URL], Coroutine[None, None, str | None]]) -> str | None:
    """Run an action on the database of a configuration and return its result; errors end in a sentence."""
    import asyncio  # noqa: PLC0415

    with _the_database(config) as address:
        return asyncio.run(do(address))


audit = typer.Typer(help="List the audit trail; verify it, or write it to a file, without a gateway.", cls=Listing)
app.add_typer(audit, name="audit")


@audit.command()
def verify(
    config: ConfigFile = None,
    against: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="A line and its hash as they were kept elsewhere.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `export` wrote, in place of the database.")
    ] = None,
    older_until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the last gateway ended that is older than the chain.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether the audit trail is whole, and where it is not: then the status is 1."""
    from voltgate.app import audit_trail  # noqa: PLC0415
    from voltgate.client.history import asked_time  # noqa: PLC0415

    try:
        anchor = audit_trail.read_anchor(against) if against else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--against") from None
    if file is not None:
        try:
            report = audit_trail.verify_copy(file, anchor)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--file") from None
        raise typer.Exit(audit_trail.tell(report, as_json=as_json))
    until = audit_trail.as_seconds(asked_time(older_until, "--older-until"), 0.0)
    with _the_database(config) as address:
        raise typer.Exit(audit_trail.tell(audit_trail.verify_trail(address, anchor, until), as_json=as_json))


@audit.command()
def export(
    output: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where nothing may be yet; else it is printed.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="1h, 30m or 2d ago; or 2026-11-21T07:30:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="As --since.")] = None,
    config: ConfigFile = None,
) -> None:
    """Write the audit trail as JSON lines, the oldest first, with the numbers and the hashes of the chain."""
    from voltgate.app import audit_trail  # noqa: PLC0415
    from voltgate.client.history import asked_time  # noqa: PLC0415

    first = audit_trail.as_seconds(asked_time(since, "--since"), float("-inf"))
    last = audit_trail.as_seconds(asked_time(until, "--until"), float("inf"))
    with _the_database(config) as address:
        if output is None:
            audit_trail.export(address, sys.stdout, first, last)
            return
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as to:
            lines = audit_trail.export(address, to, first, last)
    typer.echo(f"{output}: {counted(lines, 'line')}")


@contextmanager
def _the_database(config: Path | None) -> Iterator[URL]:
    """Give the address of the database of a configuration; errors end in a sentence."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from voltgate.app.database import address_of  # noqa: PLC0415
    from voltgate.config import read  # noqa: PLC0415
    from voltgate.relay.records import StoreAway  # noqa: PLC0415

    address = address_of(read(config, os.environ))
    if address is None:
        typer.echo('voltgate: store.url is "off": there is no database', err=True)
        raise typer.Exit(1)
    try:
        yield address
    except (SQLAlchemyError, StoreAway) as error:
        typer.echo(f"voltgate: {getattr(error, 'orig', None) or error}", err=True)
        raise typer.Exit(2) from None


_ELSEWHERE: tuple[tuple[str, Callable[[], ModuleType]], ...] = (
    (
        "stations sessions backends nodes drain undrain claims claim waiting disconnect tail events send",
        lambda: import_module("voltgate.client.cli"),
    ),
    ("networks id-tokens transactions", lambda: import_module("voltgate.client.charging")),
    ("csms-stations reservations commands tariffs", lambda: import_module("voltgate.client.managing")),
    (
        "reset start stop unlock availability limit trigger firmware logs configuration command jobs",
        lambda: import_module("voltgate.client.operating"),
    ),
    ("routes", lambda: import_module("voltgate.client.routing")),
    ("log record", lambda: import_module("voltgate.client.history")),
    ("callbacks", lambda: import_module("voltgate.client.callbacks")),
    ("alerts", lambda: import_module("voltgate.client.alerting")),
    ("explain", lambda: import_module("voltgate.client.explaining")),
    ("replay", lambda: import_module("voltgate.client.replaying")),
    ("security certificates", lambda: import_module("voltgate.client.security")),
    ("users tokens", lambda: import_module("voltgate.client.people")),
    ("simulate demo backend", lambda: import_module("voltgate.simulator.cli")),
)
"""Commands, and the modules that have them: these are imported only if one is called, or all are listed."""


def _add_commands() -> None:
    """Add the commands of the simulator and the clients, as far as they are wanted."""
    if sys.argv[1:] == ["--version"]:
        return
    called = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    for names, imported in _ELSEWHERE:
        if called is None or called in names.split():
            app.add_typer(imported().app)
    if called in (None, "audit"):
        audit.add_typer(import_module("voltgate.client.auditing").app)


def _mistakes() -> tuple[type[ConfigErrors], ...]:
    """Return what is raised for mistakes in a configuration; nothing if none was looked at, which takes its time."""
    module = sys.modules.get("voltgate.config")
    return () if module is None else (module.ConfigErrors,)


def main() -> None:
    """Run the command line; the entry point of the program."""
    occupy()
    os.umask(0o077)  # whatever it was: what Voltgate writes is its owner's
    _add_commands()
    try:
        app()
    except _mistakes() as errors:
        for problem in errors.problems:
            ERRORS.put(str(problem))
        sys.exit(1)
    except OSError as error:
        file = f"{error.filename}: " if error.filename is not None else ""
        ERRORS.put(f"voltgate: {file}{error.strerror or error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
