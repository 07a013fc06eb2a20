"""Simulated stations, a simulated backend, and a load generator that checks every answer."""
