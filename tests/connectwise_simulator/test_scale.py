"""A site of a few hundred records, where what must not depend on size can be seen; `make bench` has the large one."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from connectwise_simulator import resources
from connectwise_simulator.call import Call, Request
from connectwise_simulator.filters.matching import record_test, wanted
from connectwise_simulator.jsonwire import loads
from connectwise_simulator.models.finance import AGREEMENT
from connectwise_simulator.records.members import role_of
from connectwise_simulator.registry import ADDRESSES
from connectwise_simulator.scenarios.scenario import load_scenario, read_scenario
from connectwise_simulator.scenarios.seeding import BUILT_IN, add_sites
from connectwise_simulator.schema import Record, model
from connectwise_simulator.site import Actor, Site
from connectwise_simulator.tables import Table, Wanted
from connectwise_simulator.world import World

LARGE = BUILT_IN.parents[3] / "examples" / "simulator" / "large.yaml"


def generated(companies: int = 200, agreements: int = 320, additions: int = 2400, seed: int = 7) -> Site:
    text = f"""
sites:
  - company_id: mid
    today: 2026-03-30
    keys: [{{public: pub, private: priv}}]
    generate: {{companies: {companies}, agreements: {agreements}, additions: {additions}, catalog: 60, seed: {seed}}}
"""
    [site] = add_sites(World(), read_scenario(text, "mid"), "mid")
    return site


@pytest.fixture(scope="module")
def site() -> Site:
    return generated()


def call(site: Site, path: str, query: dict[str, str], *, forward: bool = False) -> list[int]:
    """Ids of a list, as the API finds them."""
    headers = {"pagination-type": "forward-only"} if forward else {}
    address, ids = path, tuple[int, ...]()
    if path.startswith("finance/agreements/"):
        address, ids = "finance/agreements/{}/additions", (int(path.split("/")[2]),)
    resource, form = ADDRESSES[address]
    key = next(iter(site.keys.values()))
    one = Call(Request("GET", path, "", headers, b""), site, Actor("pub", "GET", path), key, role_of(site, key), True)
    one.query = {"pagesize": "1000", **query}
    return [row["id"] for row in loads(resources.VERBS["GET", form](one, resource, ids).body)]


def test_generated_site_has_as_many_records_as_asked_of_all_kinds(site: Site) -> None:
    tables = site.tables
    assert [len(tables[name]) for name in ("companies", "agreements", "additions", "catalog")] == [200, 320, 2400, 60]
    assert {a["agreementStatus"] for a in tables["agreements"]} == {"Active", "Cancelled", "Expired"}
    assert {a["billingCycle"]["name"] for a in tables["agreements"]} == {"Monthly", "One-Time", "Quarterly", "Yearly"}
    assert {(a["prorateFlag"], a["periodType"], a["invoicingCycle"]) for a in tables["agreements"]} >= {
        (True, "Current", "CalendarYear"),
        (False, "Future", "CalendarYear"),
        (True, "Current", "ContractYear"),
    }
    sizes = sorted(tables["additions"].number_of(a["id"]) for a in tables["agreements"])
    assert sizes[len(sizes) // 2] < 6
    assert sizes[-1] > 60
    inactive = {i["id"] for i in tables["catalog"] if i["inactiveFlag"] or i["productClass"] == "Bundle"}
    assert inactive
    assert not [a for a in tables["additions"] if a["product"]["id"] in inactive]


def test_same_numbers_and_seed_give_the_same_site_and_another_seed_another(site: Site) -> None:
    def shown(one: Site) -> list[Record]:
        return [{k: v for k, v in r.items() if k != "_info"} for t in one.tables.values() for r in t]

    assert shown(generated()) == shown(site)
    assert shown(generated(seed=8)) != shown(site)


def test_dates_of_a_generated_site_are_ones_its_rules_allow(site: Site) -> None:
    agreements = site.tables["agreements"]
    for addition in site.tables["additions"]:
        agreement = agreements.get(addition["agreementId"]) or {}
        assert agreement["billStartDate"] <= addition["effectiveDate"]
        if agreement["agreementStatus"] == "Active" and not agreement["billOneTimeFlag"]:
            assert agreement["nextInvoiceDate"] > "2026-03-30"


def test_large_example_asks_for_the_numbers_it_promises() -> None:
    [spec] = load_scenario(LARGE).sites
    assert spec.generate is not None
    assert (spec.generate.companies, spec.generate.agreements, spec.generate.additions) == (5000, 8000, 60000)


_IDS = st.integers(0, 330)
_COMPARISONS = st.one_of(
    st.builds("id = {}".format, _IDS),
    st.builds("company/id = {}".format, st.integers(0, 210)),
    st.builds("company/id in ({}, {})".format, st.integers(0, 210), st.integers(0, 210)),
    st.builds("id in ({}, {}, {})".format, _IDS, _IDS, _IDS),
    st.builds("id not in ({}, {})".format, _IDS, _IDS),
    st.builds('company/identifier = "c{:05}"'.format, st.integers(0, 210)),
    st.builds('name = "{} {}"'.format, st.sampled_from(("cloud", "Managed Services")), _IDS),
    st.just("parentAgreement/id = null"),
    st.just('name in ("cloud 2", "CLOUD 6", "nothing")'),
    st.builds("type/id = {}".format, st.integers(1, 4)),
    st.just("prorateFlag = true"),
    st.builds("id > {}".format, _IDS),
)
_FILTERS = st.recursive(
    _COMPARISONS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(("and", "or")), inner),
    max_leaves=6,
)


@given(text=_FILTERS, after=st.integers(0, 330), size=st.integers(1, 40))
def test_filter_through_indexes_finds_what_looking_at_every_record_finds(
    site: Site, text: str, after: int, size: int
) -> None:
    holds = record_test(AGREEMENT, text)
    every = [a["id"] for a in site.tables["agreements"] if holds(a)]
    assert call(site, "finance/agreements", {"conditions": text}) == every
    forward = call(
        site, "finance/agreements", {"conditions": text, "pageid": str(after), "pagesize": str(size)}, forward=True
    )
    assert forward == [i for i in every if i > after][:size]


@given(
    agreement=st.integers(1, 320),
    products=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    first=st.integers(1, 2400),
)
def test_filter_below_a_parent_never_finds_another_parents_records(
    site: Site, agreement: int, products: list[int], first: int
) -> None:
    additions = site.tables["additions"]
    listed = ", ".join(map(str, products))
    texts = (f"product/id in ({listed})", f"id = {first}", f"product/id = {products[0]} and id >= {first}")
    for text in texts:
        holds = record_test(additions.model, text)
        every = [a["id"] for a in additions if a["agreementId"] == agreement and holds(a)]
        assert call(site, f"finance/agreements/{agreement}/additions", {"conditions": text}) == every


THING = model("Thing", "id=:int name:text group:>CompanyReference")


class Things(RuleBasedStateMachine):
    """A table that is written to: its indexes against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table("things", THING, lambda r: (r.get("group") or {}).get("id"))
        self.kept: dict[int, Record] = {}

    @rule(record_id=st.integers(1, 8), name=st.sampled_from((None, "A", "a", "b")), group=st.none() | st.integers(1, 2))
    def put(self, record_id: int, name: str | None, group: int | None) -> None:
        record = {"id": record_id, **({"name": name} if name else {}), **({"group": {"id": group}} if group else {})}
        self.table.put(record)
        self.kept[record_id] = record

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.kept:
            record_id = data.draw(st.sampled_from(sorted(self.kept)))
            self.table.delete(record_id)
            del self.kept[record_id]

    @invariant()
    def indexes_are_right(self) -> None:
        for text in (
            'name = "a"',
            'name in ("a", "b")',
            "name = null",
            "group/id = 1",
            "id = 3",
            'name = "b" and id = 3',
        ):
            holds = record_test(THING, text)
            for parent in (None, 1, 2):
                for after in (0, 4):
                    found = filter(holds, self.table.listed(parent, after, wanted(THING, text)))
                    every = [self.kept[i] for i in sorted(self.kept) if i > after and holds(self.kept[i])]
                    belonging = [r for r in every if parent is None or (r.get("group") or {}).get("id") == parent]
                    assert list(found) == belonging
        named = [r for _, r in sorted(self.kept.items()) if str(r.get("name", "")).lower() == "a"]
        assert self.table.named("name", "A") == named
        assert [self.table.number_of(p) for p in (1, 2)] == [len(self.table.children(p)) for p in (1, 2)]


