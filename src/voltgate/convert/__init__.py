"""Coming from elsewhere: the configuration of another proxy, read, and written as one of Voltgate's."""

from voltgate.convert.conversion import convert

__all__ = ["convert"]
