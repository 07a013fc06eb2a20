"""What can go wrong with a database, and the words for it."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

FAILURES = (SQLAlchemyError, OSError, TimeoutError, ConnectionError)
"""What is raised for a database that is away."""


def words(error: BaseException) -> str:
    """Return what went wrong, without statements, values and addresses."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).partition("\n")[0].rpartition(">: ")[2] or type(cause).__name__
    return "it does not answer in time" if isinstance(error, TimeoutError) else text[:200]


_OF_THE_DATA = ("22", "23", "54")
"""Classes of SQLSTATE: data exceptions, broken constraints, and what is too large for an index."""


def is_of_the_data(error: BaseException) -> bool:
    """Return whether a write failed because of what was to be written: to try it again is useless."""
    driver = getattr(error, "orig", None) or error
    state = getattr(driver, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_OF_THE_DATA)
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return True  # raised before anything was sent
    causes = (error, driver, getattr(driver, "__cause__", None))
    return isinstance(error, DataError | IntegrityError) or any(
        isinstance(each, ValueError | TypeError | OverflowError) for each in causes
    )
