import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectwise_simulator.records.members import role_of
from connectwise_simulator.scenarios.document import LARGEST, MOST, read_document
from connectwise_simulator.scenarios.scenario import (
    LONGEST_SENTENCE,
    MOST_PROBLEMS,
    ScenarioError,
    load_scenario,
    read_scenario,
)
from connectwise_simulator.scenarios.seeding import BUILT_IN, add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.site import Site as SimulatedSite
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import SITE, Site

SERVICES = str(BUILT_IN.parents[2])
EXAMPLES = BUILT_IN.parents[3] / "examples"
PRESETS = ("billing-sync", "invoice-lines", "reconcile-and-approve", "count-only")


def refusal(text: str | bytes) -> list[str]:
    """Each sentence of the refusal; nothing was added."""
    world = World()
    with pytest.raises(ScenarioError) as refused:
        add_sites(world, read_scenario(text, "file.yaml"), "file.yaml")
    assert world.sites == {}
    assert world.faults.view() == []
    return str(refused.value).split("\n")


def site_of(text: str) -> SimulatedSite:
    [site] = add_sites(World(), read_scenario(text, "file.yaml"), "file.yaml")
    return site


def small(more: str) -> str:
    """A site of one company, one product and an agreement from line 6 on."""
    return f"""sites:
  - company_id: small
    keys: [{{public: pub, private: priv}}]
    companies: [{{identifier: Alder, name: Alder}}]
    catalog: [{{identifier: SEAT}}]
{more}"""


def agreement(members: str) -> str:
    return small(f"    agreements:\n      - {{name: A, company: Alder, bill_start: 2025-03-01,\n         {members}}}")


@pytest.mark.parametrize(
    ("wrong", "right", "sentence"),
    [
        ("prorate: true", "prorat: true", "sites[0].agreements[0].prorat: unknown key"),
        ("company: Birch", "company: Elm", "sites[0].agreements[4].company: there is no company 'Elm'"),
        (
            "parent: Advance",
            "parent: Advanced",
            "sites[0].agreements[3].parent: there is no agreement (parents stand before their children) 'Advanced'",
        ),
        (
            "id: 5, name: Cancelled, company: Birch,",
            "id: 5, name: Cancelled, company: Birch, parent: Child,",
            "sites[0].agreements[4].parent: 'Child' is a child itself and cannot be a parent",
        ),
        ("role: admin", "role: king", "sites[0].keys[0].role: there is no role 'king'"),
        ("public: sync", "public: pub", "sites[0].keys[1].public: pub is there already"),
        ("America/New_York", "Atlantis", "sites[0].time_zone: there is no time zone Atlantis"),
        ("id: 11,", "id: 10,", "sites[0].companies[1].id: 10 is there already"),
        (
            "identifier: Birch",
            "identifier: alder",
            "sites[0].companies[1].identifier: alder is there already",
        ),
        (
            "types: [Prospect]",
            "types: [Suspect]",
            "sites[0].companies[1].types[0]: there is no companyType 'Suspect'",
        ),
        (
            "agreement_types: [Cloud Subscriptions]",
            "agreement_types: [Clouds]",
            "sites[0].roles.cloud-only.agreement_types[0]: there is no agreementType 'Clouds'",
        ),
        (
            "edit: My",
            "change: My",
            "sites[0].roles.own-only.levels.Agreements.change: there is no action ",
        ),
        (
            "2025-01-01",
            "2025-02-30",
            "sites[0].agreements[0].bill_start: '2025-02-30' is not a day of the calendar, written as YYYY-MM-DD",
        ),
        ("2025-01-01", "20250101", "sites[0].agreements[0].bill_start: should be written as YYYY-MM-DD"),
        ("price: 22.50", "price: .inf", "sites[0].catalog[0].price: '.inf' is not a number"),
        ("price: 22.50", "price: 9e999999", "sites[0].catalog[0].price: "),
        (
            "identifier: SEAT",
            f"identifier: {'S' * 76}",
            "sites[0].catalog[0].identifier: should have at most 75 characters",
        ),
        (
            "identifier: SEAT",
            "identifier: SEAT, identifier: SEAT",
            "sites[0].catalog[0].identifier: the key ",
        ),
        ("name: Alder & Ash", "title: Alder & Ash", "sites[0].companies[0].name: is missing"),
        ("today: 2026-03-10", "now: 9999-12-31T23:59:59", "sites[0].now: a day should be from 1980"),
        (
            "today: 2026-03-10",
            "now: 2026-03-10T09:00:00\n    today: 2026-03-10",
            "sites[0].now: the clock is ",
        ),
    ],
)
def test_wrong_scenario_is_refused_with_file_line_key_and_rule(wrong: str, right: str, sentence: str) -> None:
    line = SITE[: SITE.index(wrong)].count("\n") + 1
    said = refusal(SITE.replace(wrong, right, 1))
    assert any(one.startswith(f"file.yaml:{line}: {sentence}") for one in said), said


