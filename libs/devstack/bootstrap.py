"""Makes .venv from the hashed locks. Run by the system's python before anything is installed: standard library only.

usage: bootstrap.py [--dev]

An old python has to understand it too, as it is this file that says that the python is too old.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OLDEST = (3, 11)
ROOM = 2 * 1024**3  # .venv 0.7 GB with everything, jars and binaries 0.1 GB, an empty stack 0.2 GB, and room to work
QUIET = 8.0  # seconds after which a log (no terminal) hears how far the installation is

RUN = ("runtime.txt", "local.txt")
DEVELOP = ("dev.txt",)


class Refused(Exception):  # noqa: N818 (a sentence to a person, not a defect)
    """A prerequisite is missing; the text says in one sentence what to do."""


def main(root: Path, *, develop: bool) -> int:
    """Install what is missing; 0 when `.venv` is complete."""
    try:
        check_python(sys.version_info[:2])
        wanted = [RUN, *([DEVELOP] if develop else [])]
        if stale(root, wanted):
            with _alone(root):
                install(root, stale(root, wanted))
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: the next run begins again\n")
        return 130
    return 0


def check_python(version: "tuple[int, ...]") -> None:
    """Old enough to run this file may be too old to run the project."""
    if os.name != "posix":
        raise Refused("psabridge's local stack runs on Linux and macOS: on Windows use WSL.")
    if tuple(version) < OLDEST:
        newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
        remedy = f"run `make PYTHON={newer[-1]} ...`" if newer else "install it and run `make PYTHON=python3.11 ...`"
        raise Refused(f"Python 3.11 or newer is needed and this one is {version[0]}.{version[1]}: {remedy}.")


def check_machine(root: Path, free: "int | None" = None, find: "object" = importlib.util.find_spec) -> None:
    """What has to be there before the first file is written."""
    missing = [name for name in ("venv", "ensurepip") if find(name) is None]  # type: ignore[operator]
    if missing:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise Refused(
            f"This Python has no module {missing[0]}: install it (Debian and Ubuntu: `apt install {package}`), "
            "or choose another Python with `make PYTHON=...`."
        )
    if not os.access(str(root), os.W_OK):
        raise Refused(f"{root} cannot be written to: run make as the user who owns the checkout.")
    free = shutil.disk_usage(str(root)).free if free is None else free
    if free < ROOM:
        raise Refused(f"{free / 1024**3:.1f} GB are free where {root} lies and 2 GB are needed: make room first.")


def stale(root: Path, wanted: "list[tuple[str, ...]]") -> "list[tuple[str, ...]]":
    """The sets of locks that `.venv` does not carry, or carries in another version."""
    venv = root / ".venv"
    if (venv / ".installing").exists() or not _fits(venv):
        return wanted
    return [locks for locks in wanted if _read(venv / stamp_name(locks)) != stamp(root, locks)]


def stamp_name(locks: "tuple[str, ...]") -> str:
    """One file for each set of locks."""
    return f".{Path(locks[0]).stem}.stamp"


def stamp(root: Path, locks: "tuple[str, ...]") -> str:
    """Changes with a lock, the project's own metadata and the Python version."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:3])).encode())
    for file in [*(root / "requirements" / lock for lock in locks), root / "pyproject.toml"]:
        digest.update(_read(file).encode())
    return digest.hexdigest()


def install(root: Path, missing: "list[tuple[str, ...]]") -> None:
    """Bring `.venv` to the locks. Whatever interrupts it, the next run starts from a whole state or from none."""
    if not missing:
        return  # another run has done it while we waited
    check_machine(root)
    started = time.monotonic()
    venv, interrupted = root / ".venv", root / ".venv" / ".installing"
    log = root / ".devstack" / "logs" / "setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    if interrupted.exists() or not _fits(venv):
        _discard(root)
    made = not venv.exists()
    if made:
        _say("making .venv")
        venv.mkdir()
        interrupted.touch()
        _run([sys.executable, "-m", "venv", str(venv)], log, "The virtual environment could not be made")
    python = str(venv / "bin" / "python")
    try:
        check_registry(root, python, log)
    except Refused:
        if made:
            _discard(root)
        raise
    interrupted.touch()
    locks = [lock for group in missing for lock in group]
    words = [word for lock in locks for word in ("-r", str(root / "requirements" / lock))]
    _pip_install(python, [*words, "--no-deps", "--require-hashes"], log, _count(root, locks))
    # The project itself: built with the locked hatchling, so neither isolation nor an index is needed.
    own = ["--no-deps", "--no-build-isolation", "--no-index", "-e", str(root)]
    _run([python, "-m", "pip", "install", "-q", *own], log, "The project itself could not be installed")
    for group in missing:
        (venv / stamp_name(group)).write_text(stamp(root, group))
    interrupted.unlink()
    _say(f".venv is complete ({time.monotonic() - started:.0f} s)")


