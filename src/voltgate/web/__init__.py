"""The HTTP server of `listen.http`: API, health and metrics."""
