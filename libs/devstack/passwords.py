import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from devstack.errors import DevstackError
from devstack.layout import write_private
from devstack.locking import locked

FROM_ENVIRONMENT = ("PSABRIDGE_OWNER_PASSWORD", "PSABRIDGE_APP_PASSWORD", "PSABRIDGE_ALL_TENANTS_PASSWORD")


class DatabasePasswords(NamedTuple):
    """Of the three logins of one database."""

    owner: str
    app: str
    all_tenants: str

    @classmethod
    def random(cls) -> "DatabasePasswords":
        """For a database of a test."""
        return cls(*(secrets.token_urlsafe(24) for _ in range(3)))


class Passwords:
    """Random passwords by login name, kept in one private file of the stack."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, *logins: str) -> list[str]:
        """The passwords of these logins; missing ones are made and stored first."""
        known = self._read()
        if missing := [login for login in logins if login not in known]:
            with locked(self.path.with_suffix(".lock")):
                known = {**{login: secrets.token_urlsafe(24) for login in missing}, **self._read()}
                write_private(self.path, json.dumps(known, indent=2))
        return [known[login] for login in logins]

    def of_database(self, database: str) -> DatabasePasswords:
        """The passwords of a database's three logins: those of the environment (containers) before stored ones."""
        if given := [os.environ[name] for name in FROM_ENVIRONMENT if os.environ.get(name)]:
            if len(given) < len(FROM_ENVIRONMENT):
                raise DevstackError(f"Set all of {', '.join(FROM_ENVIRONMENT)}, or none.")
            return DatabasePasswords(*given)
        return DatabasePasswords(*self.of(f"{database}_owner", f"{database}_app", f"{database}_all"))

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            return {}


def scram_verifier(password: str, iterations: int = 4096) -> str:
    """What PostgreSQL stores for a password (RFC 5803), made here so that no server log can show the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
