"""The servers of a process's HTTP side: the API by address and at a socket, metrics where they are to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI

from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess
from voltgate.app.web_tls import tls_of
from voltgate.carriers.websocket.origin import behind, is_trusted
from voltgate.web.audited import Audit
from voltgate.web.base_path import BasePath
from voltgate.web.proxy_headers import Proxies, ProxyHeaders
from voltgate.web.server import WebServer, listening, listening_at


@dataclass(frozen=True, slots=True)
class Web:
    """The servers of a process, by name, and who may use its API."""

    servers: Mapping[str, WebServer]
    access: ApiAccess
    audit: Audit = field(default_factory=Audit)


def open_servers(
    active: ActiveConfiguration, app: FastAPI, page: Callable[[], FastAPI], *, shared: bool = False, first: bool = True
) -> dict[str, WebServer]:
    """Listen where the configuration says: for the API by `app`, and for metrics apart by `page`.

    Addresses are `shared` with other workers, of which the `first` alone has the socket. Raise OSError for what cannot
    be had.
    """
    listen, proxies = active.config.listen, _proxies(active)
    app.add_middleware(BasePath, base=lambda: active.config.api.base_path)
    app.add_middleware(ProxyHeaders, proxies=proxies)
    app.state.is_proxy = proxies.is_one
    servers = {}
    if listen.http_address is not None:
        servers["http"] = WebServer(app, listening(*listen.http_address, shared=shared), tls_of(active))
    if listen.http_socket is not None and first:
        servers["http socket"] = WebServer(app, listening_at(listen.http_socket, 0o660, "listen.http_socket"))
    if listen.metrics_address is not None:
        sock = listening(*listen.metrics_address, shared=shared, key="listen.metrics")
        apart = page()
        apart.state.audit = app.state.audit
        servers["metrics"] = WebServer(apart, sock)
    return servers


def _proxies(active: ActiveConfiguration) -> Proxies:
    """Return the proxies of the configuration in force."""
    return Proxies(
        lambda address: is_trusted(address, active.config.api.trusted_proxies),
        lambda hop, said: behind(hop, said, active.config.api.trusted_proxies),
    )
