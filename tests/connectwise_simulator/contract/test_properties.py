"""Rules that hold for any filter, any patch and any page, asked of the API in this process."""

import base64
import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectwise_simulator.api import answer
from connectwise_simulator.call import Answer, Request
from connectwise_simulator.errors import ApiError
from connectwise_simulator.filters.conditions import parse
from connectwise_simulator.filters.matching import record_test
from connectwise_simulator.models.company import COMPANY
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.site import Actor
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import SITE

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@cache
def _world() -> World:
    world = World()
    add_sites(world, read_scenario(SITE, "test"), "test")
    return world


def _ask(method: str, path: str, body: Any = None, *, forward: bool = False, **query: Any) -> Answer:
    basic = base64.b64encode(b"COMPANY+pub:priv").decode()
    headers = {"authorization": f"Basic {basic}", "clientid": "x", "host": "h"}
    if forward:
        headers["pagination-type"] = "forward-only"
    content = b"" if body is None else json.dumps(body).encode()
    request = Request(method, f"/v4_6_release/apis/3.0/{path}", urlencode(query), headers, content)
    return answer(_world().sites, request, Actor("", method, path))


def _read(method: str, path: str, body: Any = None, **more: Any) -> Any:
    found = _ask(method, path, body, **more)
    assert found.status < 300, found.body
    return json.loads(found.body) if found.body else None


def _found(text: str, **record: Any) -> bool:
    return record_test(COMPANY, text)({"id": 1, "_info": {}, **record})


@given(wanted=_TEXTS, kept=_TEXTS, quote=st.sampled_from("\"'"))
def test_no_text_changes_the_meaning_of_its_filter(wanted: str, kept: str, quote: str) -> None:
    escaped = wanted.replace("[", "[[]").replace("\\", "\\\\").replace(quote, f"\\{quote}")
    assert _found(f"name = {quote}{escaped}{quote}", name=kept) == (wanted.lower() == kept.lower())


@given(text=st.text(alphabet="abid()=!<>and or\"'[]/ 12.,not inlike%*\\", max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        parse(text)
    except ApiError as refusal:
        told = (refusal.status, refusal.body["code"])
        assert told == (400, "ApiFindCondition")


@given(st.lists(st.tuples(st.sampled_from(["<", "<=", "=", "!=", ">", ">="]), st.integers(0, 6)), min_size=1))
def test_and_binds_stronger_than_or(parts: list[tuple[str, int]]) -> None:
    words = [f"id {op} {n}" for op, n in parts]
    text = " or ".join(f"{a} AND {b}" for a, b in zip(words, reversed(words), strict=True))
    grouped = " or ".join(f"(({a}) and ({b}))" for a, b in zip(words, reversed(words), strict=True))
    for record_id in range(7):
        record = {"id": record_id, "_info": {}}
        assert record_test(COMPANY, text)(record) == record_test(COMPANY, grouped)(record)


members = st.one_of(
    st.tuples(st.sampled_from(["city", "zip", "userDefinedField1"]), st.text("abc 12", max_size=12)),
    st.tuples(st.just("numberOfEmployees"), st.integers(0, 99)),
    st.tuples(st.just("leadFlag"), st.booleans()),
)
operations = st.builds(
    lambda op, slash, member: (op, slash, *member),
    st.sampled_from(["replace", "add", "remove"]),
    st.sampled_from(["", "/"]),
    members | st.tuples(st.sampled_from(["id", "status/id", "status/name"]), st.just(2)),  # these change nothing
)


@given(st.lists(st.lists(operations, max_size=4), max_size=4))
def test_any_sequence_of_patches_leaves_what_its_operations_say(patches: list[list[tuple[Any, ...]]]) -> None:
    path = "company/companies/12"
    record = _read("GET", path)
    for patch in patches:
        body = [{"op": op, "path": f"{slash}{name}", "value": value} for op, slash, name, value in patch]
        body = [{k: v for k, v in each.items() if k != "value" or each["op"] != "remove"} for each in body]
        for op, _, name, value in patch:
            if name not in COMPANY.fields or COMPANY.fields[name].computed:
                continue
            record.pop(name, None)
            if op != "remove":
                record[name] = value
        answered = _read("PATCH", path, body)
        assert answered | {"_info": 0} == record | {"_info": 0}
        assert answered == _read("GET", path)


@pytest.mark.parametrize("size", [1, 2, 5])
@settings(max_examples=30)
@given(
    changes=st.lists(st.lists(st.integers(0, 30), max_size=3), max_size=8), removes=st.lists(st.booleans(), min_size=8)
)
def test_forward_only_pages_lose_nothing_that_was_there_throughout(
    size: int, changes: list[list[int]], removes: list[bool]
) -> None:
    """2.4: rows come and go between pages; what stays is seen once, in the order of ids."""
    path = "finance/agreements/1/additions"

    def add() -> int:
        body = {"product": {"id": 50}, "billCustomer": "Billable", "effectiveDate": "2026-04-01T00:00:00Z"}
        return int(_read("POST", path, body)["id"])

    def listed() -> list[int]:
        return [row["id"] for row in _read("GET", path, fields="id", pageSize=1000)]

    for _ in range(8 - len(listed())):
        add()
    staying, seen = set(listed()), []
    steps = zip(changes, removes, strict=False)
    after = 0
    while True:
        found = _ask("GET", path, forward=True, fields="id", pageSize=size, pageId=after)
        seen += [row["id"] for row in json.loads(found.body)]
        if dict(found.headers)["link"] == "":
            break
        after = seen[-1]
        for change in next(steps, ([], False))[0]:
            here = listed()
            if removes[change % len(removes)] and len(here) > 1:
                gone = here[change % len(here)]
                assert _ask("DELETE", f"{path}/{gone}").status == 204
                staying.discard(gone)
            else:
                add()
    assert seen == sorted(set(seen))
    assert staying <= set(seen)


def test_pattern_of_many_wildcards_is_looked_for_in_a_sensible_time() -> None:
    """The whole simulator waits for a filter; trying every place for every part of this one would take years."""
    test = record_test(COMPANY, f'name like "{"%a" * 20}%b"')
    assert not test({"name": "a" * 60})
    assert test({"name": "a" * 60 + "b"})


@given(st.text(alphabet="ab%_", max_size=8), st.text(alphabet="ab", max_size=8))
def test_pattern_finds_what_like_finds(like: str, name: str) -> None:
    """2.5: any text for a per cent sign, any character for an underscore."""
    plain = "".join({"%": ".*", "_": "."}.get(character, character) for character in like)
    found = record_test(COMPANY, f'name like "{like}"')({"name": name})
    assert found == (re.fullmatch(plain, name) is not None)
