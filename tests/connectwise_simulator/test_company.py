"""Companies and contacts with what stands below them, what may be deleted, and links between records."""

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest

from connectwise_simulator import api
from connectwise_simulator.call import Request
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.site import Actor
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import SITE, Site

COMPANY = "company/companies/10"
CONTACT = "company/contacts/100"


def _replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


async def _types(site: Site, company: int) -> tuple[list[str], list[str]]:
    """The names of a company's types as the company shows them and as its associations do."""
    shown = (await site.get(f"company/companies/{company}")).json().get("types", [])
    rows = (await site.get(f"company/companies/{company}/typeAssociations")).json()
    return [t["name"] for t in shown], [row["type"]["name"] for row in rows]


async def _said(site: Site) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await site.get(CONTACT)).json().get("communicationItems", [])
    return items


async def test_new_company_has_its_types_as_associations_and_a_main_site(site: Site) -> None:
    body = {"identifier": "Dogwood", "name": "Dogwood", "city": "Salem", "types": [{"id": 1}, {"name": "Vendor"}]}
    made = (await site.post("company/companies", json=body)).json()
    assert await _types(site, made["id"]) == (["Client", "Vendor"], ["Client", "Vendor"])
    sites = (await site.get(f"company/companies/{made['id']}/sites")).json()
    assert [(s["id"], s["name"], s["city"], s["primaryAddressFlag"]) for s in sites] == [
        (made["site"]["id"], "Main", "Salem", True)
    ]


async def test_site_named_main_is_the_one_of_the_records_own_company(site: Site) -> None:
    """Every company has one of that name, and most would get that of the first."""
    main = {"name": "Main"}
    [cedars] = [row["id"] for row in (await site.get("company/companies/12/sites")).json()]
    body = {"site": main, "firstName": "Cem", "company": {"identifier": "Cedar"}}
    contact = (await site.post("company/contacts", json=body)).json()
    assert contact["site"]["id"] == cedars
    for path in (f"company/contacts/{contact['id']}", "company/companies/12"):
        await site.patch(path, json=_replace("site", None))
        assert (await site.patch(path, json=_replace("site", main))).json()["site"]["id"] == cedars
    moved = [*_replace("company", {"id": 10}), *_replace("site", main)]
    assert (await site.patch(f"company/contacts/{contact['id']}", json=moved)).json()["site"]["id"] != cedars


async def test_company_of_a_scenario_has_associations_and_a_site_too(site: Site) -> None:
    assert await _types(site, 12) == (["Client", "Vendor"], ["Client", "Vendor"])
    sites = (await site.get("company/companies/12/sites")).json()
    assert [s["id"] for s in sites] == [(await site.get("company/companies/12")).json()["site"]["id"]]


async def test_written_types_replace_the_associations_and_keep_those_that_stay(site: Site) -> None:
    path = "company/companies/12"
    before = {row["type"]["name"]: row["id"] for row in (await site.get(f"{path}/typeAssociations")).json()}
    await site.patch(path, json=_replace("types", [{"id": 3}, {"id": 2}]))
    assert await _types(site, 12) == (["Vendor", "Prospect"], ["Vendor", "Prospect"])
    after = {row["type"]["name"]: row["id"] for row in (await site.get(f"{path}/typeAssociations")).json()}
    assert after["Vendor"] == before["Vendor"]
    assert after["Prospect"] not in before.values()
    changed = [(e["type"], e["method"]) for e in await site.effects()]
    assert changed == [("typeAssociations", "PATCH"), ("typeAssociations", "PATCH"), ("companies", "PATCH")]


async def test_association_of_its_own_address_shows_on_the_company(site: Site) -> None:
    made = await site.post(f"{COMPANY}/typeAssociations", json={"type": {"id": 3}})
    assert made.status_code == 201
    assert made.json()["company"]["id"] == 10
    assert await _types(site, 10) == (["Client", "Vendor"], ["Client", "Vendor"])
    again = await site.post(f"{COMPANY}/typeAssociations", json={"type": {"id": 3}})
    assert again.json()["errors"][0]["code"] == "ObjectExists"
    assert (await site.delete(f"{COMPANY}/typeAssociations/{made.json()['id']}")).status_code == 204
    assert await _types(site, 10) == (["Client"], ["Client"])


