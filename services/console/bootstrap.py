"""`python -m console --bootstrap-token FILE`: the first token of an installation, from which all others come."""

import os
import secrets
import sys
from pathlib import Path

from console import store
from console.domain.api_token import ID_BYTES, SECRET_BYTES, ApiToken
from console.domain.roles import Role
from messaging import NOBODY
from servicekit import Service
from storage import Transaction

NAME = "bootstrap"


async def bootstrap_token(service: Service, argument: str) -> None:
    """Write the installation owner's token to a file that only its owner can read.

    A file with a token that is still good is left alone. Otherwise a new one is made and an earlier bootstrap token
    revoked: whoever can run this can read the database as well.
    """
    path = Path(argument)
    async with service.db.all_tenants() as tx:
        await store.one_bootstrap_at_a_time(tx)
        if await _is_good(tx, _written(path)):
            return
        await store.revoke_bootstrap(tx)
        token = ApiToken.made_of(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
        await store.add_token(tx, token, NOBODY, NAME, Role.OWNER, None, NAME, None, bootstrap=True)
        # Before the commit: a token that nobody could read would be a token that nobody can revoke knowingly.
        try:
            _write_private(path, token.text)
        except OSError as error:
            sys.exit(f"{path} cannot be written: {error.strerror}")


def _written(path: Path) -> ApiToken | None:
    try:
        return ApiToken.parse(path.read_text().strip())
    except (OSError, UnicodeDecodeError):
        return None


async def _is_good(tx: Transaction, token: ApiToken | None) -> bool:
    known = await store.known_token(tx, token.token_id) if token else None
    return (
        token is not None
        and known is not None
        and token.proves(known.secret_digest)
        and not (known.revoked or known.expired)
    )


def _write_private(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    part.replace(path)
