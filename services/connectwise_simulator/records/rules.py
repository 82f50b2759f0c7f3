"""What each record type fills in, computes and refuses: one entry a table, generic rules for the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from connectwise_simulator.billing import additions, agreements, invoices, ledger
from connectwise_simulator.billing.agreements import first_default
from connectwise_simulator.clock import civil, is_day
from connectwise_simulator.errors import FieldError, invalid
from connectwise_simulator.peers import callback_entries
from connectwise_simulator.records import companies, custom_fields, lists, members
from connectwise_simulator.records.required import missing
from connectwise_simulator.registry import TABLES
from connectwise_simulator.roles import Role
from connectwise_simulator.schema import Kind, Record
from connectwise_simulator.site import Actor, Site, reference

_RANGES = {("billingTerms", "dueDays"): range(1001), ("currencies", "numberOfDecimals"): range(7)}

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
        record = {**flags(table), **rules.defaults(site, record), **_present(record)}
    record = _present(record)
    if lacking := missing(spec.model, record, before):
        raise invalid(spec.model.resource, *lacking)
    record = {**record, **rules.computed(site, record)}
    if table == "agreements" and before is not None:
        record |= agreements.rescheduled(site, record, before)
    found = [*rules.problems(site, record, before), *_taken(site, table, record, before)]
    found += [*custom_fields.problems(site, table, record, before), *companies.closed(site, record)]
    found += _beyond(table, record)
    if found:
        raise invalid(spec.model.resource, *found)
    record |= custom_fields.shown(site, table, record)
    if before is None:
        record = {"id": site.tables[table].next_id(), **record}
    if before is not None and _same(_present(record), before):
        return before
    record |= lists.write_rows(site, actor, table, record)
    record = site.put(actor, table, before, {name: record.get(name) for name in spec.model.fields})
    _follow(site, actor, table, before or {}, record)
    return site.tables[table].get(record["id"]) or record


def rewrite(site: Site, actor: Actor, table: str, before: Record, values: Record) -> Record:
    """Change a record past its rules, computed fields following: what a person in the office does.

    Who edits the next invoice date says that everything before it was invoiced elsewhere.
    """
    if table == "agreements" and not is_day(values.get("nextInvoiceDate") or civil(site.clock.today())):
        message = f"{values['nextInvoiceDate']} is not a date"
        raise invalid("agreement", FieldError("InvalidField", message, "nextInvoiceDate"))
    record = overwrite(site, actor, table, before, values)
    if table == "agreements" and record.get("nextInvoiceDate", "") != before.get("nextInvoiceDate", ""):
        for agreement in agreements.with_children(site, record["id"]):
            if day := agreements.next_invoice_day(site, agreement):
                site.refresh("openings", ledger.opening(site, agreement["id"], day))
    return record


def overwrite(site: Site, actor: Actor, table: str, before: Record, values: Record) -> Record:
    """Change a record past its rules, computed fields following: what PSA itself does."""
    rules = RULES.get(table, GENERIC)
    record = {**before, **values}
    record |= rules.computed(site, _present(record)) | {k: v for k, v in values.items() if v is not None}
    record |= custom_fields.shown(site, table, record) | lists.write_rows(site, actor, table, record)
    record = site.put(actor, table, before, {name: record.get(name) for name in TABLES[table].model.fields})
    _follow(site, actor, table, before, record)
    return record


def give_role(site: Site, actor: Actor, public: str, role: Role, member: Record | None) -> Record:
    """A member with this role: the one given, or a new one for a key."""
    row = members.find_role(site, role.name) or store(site, actor, "securityRoles", members.role_row(site, role), None)
    values = members.member_row(site, public, row)
    if member is None:
        return store(site, actor, "members", values, None)
    return store(site, actor, "members", {**member, "securityRole": values["securityRole"]}, member)


def _follow(site: Site, actor: Actor, table: str, before: Record, record: Record) -> None:
    """What else changes when a record does."""
    lists.follow_row(site, table, record)
    if table == "userDefinedFields":
        custom_fields.follow_definition(site, before or None, record)
    elif table == "companies" and not before:
        companies.open_site(site, actor, record)
    elif table == "agreements":
        recompute(site, record["id"])
        if site.knobs.cancel_additions_with_agreement:
            _cancel_additions(site, actor, record)
    elif table == "catalog" and before:
        _update_prices(site, actor, before, record)


def _cancel_additions(site: Site, actor: Actor, agreement: Record) -> None:
    """The knob's cascade: what still runs is cancelled on the agreement's day."""
    day = agreement.get("dateCancelled")
    if agreement.get("cancelledFlag") and day:
        for addition in site.tables["additions"].children(agreement["id"]):
            if addition.get("cancelledDate", "9") > day >= addition.get("effectiveDate", ""):
                overwrite(site, actor, "additions", addition, {"cancelledDate": day})


def _update_prices(site: Site, actor: Actor, before: Record, item: Record) -> None:
    """The item's new price or cost on its additions, where the item says so; what has ended keeps its own."""
    flags_of = {"autoUpdateUnitPriceFlag": ("price", "unitPrice"), "autoUpdateUnitCostFlag": ("cost", "unitCost")}
    changed = {
        target: item.get(source)
        for flag, (source, target) in flags_of.items()
        if item.get(flag) and item.get(source) != before.get(source)
    }
    if changed:
        for addition in list(site.tables["additions"]):
            if addition["product"]["id"] == item["id"] and addition.get("additionStatus") not in agreements.ENDED:
                overwrite(site, actor, "additions", addition, changed)


