"""The names of filters, by resource: `where.Agreement.company_id == 12`.

Only names that the site accepts in `conditions` stand here; it answers 400 to others that it returns happily.
"""

from connectwise.fields import BoolField, DateField, IntField, NumberField, TextField, TimeField


class Company:
    """Names of companies."""

    id = IntField("id")
    identifier = TextField("identifier")
    name = TextField("name")
    status_id = IntField("status/id")
    status_name = TextField("status/name")
    deleted = BoolField("deletedFlag")
    last_updated = TimeField("lastUpdated")


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
