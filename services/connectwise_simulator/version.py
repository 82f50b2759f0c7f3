"""The versions of the API that this site speaks."""

import re

from connectwise_simulator.call import Request
from connectwise_simulator.errors import plain

CURRENT = (2026, 11)
_OLDEST = (2020, 4)  # superseded models stay about twelve months; public clients still ask for this one [practice]
_OLDER_MODELS = (2025, 1)
_ASKED = re.compile(r"version\s*=\s*\"?([^\s;,\"]+)", re.IGNORECASE)
_VERSION = re.compile(r"([0-9]{4})\.([0-9]{1,3})")


def asks_for_newer(request: Request) -> bool:
    """Whether the asked version is newer than 2025.1; no version means the latest. Refuses unknown versions."""
    match = _ASKED.search(request.headers.get("accept", ""))
    if match is None:
        return True
    known = _VERSION.fullmatch(match[1])
    version = (int(known[1]), int(known[2])) if known else (0, 0)
    if not _OLDEST <= version <= CURRENT:
        raise plain(
            400,
            "ConnectWiseApi",
            # The one such message that was seen says 0.0, whatever was asked for [assumed: every time].
            f"The HTTP resource that matches the request URI '{request.url}' does not support the API version '0.0'.",
        )
    return version > _OLDER_MODELS
