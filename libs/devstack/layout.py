"""Where a stack keeps what: everything lies below one folder, so that two checkouts never meet."""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
"""The tree this module was imported from; jars and copied binaries are shared by all its stacks."""

CACHE = CHECKOUT / ".devstack" / "cache"
"""Downloads that survive `reset`: each is checked against a lock before it is used."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one stack."""

    folder: Path

    @classmethod
    def of(cls, root: Path) -> "Layout":
        """The stack of a checkout or of a test's folder."""
        return cls(root.resolve() / ".devstack")

    @property
    def state(self) -> Path:
        """Ports, process ids, URLs."""
        return self.folder / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one command that may change this stack."""
        return self.folder / "lock"

    @property
    def keys(self) -> Path:
        """Keys and passwords; nobody but the owner may enter."""
        return self.folder / "keys"

    @property
    def logs(self) -> Path:
        """One file a service."""
        return self.folder / "logs"

    @property
    def admin_token(self) -> Path:
        """The first token of the console's API."""
        return self.folder / "admin-token"

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{name}.log"

    def data(self, service: str) -> Path:
        """A service's own folder, for raw documents."""
        return self.folder / "data" / service

    def make(self) -> None:
        """Create the folders; only `keys` is closed, as PostgreSQL may have to enter below as another user."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        self.keys.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
