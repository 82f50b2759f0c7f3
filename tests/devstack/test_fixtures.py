from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from devstack.engines.kafka import kafka_answers
from devstack.provision import Database


async def test_the_run_has_a_broker(kafka: str) -> None:
    assert await kafka_answers(kafka)


async def test_only_a_databases_own_logins_may_enter(database: Callable[..., Awaitable[Database]]) -> None:
    one, other = await database("one"), await database("other")
    for dsn in (one.owner, one.app, one.all_tenants):
        entered = await asyncpg.connect(dsn)
        await entered.close()
        stranger = f"{dsn.rpartition('/')[0]}/{other.name}"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(stranger)
