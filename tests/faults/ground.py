"""What every case stands on: a database and sites of its own, lines that a person approved, senders, and the judge.

async with ground.case("reset_after", seed) as case:
    await case.approved(lines=8, agreements=2)
    await case.site.fault("reset_after", method="POST", path="additions", nth=2)
    async with case.sending():              # or: sender = case.process(Strike(Point.AFTER_CLAIM))
        await case.settles()
    await case.judged()                     # raises with the report; `await case.violations()` only tells
"""

import asyncio
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
import httpx
from prometheus_client import REGISTRY

import delivery
import invoice_push
import messaging
import storage
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.world import World
from contracts import topics
from contracts.events import InvoiceLineReceived
from contracts.values import CustomerKey, TenantId
from delivery import Delivery, Pace
from delivery.measuring import measure
from delivery.worker import SessionBegun
from devstack import provision
from invoice_push import readings, reconciling
from invoice_push.app import build
from invoice_push.pusher import Additions
from invoice_push.settings import Settings
from storage import Database
from tests.factories import facts
from tests.factories.callers import caller, environment
from tests.factories.grounds import migrated, simulated_apart
from tests.factories.site import MAILBOX, PREMIUM, Site
from tests.faults.beat import EVERY, Beat
from tests.faults.oracle import Accepted, Evidence, Plan, Row, Said, Shown, Violation, report, violations
from tests.faults.sender import Clients, Orders, Sender, Strike
from tests.invoice_push.desk import Desk, Worker

# All protocol times together; the quarantine is 2 s. The peer is local, but may share its core with a case beside it.
PACE = Pace(
    validity=0.5,
    deadline=0.6,
    late_apply=0.7,
    list_lag=0.2,
    tick=0.05,
    gate_wait=0.05,
    void_wait=0.1,
    defect_wait=0.2,
    rebalance=0.5,
)
# I6: every line may be in doubt twice, and another replica may have to take over first.
WITHIN = 3 * PACE.quarantine + 6
PATIENCE = 3 * WITHIN
# Where each kind of question is counted: by gauges in the case's own database. Dead letters are only counted as they
# come, by the process: a case looks at those since it began; a case beside it may have some more.
GAUGES = {
    "ambiguous": ("delivery_unsettled_operations", "ambiguous"),
    "conflict": ("delivery_unsettled_operations", "conflict"),
    "rejected": ("delivery_unsettled_operations", "rejected"),
    "paused": ("delivery_pauses",),
}
COUNTERS = {"dead": ("dead_letters_total",)}
FIRST_DAY, LAST_DAY = date(2026, 12, 1), date(2026, 12, 31)
MARKUP = Decimal(10)

SCENARIO = """
sites:
  - company_id: {company}
    today: 2026-11-07
    keys: [{{public: public, private: private, role: sync}}]
    roles: {{reader: {{based_on: sync, without: [Agreements.add]}}}}
    companies: [{{id: 101, identifier: AlderFinch, name: Alder & Finch, currency: USD}}]
    catalog:
      - {{id: 501, identifier: PREMIUM, price: 20.33, cost: 18.48}}
      - {{id: 502, identifier: MAILBOX, price: 5, cost: 4}}
    agreements:
{agreements}
"""
AGREEMENT = """
      - {{id: {id}, name: Cloud {id}, company: AlderFinch, type: Cloud Subscriptions, billing_cycle: Monthly,
         period_type: Future, prorate: true, bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
"""
MOST_AGREEMENTS = 12
OTHER_PRODUCT = facts.PRODUCT.replace("0002", "0003")
OTHER_EVERY = 5
"""Every fifth line is for the other catalog item."""


