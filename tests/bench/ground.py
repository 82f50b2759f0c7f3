"""What every figure stands on: engines and databases of this run, a generated file, and how a figure is said."""

import csv
import os
import platform
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

from billing_intake.domain.nce import OPTIONAL, REQUIRED
from connectwise import ConnectWise, Credentials
from devstack.engines import Engines
from devstack.engines.local import LocalEngines
from devstack.passwords import DatabasePasswords
from devstack.provision import provision_database
from devstack.state import State
from httpkit import AddressPolicy, Limiter
from storage import Database
from storage.migrations import migrate

COLUMNS = (*REQUIRED, *OPTIONAL)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, what it has to be at least (or at most), and how it was measured."""

    name: str
    value: float
    bound: float
    unit: str
    how: str
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is on the right side of its bound."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def machine() -> str:
    """What was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def _cpuinfo() -> Sequence[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else ()


def median_and_spread(values: Sequence[float]) -> tuple[float, str]:
    """The middle of several runs, and how far they lie apart."""
    return statistics.median(values), f"{min(values):.3g} to {max(values):.3g} in {len(values)} runs"


def connected(url: str, callers: int, calls_per_minute: int = 1_000_000) -> ConnectWise:
    """Our client of a site on this machine, for so many calls at once."""
    return ConnectWise(
        url,
        Credentials("bench", "bench", "bench", "bench"),
        limiter=Limiter(calls_per_minute, concurrency=callers),
        max_connections=callers,
        addresses=AddressPolicy(allow_plain_loopback=True),
    )


@asynccontextmanager
async def engines(folder: Path) -> AsyncIterator[Engines]:
    """A Kafka and a PostgreSQL of this run, with fsync as in production."""
    local = LocalEngines(folder, State(folder / "state.json"), say=lambda _: None)
    (folder / "keys").mkdir(mode=0o700, exist_ok=True)
    try:
        yield await local.start()
    finally:
        await local.remove()


@asynccontextmanager
async def database(admin: str, name: str, components: Sequence[ModuleType]) -> AsyncIterator[tuple[Database, str]]:
    """An open, migrated database and its owner's DSN."""
    made = await provision_database(admin, name, DatabasePasswords.random())
    await migrate(made.owner, components)
    db = Database(made.app, made.all_tenants)
    await db.open()
    try:
        yield db, made.owner
    finally:
        await db.close()


def write_file(path: Path, lines: int, customers: int = 500) -> None:
    """A reconciliation file with that many lines."""
    start = date(2026, 10, 1)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for number in range(lines):
            day = start + timedelta(days=number % 28)
            quantity = number % 40 + 1
            rows.writerow(
                {
                    "PartnerId": "11111111-2222-4333-8444-555555555555",
                    "CustomerId": f"{number % customers:08d}-aaaa-4bbb-8ccc-dddddddddddd",
                    "CustomerName": f"Customer {number % customers}, Ltd.",
                    "CustomerDomainName": f"c{number % customers}.example",
                    "CustomerCountry": "US",
                    "InvoiceNumber": "G000000001",
                    "OrderId": f"o{number:09d}",
                    "OrderDate": f"{day}T10:00:00.0000000Z",
                    "ProductId": f"PRODUCT{number % 300:05d}",
                    "SkuId": "0001",
                    "AvailabilityId": f"A{number % 300:05d}",
                    "SkuName": f"Product {number % 300}",
                    "ProductName": f"Product {number % 300}",
                    "ChargeType": "cycleCharge",
                    "UnitPrice": "17.60",
                    "EffectiveUnitPrice": "17.600000000000000000",
                    "Quantity": str(quantity),
                    "BillableQuantity": str(quantity),
                    "Subtotal": f"{quantity * 17.6:.2f}",
                    "TaxTotal": "0",
                    "Total": f"{quantity * 17.6:.2f}",
                    "Currency": "USD",
                    "PublisherName": "Publisher",
                    "SubscriptionId": f"{number:08d}-eeee-4fff-8000-111111111111",
                    "SubscriptionDescription": f"Product {number % 300}",
                    "ChargeStartDate": f"{day}T00:00:00Z",
                    "ChargeEndDate": f"{day + timedelta(days=29)}T00:00:00Z",
                    "TermAndBillingCycle": "One-Year commitment for monthly/yearly billing",
                    "BillingFrequency": "Monthly",
                    "PricingCurrency": "USD",
                    "PCToBCExchangeRate": "1",
                    "ProductCategory": "Modern Office",
                    "ProductQualifiers": "[]",
                }
            )


def memory_mib() -> float:
    """The most this process has used so far; getrusage would tell the most of the one that started it as well."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024
