"""The composition root: from a configuration to a running gateway."""

from voltgate.app.foreground import run
from voltgate.app.process import Running, serve

__all__ = ["Running", "run", "serve"]
