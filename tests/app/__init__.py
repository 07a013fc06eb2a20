"""The composition root, run in the process of the test."""
