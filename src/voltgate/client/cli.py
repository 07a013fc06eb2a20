"""The commands that use the API, from a terminal or a script."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voltgate.client.failure import Failure

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)

_WHERE = "Where the gateway's API is. Without it: where the file of -c says, else http://127.0.0.1:8000."
Url = Annotated[str | None, typer.Option("--url", "--api", envvar="VOLTGATE_URL", metavar="URL", help=_WHERE)]
ApiUrl = Annotated[str | None, typer.Option("--api", envvar="VOLTGATE_URL", metavar="URL", help=_WHERE)]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A file with the bearer token. Without it: the variable VOLTGATE_TOKEN, else what this machine's gateway "
        "left beside its database.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration of this machine's gateway."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Offset = Annotated[int, typer.Option(min=0, help="Leave out so many at the start.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="Show at most so many.")]
Route = Annotated[str | None, typer.Option(metavar="NAME", help="Only those on this route.")]
Backend = Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this backend.")]
Ocpp = Annotated[str | None, typer.Option(metavar="VERSION", help="Only those that speak this version: 1.6, 2.0.1, …")]
Sort = Annotated[str | None, typer.Option(metavar="KEY", help="identity, since or route; -since for the other way.")]


@contextlib.contextmanager
def asking(url: str | None, token_file: Path | None, config: Path | None) -> Iterator[Api]:
    """Yield the API; every failure ends in a sentence on standard error and an exit code."""
    from voltgate.client.api import connect  # noqa: PLC0415 - `voltgate --help` needs no HTTP client
    from voltgate.client.api_url import api_url_of  # noqa: PLC0415

    with _in_sentences(), connect(url or api_url_of(config), token_file, config) as api:
        yield api


@contextlib.contextmanager
def _in_sentences() -> Iterator[None]:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except UnicodeEncodeError:
        typer.echo("voltgate: what was typed is not UTF-8 text", err=True)
        raise typer.Exit(1) from None
    except Failure as failure:
        typer.echo(f"voltgate: {failure}", err=True)
        raise typer.Exit(failure.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def version_of(text: str | None) -> str | None:
    """Return a version as the API names it, of one as it is typed."""
    return text and f"ocpp{text.removeprefix('ocpp')}"


@app.command()
def stations(
    identity: Annotated[str | None, typer.Argument(help="One station, with its session.", show_default=False)] = None,
    q: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those whose identity or name has it.")] = None,
    route: Route = None,
    backend: Backend = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    connected: Annotated[
        bool | None, typer.Option("--connected/--away", help="Only those that are connected, or are not.")
    ] = None,
    ocpp: Ocpp = None,
    sort: Sort = None,
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List stations, or show one."""
    with asking(url, token_file, config) as api:
        from voltgate.client import views  # noqa: PLC0415

        if identity is not None:
            views.show_station(api, identity, as_json)
            return
        query = {"q": q, "route": route, "backend": backend, "tag": tag, "connected": connected, "sort": sort}
        views.list_stations(api, offset, limit, as_json, version=version_of(ocpp), **query)


