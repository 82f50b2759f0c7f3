"""Discovery, sign-in, paging and records, on a real socket."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectwise import Addition, Agreement, CustomField, ScanBroken, UserDefinedField, where
from httpkit import ApiError, Outcome
from tests.connectwise.site import BASE, INFO, calls, client, connected
from tests.httpkit.peer import Asked, Behaviour, in_turn, peer, reply


def page(ids: list[int], *, following: int | None, **more: Any) -> Behaviour:
    link = f'<https://elsewhere.example/x?pageSize=2&pageId={following}>; rel="next"' if following else ""
    return reply(200, [{"id": number, **more} for number in ids], headers={"link": link})


async def test_call_is_signed_versioned_and_under_the_discovered_path() -> None:
    async with connected(reply(200, {"version": "v2025.1", "isCloud": True, "serverTimeZone": "x"})) as (psa, there):
        info = await psa.system.info()
    asked = calls(there)[0]
    assert (info.version, info.is_cloud) == ("v2025.1", True)
    assert asked.target == f"{BASE}/system/info"
    assert b64decode(asked.headers["authorization"].split()[1]) == b"training+public:private-canary"
    assert asked.headers["clientid"] == "client-canary"
    assert asked.headers["accept"] == "application/vnd.connectwise.com+json; version=2025.1"


async def test_company_info_is_asked_once_and_without_credentials() -> None:
    async with connected(reply(200, {})) as (psa, there):
        await asyncio.gather(*(psa.system.info() for _ in range(5)))
    asked = [each for each in there.asked if each not in calls(there)]
    assert [each.path for each in asked] == ["/login/companyinfo/training"]
    assert not {"authorization", "clientid"} & set(asked[0].headers)


@pytest.mark.requirement("R8")
async def test_secrets_are_in_no_text_of_client_or_error(capsys: pytest.CaptureFixture[str]) -> None:
    async with connected(reply(401, {"code": "Unauthorized", "message": "no"})) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.companies.get(1)
        texts = [repr(psa), repr(vars(psa)), str(caught.value), repr(caught.value), caught.value.operator_text]
    texts += capsys.readouterr()
    assert caught.value.outcome is Outcome.CONFIG
    assert not any("canary" in text for text in texts)


@pytest.mark.parametrize(
    ("info", "code"),
    [
        (reply(200, None), "company_unknown"),
        (reply(200, {"Codebase": "../../evil"}), "not_connectwise"),
        (reply(200, []), "not_connectwise"),
        (reply(404, raw=b"<html>"), "http_404"),
    ],
)
async def test_site_without_the_company_is_a_matter_of_configuration(info: Behaviour, code: str) -> None:
    async with connected(reply(200, {}), info) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.system.info()
    assert (caught.value.outcome, caught.value.code) == (Outcome.CONFIG, code)
    assert calls(there) == []


async def test_moved_api_is_found_again() -> None:
    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await reply(200 if asked.path.startswith("/v2025_2/") else 404, {"version": "2025.2"})(asked, writer)

    told = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, there):
        assert (await psa.system.info()).version == "2025.2"
    assert [asked.path for asked in calls(there)] == [f"{BASE}/system/info", "/v2025_2/apis/3.0/system/info"]


async def test_scan_follows_the_link_past_short_and_empty_pages_with_its_filter() -> None:
    api = in_turn(page([1, 2], following=2), page([], following=9), page([11], following=11), page([], following=None))
    async with connected(api) as (psa, there):
        found = [each.id async for each in psa.agreements.iterate(where.Agreement.company_id == 12, fields=("name",))]
    assert found == [1, 2, 11]
    assert [asked.query.get("pageId") for asked in calls(there)] == [None, "2", "9", "11"]
    assert {asked.query["conditions"] for asked in calls(there)} == {"company/id = 12"}
    assert {asked.query["fields"] for asked in calls(there)} == {"id,name"}
    assert {asked.headers["pagination-type"] for asked in calls(there)} == {"forward-only"}
    assert {asked.path for asked in calls(there)} == {f"{BASE}/finance/agreements"}


@pytest.mark.parametrize(
    "second",
    [
        reply(200, []),  # no Link header: a peer that does not know this paging
        page([2], following=2),  # goes round in a circle
        reply(200, [], headers={"link": '<https://x/?page=3>; rel="next"'}),
        reply(200, [], headers={"link": f'<https://x/?pageId={"9" * 5000}>; rel="next"'}),
        reply(200, [], headers={"link": '<https://[x/?pageId=3>; rel="next"'}),
        reply(200, {}, headers={"link": ""}),
        reply(200, raw=b"<html>", headers={"link": ""}),
        reply(500, {}),
    ],
)
async def test_scan_that_does_not_reach_its_end_raises(second: Behaviour) -> None:
    async with connected(in_turn(page([1, 2], following=2), second)) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.list()
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert isinstance(caught.value, ScanBroken) or caught.value.status in {200, 500}


@pytest.mark.parametrize("ids", [range(1, 1501), range(1000, 1250)], ids=["many", "a few too many for one URL"])
async def test_long_list_of_values_is_asked_in_parts_and_merged(ids: range) -> None:
    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        values = asked.query["conditions"].removeprefix("id in (").removesuffix(")").split(",")
        rows = [{"id": int(value)} for value in values] + [{"id": 1_000_000}]
        await reply(200, rows, headers={"link": ""})(asked, writer)

    async with connected(api) as (psa, there):
        found = await psa.agreements.list(where.Agreement.id.in_(ids))
    assert sorted(each.id for each in found) == [*ids, 1_000_000]
    assert 1 < len(calls(there)) < 20
    assert max(len(asked.target) for asked in calls(there)) <= 1745


async def test_count_uses_the_same_filter() -> None:
    async with connected(reply(200, {"count": 7})) as (psa, there):
        assert await psa.subcategories.count(where.SetupRow.name == "Cloud & more") == 7
    assert calls(there)[0].path == f"{BASE}/procurement/subcategories/count"
    assert calls(there)[0].query == {"conditions": 'name = "Cloud & more"'}


async def test_record_tolerates_what_it_does_not_know() -> None:
    raw = b"""{"id": 5, "name": "M365", "startDate": "2025-01-31T00:00:00Z", "agreementStatus": "Paused",
               "billAmount": 17.600000, "type": {"id": 3, "name": "CSP"}, "somethingNew": {"a": [1]}}"""
    async with connected(reply(200, raw=raw, headers={"x-cw-request-id": "r-7"})) as (psa, _):
        agreement = await psa.agreements.get(5)
    assert agreement.start_date == date(2025, 1, 31)
    assert agreement.agreement_status == "Paused"
    assert str(agreement.bill_amount) == "17.600000"
    assert agreement.type is not None
    assert agreement.type.id == 3
    assert agreement.end_date is None
    assert agreement.model_extra == {"somethingNew": {"a": [1]}}
    assert agreement.request_id == "r-7"


async def test_record_that_cannot_be_read_is_ambiguous_and_named() -> None:
    async with connected(reply(200, {"id": 5, "startDate": "soon"})) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.get(5)
    assert (caught.value.outcome, caught.value.code) == (Outcome.AMBIGUOUS, "unreadable_record")
    assert "Agreement 5: startDate" in caught.value.message


async def test_record_whose_id_cannot_be_read_is_not_quoted() -> None:
    async with connected(reply(200, {"id": "x" * 10_000})) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.get(5)
    assert caught.value.message == "The site's answer is no readable Agreement: id."


async def test_empty_text_is_no_value_where_no_text_stands() -> None:
    row = {"id": 5, "name": "", "nextInvoiceDate": "", "endDate": "", "billAmount": "", "oneTimeFlag": "", "type": ""}
    async with connected(reply(200, [row], headers={"link": ""})) as (psa, _):
        [agreement] = await psa.agreements.list()
    assert (agreement.name, agreement.next_invoice_date, agreement.end_date) == ("", None, None)
    assert (agreement.bill_amount, agreement.one_time_flag, agreement.type) == (None, None, None)
    addition = Addition.read({"id": 1, "sequenceNumber": "", "serialNumber": ""}, request_id=None, call="")
    assert (addition.sequence_number, addition.serial_number) == (None, "")
    seats = CustomField.read({"numberOfDecimals": "", "value": ""}, request_id=None, call="")
    assert (seats.number_of_decimals, seats.value) == (None, "")


async def test_next_invoice_date_that_is_no_date_is_kept_as_text_and_ends_no_scan() -> None:
    rows = [{"id": 5, "nextInvoiceDate": "3/1/2026"}, {"id": 6, "nextInvoiceDate": "2026-04-01T00:00:00Z"}]
    async with connected(reply(200, rows, headers={"link": ""})) as (psa, _):
        found = await psa.agreements.list()
    assert [each.next_invoice_date for each in found] == ["3/1/2026", date(2026, 4, 1)]


def test_option_of_a_user_defined_field_may_have_no_id() -> None:
    field = UserDefinedField.read({"id": 3, "options": [{"optionValue": "Gold"}]}, request_id=None, call="")
    assert field.options is not None
    assert [(one.id, one.option_value) for one in field.options] == [(None, "Gold")]


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("next_invoice_date", "nextInvoiceDate"),
        ("nextInvoiceDate", "nextInvoiceDate"),
        ("customer_po", "customerPO"),
        ("company/id", "company/id"),
        ("parent_agreement/name", "parentAgreement/name"),
        ("currency/currency_code", "currency/currencyCode"),
        ("custom_fields/number_of_decimals", "customFields/numberOfDecimals"),
        ("_info", "_info"),
        ("info/lastUpdated", "_info/lastUpdated"),
    ],
)
async def test_fields_are_named_as_the_record_or_the_site_names_them(named: str, asked: str) -> None:
    async with connected(page([1], following=None)) as (psa, there):
        await psa.agreements.list(fields=(named,))
    assert calls(there)[0].query["fields"] == f"id,{asked}"


@pytest.mark.parametrize(
    "named", ["nextInvoice", "next_invoice", "company/nam", "name/id", "company/", "", "id,name", "NAME", "_info/"]
)
async def test_field_that_the_record_does_not_have_is_refused_before_any_call(named: str) -> None:
    async with connected(page([1], following=None)) as (psa, there):
        with pytest.raises(ValueError, match="no member"):
            await psa.agreements.list(fields=(named,))
    assert calls(there) == []


async def test_my_security_is_read_at_once() -> None:
    rows = [{"id": 1, "moduleFunctionName": "Agreements", "inquireLevel": "All", "member": {"id": 9}}]
    async with connected(reply(200, rows)) as (psa, _):
        levels = await psa.system.my_security()
    assert [(each.module_function_name, each.inquire_level) for each in levels] == [("Agreements", "All")]


async def test_my_security_that_may_go_on_is_not_taken_for_all() -> None:
    async with connected(reply(200, [{}] * 1000)) as (psa, _):
        with pytest.raises(ScanBroken):
            await psa.system.my_security()


@pytest.mark.parametrize(
    "read",
    [
        lambda psa: psa.companies.list(),
        lambda psa: psa.companies.statuses.list(),
        lambda psa: psa.companies.types.list(),
        lambda psa: psa.agreements.types.list(),
        lambda psa: psa.additions(3).list(),
        lambda psa: psa.catalog.list(),
        lambda psa: psa.categories.list(),
        lambda psa: psa.product_types.list(),
        lambda psa: psa.units_of_measure.list(),
        lambda psa: psa.billing_cycles.list(),
        lambda psa: psa.currencies.list(),
        lambda psa: psa.tax_codes.list(),
    ],
)
async def test_every_list_is_read(read: Callable[[Any], Any]) -> None:
    async with connected(page([1], following=None)) as (psa, _):
        assert [each.id for each in await read(psa)] == [1]


async def test_region_and_cloud_address_lead_to_the_api_host() -> None:
    for text in ("na", "NA", "https://na.myconnectwise.net", "api-na.myconnectwise.net"):
        psa = client(text)
        assert psa.site.login_url == "https://na.myconnectwise.net"
        assert psa.site.api_url == "https://api-na.myconnectwise.net"
        await psa.aclose()


async def test_redirect_of_the_api_takes_no_credentials_along() -> None:
    async with peer(reply(200, {})) as elsewhere:
        async with connected(reply(302, raw=b"", headers={"location": elsewhere.url})) as (psa, _):
            with pytest.raises(ApiError):
                await psa.companies.get(1)
        assert elsewhere.connections == 0


def test_amounts_are_decimals() -> None:
    raw = json.loads('{"id": 1, "billAmount": 17.6}', parse_float=Decimal)
    assert Agreement.read(raw, request_id=None, call="").bill_amount == Decimal("17.6")
