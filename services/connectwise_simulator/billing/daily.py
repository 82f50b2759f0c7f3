"""What a new day brings: invoices that make themselves, and statuses that follow the date."""

from datetime import datetime

from connectwise_simulator.billing import agreements
from connectwise_simulator.billing.invoicing import invoice_by_itself
from connectwise_simulator.records.rules import recompute_additions
from connectwise_simulator.site import Site


def turn_clock(site: Site, moment: datetime) -> None:
    """Jump to a moment with everything that the days bring."""
    site.turn_clock(moment)
    new_day(site)


def new_day(site: Site) -> None:
    """Bring a site to its clock's date: called with every request and move of the clock, works once a day."""
    today = site.clock.today()
    if today == site.day:
        return
    site.begin_day(today)
    invoice_by_itself(site, today)
    for agreement in list(site.tables["agreements"]):
        if agreement["agreementStatus"] != agreements.status(agreement, today):
            site.refresh("agreements", {**agreement, **agreements.computed(site, agreement)})
        recompute_additions(site, agreement["id"])
