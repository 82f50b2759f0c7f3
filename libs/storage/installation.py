"""Whose database this is, and whether it has gone back in time: what was written to a peer may then be unknown here.

A restored database is recognised by another cluster, another timeline, or a log that is shorter than this process has
seen it; `messaging` adds Kafka's offsets. A clone is recognised by the installation's id, which is in the configuration
and in the database (architecture, section 4, rule 7).
"""

from dataclasses import dataclass

import structlog

from storage.database import Transaction
from storage.queries import named_queries

log = structlog.get_logger()
sql = named_queries(__package__, "installation.sql")


@dataclass(frozen=True, slots=True)
class Installation:
    """The database's own account. `restores` grows by one each time it is found to be older than what was done.

    `foreign_to` is the configured id where the database belongs to another installation: nothing may be sent then.
    """

    id: str
    system_identifier: int
    timeline: int
    restores: int
    restored_because: str
    foreign_to: str


class Watch:
    """One process's view of the database it works on; look whenever a session begins, and as long as it works."""

    def __init__(self, installation_id: str) -> None:
        self._id = installation_id
        self._written = 0

    async def look(self, tx: Transaction) -> Installation:
        """Recognise the database, count a restore if it is one, and say what it is now; writes only what is news.

        The log is compared with the last look, so what was written since the copy that came back must have been seen.
        """
        here = await tx.fetch_one(_Here, sql["here"])
        assert here is not None  # noqa: S101 (a select without from has one row)
        known = await tx.fetch_one(Installation, sql["installation"])
        if known is None or self._went_back(known, here) or known.foreign_to != self._foreign_to(known):
            known = await self._recognise(tx, here)
        self._written = here.written
        return known

    async def _recognise(self, tx: Transaction, here: "_Here") -> Installation:
        await tx.execute(sql["introduce"], self._id, here.system_identifier, here.timeline)
        await tx.execute(sql["lock"])
        known = await read(tx)
        if because := self._went_back(known, here):
            await restored(tx, because)
        foreign_to = self._foreign_to(known)
        if foreign_to and not known.foreign_to:
            log.error("installation.foreign", database_of=known.id, configured=self._id)
        await tx.execute(sql["recognised"], here.system_identifier, here.timeline, foreign_to)
        return await read(tx)

    def _foreign_to(self, known: Installation) -> str:
        return "" if known.id == self._id else self._id

    def _went_back(self, known: Installation, here: "_Here") -> str:
        if known.system_identifier != here.system_identifier:
            return "another database cluster"
        if known.timeline != here.timeline:
            return f"timeline {here.timeline} instead of {known.timeline}"
        if here.written < self._written:
            return "the database's log is shorter than it was"
        return ""


async def read(tx: Transaction) -> Installation:
    """What the database knows of itself; LookupError before anybody has looked."""
    found = await tx.fetch_one(Installation, sql["installation"])
    if found is None:
        raise LookupError("no process has introduced itself to this database yet")
    return found


async def restored(tx: Transaction, because: str) -> None:
    """Note that the database is older than what was done with it."""
    log.error("installation.restored", because=because)
    await tx.execute(sql["restored"], because)


async def adopt(tx: Transaction, installation_id: str) -> bool:
    """Make a cloned database this installation's own: it counts as restored; False where it already was."""
    return await tx.execute(sql["adopt"], installation_id) > 0


@dataclass(frozen=True, slots=True)
class _Here:
    system_identifier: int
    timeline: int
    written: int
