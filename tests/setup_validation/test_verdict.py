"""The rules, without a site."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setup_validation.domain.checks import CHECKS, OFFERED
from setup_validation.domain.facts import Facts, Levels, Reach, Refused, Row, Unread
from setup_validation.domain.prerequisites import Defaults
from setup_validation.domain.verdict import Before, Verdict, verdict

MISC = (Row(7, "Miscellaneous", active=True),)
ALL = Levels("All", "All", "None", "All")
GOOD = Facts(
    "sync",
    Reach.ANSWERED,
    time_zone="America/New_York",
    zone_is_known=True,
    rights={
        "Company Maintenance": Levels(inquire="All"),
        "Agreements": ALL,
        "Product Catalog": ALL,
        "Products": ALL,
        "Table Setup": ALL,
    },
    companies=3,
    agreements=2,
    misc_items=(Row(1, "Misc", active=True),),
    categories=MISC,
    subcategories=(Row(8, "Miscellaneous", active=True, parent=7),),
    product_types=(Row(9, "Miscellaneous", active=True),),
    units=(Row(10, "each", active=True),),
    company_statuses=(Row(1, "Active", active=True),),
)
NOTHING = Before()


def failing(said: Verdict) -> set[str]:
    return {finding.check.id for finding in said.findings if finding.answer.state == "failed"}


def states(said: Verdict) -> dict[str, str]:
    return {finding.check.id: finding.answer.state for finding in said.findings}


@pytest.mark.requirement("R1", "R12", "R13", "R15", "R16", "R17", "R18", "R29", "R31")
def test_site_with_exactly_the_rights_needed_is_ready() -> None:
    said = verdict(GOOD, NOTHING)
    assert (said.status, said.features, failing(said)) == ("ready", OFFERED["sync"], set())
    assert said.catalog_defaults == Defaults(7, 8, 9, 10)
    assert said.time_zone == "America/New_York"


@pytest.mark.requirement("R1")
def test_every_check_names_its_screen_and_its_fix() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert all(check.screen and check.fix and check.requirements for check in CHECKS)


@pytest.mark.requirement("R25", "R26", "R27", "R30", "R32")
@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("categories", "category"),
        ("subcategories", "subcategory"),
        ("product_types", "product-type"),
        ("units", "unit"),
    ],
)
@pytest.mark.parametrize("gone", [True, False])
def test_missing_or_inactive_record_takes_the_catalog_only(table: str, check: str, gone: bool) -> None:
    rows = () if gone else tuple(replace(row, active=False) for row in getattr(GOOD, table))
    changes: dict[str, Any] = {table: rows}
    said = verdict(replace(GOOD, **changes), NOTHING)
    assert failing(said) == {check}
    assert (said.status, said.features) == ("not_ready", ("additions", "companies"))
    assert said.catalog_defaults is None


@pytest.mark.requirement("R26")
def test_subcategory_of_another_category_does_not_count() -> None:
    said = verdict(replace(GOOD, subcategories=(Row(8, "Miscellaneous", active=True, parent=99),)), NOTHING)
    assert failing(said) == {"subcategory"}


@pytest.mark.requirement("R24")
def test_inactive_misc_item_fails_and_holds_nothing_up() -> None:
    items = (Row(1, "Misc", active=True), Row(2, "MISC-OLD", active=False), Row(3, "x-misc", active=False))
    said = verdict(replace(GOOD, misc_items=items), NOTHING)
    assert failing(said) == {"misc-items"}
    assert next(f for f in said.findings if f.check.id == "misc-items").answer.detail == "inactive: MISC-OLD, x-misc"
    assert (said.status, said.features) == ("ready", OFFERED["sync"])


@pytest.mark.requirement("R10", "R19")
def test_delete_rights_are_told_and_hold_nothing_up() -> None:
    rights = dict(GOOD.rights) if isinstance(GOOD.rights, dict) else {}
    said = verdict(replace(GOOD, rights={**rights, "Products": replace(ALL, delete="All")}), NOTHING)
    assert (said.status, failing(said)) == ("ready", {"role-least"})


@pytest.mark.requirement("R13", "R20", "R21")
def test_count_only_needs_neither_add_nor_companies_nor_tables() -> None:
    rights = {"Agreements": Levels(edit="All", inquire="All"), "Product Catalog": Levels(inquire="All")}
    said = verdict(Facts("count-only", Reach.ANSWERED, rights=rights, agreements=1, misc_items=()), NOTHING)
    assert (said.status, said.features) == ("ready", ("additions",))
    assert said.catalog_defaults is None


@pytest.mark.requirement("B20")
def test_creating_companies_needs_contacts_as_well() -> None:
    assert failing(verdict(replace(GOOD, profile="sync+create"), NOTHING)) == {"role-companies"}
    assert states(verdict(replace(GOOD, profile="sync+create"), NOTHING))["role-contacts"] == "unknown"


def test_level_my_is_not_all() -> None:
    rights = dict(GOOD.rights) if isinstance(GOOD.rights, dict) else {}
    said = verdict(replace(GOOD, rights={**rights, "Agreements": replace(ALL, edit="My")}), NOTHING)
    [finding] = [f for f in said.findings if f.answer.state == "failed"]
    assert (finding.check.id, finding.answer.detail) == ("role-agreements", "Edit is My; it should be All")


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    ("reach", "check"),
    [
        (Reach.UNUSABLE, "site"),
        (Reach.UNREACHABLE, "site"),
        (Reach.NOT_CONNECTWISE, "site"),
        (Reach.COMPANY_UNKNOWN, "company-id"),
        (Reach.KEY_REFUSED, "key"),
    ],
)
def test_each_rung_that_breaks_is_the_only_one_that_fails(reach: Reach, check: str) -> None:
    said = verdict(Facts("sync", reach, "said"), Before(OFFERED["sync"]))
    assert (said.status, said.features, failing(said)) == ("not_ready", (), {check})


def test_site_in_trouble_keeps_what_it_had() -> None:
    had = Before(("additions", "catalog"), "Europe/Ghent", Defaults(1, 2, 3, 4))
    said = verdict(Facts("sync", Reach.UNCLEAR, "slow"), had)
    assert (said.status, said.features, said.time_zone) == ("unknown", ("additions", "catalog"), "Europe/Ghent")
    assert said.catalog_defaults == had.catalog_defaults
    assert said.passing


UNKNOWN = Unread("who knows")
TABLES = ("categories", "subcategories", "product_types", "units", "company_statuses", "misc_items")
a_row = st.builds(
    Row,
    id=st.integers(1, 9),
    name=st.sampled_from(["Miscellaneous", "Each", "Misc", "Other"]),
    active=st.booleans(),
    parent=st.sampled_from([None, 1, 7]),
)
not_read = st.sampled_from([Refused(), UNKNOWN])
a_table = st.one_of(not_read, st.lists(a_row, max_size=3).map(tuple))
a_level = st.sampled_from(["None", "My", "All"])
some_rights = st.one_of(
    not_read,
    st.dictionaries(
        st.sampled_from(
            ["Company Maintenance", "Contacts", "Agreements", "Product Catalog", "Products", "Table Setup"]
        ),
        st.builds(Levels, add=a_level, edit=a_level, delete=a_level, inquire=a_level),
    ),
)
a_reading = st.builds(
    Facts,
    profile=st.sampled_from(sorted(OFFERED)),
    reach=st.sampled_from(Reach),
    time_zone=st.sampled_from(["", "UTC"]),
    zone_is_known=st.booleans(),
    rights=some_rights,
    companies=st.one_of(not_read, st.integers(0, 5)),
    agreements=st.one_of(not_read, st.integers(0, 5)),
    **dict.fromkeys(TABLES, a_table),
)
a_before = st.builds(Before, features=st.sampled_from([(), ("additions",), ("additions", "catalog", "companies")]))


@given(a_reading, a_before)
def test_ready_means_that_every_required_check_passed(reading: Facts, before: Before) -> None:
    said = verdict(reading, before)
    required = {f.answer.state for f in said.findings if f.check.severity == "required"}
    assert (said.status == "ready") == (required == {"passed"})
    assert set(said.features) <= set(OFFERED[reading.profile])
    if said.status == "ready":
        assert said.features == OFFERED[reading.profile]


@given(a_reading, a_before)
def test_what_nobody_knows_never_fails_and_gives_nothing_new(reading: Facts, before: Before) -> None:
    known = verdict(reading, before)
    changes: dict[str, Any] = {
        field.name: UNKNOWN for field in fields(Facts) if field.name in (*TABLES, "rights", "companies", "agreements")
    }
    blind = verdict(replace(reading, **changes), before)
    ladder = {"site", "company-id", "key", "time-zone"}
    assert failing(blind) <= ladder
    assert set(blind.features) <= set(before.features)
    if blind.status == "not_ready":
        assert known.status == "not_ready"