@pytest.mark.parametrize(
    ("members", "key", "rule"),
    [
        ("end: 2025-02-28", "end", "2025-02-28 is before bill_start, 2025-03-01"),
        ("start: 2025-01-01, end: 2024-12-31", "end", "2024-12-31 is before start, 2025-01-01"),
        ("cancelled: 2025-02-28", "cancelled", "2025-02-28 is before bill_start, 2025-03-01"),
        ("next_invoice_date: 2025-02-01", "next_invoice_date", "2025-02-01 is before bill_start, 2025-03-01"),
        (
            "entered: 2025-02-01T00:00:00Z, updated: 2025-02-01T00:00:00+02:00",
            "updated",
            "2025-01-31 22:00:00+00:00 is before entered, 2025-02-01 00:00:00+00:00",
        ),
        (
            "entered: 0001-01-01T00:00:00+14:00",
            "entered",
            "a day should be from 1980-01-01 to 2199-12-31",
        ),
        (
            "additions: [{product: SEAT, effective: 2025-02-28}]",
            "additions[0].effective",
            "2025-02-28 is before the agreement's bill_start, 2025-03-01",
        ),
        (
            "additions: [{product: SEAT, effective: 2025-05-01, cancelled: 2025-04-30}]",
            "additions[0].cancelled",
            "2025-04-30 is before effective, 2025-05-01",
        ),
        (
            "additions: [{product: SEAT, cancelled: 2025-02-01}]",
            "additions[0].cancelled",
            "2025-02-01 is before the agreement's bill_start, 2025-03-01",
        ),
    ],
)
def test_dates_no_site_could_hold_are_refused(members: str, key: str, rule: str) -> None:
    assert refusal(agreement(members)) == [f"file.yaml:8: sites[0].agreements[0].{key}: {rule}"]


def test_dates_on_the_very_day_are_accepted() -> None:
    day = "2025-03-01"
    site = site_of(
        agreement(
            f"start: {day}, end: {day}, cancelled: {day}, next_invoice_date: {day}, "
            f"additions: [{{product: SEAT, effective: {day}, cancelled: {day}}}]"
        )
    )
    assert len(site.tables["additions"]) == 1


def test_all_problems_are_said_at_once_and_what_follows_from_one_is_not() -> None:
    text = small(
        """    agreements:
      - {name: Parent, company: Nobody, bill_start: 2025-03-01, end: 2025-01-01}
      - {name: Child, company: Alder, bill_start: 2025-03-01, parent: Parent, additions: [{product: NONE}]}
      - {name: Other, company: Alder, bill_start: 2025-03-01, type: None such, additions: [{product: NONE}]}
    faults: [{kind: "401", site: other}]
"""
    )
    assert refusal(text) == [
        "file.yaml:7: sites[0].agreements[0].company: there is no company 'Nobody'",
        "file.yaml:7: sites[0].agreements[0].end: 2025-01-01 is before bill_start, 2025-03-01",
        "file.yaml:9: sites[0].agreements[2].additions[0].product: there is no catalogItem 'NONE'",
        "file.yaml:9: sites[0].agreements[2].type: there is no agreementType 'None such'",
        "file.yaml:10: sites[0].faults[0].site: a site's faults are its own: leave it out",
    ]


def test_of_many_problems_the_first_are_said_and_the_rest_counted() -> None:
    rows = "\n".join(f"      - {{name: A{n}, company: Nobody, bill_start: 2025-03-01}}" for n in range(30))
    said = refusal(small(f"    agreements:\n{rows}"))
    assert len(said) == MOST_PROBLEMS + 1
    assert said[0].startswith("file.yaml:7: ")
    assert said[-1] == f"file.yaml: and {30 - MOST_PROBLEMS} more problems"


