import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devstack import ports
from devstack.layout import write_private
from devstack.locking import locked
from devstack.processes import Process

Known = dict[str, Any]


class State:
    """What is known from one command to the next: ports, processes, URLs. Always read from and written to its file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def port(self, name: str) -> int:
        """The port kept under this name, picked now if there is none."""
        kept = self._read()["ports"].get(name)
        return int(kept) if kept else self.new_port(name)

    def new_port(self, name: str) -> int:
        """Forget the port of this name and pick another."""

        def pick(known: Known) -> None:
            known["ports"][name] = ports.pick(known["ports"].values())

        return int(self._change(pick)["ports"][name])

    def free_port(self, name: str) -> int:
        """The port kept under this name if it can be bound, another if somebody else has taken it."""
        port = self.port(name)
        return port if ports.is_free(port) else self.new_port(name)

    def process(self, name: str) -> Process | None:
        """The process of this name if it is still running."""
        record = self._read()["processes"].get(name)
        process = Process.of(record) if record else None
        return process if process is not None and process.alive else None

    def note(self, name: str, process: Process, **facts: Any) -> None:
        """Remember a process and what else belongs to it."""
        self._change(lambda known: known["processes"].update({name: {**process.record(), **facts}}))

    def fact(self, name: str, key: str) -> Any:
        """Something noted with a process."""
        return self._read()["processes"].get(name, {}).get(key)

    def forget(self, name: str) -> None:
        """A process was stopped; its port is kept, so that URLs last."""
        if name in self._read()["processes"]:
            self._change(lambda known: known["processes"].pop(name, None))

    def _read(self) -> Known:
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            known = {}
        if known.get("folder") != str(self.path.parent):
            # A folder that was copied or moved brings the ports and the processes of another stack.
            known = {"folder": str(self.path.parent)}
        known.setdefault("ports", {})
        known.setdefault("processes", {})
        return dict(known)

    def _change(self, change: Callable[[Known], Any]) -> Known:
        with locked(self.path.with_suffix(".lock")):  # `status` may pick a first port while `up` notes a process
            known = self._read()
            change(known)
            write_private(self.path, json.dumps(known, indent=2))
        return known
