"""Catalog items and what they are filed under. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

CATALOG_ITEM = model(
    "CatalogItem",
    """
    id=:int identifier*:text75 description*:text60 inactiveFlag:flag subcategory*:>ProductSubCategoryReference
    type*:>ProductTypeReference productClass:one(Agreement|Bundle|Inventory|NonInventory|Service)
    serializedFlag:flag serializedCostFlag:flag phaseProductFlag:flag unitOfMeasure:>UnitOfMeasureReference
    minStockLevel:int price:num cost:num priceAttribute:one(FixedFee|NotToExceed|OverrideRate|TimeAndMaterials)
    taxableFlag:flag dropShipFlag:flag specialOrderFlag:flag customerDescription*:text6000
    manufacturer:>ManufacturerReference manufacturerPartNumber:text50 vendor:>CompanyReference vendorSku:text50
    notes:text integrationXRef:text50 sla:>SLAReference entityType:>EntityTypeReference recurringFlag:flag
    recurringRevenue:num recurringCost:num recurringOneTimeFlag:flag recurringBillCycle:>BillingCycleReference
    recurringCycleType:one(ContractYear|CalendarYear) calculatedPriceFlag:flag calculatedCostFlag:flag
    category:>ProductCategoryReference calculatedPrice=:num calculatedCost=:num
    billableOption:one(Billable|DoNotBill|NoCharge|NoDefault) connectWiseID=:text
    agreementType:>AgreementTypeReference markupPercentage:num markupFlag:flag autoUpdateUnitCostFlag:flag
    autoUpdateUnitPriceFlag:flag customFields:[]>CustomFieldValue
    """,
)

CATEGORY = model(
    "Category",
    """
    id=:int name*:text50 inactiveFlag:flag priceLevelXref:text10 integrationXref:text50 locationIds:list
    defaultFlag:flag addAllLocations:flag removeAllLocations:flag locations^:[]>SystemLocationReference
    connectWiseId^:text
    """,
)

SUBCATEGORY = model(
    "SubCategory",
    """
    id=:int name*:text50 inactiveFlag:flag integrationXref:text50 defaultFlag:flag
    category*:>ProductCategoryReference
    """,
)

PRODUCT_TYPE = model(
    "ProductType",
    """
    id=:int name*:text50 inactiveFlag:flag typeXref:one(InventoryPart|NonInventoryPart|OtherCharge|Service)
    defaultFlag:flag
    """,
)

UNIT_OF_MEASURE = model(
    "UnitOfMeasure",
    """
    id=:int name*:text50 inactiveFlag:flag defaultFlag:flag uomScheduleXref:text31
    """,
)

CATALOG_ITEM_INFO = model(
    "CatalogItemInfo",
    """
    id=:int identifier:text description:text inactiveFlag:flag
    productClass:one(Agreement|Bundle|Inventory|NonInventory|Service) serializedCostFlag:flag price:num cost:num
    taxableFlag:flag dropShipFlag:flag specialOrderFlag:flag customerDescription:text
    manufacturerPartNumber:text vendorSku:text billableOption:one(Billable|DoNotBill|NoCharge|NoDefault)
    """,
)

CATEGORY_INFO = model(
    "CategoryInfo",
    """
    id=:int name:text inactiveFlag:flag defaultFlag:flag
    """,
)

SUBCATEGORY_INFO = model(
    "SubCategoryInfo",
    """
    id=:int name:text category:>ProductCategoryReference inactiveFlag:flag defaultFlag:flag
    """,
)

# What the address below a category shows of a subcategory.
LEGACY_SUBCATEGORY = model(
    "LegacySubCategory",
    """
    id=:int name*:text50 inactiveFlag:flag
    """,
)

LEGACY_SUBCATEGORY_INFO = model(
    "LegacySubCategoryInfo",
    """
    id=:int name:text inactiveFlag:flag
    """,
)

PRODUCT_TYPE_INFO = model(
    "ProductTypeInfo",
    """
    id=:int name:text inactiveFlag:flag defaultFlag:flag
    """,
)

MANUFACTURER = model(
    "Manufacturer",
    """
    id=:int name*:text50 inactiveFlag:flag
    """,
)

MANUFACTURER_INFO = model(
    "ManufacturerInfo",
    """
    id=:int name:text inactiveFlag:flag
    """,
)
