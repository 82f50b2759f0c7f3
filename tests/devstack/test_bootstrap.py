import ast
import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from devstack import bootstrap
from devstack.bootstrap import Refused
from devstack.layout import CHECKOUT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for part in ("requirements", "pyproject.toml", "libs/devstack/bootstrap.py"):
        source, target = CHECKOUT / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path


def set_up(checkout: Path, **told: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(checkout / "libs" / "devstack" / "bootstrap.py")]
    told = {"PATH": "/usr/bin", **told}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=told)  # noqa: S603


def environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)  # noqa: S603
    return folder


def without(module: str) -> object:
    def find(name: str) -> ModuleSpec | None:
        return None if name == module else find_spec(name)

    return find


def test_an_old_python_is_told_which_one_to_take() -> None:
    with pytest.raises(Refused, match=r"Python 3\.11 or newer is needed and this one is 3\.9"):
        bootstrap.check_python((3, 9))


def test_an_old_python_understands_the_file() -> None:
    source = Path(bootstrap.__file__).read_text()
    ast.parse(source, feature_version=(3, 7))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_the_package(tmp_path: Path, module: str) -> None:
    with pytest.raises(Refused, match=rf"no module {module}: install it .*-venv`"):
        bootstrap.check_machine(tmp_path, find=without(module))


def test_a_full_disk_is_noticed_before_the_first_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"1\.0 GB are free .* 2 GB are needed"):
        bootstrap.check_machine(tmp_path, free=2**30)
    assert not list(tmp_path.iterdir())


def test_an_unreachable_registry_leaves_nothing_half_installed(checkout: Path) -> None:
    run = set_up(checkout, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_INDEX="0", PIP_CONFIG_FILE="/dev/null")
    assert run.returncode == 1
    assert "The package registry that pip is configured for does not answer, so nothing was installed" in run.stderr
    assert not (checkout / ".venv").exists()


def test_what_a_kill_interrupted_is_made_again(checkout: Path) -> None:
    venv = environment(checkout / ".venv")
    for locks in (bootstrap.RUN, bootstrap.DEVELOP):
        (venv / bootstrap.stamp_name(locks)).write_text(bootstrap.stamp(checkout, locks))
    assert bootstrap.stale(checkout, [bootstrap.RUN]) == []
    (venv / ".installing").touch()
    assert bootstrap.stale(checkout, [bootstrap.RUN]) == [bootstrap.RUN]


def test_only_changed_locks_are_installed_again(checkout: Path) -> None:
    venv, both = environment(checkout / ".venv"), [bootstrap.RUN, bootstrap.DEVELOP]
    for locks in both:
        (venv / bootstrap.stamp_name(locks)).write_text(bootstrap.stamp(checkout, locks))
    with (checkout / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# renewed\n")
    assert bootstrap.stale(checkout, both) == [bootstrap.DEVELOP]


def test_an_environment_that_was_copied_here_is_made_again(checkout: Path) -> None:
    environment(checkout / "elsewhere").rename(checkout / ".venv")
    (checkout / ".venv" / bootstrap.stamp_name(bootstrap.RUN)).write_text(bootstrap.stamp(checkout, bootstrap.RUN))
    assert bootstrap.stale(checkout, [bootstrap.RUN]) == [bootstrap.RUN]


def test_the_locks_name_no_index() -> None:
    for lock in (CHECKOUT / "requirements").glob("*.txt"):
        words = lock.read_text()
        assert "://" not in words
        assert "--index-url" not in words
        assert "--find-links" not in words
