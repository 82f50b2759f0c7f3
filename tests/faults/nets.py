"""A database without its last nets: a protection is to be shown, and not the net below it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

import delivery
import invoice_push
import messaging
import storage
from devstack import provision
from tests.delivery.conftest import TOLD
from tests.factories.grounds import migrated
from tests.messaging.desk import NOTED

NETS = """
select format('drop index %s', indexrelid::regclass) as drop
from pg_index
where indrelid in ('operation'::regclass, 'coverage'::regclass) and indisunique and not indisprimary
union all
select format('drop trigger %I on %s', tgname, tgrelid::regclass)
from pg_trigger
where tgrelid in ('operation'::regclass, 'coverage'::regclass) and not tgisinternal
union all
select format('alter table %s drop constraint %I', conrelid::regclass, conname)
from pg_constraint
where conrelid in ('operation'::regclass, 'coverage'::regclass) and contype = 'c'
"""


@asynccontextmanager
async def without_nets(pg: str) -> AsyncIterator[provision.Database]:
    """Everything that a service has, less the unique indexes, the trigger and the checks of delivery's tables."""
    async with migrated(pg, "unguarded", storage, messaging, delivery, invoice_push) as made:
        owner = await asyncpg.connect(made.owner)
        await owner.execute(TOLD)
        await owner.execute(NOTED)
        nets = [row["drop"] for row in await owner.fetch(NETS)]
        assert {net.split()[1] for net in nets} == {"index", "trigger", "table"}
        await owner.execute(";".join(nets))
        assert await owner.fetch(NETS) == []
        await owner.close()
        yield made
