"""Tests of what the nodes of a cluster say to each other."""
