"""What an exception from the database means: the data was refused, or the connection was lost."""

import asyncpg

# Class 22 (data exception) and 23 (integrity constraint violation): repeating the statement refuses it again.
_REFUSED = ("22", "23")
# Connection exception, operator intervention, system error, insufficient resources, transaction rollback
# (serialization failure, deadlock): the same statement may pass later.
_TRANSIENT = ("08", "57", "58", "53", "40")


def refused_data(error: BaseException) -> str | None:
    """The SQLSTATE with which PostgreSQL refused the data itself, or None for any other error."""
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_REFUSED):
        return str(error.sqlstate)
    # asyncpg refuses an argument it cannot encode before anything is sent.
    if isinstance(error, asyncpg.exceptions.DataError):
        return "22000"
    return None


def is_lost_connection(error: BaseException) -> bool:
    """Whether waiting and trying again is the right answer.

    `InternalClientError` ("cannot switch to state ...") is what asyncpg 0.32 raises when the server dies in mid-query.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_TRANSIENT)
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)