def test_problem_in_a_merged_part_is_shown_where_it_is_written() -> None:
    text = small(
        """    agreements:
      - &one
        name: One
        company: Alder
        bill_start: 2025-03-01
        type: None such
      - {<<: *one, name: Two, type: Managed Services}
      - {<<: *one, name: Three}
"""
    )
    assert [line.split(":")[1] for line in refusal(text)] == ["11", "11"]


def test_setup_rows_and_more_members_are_in_the_names_of_the_api() -> None:
    text = small(
        """    setup:
      taxCodes: [{id: 7, identifier: VAT, description: Value added, invoiceCaption: VAT, levelOneRate: 0.2}]
    agreements:
      - {name: A, company: Alder, bill_start: 2025-03-01, more: {billAmount: 12.5, taxCode: VAT}}
"""
    )
    [row] = site_of(text).tables["agreements"]
    assert row["taxCode"] == {"id": 7, "name": "VAT"}
    assert str(row["billAmount"]) == "12.5"
    assert refusal(text.replace("billAmount", "billAmmount"))[0].endswith("more.billAmmount: unknown key")
    assert refusal(text.replace("taxCode: VAT", "taxCode: GST"))[0].startswith("file.yaml:9: ")
    assert refusal(text.replace("12.5", "much"))[0].endswith("more.billAmount: should be a number, not 'much'")
    assert "is computed" in refusal(text.replace("billAmount: 12.5", "agreementStatus: Active"))[0]
    assert refusal(text.replace("taxCodes:", "taxes:"))[0].endswith("setup.taxes: there is no setup table 'taxes'")
    assert "should be a whole number" in refusal(text.replace("id: 7", "id: seven"))[0]


@pytest.mark.parametrize(
    ("members", "at", "name"),
    [
        ("more: {endDate: '2024-01-01T00:00:00Z'}", "", "endDate"),
        ("more: {billStartDate: '2024-01-01T00:00:00Z'}", "", "billStartDate"),
        ("more: {noEndingDateFlag: false}", "", "noEndingDateFlag"),
        ("more: {dateCancelled: '2024-01-01T00:00:00Z'}", "", "dateCancelled"),
        ("more: {nextInvoiceDate: '2024-01-01'}", "", "nextInvoiceDate"),
        ("more: {parentAgreement: A}", "", "parentAgreement"),
        ("more: {id: 7}", "", "id"),
        (
            "additions: [{product: SEAT, more: {effectiveDate: '2024-01-01T00:00:00Z'}}]",
            "additions[0].",
            "effectiveDate",
        ),
        ("additions: [{product: SEAT, more: {product: SEAT}}]", "additions[0].", "product"),
    ],
)
def test_what_has_a_key_of_its_own_is_not_given_among_more_members(members: str, at: str, name: str) -> None:
    sentence = f"file.yaml:8: sites[0].agreements[0].{at}more.{name}: is given by a key of its own, not in more"
    assert refusal(agreement(members)) == [sentence]


@pytest.mark.parametrize(
    ("written", "line", "key"),
    [
        ("{identifier: Alder, name: Alder, more: {status: Active}}", 4, "companies[0].more.status"),
        ("{identifier: Alder, name: Alder, more: {defaultContact: Ada}}", 4, "companies[0].more.defaultContact"),
        (
            "{identifier: Alder, name: Alder, contacts: [{first_name: Ada, more: {company: Alder}}]}",
            4,
            "companies[0].contacts[0].more.company",
        ),
        ("{identifier: SEAT, more: {productClass: Bundle}}", 5, "catalog[0].more.productClass"),
    ],
)
def test_no_record_is_told_one_thing_twice(written: str, line: int, key: str) -> None:
    kept = "{identifier: SEAT}" if line == 5 else "{identifier: Alder, name: Alder}"
    said = refusal(small("").replace(kept, written))
    assert said == [f"file.yaml:{line}: sites[0].{key}: is given by a key of its own, not in more"]


def test_more_members_may_say_what_would_be_filled_in() -> None:
    site = site_of(
        small("    agreements: [{name: A, company: Alder, bill_start: 2025-03-01, more: {contact: null}}]")
        .replace("{identifier: SEAT}", "{identifier: SEAT, more: {customerDescription: A seat}}")
        .replace("name: Alder}", "name: Alder, contacts: [{first_name: Ada, more: {defaultBillingFlag: false}}]}")
    )
    [item], [contact], [one] = (site.tables[name] for name in ("catalog", "contacts", "agreements"))
    assert (item["customerDescription"], contact["defaultBillingFlag"]) == ("A seat", False)
    assert "contact" not in one