class Place(Site):
    """A site with a dozen equal agreements, 1 to 12."""

    def __post_init__(self) -> None:
        agreements = "".join(AGREEMENT.format(id=number) for number in range(1, MOST_AGREEMENTS + 1))
        add_sites(self.world, read_scenario(SCENARIO.format(company=self.company, agreements=agreements), "test"), "")

    async def duplicate(self, addition_id: int) -> None:
        """Somebody enters an addition once more, marker and all."""
        await self.control("POST", f"/sites/{self.company}/duplicate", {"table": "additions", "id": addition_id})

    async def copy_agreement(self, agreement_id: int) -> int:
        """Somebody copies an agreement with all that stands on it; the copy's id."""
        await self.key(public="office", private="office", role="admin")
        return int((await self._call("POST", f"/finance/agreements/{agreement_id}/copy", {}))["id"])

    def struck(self) -> int:
        """How many calls went wrong as ordered."""
        return sum(cast("int", rule["struck"]) for rule in self.world.faults.view() if rule["site"] == self.company)

    async def calm(self) -> None:
        """No call of this site goes wrong any more."""
        await self.control("DELETE", f"/faults?site={self.company}")


@dataclass
class Tenant:
    """One tenant with one site in a case's database, and what of it was approved."""

    desk: Desk
    site: Place
    accepted: list[Accepted] = field(default_factory=list)

    async def approved(self, lines: int, agreements: int, seed: int) -> None:
        """So many lines, spread over so many agreements, are billed, resolved and approved."""
        await self.furnished(agreements)
        await self.billed(lines, agreements, seed)
        stands = {(line.state, line.reason, line.detail) for line in await self.desk.lines()}
        assert stands == {("ready", "", "")}, stands
        await self.desk.approved()

    async def furnished(self, agreements: int) -> None:
        """Connected, and every customer's charges have an agreement to go to."""
        desk = self.desk
        await desk.connected()
        await desk.tell(topics.PROGRAMS, ("program-1", facts.program()))
        items = facts.item(), facts.item(OTHER_PRODUCT, MAILBOX, identifier="MAILBOX")
        await desk.tell(topics.CATALOG_ITEMS, *((item.product_key, item) for item in items))
        for number in range(1, agreements + 1):
            await desk.agreement(number)
            mapped = facts.mapping(agreement_id=number, customer_key=customer(number), mapping_id=f"mapping-{number}")
            await desk.tell(topics.CUSTOMER_MAPPINGS, (mapped.mapping_id, mapped))

    async def billed(self, lines: int, agreements: int, seed: int) -> None:
        """A document with lines of different amounts; what each must become is written down."""
        dice = random.Random(seed)  # noqa: S311 (a test's dice)
        billed: list[InvoiceLineReceived] = []
        for number in range(1, lines + 1):
            agreement_id = (number - 1) % agreements + 1
            line = line_number(number, agreement_id, dice)
            billed.append(line)
            item_id = PREMIUM if line.product_key == facts.PRODUCT else MAILBOX
            self.accepted.append(Plan(agreement_id, item_id, MARKUP, FIRST_DAY, LAST_DAY).accepts(line))
        await self.desk.billed(*billed)


def customer(agreement_id: int) -> str:
    """Whose charges go to the agreement."""
    return str(CustomerKey(facts.SOURCE, "partner-1", f"customer-{agreement_id}"))


def line_number(number: int, agreement_id: int, dice: random.Random) -> InvoiceLineReceived:
    """A month's charge that can be recognised at the peer by its product's name."""
    quantity, unit = Decimal(dice.randint(1, 40)), Decimal(dice.randint(100, 9900)) / 100
    return facts.billed(
        number,
        product_name=f"Line {number}",
        product_key=facts.PRODUCT if number % OTHER_EVERY else OTHER_PRODUCT,
        customer_key=customer(agreement_id),
        quantity=quantity,
        list_unit=unit,
        effective_unit=unit,
        cost=str(quantity * unit),
    )


