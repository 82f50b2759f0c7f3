"""The ConnectWise PSA API as typed async Python; knows nothing of billing."""

from connectwise import where
from connectwise.agreements import (
    Addition,
    AdditionChange,
    Agreement,
    AgreementStatus,
    AgreementType,
    BillCustomer,
    NewAddition,
)
from connectwise.catalog import CatalogItem, CatalogItemChange, NewCatalogItem, ProductClass
from connectwise.client import PINNED_VERSION, AddressRefused, ConnectWise
from connectwise.companies import Company, CompanyStatus, CompanyType
from connectwise.conditions import Condition, ConditionTooLong, UnsafeText
from connectwise.credentials import Credentials
from connectwise.errors import NotApplied, ScanBroken
from connectwise.records import CustomField, Reference
from connectwise.regions import Region, Site, site_of
from connectwise.setup_tables import (
    BillingCycle,
    BillingOption,
    Category,
    Currency,
    NewCategory,
    NewProductType,
    NewSubcategory,
    NewUnitOfMeasure,
    ProductType,
    Subcategory,
    TableRowChange,
    TaxCode,
    UnitOfMeasure,
)
from connectwise.system import Level, MySecurity, SystemInfo
from connectwise.values import Ref

__all__ = [
    "PINNED_VERSION",
    "Addition",
    "AdditionChange",
    "AddressRefused",
    "Agreement",
    "AgreementStatus",
    "AgreementType",
    "BillCustomer",
    "BillingCycle",
    "BillingOption",
    "CatalogItem",
    "CatalogItemChange",
    "Category",
    "Company",
    "CompanyStatus",
    "CompanyType",
    "Condition",
    "ConditionTooLong",
    "ConnectWise",
    "Credentials",
    "Currency",
    "CustomField",
    "Level",
    "MySecurity",
    "NewAddition",
    "NewCatalogItem",
    "NewCategory",
    "NewProductType",
    "NewSubcategory",
    "NewUnitOfMeasure",
    "NotApplied",
    "ProductClass",
    "ProductType",
    "Ref",
    "Reference",
    "Region",
    "ScanBroken",
    "Site",
    "Subcategory",
    "SystemInfo",
    "TableRowChange",
    "TaxCode",
    "UnitOfMeasure",
    "UnsafeText",
    "site_of",
    "where",
]
