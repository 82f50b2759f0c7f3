"""Invoices as the API shows them, and two tables of our own that it does not. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

BILLING_STATUS = model(
    "BillingStatus",
    """
    id=:int name*:text30 sortOrder:int defaultFlag:flag closedFlag:flag inactiveFlag:flag sentFlag:flag
    """,
)

INVOICE = model(
    "Invoice",
    """
    id=:int invoiceNumber+:text15 type*:one(Agreement|CreditMemo|DownPayment|Miscellaneous|Progress|Standard)
    status:>BillingStatusReference company*:>CompanyReference billToCompany:>CompanyReference
    shipToCompany:>CompanyReference accountNumber:text
    applyToType:one(All|Agreement|Project|ProjectPhase|SalesOrder|Ticket) applyToId:int attention:text60
    shipToAttention:text60 billingSite:>SiteReference billingSiteAddressLine1:text billingSiteAddressLine2:text
    billingSiteCity:text billingSiteState:text billingSiteZip:text billingSiteCountry:text
    shippingSite:>SiteReference shippingSiteAddressLine1:text shippingSiteAddressLine2:text shippingSiteCity:text
    shippingSiteState:text shippingSiteZip:text shippingSiteCountry:text billingTerms:>BillingTermsReference
    reference:text50 customerPO:text50 templateSetupId:int invoiceTemplate:>InvoiceTemplateDetailReference
    emailTemplateId:int addToBatchEmailList:flag date:date restrictDownpaymentFlag:flag locationId+:int
    location:>SystemLocationReference departmentId:int department:>BillingUnitReference territoryId:int
    territory:>SystemLocationReference topComment:text bottomComment:text taxableFlag:flag
    taxCode:>TaxCodeReference internalNotes:text downpaymentPreviouslyTaxedFlag:flag serviceTotal=:num
    overrideDownPaymentAmountFlag:flag currency:>CurrencyReference dueDate:date expenseTotal=:num productTotal=:num
    previousProgressApplied=:num serviceAdjustmentAmount:num agreementAmount=:num downpaymentApplied=:num
    subtotal=:num total=:num remainingDownpayment=:num salesTax=:num adjustmentReason:text adjustedBy:text
    closedBy:text payments=:num credits=:num balance=:num specialInvoiceFlag:flag
    billingSetupReference:>BillingSetupReference ticket:>TicketReference project:>ProjectReference
    phase:>ProjectPhaseReference salesOrder:>SalesOrderReference agreement:>AgreementReference
    glBatch:>BatchReference unbatchedBatch:>BatchReference customFields:[]>CustomFieldValue
    """,
)

# The API has no address for an agreement invoice's lines; `/_simulator` shows them. Without an addition it is the
# agreement's own amount. What is not billed to the customer stands here too, so that its days are counted once.
INVOICE_LINE = model(
    "InvoiceLine",
    """
    id=:int invoiceId:int agreementId:int additionId:int product:>IvItemReference description:text
    billCustomer:one(Billable|DoNotBill|NoCharge) quantity:num unitPrice:num fullPrice:num first:date last:date
    periodDays:int amount:num creditFlag:flag
    """,
)

# Which agreement an invoice was made for, and the period by which it moved the next invoice date; the id is the
# invoice's. What a client writes on an invoice changes nothing of it.
AGREEMENT_INVOICE = model(
    "AgreementInvoice",
    """
    id=:int agreementId:int first:date last:date
    """,
)

# Where our lines begin: an agreement's additions up to an id count as invoiced before a day, by whoever did it then.
OPENING = model(
    "Opening",
    """
    id=:int day:date lastAddition:int
    """,
)
