from tests.messaging.conftest import MakeDesk
from tests.messaging.desk import Customers, customer


async def test_what_one_service_commits_another_handles_once_and_in_order(
    desks: MakeDesk, topic: Customers, tenant: str
) -> None:
    teller, listener = await desks(), await desks()
    await teller.say(topic, tenant, customer("a", "A"), customer("b", "B"))
    async with teller.relaying(), listener.reading(listener.consumer(topic)):
        await listener.noted_are("A", "B")
        await teller.say(topic, tenant, customer("a", "A again"))
        await listener.noted_are("A", "B", "A again")
    assert await listener.rows("select topic, partition, next_offset from consumed_offset") == [(topic.name, 0, 3)]
