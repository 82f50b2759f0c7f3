"""A scenario made into sites. What refers to something that is not there is refused with file, line and key."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path

from connectwise_simulator import roles
from connectwise_simulator.billing.agreements import next_invoice_day
from connectwise_simulator.billing.ledger import opening
from connectwise_simulator.clock import Clock, civil
from connectwise_simulator.errors import ApiError
from connectwise_simulator.records import companies, custom_fields, lists, members
from connectwise_simulator.records.rules import GENERIC, RULES, flags
from connectwise_simulator.records.values import Reading
from connectwise_simulator.registry import RESOURCES, TABLES
from connectwise_simulator.scenarios import dates as scenario_dates
from connectwise_simulator.scenarios import rights, scenario
from connectwise_simulator.scenarios.document import Location
from connectwise_simulator.scenarios.generating import Generated
from connectwise_simulator.scenarios.scenario import Problem
from connectwise_simulator.scenarios.setup_tables import USUAL
from connectwise_simulator.schema import TABLE_OF_REFERENCE, Kind, Record
from connectwise_simulator.site import Key, Knobs, Site, reference
from connectwise_simulator.state.image import image
from connectwise_simulator.tables import Table
from connectwise_simulator.world import World

BUILT_IN = Path(__file__).parent / "builtin.yaml"

# What has a part of its own in a scenario; the rows of every other table of the API are given under `setup`.
_OWN_PARTS = ("companies", "contacts", "catalog", "agreements", "additions")
_ROWS = tuple(dict.fromkeys(r.table for r in RESOURCES if r.table in TABLES and r.table not in _OWN_PARTS))
_FIRST = (*USUAL, "userDefinedFields")  # what the parts refer to


def add_sites(world: World, document: scenario.Scenario, source: str) -> list[Site]:
    """Add a scenario's sites to the world, faults included: all of them or, after `ScenarioError`, none."""
    made: list[Site] = []
    problems: list[Problem] = []
    for number, spec in enumerate(document.sites):
        at: Location = ("sites", number)
        if any(spec.company_id.lower() == s.company_id.lower() for s in [*world.sites.values(), *made]):
            problems.append(((*at, "company_id"), f"{spec.company_id} is there already"))
        seeding = _Seeding(world, spec, at)
        made.append(seeding.site())
        problems += seeding.problems
    if problems:
        raise document.refusal(source, problems)
    world.sites |= {site.company_id.lower(): site for site in made}
    for site, spec in zip(made, document.sites, strict=True):
        world.journal.note("site", image(site))
        for order in spec.faults:
            world.faults.add(order.model_copy(update={"site": site.company_id}))
    return made


