import pytest

from storage import Database, installation
from storage.installation import Watch


async def look(db: Database, watch: Watch) -> installation.Installation:
    async with db.all_tenants() as tx:
        return await watch.look(tx)


async def change(db: Database, sql: str) -> None:
    async with db.all_tenants() as tx:
        await tx.execute(sql)


async def test_a_database_belongs_to_the_installation_that_first_looked_at_it(db: Database) -> None:
    first = await look(db, Watch("here"))
    assert (first.id, first.restores, first.foreign_to) == ("here", 0, "")
    assert await look(db, Watch("here")) == first


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        ("system_identifier = system_identifier - 1", "another database cluster"),
        ("timeline = timeline + 7", "timeline 1 instead of 8"),
    ],
)
async def test_another_cluster_or_timeline_counts_as_one_restore(db: Database, sign: str, said: str) -> None:
    await look(db, Watch("here"))
    await change(db, f"update installation set {sign}")  # noqa: S608 (the signs above)
    found = await look(db, Watch("here"))
    assert (found.restores, found.restored_because) == (1, said)
    assert (await look(db, Watch("here"))).restores == 1


async def test_a_log_that_is_shorter_than_this_process_has_seen_it_counts_as_a_restore(db: Database) -> None:
    watch = Watch("here")
    await look(db, watch)
    watch._written += 1_000_000_000
    assert (await look(db, watch)).restores == 1
    assert (await look(db, watch)).restores == 1


async def test_a_cloned_database_is_foreign_until_it_is_adopted_and_then_counts_as_restored(db: Database) -> None:
    await look(db, Watch("original"))
    foreign = await look(db, Watch("clone"))
    assert (foreign.id, foreign.foreign_to, foreign.restores) == ("original", "clone", 0)
    async with db.all_tenants() as tx:
        assert await installation.adopt(tx, "clone")
        assert not await installation.adopt(tx, "clone")
    adopted = await look(db, Watch("clone"))
    assert (adopted.id, adopted.foreign_to, adopted.restores) == ("clone", "", 1)
    assert "adopted" in adopted.restored_because


async def test_a_configuration_put_right_is_no_longer_foreign(db: Database) -> None:
    await look(db, Watch("original"))
    await look(db, Watch("mistyped"))
    assert (await look(db, Watch("original"))).foreign_to == ""


async def test_before_anybody_has_looked_nothing_is_known(db: Database) -> None:
    async with db.all_tenants() as tx:
        with pytest.raises(LookupError, match="introduced"):
            await installation.read(tx)
