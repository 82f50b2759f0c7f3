"""A scenario made into sites. What refers to something that is not there is refused with file and key."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from connectwise_simulator import roles, scenario
from connectwise_simulator.clock import Clock, civil
from connectwise_simulator.errors import ApiError
from connectwise_simulator.image import image
from connectwise_simulator.rules import GENERIC, RULES
from connectwise_simulator.scenario import ScenarioError
from connectwise_simulator.schema import TABLE_OF_REFERENCE, Kind, Record
from connectwise_simulator.setup_tables import USUAL
from connectwise_simulator.site import Key, Knobs, Site, reference
from connectwise_simulator.values import Reading
from connectwise_simulator.world import World

BUILT_IN = Path(__file__).parent / "builtin.yaml"


def add_sites(world: World, document: scenario.Scenario, source: str) -> list[Site]:
    """Add a scenario's sites to the world: all of them or, after `ScenarioError`, none."""
    made: list[Site] = []
    for number, spec in enumerate(document.sites):
        if any(spec.company_id.lower() == s.company_id.lower() for s in [*world.sites.values(), *made]):
            raise ScenarioError(f"{source}: sites[{number}].company_id: {spec.company_id} is there already")
        made.append(_Seeding(world, spec, f"{source}: sites[{number}]").site())
    world.sites |= {site.company_id.lower(): site for site in made}
    for site in made:
        world.journal.note("site", image(site))
    return made