async def test_renamed_type_shows_in_the_lists_of_companies(site: Site) -> None:
    await site.patch("company/companies/types/1", json=_replace("name", "Customer"))
    assert await _types(site, 10) == (["Customer"], ["Customer"])


async def test_communication_of_its_own_address_shows_on_the_contact(site: Site) -> None:
    body = {"type": {"id": 2, "name": "Direct"}, "value": "555-0100", "extension": "7", "defaultFlag": True}
    made = (await site.post(f"{CONTACT}/communications", json=body)).json()
    assert (made["contactId"], made["communicationType"]) == (100, "Phone")
    contact = (await site.get(CONTACT)).json()
    assert [item["value"] for item in contact["communicationItems"]] == ["ada@alder.example", "555-0100"]
    phone = [contact[f"defaultPhone{part}"] for part in ("Type", "Nbr", "Extension")]
    assert phone == ["Direct", "555-0100", "7"]
    assert (await site.delete(f"{CONTACT}/communications/{made['id']}")).status_code == 204
    contact = (await site.get(CONTACT)).json()
    assert [item["value"] for item in contact["communicationItems"]] == ["ada@alder.example"]
    assert "defaultPhoneNbr" not in contact


async def test_communication_that_says_next_to_nothing_is_kept(site: Site) -> None:
    await site.patch(CONTACT, json=_replace("communicationItems", [{"extension": "7"}]))
    assert [item["extension"] for item in await _said(site)] == ["7"]


async def test_second_default_of_a_kind_takes_it_from_the_first(site: Site) -> None:
    body = {"type": {"id": 1, "name": "Email"}, "value": "b@alder.example", "defaultFlag": True}
    assert (await site.post(f"{CONTACT}/communications", json=body)).json()["domain"] == "@alder.example"
    assert [(i["value"], i["defaultFlag"]) for i in await _said(site)] == [
        ("ada@alder.example", False),
        ("b@alder.example", True),
    ]


async def test_written_communication_items_keep_the_ids_they_name(site: Site) -> None:
    [first] = await _said(site)
    new = {"type": {"id": 2, "name": "Direct"}, "value": "555-0101", "communicationType": "Phone"}
    await site.patch(CONTACT, json=_replace("communicationItems", [{**first, "value": "ada@new.example"}, new]))
    rows = (await site.get(f"{CONTACT}/communications")).json()
    assert (rows[0]["id"], rows[0]["value"]) == (first["id"], "ada@new.example")
    assert len({row["id"] for row in rows}) == 2
    await site.patch(CONTACT, json=_replace("communicationItems", [new]))
    assert [row["value"] for row in (await site.get(f"{CONTACT}/communications")).json()] == ["555-0101"]


def test_types_of_a_contact_are_one_with_their_associations() -> None:
    """The contract names this address, the published document does not: asked in this process."""
    world = World()
    [site] = add_sites(world, read_scenario(SITE.replace("COMPANY", "inside"), "inside"), "inside")
    headers = {"authorization": f"Basic {b64encode(b'inside+pub:priv').decode()}", "clientid": "any", "host": "here"}

    def ask(method: str, path: str, body: Any = None) -> Any:
        request = Request(method, f"/v4_6_release/apis/3.0/{path}", "", headers, json.dumps(body).encode())
        return api.answer(world.sites, request, Actor("", method, path))

    assert ask("POST", f"{CONTACT}/types", {"type": {"id": 2}}).status == 201
    assert [t["name"] for t in (site.find("contacts", 100) or {})["types"]] == ["End User"]
    assert ask("PATCH", CONTACT, _replace("types", [{"id": 1}])).status == 200
    assert [row["type"]["name"] for row in json.loads(ask("GET", f"{CONTACT}/types").body)] == ["Approver"]
    assert ask("DELETE", "company/contacts/types/1").status == 409
    assert ask("DELETE", "company/contacts/types/2").status == 204


