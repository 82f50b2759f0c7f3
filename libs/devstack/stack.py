import asyncio
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from devstack import services
from devstack.engines import Engines
from devstack.engines.kafka import kafka_answers
from devstack.engines.local import LocalEngines
from devstack.engines.postgres import postgres_accepts
from devstack.errors import DevstackError
from devstack.keys import provide_keys
from devstack.layout import Layout, write_private
from devstack.locking import locked
from devstack.migrate import is_current, migrate, run_once
from devstack.passwords import Passwords
from devstack.provision import Database, drop_database, provision_all
from devstack.service import Service
from devstack.services import ALL, CONSOLE, SIMULATOR
from devstack.state import State
from devstack.topics import say_topics
from devstack.waiting import together

PREFIX = "psabridge_"
AT_ONCE = 3
"""One-shot processes side by side: they are imports for the most part, and two cores are usual."""


class Stack:
    """The engines and the services of one folder.

    Tests give shared `engines` and a `prefix` of their own: databases and consumer groups carry it, topics do not.
    """

    def __init__(
        self,
        root: Path,
        *,
        engines: Engines | None = None,
        prefix: str = PREFIX,
        names: Sequence[str] = ALL,
        env: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.layout = Layout.of(root)
        self.layout.make()
        self.state = State(self.layout.state)
        self.prefix, self.names, self.say = prefix, tuple(names), say
        self._extra = dict(env or {})
        self._given = engines
        self.local = LocalEngines(self.layout.folder, self.state, say)
        # A local engine's address is known before it runs: its port is kept.
        self.engines = engines or Engines(
            os.environ.get("PSABRIDGE_KAFKA") or self.local.kafka.address,
            os.environ.get("PSABRIDGE_POSTGRES") or self.local.postgres.dsn,
        )
        self.passwords = Passwords(self.layout.keys / "passwords.json")
        self.keys = provide_keys(self.layout.keys)
        self.databases: dict[str, Database] = {}
        self.services = {name: Service(name, self.layout, self.state, self._environment_of(name)) for name in names}

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the one command that changes this stack; a second one waits and says for whom."""
        with locked(self.layout.lock, self.say):
            yield

    def service(self, name: str) -> Service:
        """A service by its package's name."""
        return self.services[name]

    async def up(self) -> None:
        """Everything, each thing as soon as what it needs is there. Whatever runs and is current is left alone."""
        simulator = [self._start(SIMULATOR)] if SIMULATOR in self.names else []
        await together(self.prepare(), *simulator)
        await self.start_services()

    async def prepare(self) -> None:
        """The engines with topics, roles, databases and schemas: all but the services themselves."""
        await together(self._kafka_with_topics(), self._postgres_with_databases())

    async def start_engines(self) -> Engines:
        """Kafka and PostgreSQL; those that are given are only asked whether they answer."""
        await together(self.start_kafka(), self.start_postgres())
        return self.engines

    async def start_kafka(self) -> None:
        """Start ours, or ask the one that PSABRIDGE_KAFKA names."""
        if self._given is None and not os.environ.get("PSABRIDGE_KAFKA"):
            address = await self.local.kafka.start()
            self.engines = Engines(address, self.engines.postgres)
            self.say(f"Kafka: ready at {address}")
        elif not await kafka_answers(self.engines.kafka):
            raise DevstackError(f"No Kafka answers at {self.engines.kafka} (PSABRIDGE_KAFKA).")

    async def start_postgres(self) -> None:
        """Start ours, or ask the one that PSABRIDGE_POSTGRES names."""
        if self._given is None and not os.environ.get("PSABRIDGE_POSTGRES"):
            dsn = await self.local.postgres.start()
            self.engines = Engines(self.engines.kafka, dsn)
            self.say(f"PostgreSQL: ready at {dsn.rpartition('@')[2]}")
        elif not await postgres_accepts(self.engines.postgres):
            raise DevstackError("No PostgreSQL answers at PSABRIDGE_POSTGRES.")

    async def provision(self) -> dict[str, Database]:
        """Roles and databases, by service."""
        names = {service: f"{self.prefix}{service}" for service in self.names if service != SIMULATOR}
        made = await provision_all(self.engines.postgres, names.values(), self.passwords)
        self.databases = {service: made[name] for service, name in names.items()}
        return self.databases

    async def topics(self) -> None:
        """What contracts.topics lists."""
        await say_topics(self.engines.kafka, self.say)

    async def migrate(self, *, always: bool = False) -> None:
        """The databases whose migrations changed, then the console's first token."""
        databases = self.databases or await self.provision()
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(service: str, database: Database) -> None:
            async with at_once:
                if not always and await is_current(self.engines.postgres, database.name, service):
                    return
                await migrate(service, self.environment(service), self.layout.log(service), database.owner)
                self.say(f"{service}: migrated")

        await together(*(one(service, database) for service, database in databases.items()))
        if CONSOLE in databases:
            await self._bootstrap_token(databases[CONSOLE])

    async def start_services(self) -> None:
        """All services at once; the console again if an address it was told has changed meanwhile."""
        await together(*(self._start(name) for name in self.names))
        if CONSOLE in self.services and not self.service(CONSOLE).is_current():
            await self._start(CONSOLE)

    async def stop_services(self) -> None:
        """All services at once, before what they use."""
        await together(*(service.stop() for service in self.services.values()))

    async def down(self) -> None:
        """Services, then Kafka, then PostgreSQL. Engines that were given are left alone."""
        running = [name for name, service in self.services.items() if service.process()]
        await self.stop_services()
        if running:
            self.say(f"stopped {', '.join(running)}")
        if self._given is None:
            for engine in (self.local.kafka, self.local.postgres):
                was_running = engine.process() is not None
                await engine.stop()
                if was_running:
                    self.say(f"stopped {engine.name}")

    async def reset(self) -> None:
        """Stop everything and delete what it keeps, on given engines its databases; downloads stay."""
        await self.down()
        if self._given is None:
            await self.local.remove()
        else:
            await together(*(drop_database(self.engines.postgres, known.name) for known in self.databases.values()))
        for part in ("data", "logs", "keys", "postgres.log", "admin-token", "state.json"):
            path = self.layout.folder / part
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def environment(self, name: str) -> dict[str, str]:
        """What a process of this service is told. Owner logins are only ever added for `--migrate`."""
        told = services.inherited()
        if name == SIMULATOR:
            return told | self._extra
        keys = self.keys
        database = f"{self.prefix}{name}"
        known = self.databases.get(name)
        if known is None:
            raise DevstackError(f"{database} was not provisioned before {name} was started.")
        told |= {
            "PSABRIDGE_KAFKA": self.engines.kafka,
            "PSABRIDGE_DATABASE_URL": known.app,
            "PSABRIDGE_ALL_TENANTS_URL": known.all_tenants,
            "PSABRIDGE_SEALING_KEYS": str(keys.sealing),
            "PSABRIDGE_CONSOLE_PUBLIC_KEY": str(keys.console_public),
            "PSABRIDGE_INSTALLATION_ID": keys.installation_id,
            "PSABRIDGE_LOG_FORMAT": "json",
            # The simulator is plain http on loopback, and applies nothing later than 2 s after it was asked.
            "PSABRIDGE_ALLOW_LOOPBACK_SITES": "1",
            # A service killed here is started again at once: nobody waits 45 s for its partitions.
            "PSABRIDGE_SESSION_SECONDS": "6",
            "PSABRIDGE_CLAIM_VALIDITY": "2",
            "PSABRIDGE_CALL_DEADLINE": "5",
            "PSABRIDGE_LATE_APPLY": "2",
            "PSABRIDGE_LIST_LAG": "1",
        }
        if self.prefix != PREFIX:
            told["PSABRIDGE_GROUP_PREFIX"] = self.prefix
        if name == CONSOLE:
            others = [other for other in self.names if other not in {CONSOLE, SIMULATOR}]
            told["PSABRIDGE_CONSOLE_PRIVATE_KEY"] = str(keys.console_private)
            told["PSABRIDGE_SERVICE_URLS"] = json.dumps(
                {services.public_name(other): self.service(other).url for other in others}
            )
        return told | self._extra

    def _environment_of(self, name: str) -> Callable[[], Mapping[str, str]]:
        return lambda: self.environment(name)

    async def _start(self, name: str) -> None:
        service = self.service(name)
        if service.is_current() and await service.is_ready():
            return
        await service.start()
        self.say(f"{name}: ready at {service.url}")

    async def _kafka_with_topics(self) -> None:
        await self.start_kafka()
        await self.topics()

    async def _postgres_with_databases(self) -> None:
        await self.start_postgres()
        await self.provision()
        await self.migrate()

    async def _bootstrap_token(self, database: Database) -> None:
        """The console's first token, again when its database is another than the one it was made for."""
        token, made_for = self.layout.admin_token, self.layout.keys / "admin-token.database"
        identity = await _identity(self.engines.postgres, database.name)
        if token.exists() and made_for.exists() and made_for.read_text() == identity:
            return
        token.unlink(missing_ok=True)
        words = ["--bootstrap-token", str(token)]
        await run_once(CONSOLE, words, self.environment(CONSOLE), self.layout.log(CONSOLE))
        token.chmod(0o600)
        write_private(made_for, identity)


async def _identity(admin_dsn: str, database: str) -> str:
    admin = await asyncpg.connect(admin_dsn)
    try:
        return str(await admin.fetchval("select oid from pg_database where datname = $1", database))
    finally:
        await admin.close()
