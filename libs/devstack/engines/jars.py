"""The broker's jars, by exact coordinate and sha256: no Maven, no resolution of versions on this machine."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devstack.errors import DevstackError
from devstack.locking import locked

LOCK = Path(__file__).with_name("jars.lock")


@dataclass(frozen=True, slots=True)
class Jar:
    """A line of jars.lock."""

    sha256: str
    size: int
    path: str

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.rpartition("/")[2]

    @property
    def coordinate(self) -> tuple[str, str, str]:
        """Group, artifact, version."""
        *group, artifact, version, _ = self.path.split("/")
        return ".".join(group), artifact, version

    def lies_at(self, file: Path) -> bool:
        """Whether a file is this jar, byte for byte."""
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == self.sha256


class Source(Protocol):
    """Where jars come from: a Maven repository, or a test's folder."""

    def fetch(self, jar: Jar, into: Path) -> Path:
        """Download into a scratch folder, unchecked."""


class MavenRepository:
    """The Maven repository that this machine is configured for, through jgo.

    Each coordinate on its own: jgo's own resolution of the two top ones gives kafka-clients 3.9.1 beside
    kafka 4.3.1, as a bill of materials imported by log4j wins there.
    """

    def fetch(self, jar: Jar, into: Path) -> Path:
        """Download into a scratch folder, unchecked."""
        from jgo.maven import MavenContext  # noqa: PLC0415 (only a machine that runs its own broker has it)

        group, artifact, version = jar.coordinate
        maven = MavenContext(repo_cache=into, timeout=60)
        return Path(maven.project(group, artifact).at_version(version).artifact().resolve())


def locked_jars() -> list[Jar]:
    """What jars.lock lists."""
    rows = [line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return [Jar(sha256, int(size), path) for sha256, size, path in rows]


def missing(folder: Path, jars: list[Jar]) -> list[Jar]:
    """The jars that are not there or differ. Hashing all 45 MB takes 0.1 s, beside a start of 3 s."""
    with ThreadPoolExecutor(4) as pool:
        good = list(pool.map(lambda jar: jar.lies_at(folder / jar.name), jars))
    return [jar for jar, is_good in zip(jars, good, strict=True) if not is_good]


def provide(folder: Path, source: Source | None = None, jars: list[Jar] | None = None) -> int:
    """Make the folder hold exactly the locked jars; returns how many had to be fetched.

    Raises DevstackError when the repository does not answer or gives a jar that is not the locked one.
    """
    jars = locked_jars() if jars is None else jars
    source = source or MavenRepository()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):  # two checkouts' test runs may come at once
        wanted = missing(folder, jars)
        if wanted:
            scratch = folder / ".incoming"
            shutil.rmtree(scratch, ignore_errors=True)
            with ThreadPoolExecutor(6) as pool:  # six at a time: 3.4 s for all
                list(pool.map(lambda jar: _fetch(source, jar, scratch, folder), wanted))
            shutil.rmtree(scratch, ignore_errors=True)
        for stale in {file.name for file in folder.glob("*.jar")} - {jar.name for jar in jars}:
            (folder / stale).unlink()  # the class path is the whole folder: a second version of a jar breaks the broker
    return len(wanted)


def _fetch(source: Source, jar: Jar, scratch: Path, folder: Path) -> None:
    try:
        fetched = source.fetch(jar, scratch)
    except Exception as error:
        raise DevstackError(
            f"Kafka's jars could not be fetched ({jar.name}: {_short(error)}): make the Maven repository reachable "
            "(proxy, REQUESTS_CA_BUNDLE), or point PSABRIDGE_KAFKA at a running broker."
        ) from error
    if not jar.lies_at(fetched):
        raise DevstackError(
            f"{jar.name} was refused, as it differs from its sha256 in jars.lock: the repository serves another file."
        )
    fetched.replace(folder / jar.name)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
