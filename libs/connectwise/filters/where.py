"""The names of filters and orders, by resource: `where.Agreement.company_id == 12`.

Only names that the site accepts in `conditions` stand here; it answers 400 to others that it returns happily.
"""

from connectwise.filters.children import ChildField, ChildText
from connectwise.filters.fields import BoolField, DateField, IntField, NumberField, TextField, TimeField


class Company:
    """Names of companies."""

    id = IntField("id")
    identifier = TextField("identifier")
    name = TextField("name")
    status_id = IntField("status/id")
    status_name = TextField("status/name")
    deleted = BoolField("deletedFlag")
    last_updated = TimeField("lastUpdated")
    types_id = ChildField(IntField("types/id"))
    types_name = ChildText(TextField("types/name"))


class CompanySite:
    """Names of a company's sites."""

    id = IntField("id")
    name = TextField("name")
    inactive = BoolField("inactiveFlag")


class Contact:
    """Names of contacts."""

    id = IntField("id")
    first_name = TextField("firstName")
    last_name = TextField("lastName")
    company_id = IntField("company/id")
    inactive = BoolField("inactiveFlag")
    default = BoolField("defaultFlag")
    last_updated = TimeField("lastUpdated")
    communications_value = ChildText(TextField("communicationItems/value"))
    communications_type = ChildText(TextField("communicationItems/communicationType"))


class Agreement:
    """Names of agreements."""

    id = IntField("id")
    name = TextField("name")
    company_id = IntField("company/id")
    company_identifier = TextField("company/identifier")
    type_id = IntField("type/id")
    type_name = TextField("type/name")
    parent_id = IntField("parentAgreement/id")
    status = TextField("agreementStatus")
    cancelled = BoolField("cancelledFlag")
    start_date = DateField("startDate")
    end_date = DateField("endDate")
    last_updated = TimeField("lastUpdated")


class Addition:
    """Names of additions."""

    id = IntField("id")
    serial_number = TextField("serialNumber")
    product_id = IntField("product/id")
    product_identifier = TextField("product/identifier")
    quantity = NumberField("quantity")
    bill_customer = TextField("billCustomer")
    effective_date = DateField("effectiveDate")
    cancelled_date = DateField("cancelledDate")
    last_updated = TimeField("lastUpdated")


class AgreementRecap:
    """Names of agreement recaps."""

    id = IntField("id")
    name = TextField("name")


class Invoice:
    """Names of invoices."""

    id = IntField("id")
    invoice_number = TextField("invoiceNumber")
    type = TextField("type")
    company_id = IntField("company/id")
    agreement_id = IntField("agreement/id")
    status_id = IntField("status/id")
    date = DateField("date")
    due_date = DateField("dueDate")
    last_updated = TimeField("lastUpdated")


class CatalogItem:
    """Names of catalog items."""

    id = IntField("id")
    identifier = TextField("identifier")
    description = TextField("description")
    inactive = BoolField("inactiveFlag")
    category_id = IntField("category/id")
    subcategory_id = IntField("subcategory/id")
    type_id = IntField("type/id")
    product_class = TextField("productClass")
    vendor_sku = TextField("vendorSku")
    manufacturer_part_number = TextField("manufacturerPartNumber")
    integration_x_ref = TextField("integrationXRef")
    last_updated = TimeField("lastUpdated")


class SetupRow:
    """Names that the setup tables share."""

    id = IntField("id")
    name = TextField("name")


class BillingCycle:
    """Names of billing cycles."""

    id = IntField("id")
    identifier = TextField("identifier")
    name = TextField("name")


class Member:
    """Names of members."""

    id = IntField("id")
    identifier = TextField("identifier")


class UserDefinedField:
    """Names of user-defined fields."""

    id = IntField("id")
    pod_id = IntField("podId")
    caption = TextField("caption")


class Callback:
    """Names of callbacks."""

    id = IntField("id")
    type = TextField("type")
    level = TextField("level")
    object_id = IntField("objectId")


class SecurityRoleSetting:
    """Names of a security role's levels."""

    id = IntField("id")
    module_function_name = TextField("moduleFunctionName")