def check_registry(root: Path, python: str, log: Path) -> None:
    """Download one small locked package, exactly as the rest will be: through pip and whatever configures it."""
    entry = []  # type: list[str]
    for line in _read(root / "requirements" / RUN[0]).splitlines():
        if line and not line.startswith(("#", " ", "-")) and entry:
            break
        if line and not line.startswith("#"):
            entry.append(line)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "one.txt").write_text("\n".join(entry))
        words = ["--no-deps", "--require-hashes", "-r", "one.txt", "-d", ".", "--retries", "1", "--timeout", "20"]
        command = [python, "-m", "pip", "download", "-q", "--disable-pip-version-check", *words]
        # pip's own cache would answer for a registry that is not there, and the rest would then fail half-way.
        if _logged([*command, "--no-cache-dir"], log, cwd=scratch):
            raise Refused(
                "The package registry that pip is configured for does not answer, so nothing was installed: "
                f"check the network, the proxy and pip's configuration (details in {log})."
            )


def _pip_install(python: str, words: "list[str]", log: Path, count: int) -> None:
    """One pip run with a line now and then; its own words go to the log."""
    # Compiled when first imported: 10 s less, as most modules of most packages never are.
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-compile"]
    _say(f"installing {count} packages")
    before = log.stat().st_size
    with log.open("a") as out:
        pip = subprocess.Popen([python, "-m", "pip", "install", *options, *words], stdout=out, stderr=out)
    said = time.monotonic()
    try:
        while _running(pip):
            if time.monotonic() - said > (0.5 if sys.stderr.isatty() else QUIET):
                said = time.monotonic()
                _say(_how_far(_read(log)[before:], count), passing=True)
    except BaseException:
        pip.kill()
        pip.wait()
        raise
    if pip.returncode:
        raise Refused(f"pip could not install the locked packages; the next run begins again.\n{_end(log)}")


def _how_far(output: str, count: int) -> str:
    if "Installing collected packages" in output:
        return f"installing {count} packages: unpacking"
    return f"installing {count} packages: {min(output.count('Collecting '), count)} fetched"


def _running(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def _count(root: Path, locks: "list[str]") -> int:
    lines = [line for lock in locks for line in _read(root / "requirements" / lock).splitlines()]
    return sum("==" in line and not line.startswith((" ", "#")) for line in lines)


def _fits(venv: Path) -> bool:
    """Whether this environment was made here, by this Python, and still runs: one that was copied or moved does not."""
    settings = _read(venv / "pyvenv.cfg")
    version = "version = {}.{}.".format(*sys.version_info[:2])
    here = any(line.startswith("command") and line.endswith(str(venv)) for line in settings.splitlines())
    return version in settings and here and (venv / "bin" / "python").exists()


def _discard(root: Path) -> None:
    """Out of the way in one step, then deleted: a kill in between leaves no half of it where it would be used."""
    graves = root / ".devstack" / "trash"
    if (root / ".venv").exists():
        graves.mkdir(parents=True, exist_ok=True)
        (root / ".venv").rename(graves / f"venv-{os.getpid()}-{time.time_ns()}")
    shutil.rmtree(str(graves), ignore_errors=True)


@contextlib.contextmanager
def _alone(root: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202 (an old python has no name for it)
    """Two makes at once: the second waits."""
    import fcntl  # noqa: PLC0415 (Windows has none, and check_python says what to do there)

    (root / ".devstack").mkdir(exist_ok=True)
    with (root / ".devstack" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _say("waiting for another set-up of this checkout")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: "list[str]", log: Path, failure: str) -> None:
    if _logged(command, log):
        raise Refused(f"{failure}; the next run begins again.\n{_end(log)}")


def _logged(command: "list[str]", log: Path, cwd: "str | None" = None) -> int:
    with log.open("a") as out:
        return subprocess.call(command, stdout=out, stderr=out, cwd=cwd)


def _end(log: Path) -> str:
    return "\n".join(_read(log).splitlines()[-8:])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


_told = False


def _say(text: str, *, passing: bool = False) -> None:
    """A line; on a terminal a passing one is written over by the next."""
    global _told  # noqa: PLW0603 (whether the cursor stands behind a passing line)
    over = "\r\033[K" if _told else ""
    _told = passing and sys.stderr.isatty()
    sys.stderr.write(f"{over}{text}" if _told else f"{over}{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2], develop="--dev" in sys.argv[1:]))
