"""The composition root: from a configuration to a running gateway."""

from voltgate.app.foreground import run
from voltgate.app.process import Running, serve
from voltgate.app.supervisor import supervise
from voltgate.app.worker import Worker

__all__ = ["Running", "Worker", "run", "serve", "supervise"]
