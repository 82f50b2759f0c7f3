"""What is written holds only what the pinned version takes, with its lengths, as the vendor's document has it."""

import json
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

import connectwise
from connectwise.models.base import Change, Draft, NewRecord
from connectwise.models.custom_fields import CustomFieldValue
from connectwise.models.values import Part, Ref, RefBy
from devstack.layout import CHECKOUT

DOCUMENT = CHECKOUT.parent / "shared" / "reference" / "connectwise" / "openapi-subset.json"

SCHEMAS = {
    "Addition": "Addition",
    "Agreement": "Agreement",
    "Callback": "CallbackEntry",
    "CatalogItem": "CatalogItem",
    "Category": "Category",
    "Communication": "ContactCommunication",
    "Company": "Company",
    "CompanySite": "CompanySite",
    "Contact": "Contact",
    "ProductType": "ProductType",
    "Subcategory": "SubCategory",
    "TableRow": "Category",
    "TypeAssociation": "CompanyCompanyTypeAssociation.CompanyTypeAssociation",
    "UnitOfMeasure": "UnitOfMeasure",
}
# Writable by the document's letter, computed by the site (contract 2.6, 3.2).
READ_ONLY = {
    "Addition": {
        "agreementId", "description", "billedQuantity", "uom", "extPrice", "extCost", "margin", "proratePrice",
        "prorateCost", "extendedProratePrice", "extendedProrateCost", "agreementStatus", "additionStatus",
    },
    "Agreement": {"agreementStatus", "nextInvoiceDate"},
    "CallbackEntry": {"memberId"},
    "ContactCommunication": {"contactId", "domain"},
}  # fmt: skip


def drafts(kind: type[Draft]) -> Iterator[type[Draft]]:
    for draft in kind.__subclasses__():
        if draft not in {NewRecord, Change}:
            yield draft
        yield from drafts(draft)


ALL = sorted(drafts(Draft), key=lambda draft: draft.__name__)


@cache
def schemas() -> dict[str, Any]:
    if not DOCUMENT.exists():
        pytest.skip(
            f"the vendor's OpenAPI document is not here ({DOCUMENT.name}), and is never kept in this repository"
        )
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())["components"]["schemas"]
    return found


def schema_of(draft: type[Draft]) -> tuple[str, dict[str, Any]]:
    name = SCHEMAS[draft.__name__.removeprefix("New").removesuffix("Change")]
    return name, schemas()[name]


def annotations(field: FieldInfo) -> Iterator[Any]:
    """What stands in a field's type and beside it, all the way down."""
    left = [field.annotation, *field.metadata]
    while left:
        one = left.pop()
        yield one
        left += [*get_args(one), *getattr(one, "metadata", ())]


def longest(field: FieldInfo) -> int | None:
    found = [one.max_length for one in annotations(field) if isinstance(getattr(one, "max_length", None), int)]
    return min(found) if found else None


def enumeration(field: FieldInfo) -> set[str]:
    (found,) = [one for one in annotations(field) if isinstance(one, type) and issubclass(one, StrEnum)] or (None,)
    return set(found or ())


def test_no_draft_is_forgotten() -> None:
    assert {draft.__name__.removeprefix("New").removesuffix("Change") for draft in ALL} == set(SCHEMAS)
    assert all(getattr(connectwise, draft.__name__) is draft for draft in ALL)


@pytest.mark.parametrize("draft", ALL, ids=lambda draft: draft.__name__)
def test_draft_has_only_members_that_the_version_takes(draft: type[Draft]) -> None:
    name, schema = schema_of(draft)
    taken = {member for member, what in schema["properties"].items() if "x-since" not in what}
    assert {field.alias for field in draft.model_fields.values()} <= taken - READ_ONLY.get(name, set()) - {
        "id",
        "_info",
    }
    if issubclass(draft, NewRecord):
        assert set(schema.get("required", [])) <= {field.alias for field in draft.model_fields.values()}


@pytest.mark.parametrize("draft", ALL, ids=lambda draft: draft.__name__)
def test_draft_knows_the_longest_texts(draft: type[Draft]) -> None:
    _, schema = schema_of(draft)
    for field in draft.model_fields.values():
        assert longest(field) == schema["properties"][field.alias].get("maxLength"), field.alias


@pytest.mark.parametrize("draft", ALL, ids=lambda draft: draft.__name__)
def test_draft_knows_the_enumerated_values(draft: type[Draft]) -> None:
    _, schema = schema_of(draft)
    for field in draft.model_fields.values():
        assert enumeration(field) == set(schema["properties"][field.alias].get("enum", ())), field.alias