async def test_rows_of_one_record_are_not_below_another(site: Site) -> None:
    [row] = (await site.get("company/companies/10/sites")).json()
    assert (await site.get(f"company/companies/11/sites/{row['id']}")).status_code == 404
    moved = {**{k: v for k, v in row.items() if k not in ("id", "_info")}, "company": {"id": 11}}
    answer = await site.put(f"company/companies/10/sites/{row['id']}", json=moved)
    assert answer.json()["company"]["id"] == 10


@pytest.mark.parametrize(
    ("path", "user"),
    [
        ("company/companies/10", "Contact"),
        ("company/companies/types/1", "Company"),
        ("company/contacts/100", "Company"),
        ("finance/agreements/types/1", "Agreement"),
        ("finance/agreements/3", "Agreement"),
        ("finance/billingCycles/1", "Agreement"),
        ("finance/currencies/1", "Company"),
        ("procurement/categories/1", "SubCategory"),
        ("procurement/unitOfMeasures/1", "CatalogItem"),
        ("system/securityroles/1", "Member"),
    ],
)
async def test_what_is_in_use_cannot_be_deleted(site: Site, path: str, user: str) -> None:
    answer = await site.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "Conflict")
    assert f"in use by {user}" in answer.json()["message"]
    assert (await site.get(path)).status_code == 200
    assert await site.effects() == []


async def test_catalog_item_can_be_deleted_until_an_addition_has_it(site: Site) -> None:
    assert (await site.delete("procurement/catalog/52")).status_code == 204
    assert (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).status_code == 201
    assert (await site.delete("procurement/catalog/50")).status_code == 409


async def test_company_goes_with_its_sites_and_type_associations(site: Site) -> None:
    body = {"identifier": "Elm", "name": "Elm", "types": [{"id": 2}]}
    made = (await site.post("company/companies", json=body)).json()
    assert (await site.delete(f"company/companies/{made['id']}")).status_code == 204
    assert (await site.get(f"company/companies/{made['id']}/sites")).status_code == 404
    assert made["id"] not in [r["company"]["id"] for r in (await site.get("company/companyTypeAssociations")).json()]
    gone = [effect["type"] for effect in await site.effects() if effect["after"] is None]
    assert sorted(gone) == ["companies", "companySites", "typeAssociations"]


