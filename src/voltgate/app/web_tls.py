"""TLS of `listen.http`, with the certificate that its files hold now."""

from __future__ import annotations

import ssl

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.carriers.websocket.tls import Certificate, server_context
from voltgate.config.listen import KeyPair

log = structlog.get_logger("voltgate")


def tls_of(active: ActiveConfiguration) -> ssl.SSLContext | None:
    """Return the context of `listen.http`; None where it is plain HTTP. Raise OSError for files that are none."""
    pair = active.config.listen.http_tls
    return None if pair is None else _Current(active, pair).context


class _Current:
    """Gives each handshake the certificate that was there when the configuration was last taken."""

    def __init__(self, active: ActiveConfiguration, pair: KeyPair) -> None:
        self._active = active
        self._pair = pair
        self._changes = active.changes
        self._now = self.context = self._made()
        self.context.sni_callback = self._choose

    def _made(self) -> ssl.SSLContext:
        return server_context((Certificate(str(self._pair.certificate), str(self._pair.key)),))

    def _choose(self, link: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Have a handshake, which may name a host, go on with the newest certificate."""
        if self._changes != self._active.changes:
            self._changes = self._active.changes
            try:
                self._now = self._made()
            except OSError as problem:  # it was good a moment ago, when the configuration was taken
                log.warning("listen.http_tls cannot be read: the one before is shown", problem=str(problem))
        link.context = self._now
