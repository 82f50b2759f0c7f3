"""What each record type fills in, computes and refuses: one entry a table, generic rules for the rest."""

from collections.abc import Callable
from dataclasses import dataclass

from connectwise_simulator import additions, agreements
from connectwise_simulator.agreements import first_default
from connectwise_simulator.errors import FieldError, invalid
from connectwise_simulator.registry import TABLES
from connectwise_simulator.schema import Kind, Record
from connectwise_simulator.site import Actor, Site, reference

Filler = Callable[[Site, Record], Record]
Judge = Callable[[Site, Record, Record | None], list[FieldError]]


@dataclass(frozen=True, slots=True)
class Rules:
    """`defaults` fill gaps on create, `computed` overwrite, `problems` refuse."""

    defaults: Filler
    computed: Filler
    problems: Judge


def store(site: Site, actor: Actor, table: str, record: Record, before: Record | None) -> Record:
    """Save a record if its rules allow it, and what follows from it; raises the refusal otherwise."""
    spec, rules = TABLES[table], RULES.get(table, GENERIC)
    record = {k: v for k, v in record.items() if k != "_info"}
    if before is None:
        record = {**_flags(table), **rules.defaults(site, record), **_present(record)}
    record = _present(record)
    missing = [
        FieldError("MissingRequiredField", f"The field {f.name} is required.", f.name)
        for f in spec.model.fields.values()
        # A record from a scenario may lack what a client must give: only clearing it is refused then.
        if f.required and record.get(f.name) in (None, "") and (before is None or f.name in before)
    ]
    if missing:
        raise invalid(spec.model.resource, *missing)
    record = {**record, **rules.computed(site, record)}
    found = [*rules.problems(site, record, before), *_taken(site, table, record, before)]
    if found:
        raise invalid(spec.model.resource, *found)
    if before is None:
        record = {"id": site.tables[table].next_id(), **record}
    if before is not None and _same(_present(record), before):
        return before
    record = site.put(actor, table, before, {name: record.get(name) for name in spec.model.fields})
    if table == "agreements":
        recompute(site, record["id"])
    return record


def rewrite(site: Site, actor: Actor, table: str, before: Record, values: Record) -> Record:
    """Change a record past its rules, computed fields following: what a person or PSA itself does (an invoice run)."""
    rules = RULES.get(table, GENERIC)
    record = {**before, **values}
    record |= rules.computed(site, _present(record)) | {k: v for k, v in values.items() if v is not None}
    record = site.put(actor, table, before, {name: record.get(name) for name in TABLES[table].model.fields})
    if table == "agreements":
        recompute(site, record["id"])
    return record


def recompute(site: Site, agreement_id: int) -> None:
    """After an agreement changed: statuses and proration of its additions and its children's follow."""
    children = [
        a["id"] for a in site.tables["agreements"] if (a.get("parentAgreement") or {}).get("id") == agreement_id
    ]
    for agreement in (agreement_id, *children):
        _recompute_additions(site, agreement)


def _recompute_additions(site: Site, agreement_id: int) -> None:
    for addition in site.tables["additions"].children(agreement_id):
        site.refresh("additions", {**addition, **additions.computed(site, addition)})


def new_day(site: Site) -> None:
    """Statuses follow the site's date: called with every request, works once a day."""
    today = site.clock.today()
    if today == site.day:
        return
    site.begin_day(today)
    for agreement in list(site.tables["agreements"]):
        if agreement["agreementStatus"] != agreements.status(agreement, today):
            site.refresh("agreements", {**agreement, **agreements.computed(site, agreement)})
        _recompute_additions(site, agreement["id"])


def _flags(table: str) -> Record:
    """Flags a client leaves out are false."""
    return {f.name: False for f in TABLES[table].model.fields.values() if f.kind is Kind.FLAG and not f.newer}


def _present(record: Record) -> Record:
    return {k: v for k, v in record.items() if v is not None}


def _same(record: Record, before: Record) -> bool:
    return record == {k: v for k, v in before.items() if k != "_info"}


def _taken(site: Site, table: str, record: Record, before: Record | None) -> list[FieldError]:
    model = TABLES[table].model
    changed = [n for n in TABLES[table].unique if before is None or before.get(n) != record.get(n)]
    return [
        FieldError("ObjectExists", f"A matching {model.resource} already exists", name)
        for name in changed
        if any(
            str(other.get(name, "")).lower() == str(record.get(name, "")).lower() and other["id"] != record.get("id")
            for other in site.tables[table]
        )
    ]


def _nothing(_site: Site, _record: Record) -> Record:
    return {}


def _no_problems(_site: Site, _record: Record, _before: Record | None) -> list[FieldError]:
    return []


def _company_defaults(site: Site, _record: Record) -> Record:
    return _present(
        {
            "status": first_default(site, "companyStatuses", "CompanyStatusReference"),
            "currency": first_default(site, "currencies", "CurrencyReference"),
        }
    )


def _catalog_defaults(site: Site, _record: Record) -> Record:
    unit = first_default(site, "unitOfMeasures", "UnitOfMeasureReference")
    return _present({"productClass": "NonInventory", "unitOfMeasure": unit})


def _catalog_computed(site: Site, record: Record) -> Record:
    """The category is the subcategory's."""
    subcategory = site.referred("subcategories", record.get("subcategory")) or {}
    category = site.referred("categories", subcategory.get("category"))
    return {"category": reference("ProductCategoryReference", category) if category else record.get("category")}


GENERIC = Rules(_nothing, _nothing, _no_problems)
RULES = {
    "additions": Rules(additions.defaults, additions.computed, additions.problems),
    "agreements": Rules(agreements.defaults, agreements.computed, agreements.problems),
    "companies": Rules(_company_defaults, _nothing, _no_problems),
    "catalog": Rules(_catalog_defaults, _catalog_computed, _no_problems),
}
