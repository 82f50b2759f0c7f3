import asyncio
import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from console.commands.client import Client
from devstack.rehearsal import Rehearsal
from devstack.services import CONSOLE, SIMULATOR
from devstack.stack import Stack


@pytest.fixture
def rehearsal(stack: Stack) -> Iterator[Rehearsal]:
    """A fresh tenant with a simulated site of its own, on the run's services."""
    name = secrets.token_hex(4)
    token = stack.layout.admin_token.read_text().strip()
    simulator = stack.service(SIMULATOR).url
    with (
        Client(stack.service(CONSOLE).url, token) as console,
        closing(Rehearsal(console, simulator, f"t-{name}", f"site{name}")) as fresh,
    ):
        yield fresh


async def imported(rehearsal: Rehearsal) -> str:
    """The run of the example's file, with every line decided and nothing written yet."""
    await asyncio.to_thread(rehearsal.connect)
    brought = await asyncio.to_thread(rehearsal.bring_in)
    assert brought["state"] == "sealed", brought["refusals"]
    run: str = brought["import_id"]
    await asyncio.to_thread(rehearsal.map)
    await asyncio.to_thread(rehearsal.decided, run)
    return run
