"""Which node holds what: the gateways on one database, and what they say to each other."""
