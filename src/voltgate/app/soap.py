"""The SOAP settings of the configuration, as the values that the gateway uses."""

from __future__ import annotations

from voltgate.app.build import section_of
from voltgate.carriers.soap.wire import WireSettings
from voltgate.config import Config
from voltgate.soap_station import SoapSettings


def soap_settings(config: Config) -> SoapSettings:
    """Return the settings of SOAP stations."""
    section = config.soap
    return SoapSettings(
        networks=section.stations_at,
        believes_all=section.believe_from == "always",
        silence=section.silence,
        most=config.limits.connections,
        per_address=config.limits.connections_per_address,
        wire=WireSettings(section.connect, config.calls.station, config.limits.message_size),
        expires=section.from_expires,
        callback=lambda station: section_of(station).callback or "",
    )
