"""Whose migrations and queries there are, found in the tree: a new lib or service is tested by being there."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).parents[2]
# In the order in which their migrations run.
LIBS_WITH_TABLES = ("storage", "messaging", "delivery", "tenancy")


def libs() -> list[ModuleType]:
    """The libs that have tables."""
    return [importlib.import_module(name) for name in LIBS_WITH_TABLES if _migrations(CHECKOUT / "libs" / name)]


def packages_with(folder: str) -> list[str]:
    """The libs and services that have such a folder with SQL in it."""
    return sorted({file.parents[1].name for file in _files(folder)})


def components_for(package: str) -> list[ModuleType]:
    """Those a database needs to hold the package's tables: all libs' and its own."""
    needed = libs()
    if package not in LIBS_WITH_TABLES and _migrations(CHECKOUT / "services" / package):
        needed.append(importlib.import_module(package))
    return needed


def query_files(package: str) -> list[str]:
    """The names of the package's query files."""
    return sorted(file.name for file in _files("sql") if file.parents[1].name == package)


def _files(folder: str) -> Iterator[Path]:
    for root in ("libs", "services"):
        yield from (CHECKOUT / root).glob(f"*/{folder}/*.sql")


def _migrations(package: Path) -> bool:
    return any((package / "migrations").glob("*.sql"))