@dataclass
class Case:
    """One play of one fault: a database of its own, its tenants, and the senders that it started."""

    name: str
    seed: int
    urls: provision.Database
    db: Database
    folder: Path
    tenants: list[Tenant]
    command: str
    kafka: str = ""
    processes: list[Sender] = field(default_factory=list)
    beat: Beat = field(default_factory=Beat)
    _calm_since: float = 0.0
    _settled_after: float | None = None

    def __post_init__(self) -> None:
        self._counted = {kind: _sampled(*which) for kind, which in COUNTERS.items()}
        self.dice = random.Random(f"{self.seed} {self.name}")  # noqa: S311 (a test's dice)

    @property
    def desk(self) -> Desk:
        """The first tenant's."""
        return self.tenants[0].desk

    @property
    def site(self) -> Place:
        """The first tenant's."""
        return self.tenants[0].site

    async def approved(self, lines: int = 6, agreements: int = 2) -> None:
        """Every tenant has so many lines that a person approved."""
        for tenant in self.tenants:
            await tenant.approved(lines, agreements, self.seed)
        self.calm_from_now()

    # Senders.

    @asynccontextmanager
    async def sending(self, pace: Pace = PACE, begun: SessionBegun | None = None) -> AsyncIterator["Here"]:
        """A sender in this process, with pools and clients of its own; ended in good order."""
        db = Database(self.urls.app, self.urls.all_tenants, connections=4)
        await db.open()
        sites = Clients(db, facts.KEYRING, pace)
        worker = Worker(Delivery(db, Additions(db, sites), pace=pace, begun=begun))
        try:
            yield Here(worker, sites, db)
        finally:
            await worker.stop()
            await sites.aclose()
            await db.close()

    def process(self, strike: Strike | None = None, *, clock: float = 0.0, pace: Pace = PACE) -> Sender:
        """A sender as a process of its own; it is gone when the case is over."""
        log = self.folder / f"sender-{len(self.processes)}.log"
        self.processes.append(
            Sender(Orders(self.urls.app, self.urls.all_tenants, facts.KEYRING, pace, log, strike, clock))
        )
        return self.processes[-1]

    async def end_owner_sessions(self) -> int:
        """What an administrator or a failover does to the sessions that own sites; how many there were."""
        connection = await asyncpg.connect(self.urls.all_tenants)
        try:
            ended = await connection.fetch(
                "select pg_terminate_backend(pid) from ("
                " select distinct pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1"
                " and database = (select oid from pg_database where datname = current_database())"
                " and (classid::bigint << 32 | objid::bigint) = any($1::bigint[])) as owner",
                [
                    await connection.fetchval("select hashtextextended($1, 0)", f"delivery.{tenant.site.site_id}")
                    for tenant in self.tenants
                ],
            )
        finally:
            await connection.close()
        return len(ended)

    # Waiting.

    async def until(self, reached: Callable[[], Awaitable[bool]], why: str) -> None:
        """Wait for a condition, with a deadline and everything that is known when it passes."""
        ends = self.beat.seconds + PATIENCE
        while not await reached():
            if self.beat.seconds > ends:
                said = f"{self.name}, seed {self.seed}: not within {PATIENCE:.0f} s: {why}; {dict(await self.states())}"
                raise AssertionError(f"{said}\n{self.logs()}\nalone: {self.command}")
            await asyncio.sleep(0.02)

    async def happens(self, reached: Callable[[], bool], why: str) -> None:
        """Wait for something that can be told at once."""

        async def check() -> bool:
            return reached()

        await self.until(check, why)

    async def is_settled(self) -> bool:
        """Nothing of any tenant is on its way."""
        states = await self.states()
        return not any(states[state] for state in ("pending", "in_flight", "ambiguous"))

    async def states(self) -> Counter[str]:
        """How many operations are in which state, of all tenants."""
        async with self.db.all_tenants() as tx:
            return Counter(await tx.column("select state from operation"))

    async def calm(self) -> None:
        """The fault is over: from now on everything has to settle within its time."""
        for tenant in self.tenants:
            await tenant.site.calm()
        self.calm_from_now()

    def calm_from_now(self) -> None:
        """The fault is over by itself."""
        self._calm_since = self.beat.seconds

    async def settles(self) -> None:
        """Wait until nothing is on its way; the judge is told how long that took since it was calm."""
        ends = self.beat.seconds + PATIENCE
        while self.beat.seconds < ends:
            if await self.is_settled():
                self._settled_after = self.beat.seconds - self._calm_since
                break
            await asyncio.sleep(EVERY)

    async def reconciled(self) -> list[dict[str, Any]]:
        """Everything is read back by a sender of this process; the differences that people are shown."""
        for tenant in self.tenants:
            async with self.db.transaction([tenant.desk.tenant]) as tx:
                assert await reconciling.ask(tx, tenant.desk.tenant)
        async with self.sending():
            await self.until(self.is_settled, "it was not read back")
        found: list[dict[str, Any]] = []
        for tenant in self.tenants:
            async with self.db.transaction([tenant.desk.tenant]) as tx:
                for agreement in await readings.reconciliations(tx, "", 0, 1000):
                    found += agreement.differences
        return found

    # Judging.

    async def violations(self) -> list[Violation]:
        """What does not hold, of all tenants."""
        return [one for tenant in self.tenants for one in violations(await self.evidence(tenant))]

    async def judged(self) -> None:
        """Raises AssertionError with the whole report unless everything holds."""
        said = []
        for tenant in self.tenants:
            evidence = await self.evidence(tenant)
            if found := violations(evidence):
                said.append(report(evidence, found, self.name, self.seed, self.command))
        if said:
            raise AssertionError("\n".join([*said, self.logs()]))

    async def evidence(self, tenant: Tenant) -> Evidence:
        """All that the judge is shown of a tenant."""
        await tenant.desk.resolve()
        async with self.db.transaction([tenant.desk.tenant]) as tx:
            operations = await tx.fetch(_Operation, _OPERATIONS)
            attempts = await tx.fetch(_Attempt, _ATTEMPTS)
            lines = await tx.fetch(_Line, _LINES)
            paused = await tx.column("select scope || ' ' || name from delivery_pause")
            letters = await tx.column("select id::text from dead_letter where replayed_at is null")
        names = {line.identity: line.name for line in lines}
        questions = {
            state: frozenset(one.key for one in operations if one.state == state)
            for state in ("ambiguous", "conflict", "rejected")
        }
        by_key: dict[str, list[str]] = defaultdict(list)
        for one in attempts:
            by_key[one.key].append(one.said)
        return Evidence(
            accepted=tenant.accepted,
            history=tenant.site.effects(),
            operations=[one.said(names) for one in operations],
            lines=[Row(line.name, line.state, line.reason, line.addition_id) for line in lines],
            questions=questions | {"paused": frozenset(paused), "dead": frozenset(letters)},
            shown=Shown(await self._metric(), await self._api(tenant)),
            settled_after=self._settled_after,
            within=WITHIN,
            attempts=by_key,
        )

    async def _metric(self) -> dict[str, float]:
        await measure(self.db)
        gauges = {kind: _sampled(*which) for kind, which in GAUGES.items()}
        return gauges | {kind: _sampled(*which) - self._counted[kind] for kind, which in COUNTERS.items()}

    async def _api(self, tenant: Tenant) -> dict[str, frozenset[str]]:
        settings = Settings(**environment(self.urls, facts.KEYRING, self.folder))
        service = replace(build(settings), db=self.db)
        async with caller(service, tenant.desk.tenant, "lines.read", "operate") as client:
            listed: dict[str, frozenset[str]] = {}
            for state in ("ambiguous", "conflict", "rejected"):
                listed[state] = frozenset(one["key"] for one in await _all(client, "/operations", state=state))
            listed["paused"] = frozenset(f"{one['scope']} {one['name']}" for one in await _all(client, "/pauses"))
            listed["dead"] = frozenset(str(one["id"]) for one in await _all(client, "/dead-letters"))
        return listed

    def logs(self) -> str:
        """The last words of the case's processes."""
        said = [(sender.orders.log.name, sender.said()[-1500:]) for sender in self.processes]
        return "\n".join(f"{name}: {words}" for name, words in said if words)


