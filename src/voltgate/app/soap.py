"""What the configuration says of SOAP, as the values that the gateway works with."""

from __future__ import annotations

from voltgate.app.build import section_of
from voltgate.carriers.soap.wire import WireSettings
from voltgate.config import Config
from voltgate.soap_station import SoapSettings


def soap_settings(config: Config) -> SoapSettings:
    """Return what holds for SOAP stations."""
    section = config.soap
    return SoapSettings(
        networks=section.stations_at,
        believes_all=section.believe_from == "always",
        silence=section.silence,
        most=config.limits.connections,
        per_address=config.limits.connections_per_address,
        wire=WireSettings(section.connect, config.calls.station, config.limits.message_size),
        callback=lambda station: section_of(station).callback or "",
    )
