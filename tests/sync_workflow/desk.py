"""What a person at the console sees of the service, and what other services tell it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from contracts import topics
from contracts.envelope import Data
from contracts.events import RunStep, SyncStep
from contracts.topics import Topic
from contracts.values import RunId, TenantId
from servicekit import Service
from tests.factories import facts


@dataclass
class Desk:
    """One tenant's."""

    service: Service
    tenant: TenantId
    client: httpx.AsyncClient
    headers: Callable[..., dict[str, str]]

    async def hears(self, topic: Topic[Any], entity: str, *said: Data) -> None:
        consumer = next(one for one in self.service.consumers() if one.topic is topic)
        await consumer.handle([facts.record(topic, self.tenant, entity, data) for data in said])

    async def imports(self, number: int = 2, run: str = "run-1", **changes: Any) -> None:
        """A document of that many lines is sealed."""
        lines = [facts.billed(one, run_id=RunId(run)) for one in range(number)]
        fact = facts.sealed(lines, run_id=RunId(run), **changes)
        await self.hears(topics.INVOICE_SEALED, fact.document_id, fact)

    async def reports(
        self, step: RunStep, state: str, done: int, total: int, run: str = "run-1", **counts: int
    ) -> None:
        said = SyncStep.model_validate(
            {"run_id": run, "step": step, "state": state, "done": done, "total": total, "counts": counts}
        )
        await self.hears(topics.SYNC_STEPS, run, said)

    async def asks(self, method: str, path: str, *permissions: str, **more: Any) -> httpx.Response:
        granted = permissions or ("runs.read", "runs.approve")
        return await self.client.request(method, path, headers=self.headers(*granted), **more)

    async def run(self, run: str = "run-1") -> dict[str, Any]:
        answer = await self.asks("GET", f"/runs/{run}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def step(self, name: str, run: str = "run-1") -> dict[str, Any]:
        return next(step for step in (await self.run(run))["steps"] if step["step"] == name)

    async def told(self, topic: Topic[Any]) -> list[Any]:
        async with self.service.db.transaction([self.tenant]) as tx:
            values = await tx.column("select value from outbox where topic = $1 order by id", topic.name)
        return [topic.decode(value).data for value in values]

    async def commands(self) -> list[tuple[str, str]]:
        return [(fact.command, fact.requested_by) for fact in await self.told(topics.SYNC_COMMANDS)]
