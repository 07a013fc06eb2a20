"""Replay: what was recorded of stations, as a file; played again, as the station or as its backend; and compared."""