CUSTOM = """    setup:
      userDefinedFields:
        - {id: 7, podId: 1, screenId: company, caption: Region, sequenceNumber: 1, fieldTypeIdentifier: Text}
        - {id: 8, podId: 1, screenId: company, caption: Seats, sequenceNumber: 2, fieldTypeIdentifier: Number,
           requiredFlag: true}
        - {id: 9, podId: 1, screenId: site, caption: Floor, sequenceNumber: 1, fieldTypeIdentifier: Number}
"""


def test_custom_fields_of_a_scenario_are_shown_with_their_values() -> None:
    fields = "more: {customFields: [{id: 7, value: North}]}"  # that Seats is required may have come later
    [company] = site_of(small(CUSTOM).replace("name: Alder}", f"name: Alder, {fields}}}")).tables["companies"]
    assert [(field["id"], field.get("value")) for field in company["customFields"]] == [(7, "North"), (8, None)]


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("{id: 77, value: 3}", "Custom field 77 not found"),
        ("{caption: Regions, value: North}", "Custom field Regions not found"),
        ("{id: 9, value: 3}", "Custom field 9 not found"),  # of another screen
        ("{id: 8, value: many}", "The value of Seats is not one of a Number."),
    ],
)
def test_custom_field_that_is_not_defined_or_cannot_hold_the_value_is_refused(field: str, rule: str) -> None:
    text = small(CUSTOM).replace("name: Alder}", f"name: Alder, more: {{customFields: [{field}]}}}}")
    assert refusal(text) == [f"file.yaml:4: sites[0].companies[0].more.customFields: {rule}"]


def test_custom_field_of_a_setup_row_is_one_of_its_screen() -> None:
    row = "{id: 1, name: Main, company: Alder, customFields: [{id: 9, value: 3}]}"
    text = small(f"{CUSTOM}      companySites: [{row}]\n")
    [office] = site_of(text).tables["companySites"]
    assert office["customFields"][0]["value"] == 3
    said = refusal(text.replace("[{id: 9", "[{id: 7"))
    assert said == ["file.yaml:12: sites[0].setup.companySites[0].customFields: Custom field 7 not found"]


def test_bundle_is_no_addition() -> None:
    """Contract 3.3."""
    text = agreement("additions: [{product: SEAT}]").replace("SEAT}]", "SEAT, product_class: Bundle}]", 1)
    sentence = "sites[0].agreements[0].additions[0].product: 'SEAT' is a bundle and cannot be an addition"
    assert refusal(text) == [f"file.yaml:8: {sentence}"]


def test_what_a_later_change_of_the_agreement_leaves_behind_is_accepted() -> None:
    """No source knows a rule against it: an end can come to lie before what was written already."""
    late = "additions: [{product: SEAT, effective: 2025-08-01, cancelled: 2025-09-01}]"
    site = site_of(agreement(f"end: 2025-06-30, cancelled: 2025-07-31, next_invoice_date: 2025-07-17, {late}"))
    [addition] = site.tables["additions"]
    assert addition["additionStatus"] in ("Cancelled", "Expired")


def test_parent_of_many_by_one_name_is_the_companys_own_or_named_by_id() -> None:
    both = """    companies: [{identifier: Alder, name: Alder}, {identifier: Birch, name: Birch}]
    agreements:
      - {id: 1, name: Cloud, company: Alder, bill_start: 2025-03-01}
      - {id: 2, name: Cloud, company: Birch, bill_start: 2025-03-01}
      - {id: 3, name: Child, company: Birch, bill_start: 2025-03-01, parent: Cloud}
      - {id: 4, name: Child, company: Birch, bill_start: 2025-03-01, parent: "1"}
"""
    text = small("").replace("    companies: [{identifier: Alder, name: Alder}]\n", both)
    agreements = site_of(text).tables["agreements"]
    assert [(agreements.get(n) or {})["parentAgreement"]["id"] for n in (3, 4)] == [2, 1]
    assert (
        "give the parent's id"
        in refusal(
            text.replace("2, name: Cloud, company: Birch", "2, name: Cloud, company: Alder").replace(
                "3, name: Child, company: Birch", "3, name: Child, company: Alder"
            )
        )[0]
    )


