"""What every route of every service answers, asked of one running process."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter

from contracts import topics
from devstack import provision
from devstack.keys import Keys, provide_keys
from devstack.passwords import DatabasePasswords
from devstack.topics import provide_topics
from servicekit import Paging, allow
from servicekit.access import UnguardedRouteError, refuse_unguarded
from servicekit.paging import LARGEST
from storage import Database
from storage.migrations import migrate
from tests.servicekit.running import Tiny, environment, serving, token
from tests.servicekit.tiny import COMPONENTS


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing(
    pg: str, kafka: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Tiny, provision.Database]]:
    """One process for all of this module; each test is a tenant of its own."""
    urls = await provision.provision_database(pg, f"t{keys.installation_id[:8]}_edge", DatabasePasswords.random())
    await migrate(urls.owner, COMPONENTS)
    await provide_topics(kafka, [topics.COMPANIES, topics.CUSTOMERS])
    log = tmp_path_factory.mktemp("edge") / "log"
    try:
        async with serving(environment(kafka, urls, keys), keys, "", log) as tiny:
            await tiny.until_ready()
            yield tiny, urls
    finally:
        await provision.drop_database(pg, urls.name)


@pytest.fixture
def tiny(standing: tuple[Tiny, provision.Database], tenant: str) -> Tiny:
    standing[0].tenant = tenant
    return standing[0]


def assert_problem(answer: httpx.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said = answer.json()
    assert (said["status"], said["code"], said["type"]) == (status, code, "about:blank")
    assert said["detail"]
    return said


async def test_a_route_commits_before_it_answers(tiny: Tiny) -> None:
    assert (await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "a pony"})).json() == {"wishes": 1}
    assert (await tiny.ask("GET", "/v1/tiny/wishes")).json() == ["a pony"]


async def test_a_commit_that_fails_is_no_success(tiny: Tiny) -> None:
    said = assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "unkept"}), 500, "internal")
    assert "cannot be kept" not in str(said)
    assert (await tiny.ask("GET", "/v1/tiny/wishes")).json() == []


async def test_a_caller_sees_the_rows_of_its_tenant_only(tiny: Tiny, tenant: str) -> None:
    await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "a pony"})
    tiny.tenant = f"{tenant}-2"
    assert (await tiny.ask("GET", "/v1/tiny/wishes")).json() == []


async def test_a_data_error_is_the_callers(tiny: Tiny) -> None:
    assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "a\0b"}), 422, "invalid")


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": int(time.time()) - 1}, id="expired"),  # a name that is the same in every worker
        {"exp": None},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "somebody"},
        {"sub": None},
        {"tenant": None},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_us_now_is_refused(tiny: Tiny, claims: dict[str, Any]) -> None:
    bearer = token(tiny.keys, tiny.tenant, "wish", claims=claims)
    assert_problem(await tiny.ask("GET", "/v1/tiny/wishes", bearer=bearer), 401, "unauthenticated")


async def test_a_token_of_another_signer_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    stranger = token(provide_keys(tmp_path), tiny.tenant, "wish")
    unsigned = stranger.rpartition(".")[0] + "."
    for bearer in (stranger, unsigned, "nonsense"):
        assert_problem(await tiny.ask("GET", "/v1/tiny/wishes", bearer=bearer), 401, "unauthenticated")


async def test_a_call_without_a_token_is_refused(tiny: Tiny) -> None:
    async with httpx.AsyncClient(base_url=tiny.url) as client:
        for headers in ({}, {"authorization": "Basic YTpi"}):
            assert_problem(await client.get("/v1/tiny/wishes", headers=headers), 401, "unauthenticated")


async def test_a_missing_permission_is_named(tiny: Tiny) -> None:
    said = assert_problem(await tiny.ask("GET", "/v1/tiny/wishes", permissions=("look",)), 403, "forbidden")
    assert said["permission"] == "wish"
    assert_problem(await tiny.ask("GET", "/v1/tiny/dead-letters"), 403, "forbidden")


async def test_a_cloned_database_is_shown_and_adopted_by_who_may(
    standing: tuple[Tiny, provision.Database], tiny: Tiny
) -> None:
    where = "/v1/tiny/installation"
    for permission in ("wish", "operate"):
        assert_problem(await tiny.ask("POST", f"{where}/adopt", permissions=(permission,)), 403, "forbidden")
    urls = standing[1]
    db = Database(urls.app, urls.all_tenants)
    await db.open()
    async with db.all_tenants() as tx:
        await tx.execute("update installation set id = 'the original', foreign_to = $1", tiny.keys.installation_id)
    await db.close()
    shown = (await tiny.ask("GET", where, permissions=("installation.read",))).json()
    assert (shown["id"], shown["foreign_to"]) == ("the original", tiny.keys.installation_id)
    adopted = (await tiny.ask("POST", f"{where}/adopt", permissions=("installation.adopt",))).json()
    assert (adopted["id"], adopted["foreign_to"], adopted["restores"]) == (tiny.keys.installation_id, "", 1)


async def test_every_error_is_a_problem(tiny: Tiny) -> None:
    assert_problem(await tiny.ask("GET", "/v1/tiny/nowhere"), 404, "http")
    assert_problem(await tiny.ask("DELETE", "/v1/tiny/wishes"), 405, "http")
    assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", json={}), 422, "invalid")
    assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", content=b"{"), 422, "invalid")
    assert assert_problem(await tiny.ask("GET", "/v1/tiny/refusal"), 409, "refused")["rule"] == "R1"
    assert_problem(await tiny.ask("GET", "/v1/tiny/dead-letters/1", permissions=("operate",)), 404, "not_found")
    assert_problem(await tiny.ask("POST", "/v1/tiny/dead-letters/1/replay", permissions=("operate",)), 404, "not_found")


async def test_what_was_sent_wrongly_is_not_repeated(tiny: Tiny) -> None:
    answer = await tiny.ask("POST", "/v1/tiny/wishes", json={"name": {"canary": "of a body"}})
    said = assert_problem(answer, 422, "invalid")
    assert said["fields"] == [{"field": "body.name", "rule": "Input should be a valid string"}]
    assert "canary" not in answer.text


async def test_a_body_over_the_limit_is_refused_as_it_arrives(tiny: Tiny) -> None:
    assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "x" * 1000}), 413, "http")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b'{"name": "' + b"x" * 100

    assert_problem(await tiny.ask("POST", "/v1/tiny/wishes", content=endless()), 413, "http")


@pytest.mark.parametrize("size", [0, -1, LARGEST + 1, "many"])
async def test_a_page_is_bounded(tiny: Tiny, size: object) -> None:
    answer = await tiny.ask("GET", f"/v1/tiny/dead-letters?size={size}", permissions=("operate",))
    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("after", ["x", "-1", "1" * 19, "²"])
async def test_a_cursor_of_another_list_is_refused(tiny: Tiny, after: str) -> None:
    answer = await tiny.ask("GET", "/v1/tiny/dead-letters", params={"after": after}, permissions=("operate",))
    assert assert_problem(answer, 422, "invalid")["field"] == "after"


async def test_pages_follow_each_other_and_a_letter_is_shown_and_replayed(
    standing: tuple[Tiny, provision.Database], tiny: Tiny, tenant: str
) -> None:
    urls = standing[1]
    db = Database(urls.app, urls.all_tenants)
    await db.open()
    async with db.all_tenants() as tx:
        await tx.execute_many(
            "insert into dead_letter (tenant_id, topic, partition, record_offset, value, headers, reason, detail)"
            " values ($1, $2, 0, $3, $4, '[]', 'why', 'how')",
            [(tenant, topics.COMPANIES.name, 10**9 + n, f"value {n} \xff".encode("latin-1")) for n in range(5)],
        )
    await db.close()
    seen, after, letter = [], "", 0
    while after is not None:
        page = (await tiny.ask("GET", f"/v1/tiny/dead-letters?size=2&after={after}", permissions=("operate",))).json()
        seen += [letter["record_offset"] for letter in page["items"]]
        letter, after = page["items"][-1]["id"], page["next"]
    assert seen == [10**9 + n for n in range(5)]
    shown = (await tiny.ask("GET", f"/v1/tiny/dead-letters/{letter}", permissions=("operate",))).json()
    assert shown["value"] == "value 4 \\xff"
    answer = await tiny.ask("POST", f"/v1/tiny/dead-letters/{letter}/replay", permissions=("operate",))
    assert_problem(answer, 422, "still_wrong")


async def test_probes_and_metrics_need_no_token(tiny: Tiny) -> None:
    async with httpx.AsyncClient(base_url=tiny.url) as client:
        assert [(await client.get(f"/{probe}")).text for probe in ("livez", "readyz")] == ["ok", "ok"]
        metrics = (await client.get("/metrics")).text
        assert "outbox_backlog" in metrics
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) >= {"/v1/tiny/wishes", "/v1/tiny/dead-letters"}
    assert not set(paths) & {"/livez", "/readyz", "/metrics"}


@pytest.mark.requirement("R8")
async def test_secrets_are_neither_on_error_pages_nor_in_logs(
    standing: tuple[Tiny, provision.Database], tiny: Tiny
) -> None:
    answer = await tiny.ask("GET", "/v1/tiny/defect")
    assert_problem(answer, 500, "internal")
    urls = standing[1]
    passwords = [url.partition("://")[2].partition("@")[0].partition(":")[2] for url in (urls.app, urls.all_tenants)]
    log = tiny.log.read_text()
    assert "request.failed" in log
    assert "RuntimeError" in log
    bearer = token(tiny.keys, tiny.tenant)
    for secret in (*passwords, "canary-of-the-settings", "canary-of-a-token", bearer.partition(".")[0]):
        assert secret not in answer.text
        assert secret not in log
    assert "canary-of-an-exception" not in answer.text
    assert log.count("canary-of-an-exception") == 1, "one log line a defect"


def test_a_route_without_a_permission_is_not_built() -> None:
    router = APIRouter()

    @router.get("/guarded", dependencies=[allow("look")])
    async def guarded(page: Paging) -> int:
        return page.size

    refuse_unguarded(router)

    @router.get("/open")
    async def unguarded() -> None:
        return

    with pytest.raises(UnguardedRouteError, match="/open"):
        refuse_unguarded(router)


def test_a_router_inside_a_router_is_not_built() -> None:
    inner, outer = APIRouter(), APIRouter()

    @inner.get("/open")
    async def unguarded() -> None:
        return

    outer.include_router(inner)
    with pytest.raises(UnguardedRouteError):
        refuse_unguarded(outer)
