"""Documentation names what exists."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(set(re.findall(r"`([a-z_.]+):([A-Za-z_]+)`", (ROOT / "docs/architecture.md").read_text())))


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_each_name_in_the_architecture_exists(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


def test_every_package_says_what_it_owns() -> None:
    packages = [p for folder in ("libs", "services") for p in (ROOT / folder).iterdir() if (p / "__init__.py").exists()]
    lacking = [p.name for p in packages if "**Owns**" not in (p / "README.md").read_text()]
    assert lacking == []


def test_each_import_name_is_ours() -> None:
    packages = [p for folder in ("libs", "services") for p in (ROOT / folder).iterdir() if (p / "__init__.py").exists()]
    for package in packages:
        found = importlib.import_module(package.name).__file__
        assert found is not None
        assert Path(found).is_relative_to(package), f"{package.name} is somebody else's package"
