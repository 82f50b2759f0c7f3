"""`POST agreements/{id}/copy`: a second agreement like the first, with its additions and their serial numbers (B18)."""

from connectwise_simulator import security
from connectwise_simulator.billing import additions, agreements, ledger
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.errors import forbidden, not_found
from connectwise_simulator.filters.selection import record_text
from connectwise_simulator.models.finance import ADDITION, AGREEMENT
from connectwise_simulator.registry import ADDRESSES
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor, Site

SUFFIX = " (Copy)"


def copy(call: Call, ids: tuple[int, ...]) -> Answer:
    """The copy, with 201."""
    resource, _ = ADDRESSES["finance/agreements"]
    security.level(call, resource, "add")
    granted = security.level(call, resource, "inquire")
    agreement = call.site.find("agreements", ids[0])
    if agreement is None:
        raise not_found(f"Agreement {ids[0]}")
    if not security.reaches(call, resource, granted, agreement):
        raise forbidden()
    made = copied(call.site, call.actor, agreement)
    return Answer(201, record_text(call, call.site.tables["agreements"], made), record_id=made["id"])


def copied(site: Site, actor: Actor, agreement: Record) -> Record:
    """Copy it with all dates, so also past the rules of new records; what was invoiced is not invoiced again.

    Name, dates and the next invoice date of a copy are in no source [assumed].
    """
    name = agreement["name"][: (AGREEMENT.fields["name"].longest or 0) - len(SUFFIX)] + SUFFIX
    values = {"id": site.tables["agreements"].next_id(), "name": name}
    made = {**agreement, **values}
    made |= agreements.computed(site, made)
    made = site.put(actor, "agreements", None, {n: made.get(n) for n in AGREEMENT.fields})
    for addition in site.tables["additions"].children(agreement["id"]):
        twin = {**addition, "id": site.tables["additions"].next_id(), "agreementId": made["id"]}
        twin |= additions.computed(site, twin)
        site.put(actor, "additions", None, {n: twin.get(n) for n in ADDITION.fields})
    if day := agreements.next_invoice_day(site, made):
        site.refresh("openings", ledger.opening(site, made["id"], day))
    return made
