"""What a backend may claim, by the configuration in force."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from voltgate.app.addresses import objection
from voltgate.app.carriers import CARRIERS, carrier_of
from voltgate.config import Config
from voltgate.config.backends import Backend, dialled
from voltgate.config.claims import with_host
from voltgate.directory.rows import Address
from voltgate.ocpp.folding import folding
from voltgate.ocpp.globs import compile_glob
from voltgate.web.claimant import Claimant, DeclaredAddress, NotAllowed


def claimants_of(config: Callable[[], Config]) -> Callable[[str], Claimant | None]:
    """Return the function that returns what a backend may claim, by its name."""

    def claimant(name: str) -> Claimant | None:
        section = config().backends.get(name)
        if section is None:
            return None
        fold = folding(case_sensitive=config().directory.case_sensitive)
        patterns = [compile_glob(fold(glob)) for glob in section.claims.stations]

        def may_claim(identity: str) -> bool:
            return any(each.match(fold(identity)) for each in patterns)

        return Claimant(name, may_claim, lambda declared: _address(section, declared))

    return claimant


def _address(section: Backend, declared: DeclaredAddress) -> Address:
    """Return the address that a backend declares, if the configuration allows it. Raises NotAllowed."""
    written = {name: carrier.written(section) for name, carrier in CARRIERS.items()}
    try:
        if declared.ip:
            urls = {name: with_host(each, declared.ip) if each else "" for name, each in written.items()}
        else:
            urls = _by_carrier(declared)
    except ValueError as error:
        raise NotAllowed(f"The URL {error}.") from None
    for name, url in urls.items():
        problem = objection(section, url, written[name])
        if problem is not None:
            raise NotAllowed(problem)
    return replace(Address(), **{CARRIERS[name].field: url for name, url in urls.items() if url})


def _by_carrier(declared: DeclaredAddress) -> dict[str, str]:
    """Return the declared URLs by carrier: `url` is that of its scheme, as in the configuration. Raises ValueError."""
    urls = {name: str(getattr(declared, carrier.field)) for name, carrier in CARRIERS.items()}
    for url in urls.values():
        if url:
            dialled(url)
    if declared.url:
        urls = {name: "" if CARRIERS[name].field == "url" else url for name, url in urls.items()}
        urls[carrier_of(declared.url)] = declared.url
    return urls