@dataclass(frozen=True)
class Here:
    """A sender in this process."""

    worker: Worker
    clients: Clients
    db: Database


@dataclass
class Ground:
    """What the cases of a run share: PostgreSQL, a simulator, a folder, and a migrated database to copy."""

    pg: str
    world: World
    url: str
    folder: Path
    template: provision.Database | None = None
    kafka: str = ""

    @asynccontextmanager
    async def case(
        self, name: str, seed: int, command: str = "", *, tenants: int = 1, own_peer: bool = False
    ) -> AsyncIterator[Case]:
        """A play of its own; `own_peer`: with a simulator of its own, whose port may be shut."""
        async with (
            simulated_apart() if own_peer else _given(self.world, self.url) as (world, url),
            self._database() as urls,
        ):
            folder = self.folder / urls.name
            folder.mkdir()
            db = Database(urls.app, urls.all_tenants, connections=4)
            await db.open()
            made = [self._tenant(urls, db, world, url, f"t-{secrets.token_hex(4)}") for _ in range(tenants)]
            case = Case(name, seed, urls, db, folder, made, command, self.kafka)
            try:
                async with case.beat.going():
                    yield case
            finally:
                for sender in case.processes:
                    sender.end()
                await db.close()

    def _database(self) -> AbstractAsyncContextManager[provision.Database]:
        return schema(self.pg) if self.template is None else _copied(self.pg, self.template)

    @staticmethod
    def _tenant(urls: provision.Database, db: Database, world: World, url: str, name: str) -> Tenant:
        place = Place(world, url)
        return Tenant(Desk(urls, db, TenantId(name), place), place)


