"""Tests of the composition root: the parts of a process together."""
