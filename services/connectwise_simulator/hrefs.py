"""Links of references: `_info` with the address of the record they point at, for the types that live answers show.

A record keeps none of them. They are written with a mark in place of the host, so that a text can be kept for all.
"""

from typing import Any
from uuid import uuid4

from connectwise_simulator.schema import Field, Kind, Model, Record

MARK = uuid4().hex  # stands for everything before `company/companies/1`; nobody can write it into a record

# Reference type: the link's name and the path below `/apis/3.0/`. Billing cycles and terms have none in live answers.
LINKS = {
    "AgreementTypeReference": ("type_href", "finance/agreements/types/{id}"),
    "CompanyReference": ("company_href", "company/companies/{id}"),
    "CompanyStatusReference": ("status_href", "company/companies/statuses/{id}"),
    "CompanyTypeReference": ("type_href", "company/companies/types/{id}"),
    "ContactReference": ("contact_href", "company/contacts/{id}"),
    "CurrencyReference": ("currency_href", "finance/currencies/{id}"),
    "MemberReference": ("member_href", "system/members/{id}"),
    "SiteReference": ("site_href", "company/companies/{company}/sites/{id}"),
    "TaxCodeReference": ("taxCode_href", "finance/taxCodes/{id}"),
}
_COMPANY_OF_SITE = {"billToSite": "billToCompany", "shipToSite": "shipToCompany"}


def linked(model: Model, record: Record) -> Record:
    """The record with a link in each reference that has one."""
    return {name: _linked(model, record, model.fields.get(name), value) for name, value in record.items()}


def _linked(model: Model, record: Record, field: Field | None, value: Any) -> Any:
    if field is None or field.reference not in LINKS or field.kind not in (Kind.REFERENCE, Kind.REFERENCES):
        return value
    name, path = LINKS[field.reference]
    company = record.get("id") if model.name == "Company" else None
    if company is None:
        company = (record.get(_COMPANY_OF_SITE.get(field.name, "company")) or {}).get("id")
    if field.kind is Kind.REFERENCES:
        return [_with(item, name, path, company) for item in value]
    return _with(value, name, path, company)


def _with(item: Record, name: str, path: str, company: int | None) -> Record:
    if item.get("id") is None or ("{company}" in path and company is None):
        return item
    return {**item, "_info": {name: MARK + path.format(id=item["id"], company=company)}}
