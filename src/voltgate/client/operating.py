"""The commands for stations: reset, start, limit … and jobs, which tell many of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from voltgate.client.cli import AsJson, ConfigFile, Limit, TokenFile, Url, asking
from voltgate.client.listing import Listing
from voltgate.client.output import Json

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)
configuration = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Read the settings of a station, or change them."
)
jobs = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(configuration, name="configuration")
app.add_typer(jobs, name="jobs")

Evse = Annotated[int | None, typer.Option(min=0, help="The EVSE, in 1.x the connector; 0: the whole station.")]
Connector = Annotated[int | None, typer.Option(min=0, help="The connector of the EVSE; 0: all of it.")]
Job = Annotated[str, typer.Argument(metavar="ID", help="Of a job.", show_default=False)]


def _common(
    station: Annotated[str | None, typer.Argument(help="A station; none with --on or --stations.")] = None,
    on: Annotated[
        str | None,
        typer.Option(metavar="FILTER", help="Make a job for stations that are so: network=north,connected=true; all."),
    ] = None,
    stations: Annotated[
        str | None, typer.Option(metavar="FILE", help="Make a job for those in a file, one a line; `-`: stdin.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=100, help="Of a job: commands a second.")] = 10.0,
    within: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Of a job: until when stations may come.")] = (
        86_400.0
    ),
    timeout: Annotated[float, typer.Option(min=1, max=300, help="Seconds that an answer may take.")] = 30.0,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Take what every one of these commands takes."""


_COMMON = list(inspect.signature(_common, eval_str=True).parameters.values())
_NAMES = [each.name for each in _COMMON]

Fields: TypeAlias = "Json | Callable[[Api], Json]"
"""The parameters of a command, or what asks the API how they are written."""


def telling(
    command: str, group: typer.Typer = app, name: str | None = None
) -> Callable[[Callable[..., Fields]], Callable[..., Fields]]:
    """Return what makes a command of a function that returns parameters; its own are options beside those of all.

    One that takes `words` has a station as the first of them, unless it is for several.
    """

    def add(read: Callable[..., Fields]) -> Callable[..., Fields]:
        own = list(inspect.signature(read, eval_str=True).parameters.values())
        by_words = any(each.name == "words" for each in own)
        all_of = [*own, *_COMMON[1:]] if by_words else [_COMMON[0], *own, *_COMMON[1:]]

        def run(**given: Any) -> None:
            shared = {each: given.pop(each, None) for each in _NAMES}
            _run(given.get("name", command), read, shared, given)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in all_of]
        )
        run.__doc__ = read.__doc__
        group.command(name or command)(run)
        return read

    return add


def _run(command: str, read: Callable[..., Fields], shared: dict[str, Any], own: dict[str, Any]) -> None:
    """Tell a station, or make a job for several."""
    station, on, file = shared["station"], shared["on"], shared["stations"]
    several = on is not None or file is not None
    if "words" in own:
        words = list(own["words"] or ())
        station, own["words"] = (None, words) if several else (next(iter(words), None), words[1:])
    if sum((station is not None, on is not None, file is not None)) != 1:
        raise typer.BadParameter("name a station, or several by --on or --stations", param_hint="STATION")
    with asking(shared["url"], shared["token_file"], shared["config"]) as api:
        from voltgate.client import tell  # noqa: PLC0415

        said = read(**own)
        fields = said(api) if callable(said) else said
        if not several:
            tell.tell(api, command, station, fields, shared["timeout"], shared["as_json"])
            return
        wanted = {"parameters": fields, "rate": shared["rate"], "seconds": shared["within"]}
        tell.make_job(api, command, wanted | tell.stations_of(on, file), shared["as_json"])


def _given(**fields: Any) -> Json:
    """Return the parameters that were named."""
    return {name: value for name, value in fields.items() if value is not None}


# The commands.


@telling("reset")
def reset(
    kind: Annotated[str | None, typer.Option(help="soft, hard, immediate, on-idle or resume.")] = None,
    evse: Evse = None,
) -> Fields:
    """Restart a station, or one EVSE."""
    return _given(kind=kind, evse=evse)


@telling("start")
def start(
    token: Annotated[str, typer.Option(help="Who charges.", show_default=False)],
    kind: Annotated[str | None, typer.Option("--type", help="The type of the token in 2.x.")] = None,
    evse: Evse = None,
) -> Fields:
    """Start charging for a token."""
    return _given(token=token, kind=kind, evse=evse)


@telling("stop")
def stop(
    transaction: Annotated[str, typer.Option(help="As `voltgate transactions` lists it.", show_default=False)],
) -> Fields:
    """End a transaction."""
    return {"transaction": transaction}


@telling("unlock")
def unlock(
    evse: Annotated[int, typer.Option(min=1, help="The EVSE, in 1.x the connector.")] = 1, connector: Connector = None
) -> Fields:
    """Unlock a connector."""
    return _given(evse=evse, connector=connector)


