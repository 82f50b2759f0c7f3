"""The state file: a line of JSON for all changes of a call, given to the operating system before anybody is answered.

One line is written whole or not at all: a kill leaves a torn last line, which the next start drops. Nobody has heard
of what it held.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from connectwise_simulator.jsonwire import exact_text, exact_value

VERSION = 2
HEADER = {"journal": "connectwise_simulator", "version": VERSION}

Change = list[Any]  # its kind, then its facts


class StateError(Exception):
    """A state file that cannot be used: the text names it and says what to do."""


class Journal:
    """The changes since the last line. Until a file is opened it forgets them: a world without a state file."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._noted: list[Change] = []

    def open(self, path: Path) -> None:
        """From now on keep what is noted at the end of this file."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def note(self, *change: Any) -> None:
        """Remember a change for the next line."""
        if self._file is not None:
            self._noted.append(list(change))

    def keep(self) -> None:
        """Write what was noted. To survive this process it need not reach the disk, so nothing is synced."""
        if self._file is None or not self._noted:
            return
        line = memoryview(_line(self._noted))
        self._noted = []
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            # Memory is ahead of the file now: end as a kill would, before anybody hears of it.
            sys.stderr.write(f"The state file cannot be written: {error}\n")
            sys.stderr.flush()
            os._exit(1)


def lock(path: Path) -> int:
    """Be the only process that uses this state file, until this one ends; gives the open lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise StateError(f"{path}: another simulator is using this state file; end it or name another file") from None
    return held


def lines(path: Path, say: Callable[[str], None]) -> Iterator[tuple[int, list[Change]]]:
    """Each line's changes with the position after it. A torn last line is cut off and said."""
    with path.open("r+b") as file:
        _check(path, file.readline())
        end = file.tell()
        for number, line in enumerate(file, 2):
            if not line.endswith(b"\n"):
                say(f"{path}: line {number} was torn by a kill and is dropped; nobody was answered for it")
                file.truncate(end)
                return
            end += len(line)
            try:
                changes = exact_value(line)
            except (ValueError, ArithmeticError):
                raise StateError(f"{path}: line {number} is damaged; delete the file to begin again") from None
            yield end, changes


def write_whole(path: Path, content: Iterable[list[Change]]) -> None:
    """Put a new state file in place of the old one, in one step."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_line(HEADER))
        for changes in content:
            file.write(_line(changes))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(path: Path, line: bytes) -> None:
    try:
        header = exact_value(line)
    except (ValueError, ArithmeticError):
        header = None
    if not isinstance(header, dict) or header.get("journal") != HEADER["journal"]:
        raise StateError(f"{path}: this is not a state file of the simulator; name another file")
    if header.get("version") != VERSION:
        raise StateError(
            f"{path}: the state file has version {header.get('version')} and this simulator reads {VERSION}; "
            "delete it to begin again"
        )


def _line(value: object) -> bytes:
    return exact_text(value).encode() + b"\n"
