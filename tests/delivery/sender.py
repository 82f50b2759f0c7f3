"""A worker as a process of its own, to be killed or stopped: python -m tests.delivery.sender APP ALL_TENANTS PORT."""

import asyncio
import signal
import sys

from delivery import Delivery
from storage import Database
from tests.delivery.additions import Additions
from tests.delivery.house import FAST
from tests.delivery.peer import FarPeer


async def main(app: str, all_tenants: str, port: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    db = Database(app, all_tenants, connections=4)
    await db.open()
    await Delivery(db, Additions(FarPeer(int(port)), "process"), pace=FAST).run(stop)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