@telling("availability")
def availability(
    operative: Annotated[bool, typer.Option("--operative/--inoperative", help="Whether it may be charged at.")] = True,
    evse: Evse = None,
    connector: Connector = None,
) -> Fields:
    """Put a station, an EVSE or a connector into service, or out of it."""
    return _given(operative=operative, evse=evse, connector=connector)


@telling("limit")
def limit(
    amperes: Annotated[float | None, typer.Option("--amperes", "-A", min=0, help="For each phase.")] = None,
    watts: Annotated[float | None, typer.Option("--watts", "-W", min=0, help="For all phases together.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the limit again.")] = False,
    evse: Evse = None,
    transaction: Annotated[str | None, typer.Option(help="Until this transaction ends.")] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="For so long.")] = None,
) -> Fields:
    """Let a station or an EVSE draw at most so much."""
    if (amperes is not None) + (watts is not None) + lift != 1:
        raise typer.BadParameter("say how much, or --lift", param_hint="--amperes, --watts, --lift")
    unit = "W" if watts is not None else "A"
    most = watts if amperes is None else amperes
    return {"limit": most, **_given(unit=unit, evse=evse, transaction=transaction, seconds=seconds)}


@telling("trigger")
def trigger(
    message: Annotated[str, typer.Option(help="StatusNotification, MeterValues, …")] = "StatusNotification",
    evse: Evse = None,
    connector: Connector = None,
) -> Fields:
    """Have a station send a message."""
    return _given(message=message, evse=evse, connector=connector)


@telling("firmware")
def firmware(
    location: Annotated[str, typer.Option(metavar="URL", help="Where it is fetched.", show_default=False)],
    retrieve: Annotated[str | None, typer.Option(metavar="TIME", help="When it is fetched; else now.")] = None,
    install: Annotated[str | None, typer.Option(metavar="TIME", help="When it is installed.")] = None,
    retries: Annotated[int | None, typer.Option(min=0)] = None,
) -> Fields:
    """Have a station fetch and install firmware."""
    return _given(location=location, retrieve=retrieve, install=install, retries=retries)


@telling("logs")
def logs(
    location: Annotated[str | None, typer.Option(metavar="URL", help="Where to; else to the gateway.")] = None,
    kind: Annotated[str | None, typer.Option(help="diagnostics, security or data-collector.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Until then.")] = None,
) -> Fields:
    """Have a station upload its diagnostics or logs."""
    return _given(location=location, kind=kind, since=since, until=until)


@telling("configuration-get", configuration, "get")
def get_configuration(
    words: Annotated[list[str] | None, typer.Argument(metavar="[STATION] [KEY…]", show_default=False)] = None,
) -> Fields:
    """Read settings, all of them if none is named."""
    return {"settings": words or []}


@telling("configuration-set", configuration, "set")
def set_configuration(
    words: Annotated[list[str] | None, typer.Argument(metavar="[STATION] KEY=VALUE…", show_default=False)] = None,
) -> Fields:
    """Change settings."""
    pairs = [each.partition("=") for each in words or ()]
    if not pairs or not all(name and equal for name, equal, _ in pairs):
        raise typer.BadParameter("name settings with their values: HeartbeatInterval=300", param_hint="KEY=VALUE")
    return {"values": [{"setting": name, "value": value} for name, _, value in pairs]}


@telling("command")
def any_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to do.", show_default=False)],
    words: Annotated[list[str] | None, typer.Argument(metavar="[STATION] [KEY=VALUE…]", show_default=False)] = None,
) -> Fields:
    """Tell a station anything that there is a command for, as clear-cache, reserve, or certificate-install.

    `voltgate commands` lists them, with their parameters; a value is JSON, or a text.
    """

    def read(api: Api) -> Json:
        from voltgate.client import tell  # noqa: PLC0415

        return tell.fields_of(api, name, words or [])

    return read


# Jobs.


@jobs.callback()
def all_jobs() -> None:
    """List jobs, show one, or cancel it. Any command for stations makes one, with --on or --stations."""


@jobs.command("list")
def list_jobs(
    ended: Annotated[bool | None, typer.Option("--ended/--open", help="Only those that have ended, or not.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List jobs, the last one first."""
    with asking(url, token_file, config) as api:
        from voltgate.client import jobs as client  # noqa: PLC0415

        client.list_jobs(api, limit, as_json, ended)


@jobs.command("show")
def show_job(
    job: Job,
    state: Annotated[str | None, typer.Option(help="Only stations like that: waiting, done, failed …")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Show a job, and what each station said."""
    with asking(url, token_file, config) as api:
        from voltgate.client import jobs as client  # noqa: PLC0415

        client.show_job(api, job, state, limit, as_json)


@jobs.command("cancel")
def cancel_job(
    job: Job,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Tell no more stations."""
    with asking(url, token_file, config) as api:
        from voltgate.client import jobs as client  # noqa: PLC0415

        client.cancel_job(api, job, as_json)
