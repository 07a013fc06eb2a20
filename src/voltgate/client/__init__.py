"""The command-line clients of the API."""