async def test_agreement_goes_with_additions_that_were_not_invoiced(site: Site) -> None:
    kept = (await site.add(1, effectiveDate="2026-03-01T00:00:00Z")).json()
    await site.add(2, effectiveDate="2026-05-01T00:00:00Z")
    assert (await site.delete("finance/agreements/2")).status_code == 204
    assert (await site.get("finance/agreements/2/additions")).status_code == 404
    assert (await site.delete("finance/agreements/1")).status_code == 409
    assert (await site.get(f"finance/agreements/1/additions/{kept['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("finance/agreements", {"name": "New", "type": {"id": 1}, "contact": {"id": 100}, "company": {"id": 10}}),
        (
            "finance/agreements/1/additions",
            {"product": {"id": 50}, "billCustomer": "Billable", "effectiveDate": "2026-04-01T00:00:00Z"},
        ),
    ],
)
async def test_status_that_disallows_saving_refuses_records_of_the_company(site: Site, path: str, body: Any) -> None:
    status = {"name": "On hold", "disallowSavingFlag": True, "notificationMessage": "Ask the office."}
    held = (await site.post("company/companies/statuses", json=status)).json()
    assert (await site.patch(COMPANY, json=_replace("status", {"id": held["id"]}))).status_code == 200
    refused = await site.post(path, json=body)
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (400, "Ask the office.")
    assert (await site.patch(COMPANY, json=_replace("status", {"id": 1}))).status_code == 200
    assert (await site.post(path, json=body)).status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("finance/agreements/1/adjustments", {"amount": 12.5, "description": "Credit"}),
        ("finance/agreements/1/sites", {"company": {"id": 10}, "site": {"id": 1}}),
        ("finance/agreements/1/workroles", {"workRole": {"id": 1, "name": "Engineer"}, "rateType": "Custom"}),
        ("finance/agreements/1/worktypes", {"rateType": "Custom", "billTime": "Billable"}),
        ("finance/agreements/1/boardDefaults", {"board": {"id": 1, "name": "Help desk"}}),
    ],
)
async def test_rows_of_an_agreement_live_below_it_and_within_the_roles_types(site: Site, path: str, body: Any) -> None:
    made = (await site.post(path, json=body)).json()
    assert made["agreementId"] == 1
    assert [row["id"] for row in (await site.get(path)).json()] == [made["id"]]
    assert (await site.get(path.replace("/1/", "/2/"))).json() == []
    async with site.as_member("cloud") as member:
        assert (await member.get(path)).status_code == 403
    async with site.as_member("counts") as member:
        assert (await member.get(path)).status_code == 200
        assert (await member.post(path, json=body)).status_code == 403
    assert (await site.delete(f"{path}/{made['id']}")).status_code == 204


async def test_exclusions_are_made_listed_and_deleted_only(site: Site) -> None:
    path = "finance/agreements/1/workRoleExclusions"
    made = (await site.post(path, json={"workRole": {"id": 1, "name": "Engineer"}})).json()
    assert (await site.get(f"{path}/{made['id']}")).status_code == 405
    assert (await site.patch(f"{path}/{made['id']}", json=[])).status_code == 405
    assert (await site.delete(f"{path}/{made['id']}")).status_code == 204


@pytest.mark.parametrize("path", ["COMPANY/Companies/10", "company/companies/10/", "Company//companies/10"])
async def test_paths_are_read_in_any_case_and_with_trailing_slashes(site: Site, path: str) -> None:
    assert (await site.get(path)).json()["id"] == 10


async def test_info_shows_less_of_the_same_rows(site: Site) -> None:
    rows = (await site.get("company/companies/info", params={"conditions": "id=10"})).json()
    assert [row["identifier"] for row in rows] == ["Alder"]
    assert (await site.get("company/companies/info/count")).json() == {"count": 3}
    assert "parentCompany" not in rows[0]
    unknown = await site.get("company/companies/info", params={"conditions": 'website="x"'})
    assert unknown.json()["code"] == "ApiFindCondition"
    assert (await site.post("company/companies/info", json={})).status_code == 405


async def test_references_link_to_what_they_name_and_the_links_work(site: Site) -> None:
    agreement = (await site.get("finance/agreements/1")).json()
    links = {name: next(iter(agreement[name]["_info"].items())) for name in ("company", "type", "contact", "currency")}
    assert {label for label, _ in links.values()} == {"company_href", "type_href", "contact_href", "currency_href"}
    for name, (_, link) in links.items():
        assert link.startswith(f"{site.root}/v4_6_release/apis/3.0//")
        assert (await site.get(httpx.URL(link))).json()["id"] == agreement[name]["id"]
    company = (await site.get(COMPANY)).json()
    assert (await site.get(httpx.URL(company["site"]["_info"]["site_href"]))).json()["name"] == "Main"
    assert "_info" not in agreement["billingCycle"]


async def test_links_are_not_kept_when_a_client_sends_them_back(site: Site) -> None:
    company = (await site.get(COMPANY)).json()
    body = {name: value for name, value in company.items() if name not in ("id", "_info")}
    assert (await site.put(COMPANY, json=body)).json()["status"] == company["status"]
    after = [effect["after"] for effect in await site.effects() if effect["type"] == "companies"]
    assert all("_info" not in record["status"] for record in after)
