"""The management system: a backend of our own, that runs a charging network."""