@app.command()
def sessions(
    identity: Annotated[str | None, typer.Argument(help="One station's, with its legs.", show_default=False)] = None,
    route: Route = None,
    backend: Backend = None,
    ocpp: Ocpp = None,
    sort: Sort = None,
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the sessions of connected stations, or show one."""
    with asking(url, token_file, config) as api:
        from voltgate.client import views  # noqa: PLC0415

        if identity is not None:
            views.show_session(api, identity, as_json)
            return
        query = {"route": route, "backend": backend, "version": version_of(ocpp), "sort": sort}
        views.list_sessions(api, offset, limit, as_json, **query)


@app.command()
def backends(
    name: Annotated[str | None, typer.Argument(help="One backend, with its counters.", show_default=False)] = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List backends and how they are, or show one."""
    with asking(url, token_file, config) as api:
        from voltgate.client import views  # noqa: PLC0415

        if name is not None:
            views.show_backend(api, name, as_json)
        else:
            views.list_backends(api, as_json)


@app.command()
def nodes(
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the gateways of the cluster, the one that is asked first."""
    with asking(url, token_file, config) as api:
        from voltgate.client.nodes import list_nodes  # noqa: PLC0415

        list_nodes(api, as_json)


@app.command()
def drain(
    node: Annotated[
        str | None,
        typer.Argument(help="The name or id of a node; without it: the one that is asked.", show_default=False),
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, max=86400, help="The time over which its stations go."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Have a gateway hand its stations over to the others of its cluster; it takes no new ones."""
    with asking(url, token_file, config) as api:
        from voltgate.client import nodes as cluster  # noqa: PLC0415

        cluster.drain(api, node, spread, as_json)


@app.command()
def undrain(
    node: Annotated[
        str | None,
        typer.Argument(help="The name or id of a node; without it: the one that is asked.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Have a gateway that drains take stations again."""
    with asking(url, token_file, config) as api:
        from voltgate.client import nodes as cluster  # noqa: PLC0415

        cluster.undrain(api, node, as_json)


@app.command()
def claims(
    station: Annotated[str | None, typer.Option(metavar="IDENTITY", help="Only the claims to this station.")] = None,
    backend: Backend = None,
    contested: Annotated[
        bool | None, typer.Option("--contested", help="Only those to stations that several backends claim.")
    ] = None,
    hosts: Annotated[bool, typer.Option("--hosts", help="Print lines `<IP> <identity>`, all of them.")] = False,
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List which backend claims which station."""
    if hosts and (as_json or station is not None or contested):
        raise typer.BadParameter("goes with --backend only", param_hint="--hosts")
    with asking(url, token_file, config) as api:
        if hosts:
            from voltgate.client.claim import print_hosts  # noqa: PLC0415

            print_hosts(api, backend)
            return
        from voltgate.client import views  # noqa: PLC0415

        query = {"station": station, "backend": backend, "contested": contested}
        views.list_claims(api, offset, limit, as_json, **query)


@app.command()
def claim(
    backend: Annotated[str | None, typer.Option(metavar="NAME", help="The backend whose stations they are.")] = None,
    hosts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Claim what lines `<IP> <identity>` say for the backend at each IP; `-`: stdin."
        ),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Where this backend is from now on.")] = None,
    soap_url: Annotated[str | None, typer.Option("--soap-url", metavar="URL", help="The same for SOAP.")] = None,
    ip: Annotated[
        str | None, typer.Option("--ip", help="The IP where it is from now on, with the usual ports.")
    ] = None,
    ip_from_ssh: Annotated[
        bool, typer.Option("--ip-from-ssh", help="--ip is where whoever runs this by ssh came from.")
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Add these stations, and keep the others.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these stations away, and keep the others.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="The list may be empty, or much shorter than the last.")
    ] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Say which stations are a backend's own: the whole list, from standard input, one identity a line.

    Also as a forced command of sshd: what whoever connects asks to run is not looked at.
    """
    if (backend is None) == (hosts is None):
        raise typer.BadParameter("name one backend, or give a file of several by --hosts", param_hint="--backend")
    _one_of("where the backend is", {"--url": url is not None, "--ip": ip is not None, "--ip-from-ssh": ip_from_ssh})
    _one_of("what becomes of the list", {"--add": add, "--remove": remove, "--force": force})
    _one_of("where the backend is", {"--soap-url": soap_url is not None, "--ip": ip is not None or ip_from_ssh})
    moves = url is not None or soap_url is not None or ip is not None or ip_from_ssh
    if hosts is not None and (moves or add or remove):
        raise typer.BadParameter("says itself where backends are, and is a whole list", param_hint="--hosts")
    with asking(api_url, token_file, config) as api:
        from voltgate.client import claim as claiming  # noqa: PLC0415

        if hosts is not None:
            claiming.run_hosts(api, hosts, force, as_json)
            return
        address = claiming.new_address(url, soap_url, ip, from_ssh=ip_from_ssh)
        if add or remove:
            claiming.run_change(api, str(backend), "add" if add else "remove", address, as_json)
        else:
            claiming.run_list(api, str(backend), address, force, as_json)


def _one_of(what: str, given: dict[str, bool]) -> None:
    if sum(given.values()) > 1:
        raise typer.BadParameter(f"only one of them says {what}", param_hint=", ".join(given))


@app.command()
def waiting(
    accept: Annotated[str | None, typer.Option(metavar="IDENTITY", help="Let this one in, on --route.")] = None,
    route: Annotated[str | None, typer.Option(metavar="NAME", help="The route that it is let in on.")] = None,
    dismiss: Annotated[str | None, typer.Option(metavar="IDENTITY", help="Take this one off the list.")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List stations that nobody knows and that wait to be let in; let one in, or dismiss it."""
    if (accept is None) != (route is None):
        raise typer.BadParameter("letting a station in takes both", param_hint="--accept, --route")
    _one_of("what becomes of a station", {"--accept": accept is not None, "--dismiss": dismiss is not None})
    with asking(url, token_file, config) as api:
        from voltgate.client import views  # noqa: PLC0415

        if accept is not None and route is not None:
            views.accept(api, accept, route, as_json)
        elif dismiss is not None:
            views.dismiss(api, dismiss, as_json)
        else:
            views.list_waiting(api, offset, limit, as_json)


@app.command()
def disconnect(
    station: Annotated[str, typer.Argument(help="A connected station.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Close the connection of a station: it will come again."""
    with asking(url, token_file, config) as api:
        from voltgate.client import views  # noqa: PLC0415

        views.disconnect(api, station, as_json)


@app.command()
def tail(
    station: Annotated[str | None, typer.Argument(help="Only this station's.", show_default=False)] = None,
    action: Annotated[str | None, typer.Option(metavar="NAME", help="StopTransaction, TransactionEvent, …")] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it asked, answered or was told, on its own connection.")
    ] = None,
    outcome: Annotated[
        Literal["result", "error", "unanswered"] | None, typer.Option(help="Only what came to this.")
    ] = None,
    legs: Annotated[
        bool, typer.Option("--legs", help="Show a call on each connection that it went over, a line for each.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Show payloads whole.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Show live calls of stations and backends, a line each, with answer and latency, until Ctrl-C."""
    with asking(url, token_file, config) as api:
        from voltgate.client.live import Wanted  # noqa: PLC0415
        from voltgate.client.live import tail as follow  # noqa: PLC0415

        follow(api, station, Wanted(action, backend, outcome, legs), full, as_json)


@app.command()
def events(
    station: Annotated[str | None, typer.Option(metavar="IDENTITY", help="Only what is about this station.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be given several times.")] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds that there are, and ask no gateway.")] = False,
    after: Annotated[str, typer.Option(metavar="ID", help="Begin behind the event with this id.")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Show events as they happen, until Ctrl-C; none is missed while the connection is away for a while."""
    if kinds:
        from voltgate.client.event_kinds import list_kinds  # noqa: PLC0415

        list_kinds(as_json)
        return
    with asking(url, token_file, config) as api:
        from voltgate.client.live import events as follow  # noqa: PLC0415

        follow(api, station, kind or [], after, as_json)


@app.command()
def send(
    station: Annotated[str, typer.Argument(help="A connected station.", show_default=False)],
    action: Annotated[str, typer.Argument(help="What it is asked: Reset, GetVariables, …", show_default=False)],
    payload: Annotated[str, typer.Argument(metavar="[JSON | -]", help="The payload; `-`: stdin.")] = "{}",
    timeout: Annotated[float, typer.Option(min=1, max=300, help="Seconds that the answer may take.")] = 30.0,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Check the payload against the version's schema first.")
    ] = True,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make an OCPP call to a station, and print what it really answers."""
    with asking(url, token_file, config) as api:
        from voltgate.client import send as sending  # noqa: PLC0415

        text = sending.read_payload(sys.stdin.buffer) if payload == "-" else payload
        sending.report(sending.send(api, station, action, sending.payload_of(text), timeout, check), as_json)
