"""Rules of companies: what is filled in, the site each begins with, and a status that lets nothing be saved."""

from connectwise_simulator.billing.agreements import first_default
from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor, Site, reference

FIRST_SITE = "Main"
_ADDRESS = ("addressLine1", "addressLine2", "city", "zip", "country", "phoneNumber", "faxNumber")


def defaults(site: Site, _record: Record) -> Record:
    """Status and currency are the site's defaults."""
    filled = {
        "status": first_default(site, "companyStatuses", "CompanyStatusReference"),
        "currency": first_default(site, "currencies", "CurrencyReference"),
    }
    return {name: value for name, value in filled.items() if value is not None}


def base_currency(site: Site, _record: Record) -> Record:
    """The company's own books are in the default currency."""
    return {"baseCurrency": first_default(site, "currencies", "CurrencyReference")}


def closed(site: Site, record: Record) -> list[FieldError]:
    """Nothing is saved for a company whose status disallows it: agreements, additions and all that names a company.

    The company itself can still be changed, or it could never leave that status. The words are in no source [assumed].
    """
    agreement = site.find("agreements", record.get("agreementId")) or {}
    company = site.referred("companies", record.get("company") or agreement.get("company")) or {}
    status = site.referred("companyStatuses", company.get("status")) or {}
    if not status.get("disallowSavingFlag"):
        return []
    words = status.get("notificationMessage") or f"Records cannot be saved for a company that is {status['name']}."
    return [FieldError("InvalidField", words, "company")]


def open_site(site: Site, actor: Actor, company: Record) -> None:
    """A new company has one site, its main one [assumed]; the company shows it."""
    if not site.tables["companySites"].children(company["id"]):
        row = site.put(actor, "companySites", None, {"id": site.tables["companySites"].next_id(), **_first(company)})
        site.refresh("companies", {**company, "site": reference("SiteReference", row)})


def begin(site: Site) -> None:
    """The main site of every company that a scenario left without one: as old as the company, without history."""
    table = site.tables["companySites"]
    for company in list(site.tables["companies"]):
        if not table.children(company["id"]):
            row = {"id": table.next_id(), **_first(company), "_info": company["_info"]}
            table.put(row)
            site.tables["companies"].put({**company, "site": reference("SiteReference", row)})


def _first(company: Record) -> Record:
    address = {name: company[name] for name in _ADDRESS if name in company}
    flags = ("primaryAddressFlag", "defaultShippingFlag", "defaultBillingFlag", "defaultMailingFlag")
    return {
        "name": FIRST_SITE,
        **address,
        **dict.fromkeys(flags, True),
        "inactiveFlag": False,
        "billSeparateFlag": False,
        "company": reference("CompanyReference", company),
    }
