"""Alerts: what people are told of, once."""
