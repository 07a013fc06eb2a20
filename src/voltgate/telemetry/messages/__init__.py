"""The message log: what stations and backends said to each other, kept in a folder and bounded in bytes and days.

The event loop hands entries over in batches and never waits; a process beside the gateway masks and writes them.
"""
