"""What can go wrong with a database, and the words for it."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

FAILURES = (SQLAlchemyError, OSError, TimeoutError, ConnectionError)
"""What is raised for a database that is away."""


def words(error: BaseException) -> str:
    """Return what went wrong, without statements, values and addresses."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).partition("\n")[0].rpartition(">: ")[2] or type(cause).__name__
    return "it does not answer in time" if isinstance(error, TimeoutError) else text[:200]