def test_indexes_follow_every_write() -> None:
    run_state_machine_as_test(Things, settings=settings(max_examples=25, stateful_step_count=12, deadline=None))


class Watched(Table):
    """Counts the records that a list looks at."""

    looked_at = 0

    def listed(self, parent: int | None = None, after: int = 0, wanted: Any = ()) -> Iterator[Record]:
        for record in super().listed(parent, after, wanted):
            self.looked_at += 1
            yield record


@pytest.fixture
def watched(site: Site) -> Iterator[Watched]:
    kept = site.tables["agreements"]
    table = Watched("agreements", kept.model)
    for record in kept:
        table.put(record)
    site.tables["agreements"] = table
    yield table
    site.tables["agreements"] = kept


@pytest.mark.parametrize(
    ("conditions", "most"),
    [
        ("id = 5", 1),
        ("id in (5, 6, 7)", 3),
        ("company/id = 12", 2),
        ("company/id in (12, 13) and prorateFlag = true", 4),
        ("(company/id = 12) and name like 'C%'", 2),
        ('name = "FIFTH"', 1),
        ("company/id = 12 or prorateFlag = true", 320),
    ],
)
def test_filter_that_names_its_records_looks_at_no_others(
    watched: Watched, site: Site, conditions: str, most: int
) -> None:
    fifth = (watched.get(5) or {})["name"]
    call(site, "finance/agreements", {"conditions": conditions.replace("FIFTH", fifth.upper())})
    assert 0 < watched.looked_at <= most


def test_forward_only_page_stops_at_the_record_after_its_last(watched: Watched, site: Site) -> None:
    found = call(site, "finance/agreements", {"pageid": "100", "pagesize": "10"}, forward=True)
    assert found == list(range(101, 111))
    assert watched.looked_at == 11


def test_unlisted_record_is_not_found_through_an_index_either() -> None:
    table = Table("things", THING)
    for number in (1, 2, 3):
        table.put({"id": number, "name": "a"})
    table.unlist(2, 60)
    by_name = Wanted("name", lambda r: r["name"], frozenset("a"))
    by_id = Wanted("id", lambda r: r["id"], frozenset((1, 2)))
    assert [r["id"] for r in table.listed(wanted=[by_name])] == [1, 3]
    assert [r["id"] for r in table.listed(wanted=[by_id])] == [1]
    assert table.get(2) is not None
