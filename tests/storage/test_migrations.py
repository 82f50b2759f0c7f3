import asyncio
import importlib
import secrets
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

import storage
from storage.migrations import MigrationError, migrate, migrations, require_schema
from storage.queries import named_queries
from tests.storage.conftest import NewDatabase

MakeComponent = Callable[..., ModuleType]


@pytest.fixture
def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeComponent:
    """Makes an importable package of these files: `component(**{"migrations/0001_pre_a.sql": "..."})`."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(files: dict[str, str]) -> ModuleType:
        name = f"component_{secrets.token_hex(4)}"
        for path, text in {"__init__.py": "", **files}.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return importlib.import_module(name)

    return make


def sql(module: ModuleType, name: str) -> Path:
    return Path(str(module.__file__)).parent / "migrations" / name


async def columns(url: str, table: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 order by attnum", table
        )
        return [row["attname"] for row in rows]
    finally:
        await connection.close()


async def test_each_file_runs_once_and_in_order(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component({"migrations/0001_pre_table.sql": "create table t (a int)"})
    own = ["storage 0001 tenants", "storage 0002 installation"]
    assert await migrate(urls.owner, (storage, one)) == [*own, f"{one.__name__} 0001 table"]
    assert await migrate(urls.owner, (storage, one)) == []
    sql(one, "0002_pre_column.sql").write_text("alter table t add b int")
    sql(one, "0010_pre_last.sql").write_text("alter table t add c int")
    assert await migrate(urls.owner, (storage, one)) == [f"{one.__name__} 0002 column", f"{one.__name__} 0010 last"]
    assert await columns(urls.owner, "t") == ["a", "b", "c"]


async def test_post_waits_until_the_new_code_serves(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component(
        {"migrations/0001_pre_a.sql": "create table t (a int)", "migrations/0002_post_b.sql": "alter table t add b int"}
    )
    await migrate(urls.owner, (storage, one), "pre")
    assert await columns(urls.owner, "t") == ["a"]
    await require_schema(urls.app, (storage, one))
    await migrate(urls.owner, (storage, one), "post")
    assert await columns(urls.owner, "t") == ["a", "b"]


async def test_a_file_that_was_changed_after_it_ran_is_refused(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component({"migrations/0001_pre_table.sql": "create table t (a int)"})
    await migrate(urls.owner, (storage, one))
    sql(one, "0001_pre_table.sql").write_text("create table t (a bigint)")
    with pytest.raises(MigrationError, match="0001 table was changed after it was applied"):
        await migrate(urls.owner, (storage, one))


async def test_a_file_that_fails_leaves_nothing_of_itself(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component(
        {
            "migrations/0001_pre_a.sql": "create table t (a int)",
            "migrations/0002_pre_b.sql": "create table u (a int); oops",
        }
    )
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await migrate(urls.owner, (storage, one))
    assert await columns(urls.owner, "t") == ["a"]
    assert await columns(urls.owner, "u") == []
    sql(one, "0002_pre_b.sql").write_text("create table u (a int)")
    assert await migrate(urls.owner, (storage, one)) == [f"{one.__name__} 0002 b"]


async def test_two_at_once_run_each_file_once(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component({f"migrations/{n:04}_pre_t{n}.sql": f"create table t{n} (a int)" for n in range(1, 6)})
    several = await asyncio.gather(*(migrate(urls.owner, (storage, one)) for _ in range(4)))
    assert sorted(len(applied) for applied in several)[:3] == [0, 0, 0]


async def test_a_process_refuses_an_older_schema(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component({"migrations/0001_pre_a.sql": "create table t (a int)"})
    with pytest.raises(MigrationError, match="has no schema yet"):
        await require_schema(urls.app, (storage, one))
    await migrate(urls.owner, (storage, one))
    await require_schema(urls.app, (storage, one))
    sql(one, "0002_pre_b.sql").write_text("alter table t add b int")
    with pytest.raises(MigrationError, match=f"lacks {one.__name__} 0002 b: run this service with --migrate"):
        await require_schema(urls.app, (storage, one))


async def test_an_older_process_accepts_a_newer_schema(database: NewDatabase, component: MakeComponent) -> None:
    urls = await database()
    one = component({"migrations/0001_pre_a.sql": "select 1", "migrations/0002_pre_b.sql": "select 2"})
    await migrate(urls.owner, (storage, one))
    sql(one, "0002_pre_b.sql").unlink()
    await require_schema(urls.app, (storage, one))
    assert await migrate(urls.owner, (storage, one)) == []


@pytest.mark.parametrize("name", ["1_pre_a.sql", "0002_later_a.sql", "0002_pre_a-b.sql", "0001_pre_same.sql"])
def test_a_file_whose_name_says_too_little_is_refused(component: MakeComponent, name: str) -> None:
    one = component({"migrations/0001_post_a.sql": "select 1", f"migrations/{name}": "select 1"})
    with pytest.raises(MigrationError, match=name):
        list(migrations((one,)))


def test_queries_are_found_by_name(component: MakeComponent) -> None:
    one = component({"sql/a.sql": "-- name: first\n-- A remark.\nselect 1\n\n-- name: second\nselect 2\n"})
    assert named_queries(one.__name__, "a.sql") == {"first": "-- A remark.\nselect 1", "second": "select 2"}


@pytest.mark.parametrize("files", [("a.sql", "b.sql"), ("c.sql",)])
def test_two_queries_of_one_name_are_refused(component: MakeComponent, files: tuple[str, ...]) -> None:
    query = "-- name: same\nselect 1\n"
    one = component({"sql/a.sql": query, "sql/b.sql": query, "sql/c.sql": query + query})
    with pytest.raises(ValueError, match="two queries are named same"):
        named_queries(one.__name__, *files)
