"""What a backend may claim, by the configuration in force."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.config import Config
from voltgate.config.backends import Backend, dialled
from voltgate.config.claims import host_of, with_host
from voltgate.directory.register import Address
from voltgate.ocpp.globs import compile_glob
from voltgate.web.claimant import Claimant, DeclaredAddress, NotAllowed

_SECURE = {"wss": "ws", "https": "http"}


def claimants_of(config: Callable[[], Config]) -> Callable[[str], Claimant | None]:
    """Return the function that returns what a backend may claim, by its name."""

    def claimant(name: str) -> Claimant | None:
        section = config().backends.get(name)
        if section is None:
            return None
        fold = (lambda text: text) if config().directory.case_sensitive else str.casefold
        patterns = [compile_glob(fold(glob)) for glob in section.claims.stations]

        def may_claim(identity: str) -> bool:
            return any(each.match(fold(identity)) for each in patterns)

        return Claimant(name, may_claim, lambda declared: _address(section, declared))

    return claimant


def _address(section: Backend, declared: DeclaredAddress) -> Address:
    """Return the address that a backend declares, if the configuration allows it. Raises NotAllowed."""
    try:
        if declared.ip:
            url, soap_url = section.websocket_template, section.soap_address
            url, soap_url = (with_host(each, declared.ip) if each else "" for each in (url, soap_url))
        else:
            url, soap_url = _of_its_kind(declared.url, declared.soap_url)
    except ValueError as error:
        raise NotAllowed(f"The URL {error}.") from None
    for declared_url, written in ((url, section.websocket_template), (soap_url, section.soap_address)):
        problem = objection(section, declared_url, written)
        if problem is not None:
            raise NotAllowed(problem)
    return Address(url, soap_url)


def _of_its_kind(url: str, soap_url: str) -> tuple[str, str]:
    """Return the URLs, with an HTTP one as that of SOAP, as the configuration does. Raises ValueError."""
    for each in (url, soap_url):
        if each:
            dialled(each)
    if url.startswith("http"):
        return "", url
    return url, soap_url


def objection(section: Backend, url: str, written: str) -> str | None:
    """Return why a backend may not declare a URL, `written` being the configured one; None: it may."""
    if not url:
        return None
    if not written:
        return f"The configuration has no URL of {url.partition(':')[0]} for this backend."
    scheme, known = url.partition(":")[0], written.partition(":")[0]
    if scheme != known and _SECURE.get(scheme) != known:
        return f"The URL must begin with {known}:, as the configuration has it."
    if not section.claims.may_be_at(host_of(url)) and host_of(url) != host_of(written):
        return f'The configuration does not let this backend be at "{host_of(url)}" (claims.hosts).'
    return None
