"""Which console, with which token: the environment's, else the stack of the current folder."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from console.commands.client import Client
from console.commands.failing import UsageProblem

Tenant = Annotated[
    str, typer.Option("--tenant", envvar="PSABRIDGE_TENANT", help="The tenant to act for; for operators.")
]


def open_client(tenant: str) -> Client:
    """A client as the environment says.

    PSABRIDGE_URL with PSABRIDGE_TOKEN or PSABRIDGE_TOKEN_FILE; without an URL the stack that `make up` has started in
    the current folder. That stack's own token is never sent anywhere else.
    """
    given = os.environ.get("PSABRIDGE_URL")
    stack = Path.cwd().resolve() / ".devstack"
    url = given or _url_of(stack)
    if not url:
        raise UsageProblem("Which console? Set PSABRIDGE_URL, or start the local stack here: make up")
    token = _token(None if given else stack / "admin-token")
    if not token:
        raise UsageProblem("Which token? Set PSABRIDGE_TOKEN or PSABRIDGE_TOKEN_FILE.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageProblem("The token contains characters that a token cannot have.")
    return Client(url, token, tenant)


def _url_of(stack: Path) -> str:
    try:
        known = json.loads((stack / "state.json").read_text())
        # A copied folder brings the addresses of another stack.
        return str(known["processes"]["console"]["url"]) if known["folder"] == str(stack) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _token(local: Path | None) -> str:
    if token := os.environ.get("PSABRIDGE_TOKEN"):
        return token.strip()
    named = os.environ.get("PSABRIDGE_TOKEN_FILE")
    path = Path(named) if named else local
    if path is None:
        return ""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"The token cannot be read from {path}.") from error
