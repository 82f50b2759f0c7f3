"""Checks of a simulated site: what is found, kept and told."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from contracts.events import CommandKind
from setup_validation import checking
from tests.factories.grounds import until
from tests.httpkit.peer import peer, reply
from tests.setup_validation.desk import Desk, found

EVERYTHING = ("additions", "catalog", "companies")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.requirement("R1", "R6", "R9", "R10", "R29", "R31")
async def test_new_connection_is_checked_and_ready(desk: Desk) -> None:
    desk.there_is()
    setup = await desk.connected()
    assert (setup.status, found(setup, "failed"), found(setup, "unknown")) == ("ready", {}, {})
    told = await desk.last_told()
    assert (told.status, told.features, told.time_zone) == ("ready", EVERYTHING, "America/New_York")
    assert told.catalog_defaults is not None
    assert told.catalog_defaults.model_dump() == {"category_id": 1, "subcategory_id": 1, "type_id": 1, "unit_id": 1}
    assert [one.status for one in await desk.told()] == ["unknown", "ready"]


async def test_gate_is_closed_until_the_first_check_has_been_made(desk: Desk) -> None:
    desk.there_is()
    await desk.connect()
    assert [(one.status, one.features) for one in await desk.told()] == [("unknown", ())]


@pytest.mark.requirement("R20", "R21")
async def test_count_only_asks_for_nothing_that_its_role_lacks(desk: Desk) -> None:
    desk.there_is(role="count-only")
    setup = await desk.connected(profile="count-only")
    assert (setup.status, setup.features) == ("ready", ("additions",))
    calls = (await desk.control("GET", f"/calls?site={desk.company}"))["routes"]
    assert not [route for route in calls if "categories" in route or "companies" in route or "types" in route]


@pytest.mark.requirement("B20")
async def test_role_that_creates_companies_is_ready_for_its_profile(desk: Desk) -> None:
    desk.there_is(role="sync+create")
    assert (await desk.connected(profile="sync+create")).status == "ready"


@pytest.mark.requirement("R1", "R9", "R12", "R13", "R15", "R16", "R17")
@pytest.mark.parametrize(
    ("cell", "check", "detail", "features"),
    [
        ("Company Maintenance.inquire", "role-companies", "Inquire is refused", ("additions", "catalog")),
        ("Agreements.add", "role-agreements", "Add is None", ("catalog",)),
        ("Agreements.edit", "role-agreements", "Edit is None", ("catalog",)),
        ("Agreements.inquire", "role-agreements", "Inquire is refused", ("catalog",)),
        ("Product Catalog.add", "role-catalog", "Add is None", ("additions", "companies")),
        ("Product Catalog.edit", "role-catalog", "Edit is None", ("additions", "companies")),
        ("Product Catalog.inquire", "role-catalog", "Inquire is refused", ("additions", "companies")),
        ("Products.add", "role-products", "Add is None", ("additions", "companies")),
        ("Products.inquire", "role-products", "Inquire is None", ("additions", "companies")),
        ("Table Setup.add", "role-tables", "Add is None", ("additions", "companies")),
        ("Table Setup.edit", "role-tables", "Edit is None", ("additions", "companies")),
        ("Table Setup.inquire", "role-tables", "Inquire is None", ("additions", "companies")),
    ],
)
async def test_one_cell_less_is_exactly_one_finding(
    desk: Desk, cell: str, check: str, detail: str, features: tuple[str, ...]
) -> None:
    desk.there_is(role="narrow", narrow=f"{{based_on: sync, without: [{cell}]}}")
    setup = await desk.connected()
    assert list(found(setup, "failed")) == [check]
    assert detail in found(setup, "failed")[check]
    assert (setup.status, setup.features) == ("not_ready", features)
    [finding] = [one for one in (await desk.last_told()).findings if one.state == "failed"]
    assert finding.screen.startswith("System > Security Roles")
    assert finding.fix


@pytest.mark.requirement("R18")
async def test_table_that_customizing_left_out_is_named(desk: Desk) -> None:
    tables = "[companyStatuses, categories, subcategories, unitOfMeasures]"
    desk.there_is(role="narrow", narrow=f"{{based_on: sync, setup_tables: {tables}}}")
    setup = await desk.connected()
    assert found(setup, "failed") == {"role-table-items": "not readable: Products / Product Type"}


@pytest.mark.requirement("R24")
async def test_inactive_misc_item_is_named(desk: Desk) -> None:
    desk.there_is(misc_inactive="true")
    setup = await desk.connected()
    assert found(setup, "failed") == {"misc-items": "inactive: OLD-MISC-2019"}
    assert setup.status == "ready"


@pytest.mark.requirement("R25", "R26", "R27", "R30", "R32", "R33")
@pytest.mark.parametrize(
    ("setup", "check", "detail"),
    [
        (
            "{categories: [{id: 1, name: Miscellaneous, inactiveFlag: true}, {id: 2, name: Cloud}]}",
            "category",
            "Miscellaneous is inactive",
        ),
        ("{unitOfMeasures: [{id: 1, name: Each, inactiveFlag: true}]}", "unit", "Each is inactive"),
        (
            "{productTypes: [{id: 1, name: Miscellaneous, inactiveFlag: true}]}",
            "product-type",
            "Miscellaneous is inactive",
        ),
    ],
)
async def test_inactive_default_is_named_with_its_table(desk: Desk, setup: str, check: str, detail: str) -> None:
    desk.there_is(setup=setup)
    said = await desk.connected()
    assert found(said, "failed") == {check: detail}
    assert (await desk.last_told()).catalog_defaults is None


@pytest.mark.requirement("R5", "R7")
async def test_wrong_key_is_told_apart(desk: Desk) -> None:
    desk.there_is()
    setup = await desk.connected(private="wrong")
    assert list(found(setup, "failed")) == ["key"]
    assert "401" in found(setup, "failed")["key"]
    assert (setup.status, setup.features) == ("not_ready", ())


@pytest.mark.requirement("R7")
async def test_wrong_company_id_is_told_apart(desk: Desk) -> None:
    desk.there_is()
    assert list(found(await desk.connected(company_id="somebodyelse"), "failed")) == ["company-id"]


@pytest.mark.requirement("R7")
async def test_address_that_refuses_connections_is_told_apart_and_tried_again_soon(
    desk: Desk, closed_port: int
) -> None:
    setup = await desk.connected(base_url=f"http://127.0.0.1:{closed_port}")
    assert list(found(setup, "failed")) == ["site"]
    assert setup.next_check_at is not None
    assert setup.next_check_at - setup.checked_at < timedelta(minutes=2)


@pytest.mark.requirement("R7")
async def test_address_that_must_not_be_called_is_refused_without_a_call(desk: Desk) -> None:
    setup = await desk.connected(base_url="http://169.254.169.254/latest")
    assert list(found(setup, "failed")) == ["site"]


@pytest.mark.requirement("R7")
async def test_something_else_at_the_address_is_told_apart(desk: Desk) -> None:
    async with peer(reply(200, {"hello": "world"})) as somebody:
        setup = await desk.connected(base_url=somebody.url)
    assert found(setup, "failed") == {"site": "something answers there, but not as a ConnectWise site does"}


@pytest.mark.requirement("R6", "R7")
async def test_site_in_trouble_is_unknown_and_never_failed(desk: Desk) -> None:
    desk.there_is()
    await desk.fault("500_before", "system/info")
    setup = await desk.connected()
    assert (setup.status, found(setup, "failed")) == ("unknown", {})
    assert setup.next_check_at is not None
    assert setup.next_check_at - setup.checked_at < timedelta(minutes=2)


async def test_one_list_in_trouble_leaves_the_rest_known(desk: Desk) -> None:
    desk.there_is()
    await desk.fault("html_before", "unitOfMeasures")
    setup = await desk.connected()
    assert (setup.status, found(setup, "failed")) == ("unknown", {})
    assert set(found(setup, "unknown")) == {"unit", "role-table-items"}
    assert setup.features == ("additions", "companies")


async def test_trouble_after_a_good_check_keeps_the_features_and_is_told_once(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    await desk.fault("503_before")
    for _ in range(2):
        await _ask(desk)
        await desk.checked()
    setup = await desk.setup()
    assert (setup.status, setup.features, setup.tries) == ("unknown", EVERYTHING, 2)
    assert await desk.history() == ["unknown", "ready", "unknown"]
    await desk.recovers()
    await _ask(desk)
    assert (await desk.checked()).tries == 0
    assert await desk.history() == ["unknown", "ready", "unknown", "ready"]


@pytest.mark.requirement("R6", "R14")
async def test_revoked_key_takes_all_features_and_a_new_one_brings_them_back(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    await desk.key(revoked=True)
    await _ask(desk)
    setup = await desk.checked()
    assert (setup.status, setup.features, list(found(setup, "failed"))) == ("not_ready", (), ["key"])
    assert (await desk.last_told()).features == ()
    await desk.key(revoked=False, private="fresh", role="sync")
    setup = await desk.connected(private="fresh")
    assert (setup.status, setup.features) == ("ready", EVERYTHING)


async def test_same_connection_told_again_is_checked_and_closes_nothing(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    await desk.connect()
    assert (await desk.setup()).status == "ready"
    await desk.checked()
    assert await desk.history() == ["unknown", "ready", "ready"]


@pytest.mark.requirement("R3")
async def test_connection_switched_off_is_not_ready_and_not_called(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    await desk.control("DELETE", f"/calls?site={desk.company}")
    setup = await desk.connected(enabled=False)
    assert (setup.status, setup.features, setup.next_check_at) == ("not_ready", (), None)
    assert (await desk.control("GET", f"/calls?site={desk.company}"))["total"] == 0
    assert (await desk.last_told()).status == "not_ready"


async def test_removed_connection_withdraws_the_setup(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    await desk.connect(removed=True, private_key=None)
    told = await desk.last_told()
    assert (told.status, told.features, told.removed) == ("not_ready", (), True)
    await desk.connect(removed=True, private_key=None)
    assert len(await desk.told()) == 3


async def test_result_of_an_earlier_connection_is_never_told(desk: Desk) -> None:
    desk.there_is()
    await desk.connect()
    await desk.fault("slow_answer", "system/info", delay=0.5, times=1)
    async with desk.delivering():
        await until(lambda: _is_called(desk))
        await desk.connect(company_id="somebodyelse")
        await until(desk.is_idle)
    assert [one.status for one in await desk.told()] == ["unknown", "unknown", "not_ready"]


async def test_what_is_due_is_queued_once(desk: Desk) -> None:
    desk.there_is()
    await desk.connected()
    assert await desk.rechecks.queue_due() == 0
    async with desk.db.transaction([desk.tenant]) as tx:
        await tx.execute("update setup set next_check_at = now() - interval '1 second'")
    assert await desk.rechecks.queue_due() == 1
    assert await desk.rechecks.queue_due() == 0
    setup = await desk.checked()
    assert setup.next_check_at is not None
    assert setup.next_check_at - setup.checked_at > timedelta(hours=23)


async def _is_called(desk: Desk) -> bool:
    return bool((await desk.control("GET", f"/calls?site={desk.company}"))["total"])


async def _ask(desk: Desk) -> None:
    async with desk.db.transaction([desk.tenant]) as tx:
        assert await checking.ask(tx, desk.tenant)


@pytest.mark.requirement("R14")
async def test_right_that_was_refused_to_a_writer_has_the_site_checked_again(desk: Desk) -> None:
    desk.there_is(narrow="{based_on: sync, without: [Agreements.add]}")
    assert (await desk.connected()).status == "ready"
    await desk.key(role="narrow")
    await desk.ordered(CommandKind.APPROVE)
    assert (await desk.checked()).status == "ready"
    await desk.ordered(CommandKind.CHECK_SETUP)
    checked = await desk.checked()
    assert (checked.status, "additions" in checked.features) == ("not_ready", False)
