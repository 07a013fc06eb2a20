"""The reference of the configuration, generated from the model: `python -m voltgate.config.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from voltgate.config.alert_channels import Apprise, Channel, Mail, MailAuth, Pushover, Webhook
from voltgate.config.alerts import AlertRule, Alerts, AlertTemplate, Mute, Thresholds
from voltgate.config.api import Api, ApiToken
from voltgate.config.backends import Backend, Retry, StandIn
from voltgate.config.bounds import Calls, Directory, Limits, Log, Protocol, Shutdown, Unknown
from voltgate.config.claims import Claimant, Claims
from voltgate.config.cluster import Cluster
from voltgate.config.csms import Csms, CsmsAuthority
from voltgate.config.include import Include
from voltgate.config.listen import KeyPair, Listen, Listener, SoapListener
from voltgate.config.messages import Messages
from voltgate.config.permits import Keys, Permit
from voltgate.config.restart import takes_restart
from voltgate.config.routes import Route, Rule
from voltgate.config.single_sign_on import Oidc, OidcRole
from voltgate.config.soap import Soap
from voltgate.config.stations import StationEntry
from voltgate.config.store import Journal, Ledger, Store
from voltgate.config.tokens import TokenGroup
from voltgate.config.traces import Traces

SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("[include]", Include, "Further files of the configuration."),
    ("[listen]", Listen, "Where Voltgate listens."),
    ("An entry of `listen.stations`", Listener, "A URL is short for a table with only `url`."),
    ("An entry of `listen.soap`", SoapListener, "A URL is short for a table with only `url`."),
    ("An entry of `certificates`", KeyPair, "A certificate with its key."),
    ("[backends.NAME]", Backend, "What answers stations."),
    ("`retry` of a backend", Retry, "When a lost link is dialled again."),
    ("`stand_in` of a backend", StandIn, 'How Voltgate answers for it under `when_down = "answer"`.'),
    ("`claims` of a backend", Claimant, "Which stations it may say are its own."),
    ("[routes.NAME]", Route, "Who answers which call, and who else is told."),
    ("An entry of `rules`", Rule, "The first rule that matches a call decides. What is left out matches everything."),
    ("[[stations]]", StationEntry, "Who the stations are. The first entry that matches an identity counts."),
    ("[token_groups.NAME]", TokenGroup, "Named groups of tokens, for rules."),
    ("[permits.NAME]", Permit, "What a backend may ask of stations. `full`, `charge` and `observe` are there already."),
    ("`keys` of a permit", Keys, "What becomes of ChangeConfiguration and SetVariables."),
    ("[api]", Api, "Who may use the API on `listen.http`; beside it stands the top-level key `admin_token`."),
    ("[[api.tokens]]", ApiToken, "A token that is let in. `voltgate token NAME --role ROLE` prints these lines."),
    ("[api.oidc]", Oidc, "Single sign-on for people: `docs/single-sign-on.md`."),
    ("[[api.oidc.roles]]", OidcRole, "What those may do of whom the provider says something."),
    ("[store]", Store, "The database."),
    ("[cluster]", Cluster, "Several gateways on one PostgreSQL are a cluster: nothing else makes them one."),
    ("[csms]", Csms, 'The management system: a backend with `url = "local:"`.'),
    ("[csms.authority]", CsmsAuthority, "Signs the certificates of stations: who has its key is let in as any."),
    ("[ledger]", Ledger, "Who owns which transaction."),
    ("[journal]", Journal, "What backends are owed."),
    ("[claims]", Claims, "What holds for the claims of all backends."),
    ("[alerts]", Alerts, "What people are told of what happens to stations and backends: `docs/alerts.md`."),
    ("[alerts.channels.NAME]", Channel, "A way to people. It has one of the four tables."),
    ("`mail` of a channel", Mail, "By a mail server, or by a program of this machine."),
    ("`auth` of `mail`", MailAuth, "By what we prove to the server who we are."),
    ("`pushover` of a channel", Pushover, "Messages on phones, by https://pushover.net."),
    ("`webhook` of a channel", Webhook, "A POST of JSON, signed as https://www.standardwebhooks.com has it."),
    ("`apprise` of a channel", Apprise, "A hundred other services; an extra: `pip install voltgate[apprise]`."),
    ("[[alerts.rules]]", AlertRule, "What is told to whom. Each rule that matches tells."),
    ("[alerts.templates.EVENT]", AlertTemplate, "How messages of an event are written; `default` is for all others."),
    ("[alerts.thresholds]", Thresholds, "From when on what is measured is told of."),
    ("[[alerts.mute]]", Mute, "When something is not told. What endangers people is told all the same."),
    ("[soap]", Soap, "Stations that speak SOAP (OCPP-S)."),
    ("[unknown]", Unknown, "What becomes of stations that no entry matches."),
    ("[directory]", Directory, "How identities are compared."),
    ("[protocol]", Protocol, "Where the specifications leave a choice or contradict each other."),
    ("[calls]", Calls, "How long a call may take and how many may be open."),
    ("[limits]", Limits, "What stations may use. Each limit ends in a clear refusal."),
    ("[shutdown]", Shutdown, "How the gateway goes."),
    ("[log]", Log, "What is logged."),
    ("[messages]", Messages, "The message log: which messages of stations and backends are written down."),
    ("[traces]", Traces, "Traces by OpenTelemetry: a span for each call on each hop."),
)

_INTRODUCTION = """\
# Configuration

