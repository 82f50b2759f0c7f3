"""Processes that outlive the command that started them, told apart from strangers with the same id."""

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError
from devstack.waiting import until

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this very process: they have to be waited for, or they stay as zombies."""


@atexit.register
def _let_go() -> None:
    for child in _children.values():
        if child.poll() is None:
            child.returncode = 0  # it goes on after us on purpose; without this its Popen would complain of that


@dataclass(frozen=True, slots=True)
class Process:
    """A process id is reused by the system; with its start time and its command line it is unmistakable."""

    pid: int
    started: str
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether this very process, and not another with its id, is running."""
        seen = _seen(self.pid)
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
            return False
        if child is not None:
            return True  # also while it is torn down, when it has no command line any more but still its ports
        if seen is None or seen[0] != self.started:
            return False
        # Memory goes before files: a dying process has lost its command line while its ports are still held.
        return not seen[1] or _spoken(self.command[1:]) in seen[1]

    @property
    def rss_bytes(self) -> int | None:
        """Resident memory, or None when it cannot be known."""
        try:
            if sys.platform == "linux":  # a slim container has no ps
                pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
                return pages * os.sysconf("SC_PAGE_SIZE")
            shown = subprocess.run(
                ["ps", "-o", "rss=", "-p", f"{self.pid}"], capture_output=True, text=True, check=True
            )
            return int(shown.stdout.strip()) * 1024
        except (OSError, ValueError, subprocess.CalledProcessError):
            return None

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Signal it, or its whole group; a process that has ended meanwhile is fine."""
        if not self.alive:
            return
        try:
            if group:
                os.killpg(self.pid, number)  # it leads a session, so its group carries its id
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise DevstackError(
                f"Process {self.pid} of this stack ({' '.join(self.command[:4])} ...) belongs to another user: "
                "stop it as that user."
            ) from None

    async def ended(self, within: float) -> bool:
        """Whether it was gone in time."""

        async def gone() -> bool:
            return not self.alive

        return bool(await until(gone, within))

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, grace: float = 15) -> bool:
        """Ask, wait, then kill the group. False when it had to be killed."""
        self.send(number)
        if await self.ended(grace):
            return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """SIGKILL to its group, and wait until it is gone."""
        self.send(signal.SIGKILL, group=True)
        await self.ended(10)

    def record(self) -> dict[str, Any]:
        """For state.json."""
        return {"pid": self.pid, "started": self.started, "command": list(self.command)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Process":
        """From state.json."""
        return cls(int(record["pid"]), str(record["started"]), tuple(record["command"]))


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    user: tuple[int, int] | None = None,
) -> Process:
    """Start a process in a session of its own, so that Ctrl-C in a terminal does not reach it before its clients."""
    argv = tuple(str(word) for word in command)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
            **as_user(user),
        )
    _children[child.pid] = child
    seen = _seen(child.pid)
    return Process(child.pid, seen[0] if seen else "ended", argv)


def as_user(user: tuple[int, int] | None) -> dict[str, Any]:
    """The arguments of subprocess that drop root's rights, also the supplementary groups."""
    return {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}


def strays(cwd: Path, *words: str) -> list[Process]:
    """Processes started by a command that was killed before it could note them down: same folder, same words.

    Linux only; elsewhere the list is empty and a stray is met as a taken port.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() != cwd:
                continue
            argv = tuple((entry / "cmdline").read_text().rstrip("\0").split("\0"))
        except (OSError, UnicodeDecodeError):
            continue
        seen = _seen(int(entry.name))
        if seen is not None and entry.name != str(os.getpid()) and all(word in argv for word in words):
            found.append(Process(int(entry.name), seen[0], argv))
    return found


def _seen(pid: int) -> tuple[str, str] | None:
    """Start time and command line of a process id, None when there is none or only its zombie."""
    if sys.platform != "linux":
        shown = subprocess.run(
            ["ps", "-o", "stat=,lstart=,command=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split(maxsplit=6)
        return None if len(shown) < 7 or shown[0].startswith("Z") else (" ".join(shown[1:6]), shown[6].strip())  # noqa: PLR2004
    try:
        # The command's name stands in parentheses and may itself contain any character: read from the last one on.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # Field 22 counts ticks since this boot, hence the boot's id.
    return None if fields[0] in {"Z", "X"} else (f"{boot}/{fields[19]}", command)


def _spoken(words: Sequence[str]) -> str:
    return " ".join(words)