BOMB = "a: &a [1,2,3,4,5,6,7,8,9]\n" + "\n".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        (BOMB, f"more than {MOST:,} values"),
        (BOMB.replace("[*", "{<<: [*").replace("]\n", "]}\n"), "m"),  # merged instead of listed
        ("a: &x [*x]", "there is no finished &x"),
        ("a: &x 1\nb: &x [*x]", "there is no finished &x"),
        ("a: *nowhere", "there is no finished &nowhere"),
        ("a: !!python/object/apply:os.getcwd []", "has no place here"),
        ("a: !!binary aGk=", "has no place here"),
        (f"a: {'9' * 5000}", "more than 40 digits"),
        ("a: [1,", "not YAML"),
        ("a: 1\n---\nb: 2", "one document a file"),
        (b"a: \xff", "not YAML"),
        ("x" * (LARGEST + 1), "larger than"),
    ],
)
def test_hostile_text_is_refused_before_it_costs_anything(text: str | bytes, rule: str) -> None:
    assert rule in refusal(text)[0]


def test_whatever_is_written_a_problem_is_one_line_of_bounded_length() -> None:
    said = refusal(agreement('type: "no\\nsuch", parent: ' + "x" * 10_000 + ", end: " + "9" * 5_000))
    assert len(said) == 1
    said = refusal(agreement('type: "no\\nsuch", parent: ' + "x" * 10_000))
    assert [len(one) <= LONGEST_SENTENCE for one in said] == [True]
    said = refusal(agreement('type: "no\\nsuch"'))
    assert said == ["file.yaml:8: sites[0].agreements[0].type: there is no agreementType 'no such'"]


def test_empty_file_is_refused() -> None:
    assert refusal("") == ["file.yaml:1: the file: should be a mapping"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc <", min_size=1, max_size=4), inner),
    max_leaves=20,
)


@given(VALUES)
def test_document_reads_what_was_written(value: Any) -> None:
    assert read_document(json.dumps(value)) == value


@pytest.mark.requirement("R24", "R25", "R26", "R27", "R30")
def test_built_in_site_has_the_prerequisites() -> None:
    [site] = add_sites(World(), load_scenario(BUILT_IN), BUILT_IN.name)
    for table in ("categories", "subcategories", "productTypes"):
        assert "Miscellaneous" in [row["name"] for row in site.tables[table]]
    assert "Each" in [row["name"] for row in site.tables["unitOfMeasures"]]
    assert any("misc" in item["identifier"].lower() and item["inactiveFlag"] for item in site.tables["catalog"])
    kinds = {(a["prorateFlag"], a["billOneTimeFlag"], a["periodType"]) for a in site.tables["agreements"]}
    assert {(True, False, "Current"), (False, True, "Current"), (False, False, "Future")} <= kinds


