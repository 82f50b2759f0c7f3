import hashlib
from pathlib import Path

import pytest

from devstack.engines.jars import Jar, locked_jars, provide
from devstack.errors import DevstackError

GOOD = b"the jar as it was locked"
LOCKED = Jar(hashlib.sha256(GOOD).hexdigest(), len(GOOD), "org/example/ledger/1.0/ledger-1.0.jar")


class Repository:
    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def fetch(self, jar: Jar, into: Path) -> Path:
        if self.content is None:
            raise ConnectionError("Name or service not known")
        into.mkdir(exist_ok=True)
        (into / jar.name).write_bytes(self.content)
        return into / jar.name


def test_a_jar_with_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevstackError, match=r"ledger-1\.0\.jar was refused"):
        provide(tmp_path, Repository(GOOD.replace(b"jar", b"rat")), [LOCKED])
    assert not list(tmp_path.glob("*.jar"))


def test_a_damaged_jar_is_repaired_and_a_stale_one_removed(tmp_path: Path) -> None:
    (tmp_path / LOCKED.name).write_bytes(GOOD[:-1] + b"?")
    (tmp_path / "ledger-0.9.jar").write_bytes(GOOD)
    assert provide(tmp_path, Repository(GOOD), [LOCKED]) == 1
    assert [jar.read_bytes() for jar in tmp_path.glob("*.jar")] == [GOOD]


def test_complete_jars_need_no_repository(tmp_path: Path) -> None:
    provide(tmp_path, Repository(GOOD), [LOCKED])
    assert provide(tmp_path, Repository(None), [LOCKED]) == 0


def test_a_silent_repository_is_named_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DevstackError, match="make the Maven repository reachable"):
        provide(tmp_path, Repository(None), [LOCKED])


def test_the_lock_names_one_version_of_each_jar() -> None:
    artifacts = [jar.coordinate[:2] for jar in locked_jars()]
    assert len(artifacts) == len(set(artifacts)) == 46
