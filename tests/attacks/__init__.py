"""Hostile input: what an attacker sends, and what the gateway makes of it."""
