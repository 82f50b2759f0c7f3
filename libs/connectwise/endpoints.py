"""Which resource lies where."""

from collections.abc import AsyncIterator
from typing import TypeVar

from connectwise.calls import Calls
from connectwise.collection import Collection, Records, WritableCollection
from connectwise.models.agreements import (
    Addition,
    AdditionChange,
    Agreement,
    AgreementChange,
    AgreementType,
    NewAddition,
    NewAgreement,
)
from connectwise.models.base import Record, Reference
from connectwise.models.catalog import CatalogItem, CatalogItemChange, NewCatalogItem
from connectwise.models.companies import (
    Company,
    CompanyChange,
    CompanySite,
    CompanySiteChange,
    CompanyStatus,
    CompanyType,
    NewCompany,
    NewCompanySite,
    NewTypeAssociation,
    TypeAssociation,
    TypeAssociationChange,
)
from connectwise.models.contacts import (
    Communication,
    CommunicationChange,
    Contact,
    ContactChange,
    NewCommunication,
    NewContact,
)
from connectwise.models.custom_fields import UserDefinedField
from connectwise.models.invoices import AgreementRecap
from connectwise.models.security import CustomizeItem, Member, MySecurity, SecurityRole, SecurityRoleSetting
from connectwise.models.setup_tables import (
    Category,
    NewCategory,
    NewProductType,
    NewSubcategory,
    NewUnitOfMeasure,
    ProductType,
    Subcategory,
    TableRowChange,
    UnitOfMeasure,
)
from connectwise.models.system import AuditEntry, Callback, CallbackChange, NewCallback, SystemInfo
from connectwise.paging import LARGEST_PAGE, numbered_pages
from httpkit import ApiError, Outcome

Additions = WritableCollection[Addition, NewAddition, AdditionChange]
Callbacks = WritableCollection[Callback, NewCallback, CallbackChange]
Catalog = WritableCollection[CatalogItem, NewCatalogItem, CatalogItemChange]
Categories = WritableCollection[Category, NewCategory, TableRowChange]
Communications = WritableCollection[Communication, NewCommunication, CommunicationChange]
CompanySites = WritableCollection[CompanySite, NewCompanySite, CompanySiteChange]
ProductTypes = WritableCollection[ProductType, NewProductType, TableRowChange]
Subcategories = WritableCollection[Subcategory, NewSubcategory, TableRowChange]
TypeAssociations = WritableCollection[TypeAssociation, NewTypeAssociation, TypeAssociationChange]
UnitsOfMeasure = WritableCollection[UnitOfMeasure, NewUnitOfMeasure, TableRowChange]

M = TypeVar("M", bound=Record)


class System:
    """The site itself, and what the caller may do there; `attempts` and `admit_within` as in every collection."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.members = Collection(calls, "/system/info/members", Member)
        self.user_defined_fields = Collection(calls, "/system/userDefinedFields", UserDefinedField)

    async def info(self, *, attempts: int | None = None, admit_within: float | None = None) -> SystemInfo:
        """Version, kind and time zone of the site."""
        path = "/system/info"
        answer = await self._calls.read(path, attempts=attempts, admit_within=admit_within)
        return SystemInfo.read(answer.json, request_id=answer.request_id, call=path)

    async def my_security(self, *, attempts: int | None = None, admit_within: float | None = None) -> list[MySecurity]:
        """The caller's level for every module function; needs no right to read roles."""
        rows = _numbered(self._calls, "/system/mySecurity", MySecurity, attempts=attempts, admit_within=admit_within)
        return [row async for row in rows]

    async def my_customize_items(
        self, *, attempts: int | None = None, admit_within: float | None = None
    ) -> list[CustomizeItem]:
        """What the caller's customised rights reach: agreement types, setup tables and the like."""
        path = "/system/mySecurity/customizeItems/"
        rows = _numbered(self._calls, path, CustomizeItem, attempts=attempts, admit_within=admit_within)
        return [row async for row in rows]

    async def me(self, *, attempts: int | None = None, admit_within: float | None = None) -> Reference | None:
        """The member whose key this is, as far as the site names it: the API has no address for it."""
        rows = await self.my_security(attempts=attempts, admit_within=admit_within)
        return next((row.member for row in rows if row.member is not None), None)

    async def audit_trail(
        self, kind: str, record_id: int, *, attempts: int | None = None, admit_within: float | None = None
    ) -> AsyncIterator[AuditEntry]:
        """What was done to a record; `kind` is an `AuditType` or another of the site's names.

        This list has numbered pages only (contract 2.4): entries that come meanwhile can show an older one twice.
        """
        params: dict[str, str | int] = {"type": kind, "id": record_id}
        path = "/system/audittrail"
        rows = _numbered(self._calls, path, AuditEntry, params, attempts=attempts, admit_within=admit_within)
        async for entry in rows:
            yield entry