class _Seeding:
    """One site in the making. What cannot be made is noted and left out, so that all problems are said at once."""

    def __init__(self, world: World, spec: scenario.SiteSpec, at: Location) -> None:
        self.problems: list[Problem] = []
        self._spec = spec
        self._at = at
        self._left_out: set[tuple[str, str]] = set()  # what refers to it is no problem of its own
        clients = spec.options.client_ids
        knobs: Knobs = replace(
            spec.options, client_ids=None if clients is None else frozenset(c.lower() for c in clients)
        )
        clock = Clock(spec.time_zone, spec.now or spec.today)
        self._site = Site(spec.company_id, spec.name or spec.company_id, clock, world.history, world.journal, knobs)
        self._site.codebase, self._site.is_cloud = spec.codebase, spec.is_cloud
        self._begun = clock.stamp()

    def site(self) -> Site:
        """The site; finished only if there are no problems."""
        spec, at = self._spec, self._at
        self._dates(scenario_dates.of_site(spec), at)
        self._roles()
        self._setup(_FIRST)
        self._setup_names()
        more = None if spec.generate is None else Generated(spec.generate, self._site.clock.today())
        for number, company in enumerate(chain(spec.companies, more.companies() if more else ())):
            self._company(company, (*at, "companies", number))
        for number, item in enumerate(chain(spec.catalog, more.catalog() if more else ())):
            self._catalog_item(item, (*at, "catalog", number))
        for number, agreement in enumerate(chain(spec.agreements, more.agreements() if more else ())):
            self._agreement(agreement, (*at, "agreements", number))
        self._setup([table for table in _ROWS if table not in _FIRST])
        for part in (companies, lists, custom_fields):
            part.begin(self._site)
        for number, order in enumerate(spec.faults):
            if order.site is not None and order.site.lower() != spec.company_id.lower():
                self._note((*at, "faults", number, "site"), "a site's faults are its own: leave it out")
        for one in self._site.tables["agreements"]:
            if day := next_invoice_day(self._site, one):
                self._site.tables["openings"].put(opening(self._site, one["id"], day))
        return self._site

    def _roles(self) -> None:
        known = self._site.roles
        for name, spec in self._spec.roles.items():
            at = (*self._at, "roles", name)
            role = roles.Role(name)
            if spec.based_on is not None and self._need(spec.based_on, known, (*at, "based_on"), "role"):
                role = replace(known[spec.based_on], name=name)
            known[name] = rights.changed(role, spec, at, self._need)
        for number, role in enumerate(known.values()):
            self._put("securityRoles", {"id": number + 1, **members.role_row(self._site, role)}, (*self._at, "roles"))
        for number, key in enumerate(self._spec.keys):
            at = (*self._at, "keys", number)
            if key.public in self._site.keys:
                self._note((*at, "public"), f"{key.public} is there already")
            member = self._member(key, at)
            if member is not None:
                self._site.keys[key.public] = Key(key.public, key.private, member["id"], revoked=key.revoked)

    def _member(self, key: scenario.KeySpec, at: Location) -> Record | None:
        """The API member that a key belongs to, and the row of its role if it has none yet."""
        role = roles.named(self._site.roles, key.role)
        if role is None:
            self._note((*at, "role"), f"there is no role '{key.role}'")
            return None
        row = members.find_role(self._site, role.name)
        row = row or self._put("securityRoles", members.role_row(self._site, role), at)
        return None if row is None else self._put("members", members.member_row(self._site, key.public, row), at)

    def _setup(self, tables: Iterable[str]) -> None:
        for table in tables:
            for number, row in enumerate(self._spec.setup.get(table, USUAL.get(table, ()))):
                at = (*self._at, "setup", table, number)
                self._put(table, self._given(table, row, at), at)

    def _setup_names(self) -> None:
        """What names a setup table or one of its rows and is not read with it."""
        for table in self._spec.setup:
            self._need(table, _ROWS, (*self._at, "setup", table), "setup table")
        known = [row["name"] for row in self._site.tables["agreementTypes"]]
        for name, role in self._spec.roles.items():
            for number, one in enumerate(role.agreement_types or () if role.agreement_types != "all" else ()):
                self._need(one, known, (*self._at, "roles", name, "agreement_types", number), "agreementType")

    def _given(self, table: str, members: Record, at: Location) -> Record:
        """Members in the API's own names; references may be names alone."""
        model = self._site.tables[table].model
        values: Record = {}
        for name, value in members.items():
            field = model.fields.get(name)
            if field is None or (field.computed and name != "id"):
                self._note((*at, name), "unknown key" if field is None else "is computed and cannot be given")
                continue
            if name == "id":
                if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= scenario.LARGEST_ID:
                    values[name] = value
                else:
                    self._note((*at, name), f"should be a whole number from 1 to {scenario.LARGEST_ID}")
                continue
            given = value
            if field.kind is Kind.REFERENCE and isinstance(value, str):
                given = {"identifier" if field.table and "identifier" in TABLES[field.table].unique else "name": value}
            reading = Reading(self._site, model, b"", newer=True)
            try:
                values[name] = reading.value(field, given)
            except (ApiError, ValueError):
                self._note((*at, name), f"should be a {field.reference or field.kind.name.lower()}, not {value!r}")
            for wrong in reading.errors:
                self._note((*at, name), wrong.message)
        if "customFields" in values:
            self._custom_fields(table, values, (*at, "customFields"))
        return values

    def _custom_fields(self, table: str, values: Record, at: Location) -> None:
        for wrong in custom_fields.problems(self._site, table, values, None):
            if wrong.code != "MissingRequiredField":  # it may have become required later
                self._note(at, wrong.message)

    def _with_more(self, table: str, own: Record, more: scenario.More, at: Location) -> Record:
        """A record of what its keys say and of further members; what a key can say is never said twice."""
        at = (*at, "more")
        for name in more:
            if name in own:
                self._note((*at, name), "is given by a key of its own, not in more")
        return {**own, **self._given(table, {n: value for n, value in more.items() if n not in own}, at)}

    def _company(self, spec: scenario.CompanySpec, at: Location) -> None:
        self._dates(scenario_dates.of_company(spec), at)
        own = {
            "id": spec.id,
            "identifier": spec.identifier,
            "name": spec.name,
            "city": spec.city,
            "status": self._reference("CompanyStatusReference", spec.status, (*at, "status")),
            "types": [
                found
                for number, name in enumerate(spec.types)
                if (found := self._reference("CompanyTypeReference", name, (*at, "types", number)))
            ],
            "currency": self._reference("CurrencyReference", spec.currency, (*at, "currency")),
            "defaultContact": None,  # the first of contacts
        }
        record = self._with_more("companies", own, spec.more, at)
        company = self._put("companies", record, at, spec.entered, spec.updated)
        if company is None:
            return
        people = spec.contacts
        if people is None:
            people = [scenario.ContactSpec(first_name="Office", last_name=spec.name)]
        for number, person in enumerate(people):
            contact = self._contact(person, company, number == 0, (*at, "contacts", number))
            if number == 0 and contact is not None:
                default = reference("ContactReference", contact)
                self._site.tables["companies"].put({**company, "defaultContact": default})

    def _contact(self, spec: scenario.ContactSpec, company: Record, first: bool, at: Location) -> Record | None:
        email = {"id": 1, "value": spec.email, "defaultFlag": True, "communicationType": "Email"}
        own = {
            "id": spec.id,
            "firstName": spec.first_name,
            "lastName": spec.last_name or None,
            "company": reference("CompanyReference", company),
            "communicationItems": [email] if spec.email else None,
        }
        usual = {"defaultFlag": first, "defaultBillingFlag": first}
        return self._put("contacts", {**usual, **self._with_more("contacts", own, spec.more, at)}, at)

    def _catalog_item(self, spec: scenario.CatalogSpec, at: Location) -> None:
        description = spec.description or spec.identifier[:60]
        own = {
            "id": spec.id,
            "identifier": spec.identifier,
            "description": description,
            "price": spec.price,
            "cost": spec.cost,
            "productClass": spec.product_class,
            "category": self._reference("ProductCategoryReference", spec.category, (*at, "category")),
            "subcategory": self._reference("ProductSubCategoryReference", spec.subcategory, (*at, "subcategory")),
            "type": self._reference("ProductTypeReference", spec.type, (*at, "type")),
            "unitOfMeasure": self._reference("UnitOfMeasureReference", spec.unit, (*at, "unit")),
            "taxableFlag": spec.taxable,
            "inactiveFlag": spec.inactive,
            "integrationXRef": spec.xref,
            "vendorSku": spec.vendor_sku,
        }
        usual = {"customerDescription": description}
        self._put("catalog", {**usual, **self._with_more("catalog", own, spec.more, at)}, at)

    def _agreement(self, spec: scenario.AgreementSpec, at: Location) -> None:
        self._dates(scenario_dates.of_agreement(spec), at)
        company = self._named("companies", "identifier", spec.company, (*at, "company"))
        parent = None if spec.parent is None else self._parent(spec.parent, company, (*at, "parent"))
        if company is None or (spec.parent is not None and parent is None):
            self._left_out.add(("agreements", spec.name.lower()))
            return
        type_name = spec.type or next((t["name"] for t in self._site.tables["agreementTypes"]), None)
        cycle = "One-Time" if spec.one_time and spec.billing_cycle == "Monthly" else spec.billing_cycle
        own = {
            "id": spec.id,
            "name": spec.name,
            "type": self._reference("AgreementTypeReference", type_name, (*at, "type")),
            "company": reference("CompanyReference", company),
            "parentAgreement": reference("AgreementReference", parent) if parent else None,
            "billingCycle": self._reference("BillingCycleReference", cycle, (*at, "billing_cycle")),
            "invoicingCycle": spec.invoicing_cycle,
            "prorateFlag": spec.prorate,
            "oneTimeFlag": spec.one_time,
            "billOneTimeFlag": spec.one_time,
            "periodType": spec.period_type,
            "startDate": civil(spec.start or spec.bill_start),
            "billStartDate": civil(spec.bill_start),
            "endDate": civil(spec.end) if spec.end else None,
            "noEndingDateFlag": spec.end is None,
            "cancelledFlag": spec.cancelled is not None,
            "dateCancelled": civil(spec.cancelled) if spec.cancelled else None,
            "nextInvoiceDate": civil(spec.next_invoice_date) if spec.next_invoice_date else None,
            "currency": self._reference("CurrencyReference", spec.currency, (*at, "currency")),
        }
        usual = {"contact": company.get("defaultContact")}
        record = {**usual, **self._with_more("agreements", own, spec.more, at)}
        agreement = self._put("agreements", record, at, spec.entered, spec.updated)
        for number, addition in enumerate(spec.additions):
            below = (*at, "additions", number)
            self._dates(scenario_dates.of_addition(addition, spec), below)
            if agreement is not None:
                self._addition(addition, agreement, below)

    def _addition(self, spec: scenario.AdditionSpec, agreement: Record, at: Location) -> None:
        item = self._named("catalog", "identifier", spec.product, (*at, "product"))
        if item is None:
            return
        if item["productClass"] == "Bundle":  # contract 3.3
            self._note((*at, "product"), f"'{spec.product}' is a bundle and cannot be an addition")
        own = {
            "id": spec.id,
            "product": reference("IvItemReference", item),
            "quantity": spec.quantity,
            "lessIncluded": spec.less_included,
            "unitPrice": spec.price,
            "unitCost": spec.cost,
            "billCustomer": spec.bill,
            "effectiveDate": civil(spec.effective) if spec.effective else agreement["billStartDate"],
            "cancelledDate": civil(spec.cancelled) if spec.cancelled else None,
            "serialNumber": spec.serial_number,
            "invoiceDescription": spec.invoice_description,
        }
        record = self._with_more("additions", own, spec.more, at)
        self._put("additions", {"agreementId": agreement["id"], **record}, at)

    def _put(
        self, table: str, given: Record, at: Location, entered: datetime | None = None, updated: datetime | None = None
    ) -> Record | None:
        """A record as if somebody had entered it long ago: defaults and computed fields, no history."""
        rules, rows = RULES.get(table, GENERIC), self._site.tables[table]
        given = {name: value for name, value in given.items() if value is not None}
        if not self._is_free(rows, given, at):
            return None
        defaults = {**flags(table), **rules.defaults(self._site, given)}
        record = {"id": given.get("id") or rows.next_id(), **defaults, **given}
        record |= rules.computed(self._site, record)
        ordered = {name: value for name in rows.model.fields if (value := record.get(name)) is not None}
        first = _stamp(entered) or self._begun
        last = _stamp(updated) or first
        ordered["_info"] = {"lastUpdated": last, "updatedBy": "setup", "dateEntered": first, "enteredBy": "setup"}
        rows.put(ordered)
        return ordered

    def _is_free(self, rows: Table, given: Record, at: Location) -> bool:
        taken = [] if rows.get(given.get("id", 0)) is None else [("id", given["id"])]
        taken += [
            (name, given[name]) for name in TABLES[rows.name].unique if name in given and rows.named(name, given[name])
        ]
        for name, value in taken:
            self._note((*at, name), f"{value} is there already")
            self._left_out |= {(rows.name, str(given[n]).lower()) for n in ("identifier", "name") if n in given}
        return not taken

    def _reference(self, reference_type: str, name: str | None, at: Location) -> Record | None:
        """A reference to a setup row by its name; None where nothing is named."""
        if name is None:
            return None
        table = TABLE_OF_REFERENCE[reference_type]
        row = self._named(table, "currencyIdentifier" if table == "currencies" else "name", name, at)
        return None if row is None else reference(reference_type, row)

    def _named(self, table: str, member: str, name: str, at: Location) -> Record | None:
        rows = self._site.tables[table]
        found = rows.named(member, name)
        if found:
            return found[0]
        if (table, name.lower()) not in self._left_out:
            self._note(at, f"there is no {rows.model.resource} '{name}'")
        return None

    def _parent(self, name: str, company: Record | None, at: Location) -> Record | None:
        """By id or name; of several with one name that of the same company."""
        agreements = self._site.tables["agreements"]
        by_id = agreements.get(int(name)) if name.isascii() and name.isdigit() else None
        found = [by_id] if by_id else agreements.named("name", name)
        if len(found) > 1 and company is not None:
            found = [one for one in found if one["company"]["id"] == company["id"]]
        if len(found) == 1:
            if found[0].get("parentAgreement"):
                self._note(at, f"'{name}' is a child itself and cannot be a parent")
            return found[0]
        if found:
            self._note(at, f"there are {len(found)} agreements '{name}': give the parent's id")
        elif ("agreements", name.lower()) not in self._left_out:
            self._note(at, f"there is no agreement (parents stand before their children) '{name}'")
        return None

    def _dates(self, wrong: Iterable[tuple[str, str]], at: Location) -> None:
        for key, rule in wrong:
            self._note((*at, key), rule)

    def _need(self, word: str, known: Iterable[str], at: Location, what: str) -> bool:
        if word in known:
            return True
        self._note(at, f"there is no {what} '{word}'")
        return False

    def _note(self, at: Location, rule: str) -> None:
        self.problems.append((at, rule))


def _stamp(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