def recompute(site: Site, agreement_id: int) -> None:
    """After an agreement changed: statuses and proration of its additions and its children's follow."""
    for agreement in agreements.with_children(site, agreement_id):
        recompute_additions(site, agreement["id"])


def recompute_additions(site: Site, agreement_id: int) -> None:
    """Statuses and proration of an agreement's own additions."""
    for addition in site.tables["additions"].children(agreement_id):
        site.refresh("additions", {**addition, **additions.computed(site, addition)})


@cache
def flags(table: str) -> Record:
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
        if any(other["id"] != record.get("id") for other in site.tables[table].named(name, str(record.get(name, ""))))
    ]


def _beyond(table: str, record: Record) -> list[FieldError]:
    """Numbers that no invoice could be made with [assumed]."""
    return [
        FieldError("InvalidField", f"{name} must be between {allowed[0]} and {allowed[-1]}.", name)
        for (named, name), allowed in _RANGES.items()
        if named == table and record.get(name, allowed[0]) not in allowed
    ]


def _nothing(_site: Site, _record: Record) -> Record:
    return {}


def _no_problems(_site: Site, _record: Record, _before: Record | None) -> list[FieldError]:
    return []


def _agreement_shown(site: Site, record: Record) -> Record:
    return {"agreement": reference("AgreementReference", site.find("agreements", record["agreementId"]) or {})}


def _communication(_site: Site, record: Record) -> Record:
    return lists.communication(record)


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
    "agreementWorkRoles": Rules(_nothing, _agreement_shown, _no_problems),
    "agreementWorkTypes": Rules(_nothing, _agreement_shown, _no_problems),
    "callbacks": Rules(_nothing, _nothing, callback_entries.problems),
    "companies": Rules(companies.defaults, _nothing, _no_problems),
    "communications": Rules(_nothing, _communication, _no_problems),
    "contactTypeAssociations": Rules(_nothing, _nothing, lists.repeated),
    "corporateStructure": Rules(companies.base_currency, _nothing, _no_problems),
    "members": Rules(members.defaults, members.computed, members.problems),
    "typeAssociations": Rules(_nothing, _nothing, lists.repeated),
    "userDefinedFields": Rules(custom_fields.defaults, _nothing, custom_fields.definition_problems),
    "invoices": Rules(invoices.defaults, invoices.computed, _no_problems),
    "catalog": Rules(_catalog_defaults, _catalog_computed, _no_problems),
}
