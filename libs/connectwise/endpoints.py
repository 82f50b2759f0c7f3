"""Which resource lies where."""

from connectwise.agreements import Addition, AdditionChange, Agreement, AgreementType, NewAddition
from connectwise.calls import Calls
from connectwise.catalog import CatalogItem, CatalogItemChange, NewCatalogItem
from connectwise.companies import Company, CompanyStatus, CompanyType
from connectwise.errors import ScanBroken
from connectwise.resources import Collection, WritableCollection
from connectwise.setup_tables import (
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
from connectwise.system import MySecurity, SystemInfo

Additions = WritableCollection[Addition, NewAddition, AdditionChange]
Catalog = WritableCollection[CatalogItem, NewCatalogItem, CatalogItemChange]
Categories = WritableCollection[Category, NewCategory, TableRowChange]
Subcategories = WritableCollection[Subcategory, NewSubcategory, TableRowChange]
ProductTypes = WritableCollection[ProductType, NewProductType, TableRowChange]
UnitsOfMeasure = WritableCollection[UnitOfMeasure, NewUnitOfMeasure, TableRowChange]

_LARGEST_PAGE = 1000


class System:
    """The site itself, and what the caller may do there."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def info(self) -> SystemInfo:
        """Version, kind and time zone of the site."""
        path = "/system/info"
        answer = await self._calls.read(path)
        return SystemInfo.read(answer.json, request_id=answer.request_id, call=path)

    async def my_security(self) -> list[MySecurity]:
        """The caller's level for every module function; needs no right to read roles.

        A role has a few hundred of them, so one page of the largest size is read; whether this list has the other
        kind of paging is not documented.
        """
        path = "/system/mySecurity"
        answer = await self._calls.read(path, {"pageSize": _LARGEST_PAGE})
        rows = answer.json
        if not isinstance(rows, list) or len(rows) >= _LARGEST_PAGE:
            raise ScanBroken("the answer is no complete list", request_id=answer.request_id, call=f"GET {path}")
        return [MySecurity.read(raw, request_id=answer.request_id, call=path) for raw in rows]


class Companies(Collection[Company]):
    """Companies, with the tables that classify them."""

    def __init__(self, calls: Calls, *, page_size: int) -> None:
        super().__init__(calls, "/company/companies", Company, page_size=page_size)
        self.statuses = Collection(calls, "/company/companies/statuses", CompanyStatus)
        self.types = Collection(calls, "/company/companies/types", CompanyType)


class Agreements(Collection[Agreement]):
    """Agreements, with their types."""

    def __init__(self, calls: Calls, *, page_size: int) -> None:
        super().__init__(calls, "/finance/agreements", Agreement, page_size=page_size)
        self.types = Collection(calls, "/finance/agreements/types", AgreementType)
