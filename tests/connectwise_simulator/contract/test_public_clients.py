"""Two public clients that others wrote for the real service, as they come from the registry (section 4)."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from connectpyse.company.companies_api import CompaniesAPI
from connectpyse.finance.agreement_addition import AgreementAddition
from connectpyse.finance.agreement_additions_api import AgreementAdditionsAPI
from connectpyse.finance.agreements_api import AgreementsAPI
from connectpyse.procurement.catalog_item import CatalogItem
from connectpyse.procurement.catalog_item_api import CatalogItemAPI
from connectpyse.restapi import ApiError
from pyconnectwise import ConnectWiseManageAPIClient
from pyconnectwise.exceptions import (
    AuthenticationFailedException,
    MalformedRequestException,
    NotFoundException,
    ObjectExistsError,
    PermissionsFailedException,
)

from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.serve import serving, tls_of
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import SITE, Site
from tests.connectwise_simulator.contract.certificate import certificate

# The models of pyconnectwise are written in an older manner of pydantic's.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")

NEXT = "2026-04-01T00:00:00Z"
CLIENT_ID = "1b7a7e2e-0000-4000-8000-000000000000"
ADDITION: dict[str, Any] = {"product": {"id": 50}, "quantity": 3, "billCustomer": "Billable", "effectiveDate": NEXT}
ITEM: dict[str, Any] = {
    "identifier": "PUBLIC",
    "description": "Public",
    "customerDescription": "Public",
    "subcategory": {"id": 1},
    "type": {"id": 1},
    "price": 9.5,
}
in_a_thread = asyncio.to_thread  # both clients block, and the simulator is in this process


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site by https, which all clients trust as they are told in the environment."""
    files = certificate(tmp_path_factory.mktemp("tls"))
    world = World()
    add_sites(world, read_scenario(SITE, "test"), "test")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.setenv(name, str(files[0]))
        async with serving(world, tls=tls_of(*files)) as url, Site(url, "COMPANY") as client:
            yield client


def _client(site: Site, public: str = "pub", private: str = "priv") -> ConnectWiseManageAPIClient:
    return ConnectWiseManageAPIClient(site.company, site.root.removeprefix("https://"), CLIENT_ID, public, private)


@pytest.fixture(scope="module")
async def psa(site: Site) -> ConnectWiseManageAPIClient:
    return await in_a_thread(_client, site)


async def test_pyconnectwise_discovers_the_codebase_and_reads_system_info(psa: Any) -> None:
    assert psa.codebase == "v2026_1/"
    info = await in_a_thread(psa.system.info.get)
    assert (info.is_cloud, info.server_time_zone) == (True, "America/New_York")


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ('name like "Alder%"', [10]),
        ("status/name = 'Inactive' AND lastUpdated > [2020-01-01]", [11]),
        ("id in (10,12)", [10, 12]),
        ('name = "Cedar \\"North\\""', [12]),
    ],
)
async def test_pyconnectwise_lists_companies_by_conditions(psa: Any, conditions: str, ids: list[int]) -> None:
    found = await in_a_thread(psa.company.companies.get, None, {"conditions": conditions})
    assert [company.id for company in found] == ids
    counted = await in_a_thread(psa.company.companies.count.get, None, {"conditions": conditions})
    assert counted.count == len(ids)


@pytest.mark.parametrize(
    ("size", "conditions"), [(2, ""), (5, ""), (25, ""), (1, "company/id = 10"), (4, "company/id = 10")]
)
async def test_pyconnectwise_reads_all_pages(psa: Any, site: Site, size: int, conditions: str) -> None:
    """Also where a list of one page has no Link header: it then asks for page after page until one is empty."""
    params: Any = {"conditions": conditions} if conditions else None

    def ids() -> list[int | None]:
        return [each.id for each in psa.finance.agreements.paginated(1, size, params).all()]

    assert await in_a_thread(ids) == await site.ids("finance/agreements", conditions=conditions)


async def test_pyconnectwise_goes_back_a_page(psa: Any) -> None:
    def ids() -> list[list[int | None]]:
        page = psa.finance.agreements.paginated(2, 2)
        pages = [[each.id for each in page.data]]
        pages.append([each.id for each in page.get_previous_page().data])
        return pages

    assert await in_a_thread(ids) == [[3, 4], [1, 2]]


async def test_pyconnectwise_creates_and_changes_a_company(psa: Any, site: Site) -> None:
    made = await in_a_thread(psa.company.companies.post, {"identifier": "Public", "name": "Public Client"})
    company = psa.company.companies.id(made.id)
    changes: Any = [
        {"op": "replace", "path": "city", "value": "Tampa"},
        {"op": "replace", "path": "/status", "value": {"name": "Inactive"}},
    ]
    changed = await in_a_thread(company.patch, changes)
    assert (changed.city, changed.status.name, changed.name) == ("Tampa", "Inactive", "Public Client")
    assert (await site.get(f"company/companies/{made.id}")).json()["city"] == "Tampa"


async def test_pyconnectwise_creates_and_changes_an_agreement(psa: Any) -> None:
    body: Any = {
        "name": "Public",
        "company": {"id": 10},
        "contact": {"id": 100},
        "type": {"name": "Cloud Subscriptions"},
        "billingCycle": {"name": "Monthly"},
    }
    made = await in_a_thread(psa.finance.agreements.post, body)
    change: Any = [{"op": "replace", "path": "customerPO", "value": "PO-1"}]
    changed = await in_a_thread(psa.finance.agreements.id(made.id).patch, change)
    assert (changed.customer_po, changed.company.name) == ("PO-1", "Alder & Ash")


