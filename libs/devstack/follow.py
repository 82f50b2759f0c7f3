import time
from collections.abc import Iterable
from pathlib import Path

from devstack.logs import tail


def print_logs(logs: dict[str, Path], *, follow: bool, lines: int = 50) -> None:
    """The end of each log, each line with its service when there are several; `follow` goes on until Ctrl-C."""
    width = max(map(len, logs)) if len(logs) > 1 else 0
    ends = {name: path.stat().st_size if path.exists() else 0 for name, path in logs.items()}
    for name, path in logs.items():
        _print(name, tail(path, lines).splitlines(), width)
    while follow:
        time.sleep(0.2)
        for name, path in logs.items():
            size = path.stat().st_size if path.exists() else 0
            if size > ends[name]:
                with path.open("rb") as file:
                    file.seek(ends[name])
                    whole, _, _ = file.read(size - ends[name]).rpartition(b"\n")
                _print(name, whole.decode(errors="replace").splitlines(), width)
                ends[name] += len(whole) + bool(whole)
            elif size < ends[name]:
                ends[name] = 0  # reset while we watched


def _print(name: str, lines: Iterable[str], width: int) -> None:
    for line in lines:
        print(f"{name:{width}} | {line}" if width else line, flush=True)