def schema(pg: str) -> AbstractAsyncContextManager[provision.Database]:
    """A database as the service has it."""
    return migrated(pg, "faults", storage, messaging, delivery, invoice_push)


@asynccontextmanager
async def _copied(pg: str, template: provision.Database) -> AsyncIterator[provision.Database]:
    """One like it, with the same logins: in a tenth of the time that migrations take."""
    name = f"t{secrets.token_hex(4)}_faults"
    logins = template.owner, template.app, template.all_tenants
    owner, *_ = roles = [str(urlsplit(dsn).username) for dsn in logins]
    admin = await asyncpg.connect(pg)
    try:
        await admin.execute(f"create database {name} template {template.name} owner {owner}")
        await admin.execute(f"grant connect, temporary on database {name} to {', '.join(roles)}")
    finally:
        await admin.close()
    try:
        yield provision.Database(name, *(urlsplit(dsn)._replace(path=f"/{name}").geturl() for dsn in logins))
    finally:
        await provision.drop_database(pg, name)


@asynccontextmanager
async def _given(world: World, url: str) -> AsyncIterator[tuple[World, str]]:
    yield world, url


async def _all(client: httpx.AsyncClient, path: str, **asked: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    after: str | None = ""
    while after is not None:
        answer = await client.get(path, params=asked | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["items"]
        after = body.get("next")
    return found


def _sampled(name: str, state: str = "") -> float:
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == name and state in ("", sample.labels.get("state"))
    )


_OPERATIONS = """
select operation_key as key, seq, state, kind, body, coalesce(remote_id, (body ->> 'id')::bigint) as remote_id,
  array(
    select identity from coverage
    where coverage.tenant_id = operation.tenant_id and coverage.operation_key = operation.operation_key
      and released_at is null
    order by identity) as identities,
  coalesce((
    select min(component) from coverage
    where coverage.tenant_id = operation.tenant_id and coverage.operation_key = operation.operation_key), '') as part
from operation
where kind <> 'job'
order by seq"""
_ATTEMPTS = """
select operation_key as key, to_char(at, 'HH24:MI:SS.MS') as at, number, outcome, coalesce(status, 0) as status, code,
  seconds
from attempt
order by at"""
_LINES = "select identity, product_name as name, state, reason, addition_id from line order by position"


@dataclass(frozen=True, slots=True)
class _Operation:
    key: str
    seq: int
    state: str
    kind: str
    body: Any
    remote_id: int | None
    identities: Sequence[str]
    part: str

    def said(self, names: Mapping[str, str]) -> Said:
        covers = tuple(names.get(identity, identity) for identity in self.identities)
        writes = self.body["after"] if self.kind == "patch" else {}
        return Said(self.key, self.seq, self.state, self.remote_id, covers, self.kind, self.part, writes)


@dataclass(frozen=True, slots=True)
class _Attempt:
    key: str
    at: str
    number: int
    outcome: str
    status: int
    code: str
    seconds: Decimal

    @property
    def said(self) -> str:
        return f"{self.at} attempt {self.number}: {self.outcome} {self.status or ''} {self.code} in {self.seconds} s"


@dataclass(frozen=True, slots=True)
class _Line:
    identity: str
    name: str
    state: str
    reason: str
    addition_id: int | None
