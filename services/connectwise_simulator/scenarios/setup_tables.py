"""The setup rows of a site whose scenario says nothing about them, in the order they refer to each other."""

from typing import Any

_BILLED = {
    "employeeCompRate": "Actual",
    "employeeCompNotExceed": "Billing",
    "invoicingCycle": "CalendarYear",
    "billTime": "Billable",
    "billExpenses": "Billable",
    "billProducts": "Billable",
}

USUAL: dict[str, list[dict[str, Any]]] = {
    "companyStatuses": [
        {"id": 1, "name": "Active", "defaultFlag": True},
        {"id": 2, "name": "Inactive"},
        {"id": 3, "name": "Not Approved"},
    ],
    "companyTypes": [
        {"id": 1, "name": "Client", "defaultFlag": True},
        {"id": 2, "name": "Prospect"},
        {"id": 3, "name": "Vendor", "vendorFlag": True},
    ],
    "contactTypes": [{"id": 1, "description": "Approver"}, {"id": 2, "description": "End User", "defaultFlag": True}],
    "currencies": [
        {"id": 1, "currencyIdentifier": "USD", "name": "US Dollars", "symbol": "$", "numberOfDecimals": 2},
        {"id": 2, "currencyIdentifier": "EUR", "name": "Euro", "symbol": "€", "numberOfDecimals": 2},
    ],
    "taxCodes": [
        {
            "id": 1,
            "identifier": "NONE",
            "description": "No tax",
            "invoiceCaption": "Tax",
            "effectiveDate": "2020-01-01T00:00:00Z",
            "defaultFlag": True,
            "levelOneRate": 0,
        },
    ],
    "billingStatuses": [
        {"id": 1, "name": "New", "sortOrder": 1, "defaultFlag": True},
        {"id": 2, "name": "Sent", "sortOrder": 2, "sentFlag": True},
        {"id": 3, "name": "Closed", "sortOrder": 3, "closedFlag": True},
    ],
    "billingTerms": [{"id": 1, "name": "Net 30", "dueDays": 30, "defaultFlag": True}],
    "billingCycles": [
        {"id": 1, "identifier": "M", "name": "Monthly", "billingOptions": "Monthly", "defaultFlag": True},
        {"id": 2, "identifier": "O", "name": "One-Time", "billingOptions": "NotRecurring"},
        {"id": 3, "identifier": "Y", "name": "Yearly", "billingOptions": "Yearly"},
        {"id": 4, "identifier": "Q", "name": "Quarterly", "billingOptions": "Quarterly"},
    ],
    "agreementTypes": [
        {"id": 1, "name": "Managed Services", "defaultFlag": True, **_BILLED},
        {"id": 2, "name": "Cloud Subscriptions", **_BILLED},
        {"id": 3, "name": "One-Time Purchases", **_BILLED},
    ],
    "categories": [{"id": 1, "name": "Miscellaneous", "defaultFlag": True}, {"id": 2, "name": "Cloud"}],
    "subcategories": [
        {"id": 1, "name": "Miscellaneous", "category": "Miscellaneous", "defaultFlag": True},
        {"id": 2, "name": "Licenses", "category": "Cloud"},
    ],
    "productTypes": [
        {"id": 1, "name": "Miscellaneous", "typeXref": "OtherCharge", "defaultFlag": True},
        {"id": 2, "name": "Software", "typeXref": "NonInventoryPart"},
    ],
    "unitOfMeasures": [{"id": 1, "name": "Each", "defaultFlag": True}, {"id": 2, "name": "Hour"}],
    "corporateStructureLevels": [{"id": 1, "name": "Corporate"}, {"id": 2, "name": "Location"}],
    "corporateStructure": [
        {
            "id": 1,
            "levelCount": "Level2",
            "level1Name": "Corporate",
            "level2Name": "Location",
            "fiscalYearStart": "January",
            "locationCaption": "Location",
            "groupCaption": "Department",
        },
    ],
    "crm": [
        {
            "id": 1,
            "companyListCount": 10,
            "accountManagerRole": {"id": 1, "name": "Account Manager"},
            "technicalContactRole": {"id": 2, "name": "Technical Contact"},
            "salesRepRole": {"id": 3, "name": "Sales Representative"},
        },
    ],
    "otherSettings": [
        {
            "id": 1,
            "defaultFromAddress": "office@example.org",
            "portalUrlOverride": "https://portal.example.org",
            "siteUrl": "https://psa.example.org",
            "serverTimeZone": {"id": 1, "name": "US Eastern"},
            "defaultCalendar": {"id": 1, "name": "Standard"},
            "defaultAddressFormat": {"id": 1, "name": "Standard"},
            "locale": {"id": 1, "name": "English (United States)"},
        },
    ],
    "serviceSettings": [{"id": 1, "srNotify": "None", "scheduleSpan": "Standard"}],
}
