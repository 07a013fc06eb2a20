"""Tests of the message log."""
