import asyncio
from typing import Any

import pytest

from contracts.events import SealedSecret
from contracts.values import TenantId
from tenancy import PRIVATE_KEY, Keyring
from tests.console.conftest import Console

PATH = "/v1/console/connections/connectwise"
CANARY = "canaryPrivateKey9"


def form(company: str, **more: Any) -> dict[str, Any]:
    typed = {
        "site": "na",
        "company_id": company,
        "public_key": " publicPublic1234 ",
        "private_key": f" {CANARY}\n",
        "client_id": "0f7c1a52-6f5e-4a35-9c1f-b1a0f0a3c1de",
    } | more
    return {name: value for name, value in typed.items() if value is not None}


async def facts(at: Console, tenant: str) -> list[dict[str, Any]]:
    return [event["data"] for event in await at.events(tenant, "config.connections.v1")]


@pytest.mark.requirement("R5", "R8")
async def test_a_connection_is_told_with_its_key_sealed(at: Console, acme: str) -> None:
    saved = await at.ask("PUT", PATH, tenant=acme, json=form(acme.upper()))
    assert saved.status_code == 200, saved.text
    shown = saved.json()
    assert (shown["site"], shown["public_key"]) == ("https://na.myconnectwise.net", "publicPublic1234")
    assert "private_key" not in shown
    [fact] = await facts(at, acme)
    assert (fact["site_id"], fact["connection_id"]) == (f"connectwise:{acme}", "connectwise")
    sealed = SealedSecret.model_validate(fact["private_key"])
    assert Keyring.read(at.keys.sealing).unseal(TenantId(acme), PRIVATE_KEY, sealed) == CANARY


@pytest.mark.requirement("R8")
async def test_the_private_key_is_nowhere_to_be_seen(at: Console, acme: str) -> None:
    answers = [
        await at.ask("PUT", PATH, tenant=acme, json=form(acme)),
        await at.ask("GET", PATH, tenant=acme),
        await at.ask("GET", "/v1/console/connections", tenant=acme),
        await at.ask("PUT", PATH, tenant=acme, json=form(acme, unknown=CANARY)),
        await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=[CANARY])),
        await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=f"acme:{CANARY}")),
        await at.ask("PUT", PATH, tenant=acme, json=form(acme, site=f"ftp://{CANARY}@x/")),
        await at.ask("PUT", PATH, tenant=acme, content=f'{{"private_key": "{CANARY}'.encode()),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 422, 422, 422, 422]
    assert all(CANARY not in answer.text for answer in answers)
    assert CANARY not in await at.everything()


async def test_a_key_that_is_left_out_is_kept(at: Console, acme: str) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    changed = await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=None, enabled=False, name="Ours"))
    assert (changed.status_code, changed.json()["enabled"]) == (200, False)
    before, after = await facts(at, acme)
    assert after["private_key"] == before["private_key"]
    assert (after["enabled"], after["name"]) == (False, "Ours")


@pytest.mark.parametrize("changed", [{"site": "eu"}, {"public_key": "anotherPublic123"}])
async def test_a_kept_key_follows_neither_another_address_nor_another_pair(
    at: Console, acme: str, changed: dict[str, str]
) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    refused = await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=None, **changed))
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "private_key")
    again = await at.ask("PUT", PATH, tenant=acme, json=form(acme, **changed))
    assert again.status_code == 200


async def test_the_first_connection_needs_a_key(at: Console, acme: str) -> None:
    refused = await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=None))
    assert refused.json()["fields"] == [{"field": "private_key", "rule": "is needed to connect"}]


@pytest.mark.parametrize(
    ("site", "stored"),
    [
        ("EU", "https://eu.myconnectwise.net"),
        ("https://api-au.myconnectwise.net/", "https://au.myconnectwise.net"),
        ("psa.acme.example", "https://psa.acme.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://psa.acme.example", None),
        ("https://10.0.0.1", None),
        ("https://user@psa.acme.example", None),
        ("https://psa.acme.example/v4_6_release", None),
    ],
)
async def test_addresses_are_checked(at: Console, acme: str, site: str, stored: str | None) -> None:
    answer = await at.ask("PUT", PATH, tenant=acme, json=form(acme, site=site))
    if stored is None:
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "site")
    else:
        assert (answer.status_code, answer.json()["site"]) == (200, stored)


