import pytest

from tests.console.conftest import Console

ME = "/v1/console/me"


async def test_a_tenants_token_says_whose_it_is(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant, "viewer")
    me = await at.ask("GET", ME, token=token)
    assert me.json()["tenant_id"] == tenant
    assert me.json()["operator"] is False
    assert me.json()["subject"].startswith("test (token ")
    assert {name.rpartition(".")[2] for name in me.json()["permissions"]} == {"read"}


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer", "Token "])
async def test_without_a_bearer_token_nobody_gets_in(at: Console, scheme: str) -> None:
    answer = await at.http.get(ME, headers={"authorization": f"{scheme}{at.token}"})
    assert answer.status_code == 401
    assert at.token not in answer.text


async def test_wrong_tokens_are_refused_without_saying_why(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant)
    head, _, secret = token.rpartition("_")
    other = await at.token_of(tenant)
    wrong = [f"{head}_{'0' * 64}", f"psab_{'0' * 12}_{secret}", f"{head}_{other.rpartition('_')[2]}", token[:-1], "x"]
    answers = [await at.ask("GET", ME, token=one) for one in wrong]
    assert [answer.status_code for answer in answers] == [401] * len(wrong)
    assert len({answer.text for answer in answers[:3]}) == 1


async def test_a_short_lived_token_opens_no_door(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant)
    echoed = await at.ask("GET", "/v1/billing-intake/echo", token=token)
    inner = dict(echoed.json()["headers"])["authorization"].removeprefix("Bearer ")
    assert (await at.ask("GET", ME, token=inner)).status_code == 401


async def test_a_revoked_token_is_refused_at_once(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant)
    token_id = token.split("_")[1]
    assert (await at.ask("GET", ME, token=token)).status_code == 200
    revoked = await at.ask("DELETE", f"/v1/console/tokens/{token_id}", tenant=tenant)
    assert revoked.json()["revoked_at"] is not None
    after = await at.ask("GET", ME, token=token)
    assert (after.status_code, after.json()["code"]) == (401, "token_revoked")


async def test_an_expired_token_is_refused(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant, expires_in_days=1)
    assert (await at.ask("GET", ME, token=token)).status_code == 200
    async with at.service.db.all_tenants() as tx:
        await tx.execute("update api_token set expires_at = now() where token_id = $1", token.split("_")[1])
    after = await at.ask("GET", ME, token=token)
    assert (after.status_code, after.json()["code"]) == (401, "token_expired")


async def test_the_last_use_is_remembered_once_a_minute(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant)

    async def last_used() -> object:
        listed = await at.ask("GET", "/v1/console/tokens", tenant=tenant)
        return next(one["last_used_at"] for one in listed.json()["items"] if one["token_id"] == token.split("_")[1])

    assert await last_used() is None
    await at.ask("GET", ME, token=token)
    first = await last_used()
    assert first is not None
    await at.ask("GET", ME, token=token)
    assert await last_used() == first


async def test_a_tenants_token_reaches_no_other_tenant(at: Console, tenant: str, acme: str) -> None:
    token = await at.token_of(f"{tenant}-b")
    for path in (ME, "/v1/console/connections", "/v1/billing-intake/echo"):
        answer = await at.ask("GET", path, token=token, tenant=acme)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert at.services.asked == []
    listed = await at.ask("GET", "/v1/console/tenants", token=token)
    assert [one["tenant_id"] for one in listed.json()["items"]] == [f"{tenant}-b"]
    renamed = await at.ask("PUT", f"/v1/console/tenants/{acme}", token=token, json={"name": "Mine"})
    assert renamed.status_code == 403


async def test_an_operator_acts_for_the_tenant_it_names_and_for_none_otherwise(at: Console, acme: str) -> None:
    named = await at.ask("GET", "/v1/billing-intake/echo", tenant=acme)
    assert (named.json()["tenant"], named.json()["operator"]) == (acme, True)
    for path in ("/v1/billing-intake/echo", "/v1/console/connections", "/v1/console/programs"):
        unnamed = await at.ask("GET", path)
        assert (unnamed.status_code, unnamed.json()["code"]) == (400, "tenant_needed")
    unknown = await at.ask("GET", ME, tenant="no-such-tenant")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_tenant")
    odd = await at.ask("GET", ME, tenant="a,b")
    assert odd.status_code == 404


async def test_nobody_gives_what_they_lack(at: Console, tenant: str) -> None:
    narrow = await at.token_of(tenant, "owner", scope=["tokens.write", "billing.read"])
    refused = await at.ask("POST", "/v1/console/tokens", token=narrow, json={"name": "more", "role": "admin"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    made = await at.ask(
        "POST",
        "/v1/console/tokens",
        token=narrow,
        json={"name": "as much", "role": "viewer", "scope": ["billing.read"]},
    )
    me = await at.ask("GET", ME, token=made.json()["token"])
    assert me.json()["permissions"] == ["billing.read", "self.read"]
    unknown = await at.ask("POST", "/v1/console/tokens", json={"name": "x", "role": "viewer", "scope": ["fly"]})
    assert unknown.status_code == 422


async def test_a_role_without_the_permission_is_refused_by_name(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant, "viewer")
    refused = await at.ask("DELETE", "/v1/console/connections/connectwise", token=token)
    assert (refused.status_code, refused.json()["permission"]) == (403, "connections.write")


async def test_one_tenants_tokens_are_not_anothers(at: Console, tenant: str, acme: str) -> None:
    token = await at.token_of(acme)
    other = await at.token_of(f"{tenant}-b")
    revoked = await at.ask("DELETE", f"/v1/console/tokens/{token.split('_')[1]}", token=other)
    assert revoked.status_code == 404
    assert (await at.ask("GET", ME, token=token)).status_code == 200
    listed = await at.ask("GET", "/v1/console/tokens", tenant=f"{tenant}-b")
    assert [one["tenant_id"] for one in listed.json()["items"]] == [f"{tenant}-b"]


async def test_only_a_digest_of_a_token_is_stored(at: Console, tenant: str) -> None:
    token = await at.token_of(tenant)
    await at.ask("GET", ME, token=token)
    listed = await at.ask("GET", "/v1/console/tokens", tenant=tenant)
    for text in (await at.everything(), listed.text):
        assert token.rpartition("_")[2] not in text
        assert at.token.rpartition("_")[2] not in text


async def test_while_stopping_nothing_new_is_begun(at: Console, acme: str) -> None:
    at.stopping = True
    try:
        answer = await at.ask("GET", "/v1/billing-intake/echo", tenant=acme)
    finally:
        at.stopping = False
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
