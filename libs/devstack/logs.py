from pathlib import Path


def tail(path: Path, lines: int = 20, start: int = 0) -> str:
    """The last lines of a log that may not exist; `start` skips what former runs wrote."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(start if start <= end else 0, end - 200 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