async def test_all_wrong_fields_are_named_at_once(at: Console, acme: str) -> None:
    wrong = form("a+b", site="ftp://x", public_key="a b", unknown=None)
    refused = await at.ask("PUT", PATH, tenant=acme, json=wrong)
    assert [found["field"] for found in refused.json()["fields"]] == ["site", "company_id", "public_key"]
    assert await facts(at, acme) == []


async def test_a_site_belongs_to_one_tenant(at: Console, acme: str, tenant: str) -> None:
    company = f"C{acme}"
    assert (await at.ask("PUT", PATH, tenant=acme, json=form(company))).status_code == 200
    await at.ask("PUT", f"/v1/console/tenants/{tenant}-b", json={"name": "B"})
    for _ in range(2):
        taken = await at.ask("PUT", PATH, tenant=f"{tenant}-b", json=form(company.lower()))
        assert (taken.status_code, taken.json()["code"]) == (409, "site_taken")
        # Also when it is no longer connected: what was written there was written for the first tenant.
        await at.ask("DELETE", PATH, tenant=acme)
    assert await facts(at, f"{tenant}-b") == []


async def test_of_two_tenants_at_once_one_gets_the_site(at: Console, tenant: str) -> None:
    names = [f"{tenant}-{number}" for number in range(6)]
    for name in names:
        await at.ask("PUT", f"/v1/console/tenants/{name}", json={"name": name})
    answers = await asyncio.gather(*(at.ask("PUT", PATH, tenant=name, json=form(tenant)) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


async def test_the_company_of_a_connection_never_changes(at: Console, acme: str) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    refused = await at.ask("PUT", PATH, tenant=acme, json=form(f"{acme}x"))
    assert (refused.status_code, refused.json()["code"]) == (409, "site_fixed")


async def test_a_tenant_has_one_living_connection(at: Console, acme: str) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    second = await at.ask("PUT", f"{PATH}-2", tenant=acme, json=form(f"{acme}x"))
    assert (second.status_code, second.json()["code"]) == (409, "connected")
    await at.ask("DELETE", PATH, tenant=acme)
    assert (await at.ask("PUT", f"{PATH}-2", tenant=acme, json=form(f"{acme}x"))).status_code == 200


async def test_a_removed_connection_is_told_without_secrets(at: Console, acme: str) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    assert (await at.ask("DELETE", PATH, tenant=acme)).status_code == 204
    assert (await at.ask("GET", PATH, tenant=acme)).status_code == 404
    assert (await at.ask("DELETE", PATH, tenant=acme)).status_code == 404
    gone = (await facts(at, acme))[-1]
    assert (gone["removed"], gone["private_key"], gone["public_key"], gone["client_id"]) == (True, None, "", "")
    # The key is gone: connecting again needs it.
    again = await at.ask("PUT", PATH, tenant=acme, json=form(acme, private_key=None))
    assert again.status_code == 422
    assert (await at.ask("PUT", PATH, tenant=acme, json=form(acme))).status_code == 200
    assert (await facts(at, acme))[-1]["removed"] is False


async def test_ids_are_tame(at: Console, acme: str) -> None:
    for odd in ("UPPER", "-x", "a:b", "a" * 64, "a%2Fb"):
        answer = await at.ask("PUT", f"/v1/console/connections/{odd}", tenant=acme, json=form(acme))
        assert answer.status_code in {404, 422}, odd
        assert (await at.ask("PUT", f"/v1/console/tenants/{odd}", json={"name": "x"})).status_code in {404, 422}, odd


@pytest.mark.requirement("R42", "R44", "R46", "R47", "R48", "R49")
async def test_a_program_is_told_as_it_was_chosen(at: Console, acme: str) -> None:
    chosen = {
        "billing": False,
        "products": "all",
        "motions": ["azure", "azure", "one_time"],
        "price_rule": {"basis": "effective", "markup_percent": "12.5", "allow_below_cost": True},
    }
    saved = await at.ask("PUT", "/v1/console/programs/microsoft-nce", tenant=acme, json=chosen)
    assert saved.status_code == 200, saved.text
    [event] = await at.events(acme, "config.programs.v1")
    said = event["data"]
    assert (said["source"], said["enabled"], said["billing"], said["products"]) == ("microsoft-nce", True, False, "all")
    assert said["motions"] == ["azure", "one_time"]
    assert said["price_rule"] == {"basis": "effective", "markup_percent": "12.5", "allow_below_cost": True}
    shown = await at.ask("GET", "/v1/console/programs/microsoft-nce", tenant=acme)
    assert shown.json()["price_rule"] == said["price_rule"]
    # What is shown can be sent back.
    back = {name: value for name, value in shown.json().items() if name not in {"program_id", "updated_at"}}
    assert (await at.ask("PUT", "/v1/console/programs/microsoft-nce", tenant=acme, json=back)).status_code == 200


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"markup": "5"}, "body.markup"),
        ({"source": "elsewhere"}, "body.source"),
        ({"motions": ["unknown"]}, "body.motions"),
        ({"motions": ["weekly"]}, "body.motions.0"),
        ({"price_rule": {"markup_percent": 20.5}}, "body.price_rule.markup_percent"),
        ({"price_rule": {"markup_percent": "-100"}}, "body.price_rule.markup_percent"),
        ({"price_rule": {"markup_percent": "1000.01"}}, "body.price_rule.markup_percent"),
        ({"price_rule": {"markup_percent": "NaN"}}, "body.price_rule.markup_percent"),
        ({"price_rule": {"markup_percent": "0.00001"}}, "body.price_rule.markup_percent"),
        ({"price_rule": {}}, "body.price_rule.markup_percent"),
        ({"price_rule": {"markup_percent": "1", "currency": "USD"}}, "body.price_rule.currency"),
        ({"enabled": "perhaps"}, "body.enabled"),
    ],
)
async def test_what_a_program_cannot_be_is_refused_with_its_field(
    at: Console, acme: str, chosen: dict[str, Any], field: str
) -> None:
    refused = await at.ask("PUT", "/v1/console/programs/microsoft-nce", tenant=acme, json=chosen)
    assert (refused.status_code, [one["field"] for one in refused.json()["fields"]]) == (422, [field])
    assert refused.json()["fields"][0]["rule"]


