"""Conversion of another proxy's configuration into one of Voltgate's."""

from voltgate.convert.conversion import convert

__all__ = ["convert"]