One TOML file. `voltgate check -c FILE` reports every mistake in it at once, with its line. Durations are numbers of
seconds; sizes are bytes, or text such as `"64KiB"` and `"1MiB"`; relative paths start at the folder of the file,
those of what lasts (`var/…`) at `/var/lib/voltgate` if the file is in `/etc/voltgate`.

Any text or secret may come from elsewhere: `{ file = "…" }` or `{ env = "…" }`.

## Keys from the environment

Any key can be set by an environment variable, in place of what the file says: `VOLTGATE_`, and the path of the key with
two underscores between its parts. The value is written as in TOML:

```sh
VOLTGATE_LISTEN__HTTP='"0.0.0.0:9080"'                      # http of [listen]; 0.0.0.0:9080 without " does as well
VOLTGATE_LISTEN__STATIONS='["ws://0.0.0.0:9000"]'           # a list
VOLTGATE_CALLS='{ backend = 20 }'                           # all of [calls]
VOLTGATE_BACKENDS__BILLING__PASSWORD=31415926               # password of [backends.billing]
VOLTGATE_STATIONS__0__ROUTE=home                            # route of the first [[stations]]
VOLTGATE_ADMIN_TOKEN_FILE=/run/secrets/token                # the file that holds what VOLTGATE_ADMIN_TOKEN would
```

- What is not a value of TOML is a text, and so is a number, `true` or a date where the key is a text: texts need no
  quotes. Nothing may stand behind a value, a comment neither: with it all of it is a text. Where a key is no text
  that is an error, which names the variable.
- Parts in capitals are read in small letters, others as they are (`VOLTGATE_ALERTS__TEMPLATES__stationSilent__TEXT`).
  For a name that the file has `_` stands for `-` and `.` too. Entries of lists count from 0; the number behind the
  last adds one.
- A key inside a table that another variable sets goes before it. Keys that do not exist are errors, as in the file.
  Names without two underscores count where they are a whole section's; others are left alone, since container
  platforms set such.
- `voltgate check` says which keys come from the environment, and never what they hold. A reload keeps them; a change
  of the environment takes a restart.

## Further files

`[include] files = "conf.d/*.toml"` adds what other files say, in the order of their names:

- The tables of names are joined (`[backends.NAME]`, `[routes.NAME]`, `[permits.NAME]` …), and so are sections
  (`[calls]`), key by key.
- Lists of tables are joined, the file's own first (`[[stations]]`, `[[api.tokens]]`, `[[alerts.rules]]`,
  `listen.stations` …): the first entry that matches counts.
- The same key twice is an error that names both files and lines, and so is the same name twice, even with
  different keys.
- Relative paths start at the folder of the file that includes, in the included files too, and included files
  include none.
- All of them are read again as the one file is, and when one comes or goes. Variables of the environment set
  keys of the whole.
- Routes can be changed by the API (`api.edit_routes`) where all of them stand in the file that includes.

## Changes while it runs

The file is read again on SIGHUP, and when it or a file that it names has changed. All of it is taken or nothing is.
What says "A change takes a restart" stays as it was, with a warning that names the key. What else has changed holds for
what begins from then on: the next connection of a listener, the next session of a station, the next link to a backend.
Stations whose route or backends have changed are moved, so for them that is at once.

This page is written from the model: `python -m voltgate.config.reference > docs/configuration.md`.
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *(line for section in SECTIONS for line in _section(*section))])


def _section(title: str, model: type[BaseModel], text: str) -> Iterator[str]:
    yield f"## {title if title[0] not in '[' else f'`{title}`'}\n"
    yield f"{text}\n"
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{field.alias or name}` | {_default(field)} | {meaning}{_bounds(field)}{_restart(field)} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return "–" if field.default is None else f"`{_written(field.default)}`"


def _written(value: Any) -> str:
    if isinstance(value, BaseModel):
        inside = {key: item for key, item in value.model_dump().items() if item is not None}
        return str(inside["url"]) if "url" in inside else "as below"
    if isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        return json.dumps([_written(item) for item in value])
    return json.dumps(value, ensure_ascii=False)


def _bounds(field: FieldInfo) -> str:
    """Return the sentence with the bounds of a value; "" without both."""
    low, high = _bound(field, "ge"), _bound(field, "le")
    if low is None or high is None:
        return ""
    return f" From {_number(low)} to {_number(high)}."


def _number(bound: float) -> str:
    return f"{bound:,.0f}" if bound >= 10 else f"{bound:g}"


def _restart(field: FieldInfo) -> str:
    return " A change takes a restart." if takes_restart(field) else ""


def _bound(field: FieldInfo, name: str) -> float | None:
    found = [getattr(item, name) for item in (*field.metadata, *_nested(field)) if hasattr(item, name)]
    return float(found[0]) if found else None


def _nested(field: FieldInfo) -> list[Any]:
    return [item for part in get_args(field.annotation) for item in getattr(part, "__metadata__", ())]


if __name__ == "__main__":
    sys.stdout.write(reference())
