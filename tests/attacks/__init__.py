"""Hostile input: what strangers, stations, backends and callers of the API send to a gateway that runs."""
