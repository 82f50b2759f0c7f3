"""PostgreSQL, done once: pools, transactions under row-level security, named SQL, migrations, COPY."""

from storage.database import Database, Session, Transaction
from storage.errors import is_lost_connection, refused_data
from storage.queries import named_queries

__all__ = ["Database", "Session", "Transaction", "is_lost_connection", "named_queries", "refused_data"]
