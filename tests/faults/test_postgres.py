"""PostgreSQL dies, ends sessions, refuses, has no room, or comes back from an older copy, in the middle of a run."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from storage.installation import Watch
from tests.factories.site import MAILBOX
from tests.faults.ground import PACE, Case
from tests.faults.scene import Scene
from tests.faults.sender import Sender
from tests.faults.servers import Backup, own_server

AT_ONCE = 4  # several have a server of their own
LINES = 8
SENDS = {"method": "POST", "path": "additions"}
# As long as there is time to do something to a sender that waits for it.
IN_FLIGHT = PACE.deadline / 2


async def killed_and_restarted(outer: Case) -> None:
    """kill -9 of the server with requests in flight; two senders are there, and neither is started again."""
    async with own_server(outer) as (server, case):
        await case.approved(LINES)
        await case.site.fault("slow_answer", **SENDS, delay=IN_FLIGHT)
        senders = [case.process(), case.process()]
        soon = case.dice.randint(1, LINES // 2)
        await case.happens(lambda: len(case.site.written()) >= soon, "nothing was written")
        await server.kill()
        await server.start()
        await case.calm()
        await case.settles()
        assert all(sender.lives for sender in senders)
        await case.judged()


def sessions_end(kind: str) -> Callable[[Case], Awaitable[None]]:
    """Every session of the sender, again and again, each time in the middle of a request."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        await case.site.fault(kind, **SENDS, delay=IN_FLIGHT)
        sender, ended = case.process(), 0
        for _ in range(3):
            calls = case.site.struck()
            await case.until(lambda calls=calls: struck_or_settled(case, calls), "nothing was sent")  # type: ignore[misc]
            ended += await end_sessions(case, sender)
        assert ended >= 3
        await case.calm()
        await case.settles()
        assert sender.lives
        await case.judged()

    return play


async def struck_or_settled(case: Case, calls: int) -> bool:
    return case.site.struck() > calls or await case.is_settled()


async def end_sessions(case: Case, sender: Sender) -> int:
    """End what the sender has open in its database; how many those were."""
    server = urlsplit(case.urls.all_tenants).port
    # To PostgreSQL only: a connection to another server may have the same local port as somebody else's session.
    sockets = psutil.Process(sender.pid).net_connections("tcp")
    ports = [one.laddr.port for one in sockets if one.raddr[1:] == (server,)]
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where client_port = any($1::int[])"
    async with case.db.all_tenants() as tx:
        return await tx.execute(ended, ports)


DEADLOCK, SERIALIZATION = "40P01", "40001"
# By what is refused: the table, when, and of which rows.
REFUSED = {
    "a claim": "before update on operation for each row when (new.state = 'in_flight')",
    "a result": "before update on operation for each row when (new.state = 'confirmed')",
    "news of a result": "before insert on outbox for each row",
    "a commit": "after update on operation deferrable initially deferred for each row when (new.state <> old.state)",
    "a takeover": "before insert or update on site_owner for each row",
}
RAISES = """
create sequence raised;
create function raises() returns trigger language plpgsql security definer as $$
begin
  if nextval('raised') <= {times} then
    raise exception 'as ordered' using errcode = '{state}';
  end if;
  return new;
end $$;
create {kind} trigger raises {what} execute function raises();
"""


