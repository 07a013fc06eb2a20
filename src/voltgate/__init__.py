"""Voltgate, the OCPP gateway: one address for every charger, any number of backends behind it."""

__version__ = "0.1.0"
