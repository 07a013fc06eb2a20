"""What a backend may claim, as the configuration says it now."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.config import Config
from voltgate.config.backends import Backend, dialled
from voltgate.config.claims import host_of, with_host
from voltgate.directory.register import Address
from voltgate.ocpp.globs import compile_glob
from voltgate.web.claimant import Claimant, NotAllowed, Said

_SECURE = {"wss": "ws", "https": "http"}


def claimants_of(config: Callable[[], Config]) -> Callable[[str], Claimant | None]:
    """Give the way to ask what a backend may claim, by its name."""

    def claimant(name: str) -> Claimant | None:
        section = config().backends.get(name)
        if section is None:
            return None
        fold = (lambda text: text) if config().directory.case_sensitive else str.casefold
        patterns = [compile_glob(fold(glob)) for glob in section.claims.stations]

        def may_claim(identity: str) -> bool:
            return any(each.match(fold(identity)) for each in patterns)

        return Claimant(name, may_claim, lambda said: _address(section, said))

    return claimant


def _address(section: Backend, said: Said) -> Address:
    """Say where a backend is that said so. Raises NotAllowed."""
    try:
        if said.ip:
            url, soap_url = section.websocket_template, section.soap_address
            url, soap_url = (with_host(each, said.ip) if each else "" for each in (url, soap_url))
        else:
            url, soap_url = _of_its_kind(said.url, said.soap_url)
    except ValueError as error:
        raise NotAllowed(f"The URL {error}.") from None
    for told, written in ((url, section.websocket_template), (soap_url, section.soap_address)):
        problem = objection(section, told, written)
        if problem is not None:
            raise NotAllowed(problem)
    return Address(url, soap_url)


def _of_its_kind(url: str, soap_url: str) -> tuple[str, str]:
    """Take a URL of HTTP for the one of SOAP, as the configuration does. Raises ValueError."""
    for each in (url, soap_url):
        if each:
            dialled(each)
    if url.startswith("http"):
        return "", url
    return url, soap_url


def objection(section: Backend, told: str, written: str) -> str | None:
    """Say why a backend may not be at a URL that it said, where the configuration has `written`; None: it may."""
    if not told:
        return None
    if not written:
        return f"The configuration has no URL of {told.partition(':')[0]} for this backend."
    scheme, known = told.partition(":")[0], written.partition(":")[0]
    if scheme != known and _SECURE.get(scheme) != known:
        return f"The URL must begin with {known}:, as the configuration has it."
    if not section.claims.may_be_at(host_of(told)) and host_of(told) != host_of(written):
        return f'The configuration does not let this backend be at "{host_of(told)}" (claims.hosts).'
    return None