def refuses(what: str, state: str, times: int) -> Callable[[Case], Awaitable[None]]:
    """The first so many times PostgreSQL breaks the transaction off, as it may at any time."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        kind = "constraint" if "deferrable" in REFUSED[what] else ""
        await case.desk.as_owner(RAISES.format(times=times, state=state, kind=kind, what=REFUSED[what]))
        owner = await asyncpg.connect(case.urls.owner)
        async with case.sending():
            await case.until(lambda: counted(owner, "select last_value >= $1 from raised", times), "it was not refused")
            case.calm_from_now()
            await case.settles()
        await owner.close()
        await case.judged()

    return play


async def deadlocks(case: Case) -> None:
    """A rival has an operation and wants its site; the sender has the site and wants the operation."""
    await case.approved(LINES)
    await case.site.fault("slow_answer", **SENDS, delay=IN_FLIGHT)
    rival = await asyncpg.connect(case.urls.all_tenants)
    async with case.sending():
        await case.happens(lambda: len(case.site.written()) >= 1, "nothing was written")
        await case.until(lambda: breaks_off(case, rival), "nobody wants what the rival has, or it is broken off itself")
        await case.calm()
        await case.settles()
    broken_off = "select deadlocks from pg_stat_database where datname = current_database()"
    await rival.execute("select pg_stat_clear_snapshot()")
    await case.until(lambda: counted(rival, broken_off), "there was no deadlock")
    await rival.close()
    await case.judged()


async def breaks_off(case: Case, rival: asyncpg.Connection) -> bool:
    """Whether the sender was broken off: it was the first to wait, unless it came late."""
    rivalry = rival.transaction()
    await rivalry.start()
    try:
        await rival.execute("select from operation where state in ('pending', 'in_flight') for update")
        await case.until(lambda: is_waited_for(case, rival), "nobody wants what the rival has")
        await rival.execute("select from site_owner for update")
    except asyncpg.DeadlockDetectedError:
        return False
    finally:
        await rivalry.rollback()
    return True


async def is_waited_for(case: Case, rival: asyncpg.Connection) -> bool:
    async with case.db.all_tenants() as tx:
        return bool(
            await tx.value(
                "select true from pg_locks where not granted and $1 = any(pg_blocking_pids(pid)) limit 1",
                rival.get_server_pid(),
            )
        )


async def counted(connection: asyncpg.Connection, query: str, *args: int) -> bool:
    return bool(await connection.fetchval(query, *args))


async def its_pools_are_empty(case: Case) -> None:
    """Everything else in the process holds every connection for longer than a quarantine."""
    await case.approved(LINES)
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES // 2))
    async with case.sending() as here:
        await case.happens(lambda: case.site.struck() == 1, "nothing was struck")
        async with AsyncExitStack() as holders:
            for _ in range(4):
                await holders.enter_async_context(here.db.all_tenants())
                await holders.enter_async_context(here.db.transaction(()))
            await asyncio.sleep(PACE.quarantine)  # nothing happens that could be waited for
        case.calm_from_now()
        await case.settles()
    await case.judged()


async def there_is_no_room(case: Case) -> None:
    """Its sessions are ended and PostgreSQL has no connection left for another."""
    await case.approved(LINES)
    await case.site.fault("slow_answer", **SENDS, delay=IN_FLIGHT)
    sender = case.process()
    await case.happens(lambda: len(case.site.written()) >= 2, "nothing was written")
    limit = f'alter database "{case.urls.name}" connection limit'
    owner = await asyncpg.connect(case.urls.owner)
    await owner.execute(f"{limit} 0")
    assert await end_sessions(case, sender)
    await case.happens(lambda: sender.said().count("TooManyConnections") >= 2, "it was let in")
    written = len(case.site.written())
    await owner.execute(f"{limit} -1")
    await owner.close()
    assert written < LINES
    await case.calm()
    await case.settles()
    await case.judged()


def restored(*, loses_lines: bool) -> Callable[[Case], Awaitable[None]]:
    """A copy from before anything was sent comes back in the middle of a run, perhaps one without the lines, too."""

    async def play(outer: Case) -> None:
        async with own_server(outer) as (server, case):
            await case.tenants[0].furnished(agreements=2)
            before = await Backup.of(server) if loses_lines else None
            await case.tenants[0].billed(LINES, 2, case.seed)
            await case.desk.approved()
            backup = before or await Backup.of(server)
            await case.site.fault("slow_answer", **SENDS, delay=IN_FLIGHT)
            async with case.sending(begun=Watch("here").look):
                soon = case.dice.randint(2, LINES - 2)
                await case.happens(lambda: len(case.site.written()) >= soon, "nothing was written")
                await backup.restored()
                await case.calm()
                await case.until(lambda: was_restored(case), "nobody noticed")
                if loses_lines:
                    await comes_again(case)
                case.calm_from_now()
                await case.settles()
            await case.judged()
            assert len(case.site.written()) == LINES

    return play


async def comes_again(case: Case) -> None:
    """Kafka still has what PostgreSQL has lost, the order to approve as well."""
    accepted = case.tenants[0].accepted
    case.tenants[0].accepted = []
    await case.tenants[0].billed(LINES, 2, case.seed)
    assert case.tenants[0].accepted == accepted
    await case.desk.approved()


async def was_restored(case: Case) -> bool:
    async with case.db.all_tenants() as tx:
        return bool(await tx.value("select restores > 0 from installation"))


async def restored_and_edited(outer: Case) -> None:
    """What was written is unknown to the copy, and meanwhile somebody has changed one of them: that is a question."""
    async with own_server(outer) as (server, case):
        await case.approved(LINES)
        backup = await Backup.of(server)
        watch = Watch("here")
        async with case.sending(begun=watch.look):
            await case.settles()
        [first, *_] = case.site.additions()
        await backup.restored()
        await case.site.edit("additions", first["id"], unitPrice=1)
        case.calm_from_now()
        async with case.sending(begun=watch.look):
            await case.settles()
        await case.judged()
        assert (await case.states())["conflict"] == 1


async def restored_to_before_a_refusal(outer: Case) -> None:
    """A line was refused and later written by a second try, of which the copy knows nothing: that is a question."""
    async with own_server(outer) as (server, case):
        await case.approved(LINES)
        backup = await Backup.of(server)
        await case.site.edit("catalog", MAILBOX, inactiveFlag=True)
        watch = Watch("here")
        async with case.sending(begun=watch.look):
            await case.settles()
            assert (await case.states())["rejected"] == 1
            await case.site.edit("catalog", MAILBOX, inactiveFlag=False)
            await case.desk.retried()
            await case.desk.approved()
            await case.settles()
            assert len(case.site.written()) == LINES
        await backup.restored()
        case.calm_from_now()
        async with case.sending(begun=watch.look):
            await case.settles()
        await case.judged()
        assert len(case.site.written()) == LINES
        assert (await case.states())["conflict"] == 1


SCENES = [
    Scene("killed and restarted", killed_and_restarted),
    *(Scene(f"sessions end, {kind}", sessions_end(kind)) for kind in ("slow", "slow_answer")),
    *(
        Scene(f"{state} at {what}, {times} times", refuses(what, state, times), one_in=10)
        for what in REFUSED
        for state in (DEADLOCK, SERIALIZATION)
        for times in (1, 2, 5)
    ),
    Scene("a deadlock", deadlocks),
    Scene("its pools are empty", its_pools_are_empty),
    Scene("there is no room", there_is_no_room),
    Scene("restored", restored(loses_lines=False)),
    Scene("restored, lines lost", restored(loses_lines=True)),
    Scene("restored and edited", restored_and_edited),
    Scene("restored to before a refusal", restored_to_before_a_refusal),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_whatever_becomes_of_postgresql_every_line_has_one_effect(judgement: Awaitable[None]) -> None:
    await judgement
