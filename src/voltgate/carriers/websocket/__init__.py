"""OCPP-J over RFC 6455: the door that stations come in by, and the links that go out to backends."""
