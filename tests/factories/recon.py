"""Reconciliation files as Microsoft's portal gives them: rows by column name, files as bytes."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from billing_intake.domain.nce import OPTIONAL, REQUIRED

COLUMNS = (*REQUIRED, *OPTIONAL)
BOM = b"\xef\xbb\xbf"

SEAT = {
    "PartnerId": "partner-1",
    "CustomerId": "customer-1",
    "CustomerName": "Alder & Finch, Inc.",
    "CustomerDomainName": "alder.example",
    "CustomerCountry": "US",
    "InvoiceNumber": "G000000001",
    "OrderId": "order-1",
    "OrderDate": "2026-10-15T09:44:51.3872579Z",
    "ProductId": "CFQ7TTC0LCHC",
    "SkuId": "0002",
    "AvailabilityId": "CFQ7TTC0N5GT",
    "SkuName": "Business Premium",
    "ProductName": "Business Premium",
    "ChargeType": "cycleCharge",
    "UnitPrice": "18.48",
    "EffectiveUnitPrice": "18.48",
    "Quantity": "10",
    "BillableQuantity": "10",
    "Subtotal": "184.80",
    "TaxTotal": "16.40",
    "Total": "201.20",
    "Currency": "USD",
    "PublisherName": "Microsoft Corporation",
    "SubscriptionDescription": "Business Premium",
    "SubscriptionId": "subscription-1",
    "ChargeStartDate": "2026-10-15T00:00:00Z",
    "ChargeEndDate": "2026-11-14T00:00:00Z",
    "TermAndBillingCycle": "One-Year commitment for monthly/yearly billing",
    "BillingFrequency": "Monthly",
    "PCToBCExchangeRate": "1",
    "ProductQualifiers": "[]",
    "ProductCategory": "Modern Office",
}


def seat(**columns: str) -> dict[str, str]:
    """A month's charge for ten seats, or what is said instead."""
    return dict.fromkeys(COLUMNS, "") | SEAT | columns


def charged(cost: str, **columns: str) -> dict[str, str]:
    """A charge of that amount without tax."""
    return seat(**{"Subtotal": cost, "TaxTotal": "0", "Total": cost, **columns})


def recon(
    rows: Iterable[Mapping[str, str]],
    columns: Sequence[str] = COLUMNS,
    *,
    start: bytes = BOM,
    end: str = "\r\n",
) -> bytes:
    """A file with these columns in this order."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return start + text.getvalue().encode()