async def test_a_source_has_one_program(at: Console, acme: str) -> None:
    assert (await at.ask("PUT", "/v1/console/programs/one", tenant=acme, json={})).status_code == 200
    second = await at.ask("PUT", "/v1/console/programs/two", tenant=acme, json={})
    assert (second.status_code, second.json()["code"]) == (409, "source_taken")
    assert (await at.ask("DELETE", "/v1/console/programs/one", tenant=acme)).status_code == 204
    assert (await at.events(acme, "config.programs.v1"))[-1]["data"]["removed"] is True
    assert (await at.ask("GET", "/v1/console/programs/one", tenant=acme)).status_code == 404
    assert (await at.ask("PUT", "/v1/console/programs/two", tenant=acme, json={})).status_code == 200


async def test_one_tenants_settings_are_not_anothers(at: Console, acme: str, tenant: str) -> None:
    await at.ask("PUT", PATH, tenant=acme, json=form(acme))
    await at.ask("PUT", "/v1/console/programs/one", tenant=acme, json={})
    other = await at.token_of(f"{tenant}-b")
    for path in ("/v1/console/connections", "/v1/console/programs"):
        assert (await at.ask("GET", path, token=other)).json()["items"] == []
    assert (await at.ask("GET", PATH, token=other)).status_code == 404
    assert (await at.ask("DELETE", PATH, token=other)).status_code == 404