class _Seeding:
    """One site in the making; `at` says where in the file we are."""

    def __init__(self, world: World, spec: scenario.SiteSpec, at: str) -> None:
        self._spec = spec
        self._at = at
        options = spec.options.model_dump()
        clients = options.pop("client_ids")
        knobs = Knobs(**options, client_ids=None if clients is None else frozenset(c.lower() for c in clients))
        clock = Clock(spec.time_zone, spec.today)
        self._site = Site(spec.company_id, spec.name or spec.company_id, clock, world.history, world.journal, knobs)
        self._site.codebase, self._site.is_cloud = spec.codebase, spec.is_cloud

    def site(self) -> Site:
        """The finished site."""
        self._roles()
        self._setup()
        for number, company in enumerate(self._spec.companies):
            self._company(company, f"companies[{number}]")
        for number, item in enumerate(self._spec.catalog):
            self._catalog_item(item, f"catalog[{number}]")
        for number, agreement in enumerate(self._spec.agreements):
            self._agreement(agreement, f"agreements[{number}]")
        return self._site

    def _roles(self) -> None:
        known = self._site.roles
        for name, spec in self._spec.roles.items():
            key = f"roles.{name}"
            role = roles.Role(name)
            if spec.based_on is not None:
                if spec.based_on not in known:
                    raise self._dangling(f"{key}.based_on", "role", spec.based_on)
                role = replace(known[spec.based_on], name=name)
            known[name] = self._changed(role, spec, key)
        for number, key_spec in enumerate(self._spec.keys):
            if key_spec.role not in known:
                raise self._dangling(f"keys[{number}].role", "role", key_spec.role)
            self._site.keys[key_spec.public] = Key(
                key_spec.public, key_spec.private, key_spec.role, revoked=key_spec.revoked
            )

    def _changed(self, role: roles.Role, spec: scenario.RoleSpec, key: str) -> roles.Role:
        cells = dict(role.cells)
        for function, levels in spec.levels.items():
            self._need(function, roles.FUNCTION_NAMES, f"{key}.levels", "module function")
            if isinstance(levels, str):
                for letter in levels:
                    self._need(letter, "AEDI", f"{key}.levels.{function}", "action")
                levels = {action: "All" for action in roles.ACTIONS if action[0].upper() in levels}  # noqa: PLW2901
            for action in levels:
                self._need(action, roles.ACTIONS, f"{key}.levels.{function}", "action")
            cells |= {(function, action): levels.get(action, "None") for action in roles.ACTIONS}
        role = replace(role, cells=cells)
        for entry in spec.without:
            function, _, action = entry.partition(".")
            self._need(function, roles.FUNCTION_NAMES, f"{key}.without", "module function")
            if action:
                self._need(action, roles.ACTIONS, f"{key}.without", "action")
            role = role.without(function, *([action] if action else []))
        if spec.setup_tables is not None:
            tables = None if spec.setup_tables == "all" else frozenset(spec.setup_tables)
            for table in tables or ():
                self._need(table, roles.SETUP_TABLES, f"{key}.setup_tables", "setup table")
            role = replace(role, setup_tables=tables)
        if spec.agreement_types is not None:
            types = None if spec.agreement_types == "all" else frozenset(spec.agreement_types)
            role = replace(role, agreement_types=types)
        return role

    def _setup(self) -> None:
        for table in self._spec.setup:
            self._need(table, USUAL, "setup", "setup table")
        for table, usual in USUAL.items():
            for number, row in enumerate(self._spec.setup.get(table, usual)):
                self._row(table, row, f"setup.{table}[{number}]")

    def _row(self, table: str, row: Record, key: str) -> None:
        """A setup row uses the API's own names; references are by name."""
        model = self._site.tables[table].model
        reading = Reading(self._site, model, b"", newer=True)
        values: Record = {}
        for name, value in row.items():
            field = model.fields.get(name)
            if field is None:
                raise ScenarioError(f"{self._at}.{key}.{name}: unknown key")
            given = {"name": value} if field.kind is Kind.REFERENCE and isinstance(value, str) else value
            try:
                values[name] = int(value) if name == "id" else reading.value(field, given)
            except (ApiError, ValueError) as error:
                raise ScenarioError(f"{self._at}.{key}.{name}: {error}") from None
        if reading.errors:
            raise ScenarioError(f"{self._at}.{key}.{reading.errors[0].field}: {reading.errors[0].message}")
        self._put(table, values, key)

    def _company(self, spec: scenario.CompanySpec, key: str) -> None:
        company = self._put(
            "companies",
            {
                "id": spec.id,
                "identifier": spec.identifier,
                "name": spec.name,
                "city": spec.city,
                "status": self._named("CompanyStatusReference", spec.status, f"{key}.status"),
                "types": [self._named("CompanyTypeReference", name, f"{key}.types") for name in spec.types],
                "currency": self._named("CurrencyReference", spec.currency, f"{key}.currency"),
            },
            key,
            spec.entered,
            spec.updated,
        )
        people = spec.contacts
        if people is None:
            people = [scenario.ContactSpec(first_name="Office", last_name=spec.name)]
        for number, person in enumerate(people):
            contact = self._contact(person, company, number == 0, f"{key}.contacts[{number}]")
            if number == 0:
                default = reference("ContactReference", contact)
                self._site.tables["companies"].put({**company, "defaultContact": default})

    def _contact(self, spec: scenario.ContactSpec, company: Record, first: bool, key: str) -> Record:
        email = {"id": 1, "value": spec.email, "defaultFlag": True, "communicationType": "Email"}
        return self._put(
            "contacts",
            {
                "id": spec.id,
                "firstName": spec.first_name,
                "lastName": spec.last_name or None,
                "company": reference("CompanyReference", company),
                "defaultFlag": first,
                "defaultBillingFlag": first,
                "communicationItems": [email] if spec.email else None,
            },
            key,
        )

    def _catalog_item(self, spec: scenario.CatalogSpec, key: str) -> None:
        description = spec.description or spec.identifier
        self._put(
            "catalog",
            {
                "id": spec.id,
                "identifier": spec.identifier,
                "description": description,
                "customerDescription": description,
                "price": spec.price,
                "cost": spec.cost,
                "productClass": spec.product_class,
                "category": self._named("ProductCategoryReference", spec.category, f"{key}.category"),
                "subcategory": self._named("ProductSubCategoryReference", spec.subcategory, f"{key}.subcategory"),
                "type": self._named("ProductTypeReference", spec.type, f"{key}.type"),
                "unitOfMeasure": self._named("UnitOfMeasureReference", spec.unit, f"{key}.unit"),
                "taxableFlag": spec.taxable,
                "inactiveFlag": spec.inactive,
                "integrationXRef": spec.xref,
                "vendorSku": spec.vendor_sku,
            },
            key,
        )

    def _agreement(self, spec: scenario.AgreementSpec, key: str) -> None:
        company = self._by("companies", "identifier", spec.company, f"{key}.company")
        parent = self._agreement_called(spec.parent, f"{key}.parent")
        types = self._site.tables["agreementTypes"]
        type_name = spec.type or next((t["name"] for t in types), None)
        cycle = "One-Time" if spec.one_time and spec.billing_cycle == "Monthly" else spec.billing_cycle
        record = {
            "id": spec.id,
            "name": spec.name,
            "type": self._named("AgreementTypeReference", type_name, f"{key}.type"),
            "company": reference("CompanyReference", company),
            "contact": company.get("defaultContact"),
            "parentAgreement": reference("AgreementReference", parent) if parent else None,
            "billingCycle": self._named("BillingCycleReference", cycle, f"{key}.billing_cycle"),
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
            "currency": self._named("CurrencyReference", spec.currency, f"{key}.currency"),
        }
        next_invoice = spec.next_invoice_date
        if next_invoice is not None:
            record["nextInvoiceDate"] = civil(next_invoice)
        agreement = self._put("agreements", record, key, spec.entered, spec.updated)
        for number, addition in enumerate(spec.additions):
            self._addition(addition, agreement, f"{key}.additions[{number}]")

    def _addition(self, spec: scenario.AdditionSpec, agreement: Record, key: str) -> None:
        item = self._by("catalog", "identifier", spec.product, f"{key}.product")
        effective: date | None = spec.effective
        self._put(
            "additions",
            {
                "id": spec.id,
                "agreementId": agreement["id"],
                "product": reference("IvItemReference", item),
                "quantity": spec.quantity,
                "lessIncluded": spec.less_included,
                "unitPrice": spec.price,
                "unitCost": spec.cost,
                "billCustomer": spec.bill,
                "effectiveDate": civil(effective) if effective else agreement["billStartDate"],
                "cancelledDate": civil(spec.cancelled) if spec.cancelled else None,
                "serialNumber": spec.serial_number,
                "invoiceDescription": spec.invoice_description,
            },
            key,
        )

    def _put(
        self, table: str, given: Record, key: str, entered: datetime | None = None, updated: datetime | None = None
    ) -> Record:
        """A record as if somebody had entered it long ago: defaults and computed fields, no history."""
        rules = RULES.get(table, GENERIC)
        rows = self._site.tables[table]
        given = {name: value for name, value in given.items() if value is not None}
        if "id" in given and rows.get(given["id"]) is not None:
            raise ScenarioError(f"{self._at}.{key}.id: {given['id']} is there already")
        flags = {f.name: False for f in rows.model.fields.values() if f.kind is Kind.FLAG and not f.newer}
        record = {"id": given.get("id") or rows.next_id(), **flags, **rules.defaults(self._site, given), **given}
        record |= rules.computed(self._site, record)
        ordered = {name: record[name] for name in rows.model.fields if record.get(name) is not None}
        first = _stamp(entered) or self._site.clock.stamp()
        last = _stamp(updated) or first
        ordered["_info"] = {"lastUpdated": last, "updatedBy": "setup", "dateEntered": first, "enteredBy": "setup"}
        rows.put(ordered)
        return ordered

    def _named(self, reference_type: str, name: str | None, key: str) -> Record | None:
        """A reference to a setup row by its name; None where nothing is named."""
        if name is None:
            return None
        table = TABLE_OF_REFERENCE[reference_type]
        member = "currencyIdentifier" if table == "currencies" else "name"
        return reference(reference_type, self._by(table, member, name, key))

    def _by(self, table: str, member: str, value: str, key: str) -> Record:
        for record in self._site.tables[table]:
            if str(record.get(member, "")).lower() == value.lower():
                return record
        raise self._dangling(key, self._site.tables[table].model.resource, value)

    def _agreement_called(self, name: str | None, key: str) -> Record | None:
        if name is None:
            return None
        for record in self._site.tables["agreements"]:
            if name in (record["name"], str(record["id"])):
                return record
        raise self._dangling(key, "agreement (parents stand before their children)", name)

    def _need(self, word: str, known: Iterable[str], key: str, what: str) -> None:
        if word not in known:
            raise self._dangling(key, what, word)

    def _dangling(self, key: str, what: str, value: Any) -> ScenarioError:
        return ScenarioError(f"{self._at}.{key}: there is no {what} '{value}'")


def _stamp(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
