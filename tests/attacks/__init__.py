"""Hostile input: what strangers, stations and callers of the API send to a gateway that runs."""
