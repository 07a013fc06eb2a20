"""The database: what must outlive a process, on SQLite or PostgreSQL."""

from voltgate.store.database import Database
from voltgate.store.state import DatabaseSettings, State

__all__ = ["Database", "DatabaseSettings", "State"]
