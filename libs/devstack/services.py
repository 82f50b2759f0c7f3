"""Which services there are, and what a process of each is told."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from devstack.errors import DevstackError
from devstack.passwords import FROM_ENVIRONMENT

CONSOLE = "console"
SIMULATOR = "connectwise_simulator"
WITH_DATABASE = (
    "billing_intake",
    "setup_validation",
    "catalog_sync",
    "customer_import",
    "invoice_push",
    "sync_workflow",
    CONSOLE,
)
ALL = (SIMULATOR, *WITH_DATABASE)

LIBS = Path(__file__).resolve().parents[1]


def public_name(service: str) -> str:
    """The name in URLs and topics: `invoice-push` of package `invoice_push`."""
    return service.replace("_", "-")


def folder(service: str) -> Path:
    """Where a service's package lies."""
    found = importlib.util.find_spec(service)
    if found is None or not found.submodule_search_locations:
        raise DevstackError(f"There is no service {service}.")
    return Path(next(iter(found.submodule_search_locations)))


def schema_checksum(service: str) -> str:
    """Of all migrations a service may run: its own and those of the libs, whichever it uses."""
    digest = hashlib.sha256()
    folders = [*sorted(LIBS.glob("*/migrations")), folder(service) / "migrations"]
    for file in (file for place in folders for file in sorted(place.glob("*.sql"))):
        digest.update(f"{file.parent.parent.name}/{file.name}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def code_fingerprint(service: str) -> str:
    """Changes when a file of the service or of a lib was saved, so that `up` never leaves old code running.

    By time and size: 5 ms, against 60 ms for reading the files.
    """
    digest = hashlib.sha256()
    for file in (*_files(folder(service)), *_files(LIBS)):
        stat = file.stat()
        digest.update(f"{file}:{stat.st_mtime_ns}:{stat.st_size}\n".encode())
    return digest.hexdigest()[:32]


def words(service: str, data: Path) -> list[str]:
    """What a process of this service is told on its command line, beside its port."""
    # Its truth has to outlive a restart as the services' databases do: else they would hold ids nobody knows.
    return ["--state", str(data / "state.jsonl")] if service == SIMULATOR else []


def inherited() -> dict[str, str]:
    """This process's environment for a service: without an administrator's secrets, and no proxy before loopback."""
    secret = {"PSABRIDGE_POSTGRES", "PSABRIDGE_OWNER_URL", *FROM_ENVIRONMENT}
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    direct = ",".join(filter(None, (environment.get("NO_PROXY") or environment.get("no_proxy"), "127.0.0.1,localhost")))
    return {**environment, "NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1"}


def told_checksum(environment: Mapping[str, str]) -> str:
    """Tells whether a running process was told something else; what a shell happens to add does not count."""
    told = {name: value for name, value in environment.items() if name.startswith("PSABRIDGE_")}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _files(place: Path) -> Iterator[Path]:
    yield from sorted(file for suffix in ("py", "sql") for file in place.rglob(f"*.{suffix}"))
