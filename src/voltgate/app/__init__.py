"""The composition root: from a configuration to a running gateway."""

from voltgate.app.process import Running, run, serve

__all__ = ["Running", "run", "serve"]
