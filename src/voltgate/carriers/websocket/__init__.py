"""OCPP-J over RFC 6455: the listener that stations connect to, and the links to backends."""
