"""The billing of one site, in this process: what people and the clock do to an agreement, and what it invoices."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from connectwise_simulator.billing import daily, invoicing, statements
from connectwise_simulator.billing.drafting import Draft, Refusal, due_invoice
from connectwise_simulator.records import rules
from connectwise_simulator.scenarios.scenario import Scenario, read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor
from connectwise_simulator.world import World

SITE = """
sites:
  - company_id: office
    time_zone: America/New_York
    today: TODAY
    keys: [{public: pub, private: priv}]
    options: OPTIONS
    setup:
      billingCycles:
        - {id: 1, identifier: M, name: Monthly, billingOptions: Monthly}
        - {id: 2, identifier: BM, name: BiMonthly, billingOptions: BiMonthly}
        - {id: 3, identifier: Q, name: Quarterly, billingOptions: Quarterly}
        - {id: 4, identifier: S, name: SemiAnnual, billingOptions: SemiAnnual}
        - {id: 5, identifier: Y, name: Yearly, billingOptions: Yearly}
        - {id: 6, identifier: W, name: Weekly, billingOptions: Weekly}
        - {id: 7, identifier: BW, name: BiWeekly, billingOptions: BiWeekly}
        - {id: 8, identifier: O, name: One-Time, billingOptions: NotRecurring}
    companies: [{id: 10, identifier: Alder, name: Alder & Ash}]
    catalog: [{id: 50, identifier: SEAT, description: Seat, price: 30, cost: 20}]
    agreements: [AGREEMENTS]
"""


class Office:
    """One site with agreements given in scenario words; a day is a text like `03-17`, of 2026 unless it says so."""

    def __init__(self, *agreements: str, today: str = "2026-03-10", options: str = "{}") -> None:
        text = SITE.replace("TODAY", today).replace("OPTIONS", options).replace("AGREEMENTS", ", ".join(agreements))
        self.world = World()
        self.site = add_sites(self.world, _scenario(text), "office")[0]
        self.actor = Actor("somebody", "TEST", "")

    def add(self, effective: str, cancelled: str | None = None, agreement: int = 1, **members: Any) -> int:
        values = {"product": {"id": 50}, "billCustomer": "Billable", "agreementId": agreement, **_exact(members)}
        values |= {"effectiveDate": _day(effective)} | ({"cancelledDate": _day(cancelled)} if cancelled else {})
        return int(rules.store(self.site, self.actor, "additions", values, None)["id"])

    def change(self, table: str, record_id: int, **values: Any) -> Record:
        before = self.record(table, record_id)
        return rules.store(self.site, self.actor, table, {**before, **_exact(values)}, before)

    def cancel(self, addition: int, day: str) -> None:
        self.change("additions", addition, cancelledDate=_day(day))

    def go_to(self, day: str) -> None:
        self.site.clock.set(date.fromisoformat(_day(day)[:10]))
        daily.new_day(self.site)

    def due(self, agreement: int = 1) -> Draft | Refusal:
        return due_invoice(self.site, self.record("agreements", agreement), self.site.clock.today())

    def invoice(self, day: str | None = None, agreement: int = 1) -> Record:
        """The invoice made on a day, with its lines."""
        if day is not None:
            self.go_to(day)
        draft = self.due(agreement)
        assert isinstance(draft, Draft), draft
        made = invoicing.issue(self.site, self.actor, draft, self.site.clock.today())
        return next(i for i in self.invoices(agreement) if i["id"] == made["id"])

    def amounts(self, day: str | None = None, agreement: int = 1) -> list[tuple[str, str, Decimal | int]]:
        """First and last day and amount of each line of the invoice made on a day."""
        return [(_short(x["first"]), _short(x["last"]), x["amount"]) for x in self.invoice(day, agreement)["lines"]]

    def invoices(self, agreement: int | None = None) -> list[Record]:
        return statements.invoices(self.site, agreement)

    def record(self, table: str, record_id: int) -> Record:
        found = self.site.find(table, record_id)
        assert found is not None
        return found

    def next_date(self, agreement: int = 1) -> str | None:
        text = self.record("agreements", agreement).get("nextInvoiceDate")
        return _short(text) if text else None


def monthly(*more: str, number: int = 1, start: str = "2025-01-01", then: str = "2026-04-01") -> str:
    """A monthly agreement that is invoiced up to a day."""
    words = [f"id: {number}, name: A{number}, company: Alder, bill_start: {start}, next_invoice_date: {then}", *more]
    return "{" + ", ".join(words) + "}"


@cache
def _scenario(text: str) -> Scenario:
    """Read once: most of the time of a test goes into the YAML."""
    return read_scenario(text, "office")


def _day(day: str) -> str:
    return f"{day if len(day) > 5 else f'2026-{day}'}T00:00:00Z"


def _short(day: str) -> str:
    return day[:10].removeprefix("2026-")


def _exact(members: dict[str, Any]) -> dict[str, Any]:
    """Numbers as a body brings them."""
    return {k: Decimal(str(v)) if isinstance(v, int | float) and not isinstance(v, bool) else v
            for k, v in members.items()}  # fmt: skip