class SecurityRoles(Collection[SecurityRole]):
    """Roles; reading them takes rights that `system.my_security` does not."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "/system/securityroles", SecurityRole)

    def settings(self, role_id: int) -> Collection[SecurityRoleSetting]:
        """The levels of one role."""
        return Collection(self._calls, f"/system/securityRoles/{role_id:d}/settings", SecurityRoleSetting)


class Companies(WritableCollection[Company, NewCompany, CompanyChange]):
    """Companies, with the tables that classify them."""

    def __init__(self, calls: Calls, *, page_size: int) -> None:
        super().__init__(calls, "/company/companies", Company, page_size=page_size)
        self.statuses = Collection(calls, "/company/companies/statuses", CompanyStatus)
        self.types = Collection(calls, "/company/companies/types", CompanyType)

    def sites(self, company_id: int) -> CompanySites:
        """The sites of one company."""
        return WritableCollection(self._calls, f"{self._path}/{company_id:d}/sites", CompanySite)

    def type_associations(self, company_id: int) -> TypeAssociations:
        """The types of one company, as rows that can be added and taken away."""
        return WritableCollection(self._calls, f"{self._path}/{company_id:d}/typeAssociations", TypeAssociation)


class Contacts(WritableCollection[Contact, NewContact, ContactChange]):
    """People at companies."""

    def __init__(self, calls: Calls, *, page_size: int) -> None:
        super().__init__(calls, "/company/contacts", Contact, page_size=page_size)

    def communications(self, contact_id: int) -> Communications:
        """How one contact is reached."""
        return WritableCollection(self._calls, f"{self._path}/{contact_id:d}/communications", Communication)


class Agreements(WritableCollection[Agreement, NewAgreement, AgreementChange]):
    """Agreements, with their types and recaps."""

    def __init__(self, calls: Calls, *, page_size: int) -> None:
        super().__init__(calls, "/finance/agreements", Agreement, page_size=page_size)
        self.types = Collection(calls, "/finance/agreements/types", AgreementType)
        self.recaps = Records(calls, "/finance/agreementrecap/", AgreementRecap, page_size=page_size)

    async def invoice(self, agreement_id: int, *, admit_within: float | None = None) -> int:
        """Have the site make the agreement's next invoice; its id. One POST, never repeated.

        Raises:
            ApiError: `AMBIGUOUS` also when the answer is no id: look at the agreement's invoices.
        """
        path = f"{self._path_of(agreement_id)}/invoice"
        answer = await self._calls.write("POST", path, admit_within=admit_within)
        if type(answer.json) is not int:
            raise ApiError(
                Outcome.AMBIGUOUS,
                "unreadable_answer",
                "The site's answer is no invoice id.",
                status=answer.status,
                request_id=answer.request_id,
                call=f"POST {self._path}/{{id}}/invoice",
            )
        return answer.json

    async def copy(self, agreement_id: int, *, admit_within: float | None = None) -> Agreement:
        """Have the site copy an agreement; the new one. One POST, never repeated.

        Additions come along with their serial numbers, so a marker in one is afterwards on two agreements.
        """
        answer = await self._calls.write("POST", f"{self._path_of(agreement_id)}/copy", admit_within=admit_within)
        copied = self._read(answer.json, answer)
        if copied.id == agreement_id:
            raise self._foreign("the agreement that was to be copied", answer, f"POST {self._path}/{{id}}/copy")
        return copied


async def _numbered(
    calls: Calls,
    path: str,
    record: type[M],
    params: dict[str, str | int] | None = None,
    *,
    attempts: int | None,
    admit_within: float | None,
) -> AsyncIterator[M]:
    pages = numbered_pages(
        calls, path, params or {}, page_size=LARGEST_PAGE, attempts=attempts, admit_within=admit_within
    )
    async for rows, answer in pages:
        for raw in rows:
            yield record.read(raw, request_id=answer.request_id, call=path)