async def test_pyconnectwise_creates_changes_and_deletes_an_addition(psa: Any) -> None:
    additions = psa.finance.agreements.id(1).additions
    made = await in_a_thread(additions.post, dict(ADDITION))
    assert (made.unit_price, made.ext_price) == (22.5, 67.5)
    change: Any = [{"op": "replace", "path": "quantity", "value": "5"}]
    assert (await in_a_thread(additions.id(made.id).patch, change)).quantity == 5
    listed = await in_a_thread(additions.get, None, {"conditions": f"id = {made.id}"})
    assert [row.ext_price for row in listed] == [112.5]
    await in_a_thread(additions.id(made.id).delete)
    with pytest.raises(NotFoundException):
        await in_a_thread(additions.id(made.id).get)


async def test_pyconnectwise_creates_and_changes_a_catalog_item(psa: Any) -> None:
    made = await in_a_thread(psa.procurement.catalog.post, dict(ITEM))
    change: Any = [{"op": "replace", "path": "price", "value": 10.25}]
    assert (await in_a_thread(psa.procurement.catalog.id(made.id).patch, change)).price == 10.25
    found = await in_a_thread(psa.procurement.catalog.get, None, {"conditions": 'identifier="PUBLIC"'})
    assert [item.id for item in found] == [made.id]


async def test_pyconnectwise_knows_the_refusals(psa: Any, site: Site) -> None:
    companies = psa.company.companies
    with pytest.raises(ObjectExistsError, match="already exists"):
        await in_a_thread(companies.post, {"identifier": "Alder", "name": "Again"})
    with pytest.raises(MalformedRequestException):
        await in_a_thread(companies.get, None, {"conditions": 'types/name = "Client"'})
    stranger = await in_a_thread(_client, site, "pub", "wrong")
    with pytest.raises(AuthenticationFailedException):
        await in_a_thread(stranger.company.companies.get)
    reader = await in_a_thread(_client, site, "counts")
    with pytest.raises(PermissionsFailedException):
        await in_a_thread(reader.company.companies.get)


async def test_pyconnectwise_repeats_a_creation_that_timed_out_and_makes_two(psa: Any, site: Site) -> None:
    """Section 4: it repeats a 500 that speaks of a timeout, POST or not; the first one had been applied."""
    await site.fault("500_after", method="POST", path="additions$", times=1, nth=1)
    marked = {**ADDITION, "serialNumber": "repeated"}
    await in_a_thread(psa.finance.agreements.id(1).additions.post, marked)
    assert len(await site.ids("finance/agreements/1/additions", conditions='serialNumber = "repeated"')) == 2


@dataclass(frozen=True)
class Pyse:
    """Makes connectpyse's APIs for this site."""

    url: str
    auth: dict[str, str]

    def __call__(self, api: Callable[..., Any], *parent: int) -> Any:
        return api(*parent, url=self.url, auth=self.auth)


@pytest.fixture
def pyse(site: Site) -> Pyse:
    basic = b64encode(f"{site.company}+pub:priv".encode()).decode()
    auth = {"Authorization": f"Basic {basic}", "clientId": CLIENT_ID}
    return Pyse(f"{site.root}/v4_6_release/apis/3.0", auth)


async def test_connectpyse_lists_and_counts_by_conditions_page_and_order(pyse: Pyse, site: Site) -> None:
    agreements = pyse(AgreementsAPI)
    agreements.conditions, agreements.orderBy = "company/id=10", "id desc"
    agreements.page, agreements.pageSize = 1, 3
    listed = [each.id for each in await in_a_thread(list, agreements.get_agreements())]
    assert len(listed) == 3
    assert listed == sorted(listed, reverse=True)
    counted = (await site.get("finance/agreements/count", params={"conditions": "company/id=10"})).json()
    assert await in_a_thread(agreements.get_agreements_count) == counted["count"]
    companies = pyse(CompaniesAPI)
    companies.childconditions = "types/id = 3"  # in lower case
    assert [each.identifier for each in await in_a_thread(list, companies.get_companies())] == ["Cedar"]


async def test_connectpyse_creates_changes_and_deletes_an_addition(pyse: Pyse) -> None:
    additions = pyse(AgreementAdditionsAPI, 1)
    made = await in_a_thread(additions.create_agreement_addition, AgreementAddition(ADDITION))
    changes = {"quantity": 4, "serialNumber": "pyse"}
    changed = await in_a_thread(additions.update_agreement_addition_multiple_keys, made.id, changes)
    assert (changed.quantity, changed.serialNumber, changed.extPrice) == (4, "pyse", 90.0)
    assert (await in_a_thread(additions.get_agreement_addition_by_id, made.id)).serialNumber == "pyse"
    await in_a_thread(additions.delete_agreement_addition_by_id, made.id)
    with pytest.raises(ApiError, match="404"):
        await in_a_thread(additions.get_agreement_addition_by_id, made.id)


async def test_connectpyse_creates_and_changes_a_catalog_item(pyse: Pyse) -> None:
    catalog = pyse(CatalogItemAPI)
    made = await in_a_thread(catalog.create_catalog_item, CatalogItem({**ITEM, "identifier": "PYSE"}))
    changed = await in_a_thread(catalog.update_catalog_item, made.id, "price", 11)
    assert (changed.price, changed.identifier) == (11, "PYSE")
