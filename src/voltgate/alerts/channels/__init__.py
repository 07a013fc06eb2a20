"""The ways by which a message reaches people: one module each."""