def test_example_in_the_readme_is_a_scenario() -> None:
    text = (BUILT_IN.parents[1] / "README.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    world = World()
    [site] = add_sites(world, read_scenario(example, "README.md"), "README.md")
    assert site.roles["narrow"].level("Agreements", "add") == "None"
    assert site.roles["narrow"].level("Products", "inquire") == "My"
    assert [(fault["kind"], fault["site"]) for fault in world.faults.view()] == [("refuse_429", "training")]


def example(preset: str) -> SimulatedSite:
    file = EXAMPLES / "simulator" / f"{preset}.yaml"
    [site] = add_sites(World(), load_scenario(file), file.name)
    return site


@pytest.mark.requirement("R34", "R35", "R36", "R37", "R38", "R39")
def test_billing_sync_example_has_agreements_that_fit_and_that_do_not() -> None:
    site = example("billing-sync")
    kinds = {
        (a["billingCycle"]["name"], a["invoicingCycle"], a["prorateFlag"], a["billOneTimeFlag"], a["agreementStatus"])
        for a in site.tables["agreements"]
    }
    assert ("Monthly", "CalendarYear", True, False, "Active") in kinds
    assert ("One-Time", "CalendarYear", False, True, "Active") in kinds
    assert ("Quarterly", "ContractYear", False, False, "Active") in kinds
    assert {"Cancelled", "Expired"} <= {kind[-1] for kind in kinds}
    active = {a["company"]["id"] for a in site.tables["agreements"] if a["agreementStatus"] == "Active"}
    assert [c["id"] for c in site.tables["companies"] if c["id"] not in active] == [204]
    assert role_of(site, site.keys["sync"]).level("Companies", "add") == "None"


@pytest.mark.requirement("R118", "R125", "R135")
def test_invoice_lines_example_has_enough_agreements_to_import_and_companies_without() -> None:
    site = example("invoice-lines")
    assert len([a for a in site.tables["agreements"] if a["agreementStatus"] == "Active"]) > 25
    companies = list(site.tables["companies"])
    assert len({c["_info"]["lastUpdated"] for c in companies[:5]}) == 5
    with_agreements = {a["company"]["id"] for a in site.tables["agreements"]}
    assert {604} <= {c["id"] for c in companies} - with_agreements
    assert role_of(site, site.keys["lines"]).level("Company Maintenance", "add") == "All"


@pytest.mark.requirement("R93", "R113", "R116")
def test_reconcile_and_approve_example_has_a_split_line_an_included_quantity_and_a_stale_agreement() -> None:
    site = example("reconcile-and-approve")
    split = [
        a["quantity"] for a in site.tables["additions"].children(1201) if a["product"]["identifier"] == "BIZ-PREMIUM"
    ]
    assert (len(split), sum(split)) == (3, 20)
    assert (site.tables["additions"].get(1304) or {})["billedQuantity"] == 8
    assert {a["prorateFlag"] for a in site.tables["agreements"]} == {True, False}
    stale = site.tables["agreements"].get(1205) or {}
    assert stale["agreementStatus"] == "Cancelled"
    assert site.tables["additions"].children(1205)


@pytest.mark.requirement("R20", "R21", "R22", "R98", "R105", "R107")
def test_count_only_example_reaches_one_type_and_has_a_line_missing_and_one_twice() -> None:
    site = example("count-only")
    role = role_of(site, site.keys["counts"])
    assert {function for function, _ in role.cells} == {"Agreements", "Product Catalog"}
    assert not role.sees_type("Managed Services")
    lines: dict[str, int] = {}
    for one in site.tables["agreements"]:
        counted = [
            a for a in site.tables["additions"].children(one["id"]) if a["product"]["identifier"] == "MDR-ENDPOINT"
        ]
        lines[one["company"]["identifier"]] = lines.get(one["company"]["identifier"], 0) + len(counted)
    assert lines == {"WattleDental": 1, "HarrierAir": 1, "OrchardCPA": 2, "BayviewTyres": 0}
    assert "DoNotBill" in {a["billCustomer"] for a in site.tables["additions"]}


def test_every_preset_has_its_example_and_they_can_all_stand_side_by_side() -> None:
    world = World()
    for preset in PRESETS:
        file = EXAMPLES / "simulator" / f"{preset}.yaml"
        add_sites(world, load_scenario(file), file.name)
    assert len(world.sites) == len(PRESETS)


async def test_faults_of_a_scenario_strike_its_own_site_only() -> None:
    world = World()
    text = small("    faults: [{kind: 503_before, path: ^company/companies$, nth: 2}]")
    for company in ("struck", "spared"):
        scenario = text if company == "struck" else small("")
        add_sites(world, read_scenario(scenario.replace("small", company), "file.yaml"), "file.yaml")
    async with serving(world) as url:
        statuses = []
        for company in ("spared", "struck", "spared", "struck", "struck"):
            async with Site(url, company) as client:
                statuses.append((company, (await client.get("company/companies")).status_code))
    assert [status for company, status in statuses if company == "struck"] == [200, 503, 200]
    assert [status for company, status in statuses if company == "spared"] == [200, 200]


def test_clock_of_a_scenario_is_a_day_or_a_moment_of_its_zone() -> None:
    text = small("    time_zone: America/New_York\n    now: 2026-03-31T23:50:00")
    assert site_of(text).clock.stamp().startswith("2026-04-01T03:5")
    assert site_of(text).day.isoformat() == "2026-03-31"
    assert site_of(text.replace("23:50:00", "23:50:00Z")).clock.stamp().startswith("2026-03-31T23:5")
    assert (
        site_of(text.replace("now: 2026-03-31T23:50:00", "today: 2026-03-31"))
        .clock.stamp()
        .startswith("2026-03-31T16:0")
    )


async def test_process_says_ready_serves_and_ends_with_0_on_sigterm() -> None:
    process = await _started("--port", "0")
    assert process.stdout is not None
    ready = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert ready.startswith("ready http://127.0.0.1:")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{ready.split()[1]}/login/companyinfo/training")
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_process_refuses_a_wrong_scenario_with_2(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("sites: [{company_id: x, keys: [], colour: red}]")
    process = await _started("--port", "0", "--scenario", str(file))
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert f"{file}:1: sites[0].colour: unknown key" in errors.decode()


async def _started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "connectwise_simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SERVICES},
    )
