"""Agreements with what stands below them, and the setup tables of finance. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

ADDITION = model(
    "Addition",
    """
    id=:int product*:>IvItemReference quantity:num lessIncluded:num unitPrice:num unitCost:num
    billCustomer*:one(Billable|DoNotBill|NoCharge) effectiveDate:date cancelledDate:date taxableFlag:flag
    serialNumber:text50 invoiceDescription:text6000 purchaseItemFlag:flag specialOrderFlag:flag agreementId=:int
    description=:text billedQuantity=:num uom=:text extPrice=:num extCost=:num sequenceNumber:num margin=:num
    prorateCost=:num proratePrice=:num extendedProrateCost=:num extendedProratePrice=:num
    prorateCurrentPeriodFlag=:flag opportunity:>OpportunityReference
    agreementStatus=:one(Active|Cancelled|Expired|Inactive) invoiceGrouping:>InvoiceGroupingReference
    customFields:[]>CustomFieldValue additionStatus=^:one(Active|Cancelled|Expired|Inactive)
    """,
)

AGREEMENT = model(
    "Agreement",
    """
    id=:int name*:text100 type*:>AgreementTypeReference company*:>CompanyReference contact*:>ContactReference
    site:>SiteReference subContractCompany:>CompanyReference subContractContact:>ContactReference
    parentAgreement:>AgreementReference customerPO:text50 location:>SystemLocationReference
    department:>SystemDepartmentReference restrictLocationFlag:flag restrictDepartmentFlag:flag startDate:date
    endDate:date noEndingDateFlag:flag opportunity:>OpportunityReference cancelledFlag:flag dateCancelled:date
    reasonCancelled:text100 sla:>SLAReference workOrder:text20 internalNotes:text
    applicationUnits:one(Amount|Hours|Incidents) applicationLimit:num
    applicationCycle:one(Contract2Weeks|Contract4Weeks|ContractYear|CalendarMonth|CalendarQuarter|CalendarWeek|ContractQuarter|CalendarYear)
    applicationUnlimitedFlag:flag oneTimeFlag:flag coverAgreementTime:flag coverAgreementProduct:flag
    coverAgreementExpense:flag coverSalesTax:flag carryOverUnused:flag allowOverruns:flag expiredDays:int limit:int
    expireWhenZero:flag chargeToFirm:flag employeeCompRate+:one(Actual|Hourly)
    employeeCompNotExceed:one(Billing|Amount|Percent) compHourlyRate:num compLimitAmount:num
    billingCycle:>BillingCycleReference billOneTimeFlag:flag billingTerms:>BillingTermsReference
    invoicingCycle+:one(ContractYear|CalendarYear) billToCompany:>CompanyReference billToContact:>ContactReference
    billToSite:>SiteReference billAmount:num taxable:flag prorateFirstBill:num billStartDate:date
    taxCode:>TaxCodeReference restrictDownPayment:flag prorateFlag:flag invoiceProratedAdditionsFlag:flag
    invoiceDescription:text topComment:flag bottomComment:flag workRole:>WorkRoleReference
    workType:>WorkTypeReference projectType:>ProjectTypeReference invoiceTemplate:>InvoiceTemplateReference
    billTime+:one(Billable|DoNotBill|NoCharge|NoDefault) billExpenses+:one(Billable|DoNotBill|NoCharge|NoDefault)
    billProducts+:one(Billable|DoNotBill|NoCharge|NoDefault) billableTimeInvoice:flag billableExpenseInvoice:flag
    billableProductInvoice:flag currency:>CurrencyReference periodType:one(Current|Future|Both|Undefined)
    autoInvoiceFlag:flag nextInvoiceDate=:text companyLocation:>SystemLocationReference
    shipToCompany:>CompanyReference shipToContact:>ContactReference shipToSite:>SiteReference
    agreementStatus=:one(Active|Cancelled|Expired|Inactive) customFields:[]>CustomFieldValue
    applicationCycleValue^:text billZeroAmountFlag^:flag
    """,
)

AGREEMENT_TYPE = model(
    "AgreementType",
    """
    id=:int name*:text50 prefixSuffixOption:one(Prefix|Suffix) defaultFlag:flag inactiveFlag:flag
    prePaymentFlag:flag invoicePreSuffix:text5 location:>SystemLocationReference
    department:>SystemDepartmentReference restrictLocationFlag:flag restrictDepartmentFlag:flag sla:>SLAReference
    applicationUnits:one(Amount|Hours|Incidents) applicationLimit:num
    applicationCycle:one(Contract2Weeks|Contract4Weeks|ContractYear|CalendarMonth|CalendarQuarter|CalendarWeek|ContractQuarter|CalendarYear)
    applicationUnlimitedFlag:flag oneTimeFlag:flag coverAgreementTimeFlag:flag coverAgreementProductFlag:flag
    coverAgreementExpenseFlag:flag coverSalesTaxFlag:flag carryOverUnusedFlag:flag allowOverrunsFlag:flag
    expiredDays:int limit:int expireWhenZero:flag chargeToFirmFlag:flag employeeCompRate*:one(Actual|Hourly)
    employeeCompNotExceed*:one(Billing|Amount|Percent) compHourlyRate:num compLimitAmount:num
    billingCycle:>BillingCycleReference billOneTimeFlag:flag billingTerms:>BillingTermsReference
    invoicingCycle*:one(ContractYear|CalendarYear) billAmount:num taxableFlag:flag restrictDownPaymentFlag:flag
    invoiceDescription:text4000 topCommentFlag:flag bottomCommentFlag:flag workRole:>WorkRoleReference
    workType:>WorkTypeReference projectType:>ProjectTypeReference invoiceTemplate:>InvoiceTemplateReference
    billTime*:one(Billable|DoNotBill|NoCharge|NoDefault) billExpenses*:one(Billable|DoNotBill|NoCharge|NoDefault)
    billProducts*:one(Billable|DoNotBill|NoCharge|NoDefault) billableTimeInvoiceFlag:flag
    billableExpenseInvoiceFlag:flag billableProductInvoiceFlag:flag copyWorkRolesFlag:flag copyWorkTypesFlag:flag
    exclusionWorkRoleIds:list addAllWorkRoleExclusions:flag removeAllWorkRoleExclusions:flag
    exclusionWorkTypeIds:list addAllWorkTypeExclusions:flag removeAllWorkTypeExclusions:flag integrationXRef:text50
    prorateFlag:flag emailTemplate:>EmailTemplateReference autoInvoiceFlag:flag invoiceProratedAdditionsFlag:flag
    """,
)

BILLING_CYCLE = model(
    "BillingCycle",
    """
    id=:int identifier*:text5 name*:text50 defaultFlag:flag
    billingOptions*:one(BiMonthly|BiWeekly|Monthly|NotRecurring|Quarterly|SemiAnnual|Weekly|Yearly)
    connectWiseId^:text
    """,
)

BILLING_TERM = model(
    "BillingTerm",
    """
    id=:int name*:text50 defaultFlag:flag dueDays*:int termsXref:text50
    """,
)

CURRENCY = model(
    "Currency",
    """
    id=:int currencyIdentifier*:text10 name*:text50 symbol:text10 displayIdFlag:flag displaySymbolFlag:flag
    currencyCode:>CurrencyCodeReference thousandsSeparator:text1 decimalSeparator:text1 negativeParenthesesFlag:flag
    rightAlign:flag numberOfDecimals:int reportFormat:text
    """,
)

TAX_CODE = model(
    "TaxCode",
    """
    id=:int identifier*:text8 description*:text50 invoiceCaption*:text25 country:>CountryReference
    effectiveDate*:date defaultFlag:flag displayOnInvoiceFlag:flag canadaCalculateGSTFlag:flag cancelDate:date
    levelOneRate:num levelOneRateType:one(Amount|Percent) levelOneTaxableMax:num levelOneCaption:text25
    levelOneTaxCodeXref:text50 levelOneAgencyXref:text100 levelOneServicesFlag:flag levelOneExpensesFlag:flag
    levelOneProductsFlag:flag levelOneApplySingleUnitFlag:flag levelOneApplySingleUnitMin:num
    levelOneApplySingleUnitMax:num levelTwoRate:num levelTwoRateType:one(Amount|Percent) levelTwoTaxableMax:num
    levelTwoCaption:text25 levelTwoTaxCodeXref:text50 levelTwoAgencyXref:text100 levelTwoServicesFlag:flag
    levelTwoExpensesFlag:flag levelTwoProductsFlag:flag levelTwoApplySingleUnitFlag:flag
    levelTwoApplySingleUnitMin:num levelTwoApplySingleUnitMax:num levelThreeRate:num
    levelThreeRateType:one(Amount|Percent) levelThreeTaxableMax:num levelThreeCaption:text25
    levelThreeTaxCodeXref:text50 levelThreeAgencyXref:text100 levelThreeServicesFlag:flag
    levelThreeExpensesFlag:flag levelThreeProductsFlag:flag levelThreeApplySingleUnitFlag:flag
    levelThreeApplySingleUnitMin:num levelThreeApplySingleUnitMax:num levelFourRate:num
    levelFourRateType:one(Amount|Percent) levelFourTaxableMax:num levelFourCaption:text25
    levelFourTaxCodeXref:text50 levelFourAgencyXref:text100 levelFourServicesFlag:flag levelFourExpensesFlag:flag
    levelFourProductsFlag:flag levelFourApplySingleUnitFlag:flag levelFourApplySingleUnitMin:num
    levelFourApplySingleUnitMax:num levelFiveRate:num levelFiveRateType:one(Amount|Percent) levelFiveTaxableMax:num
    levelFiveCaption:text25 levelFiveTaxCodeXref:text50 levelFiveAgencyXref:text100 levelFiveServicesFlag:flag
    levelFiveExpensesFlag:flag levelFiveProductsFlag:flag levelFiveApplySingleUnitFlag:flag
    levelFiveApplySingleUnitMin:num levelFiveApplySingleUnitMax:num levelSixRate:num
    levelSixRateType:one(Amount|Percent) levelSixTaxableMax:num levelSixCaption:text25 levelSixTaxCodeXref:text50
    levelSixAgencyXref:text100 levelSixServicesFlag:flag levelSixExpensesFlag:flag levelSixProductsFlag:flag
    levelSixApplySingleUnitFlag:flag levelSixApplySingleUnitMin:num levelSixApplySingleUnitMax:num workRoleIds:list
    addAllWorkRoles:flag removeAllWorkRoles:flag expenseTypeIds:list addAllExpenseTypes:flag
    removeAllExpenseTypes:flag productTypeIds:list addAllProductTypes:flag removeAllProductTypes:flag
    """,
)

AGREEMENT_TYPE_INFO = model(
    "AgreementTypeInfo",
    """
    id=:int name:text inactiveFlag:flag applicationUnits:one(Amount|Hours|Incidents)
    billingTerms:>BillingTermsReference
    """,
)

BILLING_CYCLE_INFO = model(
    "BillingCycleInfo",
    """
    id=:int name:text defaultFlag:flag
    """,
)

ADJUSTMENT = model(
    "Adjustment",
    """
    id=:int amount:num description:text1000 effectiveDate:date agreementId=:int customFields:[]>CustomFieldValue
    """,
)

AGREEMENT_SITE = model(
    "AgreementSite",
    """
    id=:int company*:>CompanyReference site:>SiteReference agreementId=:int customFields:[]>CustomFieldValue
    """,
)

AGREEMENT_WORK_ROLE = model(
    "AgreementWorkRole",
    """
    id=:int workRole:>WorkRoleReference locationId:int location:>OwnerLevelReference
    rateType*:one(AdjAmount|Custom|Multiplier) rate:num limitTo:num effectiveDate:date endingDate:date
    agreementId=:int agreement=:>AgreementReference
    """,
)

AGREEMENT_WORK_TYPE = model(
    "AgreementWorkType",
    """
    id=:int workType:>WorkTypeReference location:>OwnerLevelReference locationId:int
    rateType*:one(AdjAmount|Custom|Multiplier) billTime*:one(Billable|DoNotBill|NoCharge|NoDefault) rate:num
    hoursMax:num hoursMin:num roundBillHours:num overageRate:num
    overageRateType:one(AdjAmount|Custom|Multiplier) agreementLimit:num site:>SiteReference effectiveDate:date
    endingDate:date agreement=:>AgreementReference agreementId=:int company:>CompanyReference
    """,
)

BOARD_DEFAULT = model(
    "BoardDefault",
    """
    id=:int board*:>BoardReference serviceType:>ServiceTypeReference defaultFlag:flag agreementId=:int
    """,
)

WORK_ROLE_EXCLUSION = model(
    "AgreementWorkRoleExclusion",
    """
    id=:int workRole*:>WorkRoleReference agreementId=:int
    """,
)

WORK_TYPE_EXCLUSION = model(
    "AgreementWorkTypeExclusion",
    """
    id=:int workType*:>WorkTypeReference agreementId=:int
    """,
)