@pytest.mark.parametrize(
    ("draft", "member"),
    [
        (connectwise.NewAddition, "billCustomer"),
        (connectwise.AdditionChange, "billCustomer"),
        (connectwise.NewAgreement, "invoicingCycle"),
        (connectwise.NewAgreement, "periodType"),
        (connectwise.NewCatalogItem, "productClass"),
        (connectwise.CatalogItemChange, "productClass"),
        (connectwise.NewCatalogItem, "recurringCycleType"),
        (connectwise.NewCommunication, "communicationType"),
    ],
)
def test_value_that_is_not_of_the_enumeration_is_refused_before_any_call(draft: type[Draft], member: str) -> None:
    with pytest.raises(ValidationError) as caught:
        draft.model_validate({member: "Bilable"})
    assert (member,) in [problem["loc"] for problem in caught.value.errors()]


def test_value_of_an_enumeration_is_taken_by_name_and_by_text() -> None:
    by_name = connectwise.AdditionChange(bill_customer=connectwise.BillCustomer.NO_CHARGE)
    assert connectwise.AdditionChange.model_validate({"billCustomer": "NoCharge"}) == by_name
    assert by_name.wire() == {"billCustomer": "NoCharge"}


def test_before_image_keeps_a_value_that_is_newer_than_this_client() -> None:
    addition = connectwise.Addition.read({"id": 7, "billCustomer": "BillLater"}, request_id=None, call="")
    assert addition.bill_customer == "BillLater"
    before = connectwise.AdditionChange.of(addition, "bill_customer")
    assert before.wire() == {"billCustomer": "BillLater"}


@pytest.mark.parametrize("draft", ALL, ids=lambda draft: draft.__name__)
def test_draft_refers_by_members_that_references_have(draft: type[Draft]) -> None:
    _, schema = schema_of(draft)
    for field in draft.model_fields.values():
        found = list(annotations(field))
        if Ref not in found:
            continue
        what = schema["properties"][field.alias]
        target = (what.get("items") or what)["$ref"].rsplit("/", 1)[1]
        (by,) = {one for one in found if isinstance(one, RefBy)}
        assert set(by.members) <= set(schemas()[target]["properties"]), field.alias


def test_custom_field_value_has_the_members_of_the_document() -> None:
    assert {field.alias for field in CustomFieldValue.model_fields.values()} <= set(
        schemas()["CustomFieldValue"]["properties"]
    )


@pytest.mark.parametrize("draft", ALL, ids=lambda draft: draft.__name__)
def test_text_that_is_too_long_is_refused_before_any_call(draft: type[Draft]) -> None:
    for field in draft.model_fields.values():
        most = longest(field)
        if most is not None:
            with pytest.raises(ValidationError) as caught:
                draft.model_validate({field.alias: "x" * (most + 1)})
            assert (field.alias,) in [problem["loc"] for problem in caught.value.errors()]


def test_reference_of_another_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="id or identifier"):
        connectwise.NewAddition(product=Ref(name="Seat"), quantity=1)
    with pytest.raises(ValidationError, match="id or name"):
        connectwise.CompanyChange(status=Ref(identifier="Active"))
    with pytest.raises(ValidationError):
        connectwise.CompanyChange(status=Ref())


def test_parts_are_references_and_custom_values() -> None:
    assert set(Part.__subclasses__()) == {Ref, CustomFieldValue}


def test_before_image_of_a_record_has_what_may_be_changed() -> None:
    raw = {
        "id": 7,
        "name": "Cloud",
        "type": {"id": 3, "name": "CSP", "_info": {}},
        "billAmount": 5,
        "endDate": "2026-12-31T00:00:00Z",
        "agreementStatus": "Active",
        "customFields": [{"id": 1, "caption": "Contract", "type": "Text", "value": "C-7", "connectWiseId": "x"}],
    }
    agreement = connectwise.Agreement.read(raw, request_id=None, call="")
    before = connectwise.AgreementChange.of(agreement).wire()
    assert "agreementStatus" not in before
    assert (before["type"], before["endDate"], before["site"]) == (
        {"id": 3},
        "2026-12-31T00:00:00Z",
        None,
    )
    assert before["customFields"] == [{"id": 1, "caption": "Contract", "type": "Text", "value": "C-7"}]
    assert connectwise.AgreementChange.of(agreement, "name").wire() == {"name": "Cloud"}
