"""The composition root: from a configuration to a running gateway."""

from voltgate.app.foreground import run, run_apart, run_csms
from voltgate.app.life import Running
from voltgate.app.process import serve
from voltgate.app.supervisor import supervise
from voltgate.app.worker import Worker

__all__ = ["Running", "Worker", "run", "run_apart", "run_csms", "serve", "supervise"]
