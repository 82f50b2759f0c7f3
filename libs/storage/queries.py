"""SQL kept in files, each query under its name, so that it is written and read as SQL."""

import re
from collections.abc import Mapping
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def named_queries(package: str | None, *files: str) -> Mapping[str, str]:
    """The queries in `files` of the package's `sql` folder by name; ValueError for a name that is there twice."""
    found: dict[str, str] = {}
    for file in files:
        text = (resources.files(package or "") / "sql" / file).read_text()
        pieces = _NAME.split(text)[1:]
        for name, query in zip(pieces[::2], pieces[1::2], strict=True):
            if name in found:
                raise ValueError(f"{package}/sql/{file}: two queries are named {name}")
            found[name] = query.strip()
    return found
