"""What agreement invoices have billed: lines of additions and agreements, and where those lines begin.

A day of an addition is billed once. Days before an agreement's opening count as billed for the additions that were
there: a scenario, or an edit of the next invoice date, says that somebody invoiced them without leaving lines here.
"""

from collections.abc import Iterable
from datetime import date

from connectwise_simulator.clock import civil, day_of
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site


def lines_of_invoice(site: Site, invoice_id: int) -> list[Record]:
    """An invoice's lines in their order, with those that are not shown to the customer."""
    return site.tables["invoiceLines"].named("invoiceId", str(invoice_id))


def lines_of_addition(site: Site, addition_id: int) -> list[Record]:
    """An addition's lines, the oldest first."""
    return site.tables["invoiceLines"].children(addition_id)


def fee_lines(site: Site, agreement_id: int) -> list[Record]:
    """Lines of the agreement's own amount."""
    lines = site.tables["invoiceLines"].named("agreementId", str(agreement_id))
    return [line for line in lines if "additionId" not in line]


def invoices_of(site: Site, agreement_id: int) -> list[Record]:
    """The invoices made for the agreement, the oldest first."""
    invoices = site.tables["invoices"]
    made = (invoices.get(row["id"]) for row in site.tables["agreementInvoices"].children(agreement_id))
    return [invoice for invoice in made if invoice is not None]


def billed_days(site: Site, addition: Record) -> dict[int, Record]:
    """Days (ordinals) of an addition that stand on invoices, each with its line; credited ones do not."""
    days: dict[int, Record] = {}
    for line in lines_of_addition(site, addition["id"]):
        covered = ordinals(day_of(line["first"]), day_of(line["last"]))
        if line["creditFlag"]:
            for day in covered:
                days.pop(day, None)
        else:
            days |= dict.fromkeys(covered, line)
    return days


def opening_day(site: Site, addition: Record) -> date | None:
    """Days of this addition before it were invoiced by others; None where none were."""
    opening = site.find("openings", addition["agreementId"])
    return day_of(opening["day"]) if opening and addition["id"] <= opening["lastAddition"] else None


def opening(site: Site, agreement_id: int, day: date) -> Record:
    """That the agreement counts as invoiced before that day, for the additions there are."""
    return {"id": agreement_id, "day": civil(day), "lastAddition": site.tables["additions"].highest}


def ordinals(first: date, last: date) -> range:
    """The days from the first to the last, both inside."""
    return range(first.toordinal(), last.toordinal() + 1)


def runs(days: Iterable[int]) -> list[tuple[date, date]]:
    """Days as stretches without gaps."""
    found: list[list[int]] = []
    for day in sorted(days):
        if found and found[-1][1] == day - 1:
            found[-1][1] = day
        else:
            found.append([day, day])
    return [(date.fromordinal(first), date.fromordinal(last)) for first, last in found]
