"""Microsoft's reconciliation file for new commerce: which columns it has and what a row means.

Sources: the contract's sections 3.3 to 3.5 and 3.9. The file has no line id of its own, so a line's identity is made
of what the charge is: never of a row number or of amounts, or a corrected file would bill again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from billing_intake.domain.canonical import CanonicalLine
from billing_intake.domain.fields import civil_date, decimal, decimal_or_zero, money_or_zero, words
from billing_intake.domain.refusals import FieldRefused, FileRefused, Refusal
from contracts.values import BillingPlan, ChargeKind, Currency, CustomerKey, DocumentId, Motion, ProductKey

SOURCE = "microsoft-nce"

REQUIRED = (
    "PartnerId",
    "CustomerId",
    "CustomerName",
    "InvoiceNumber",
    "OrderId",
    "OrderDate",
    "ProductId",
    "SkuId",
    "AvailabilityId",
    "SkuName",
    "ProductName",
    "ChargeType",
    "UnitPrice",
    "Quantity",
    "Subtotal",
    "TaxTotal",
    "Total",
    "Currency",
    "SubscriptionId",
    "ChargeStartDate",
    "ChargeEndDate",
    "TermAndBillingCycle",
    "EffectiveUnitPrice",
    "BillableQuantity",
    "BillingFrequency",
)
OPTIONAL = (
    "CustomerDomainName",
    "CustomerCountry",
    "MpnId",
    "Tier2MpnId",
    "PriceAdjustmentDescription",
    "PublisherName",
    "PublisherId",
    "SubscriptionDescription",
    "UnitType",
    "AlternateId",
    "PricingCurrency",
    "PCToBCExchangeRate",
    "PCToBCExchangeRateDate",
    "MeterDescription",
    "ReservationOrderId",
    "CreditReasonCode",
    "SubscriptionStartDate",
    "SubscriptionEndDate",
    "ReferenceId",
    "ProductQualifiers",
    "PromotionId",
    "ProductCategory",
)
_ALIASES = {"resellermpnid": "Tier2MpnId"}
_KNOWN = {name.lower(): name for name in (*REQUIRED, *OPTIONAL)} | _ALIASES

_KINDS = {
    "new": ChargeKind.NEW,
    "trialconversion": ChargeKind.NEW,
    "renew": ChargeKind.RENEW,
    "extendterm": ChargeKind.RENEW,
    "cyclecharge": ChargeKind.CYCLE,
    "addquantity": ChargeKind.QUANTITY,
    "removequantity": ChargeKind.QUANTITY,
    "movequantity": ChargeKind.QUANTITY,
    "cancel": ChargeKind.CANCEL,
    "cancelimmediate": ChargeKind.CANCEL,
    "convert": ChargeKind.CONVERT,
    "changebillingplan": ChargeKind.CONVERT,
    "customercredit": ChargeKind.CREDIT,
    "creditnote": ChargeKind.CREDIT,
}
_PLANS = {
    "monthly": BillingPlan.MONTHLY,
    "annual": BillingPlan.ANNUAL,
    "triennial": BillingPlan.TRIENNIAL,
    "onetime": BillingPlan.ONE_TIME,
}
_MOTIONS = {
    BillingPlan.MONTHLY: Motion.SEAT_MONTHLY,
    BillingPlan.ANNUAL: Motion.SEAT_ANNUAL,
    BillingPlan.TRIENNIAL: Motion.SEAT_ANNUAL,
    BillingPlan.ONE_TIME: Motion.ONE_TIME,
    BillingPlan.USAGE: Motion.AZURE,
}
_TERMS = (
    ("one-month", "P1M"),
    ("one-year", "P1Y"),
    ("annual term", "P1Y"),
    ("1 year", "P1Y"),
    ("three-year", "P3Y"),
    ("triennial", "P3Y"),
    ("3 year", "P3Y"),
)


# Keys are indexed and travel as record keys; texts travel in events of at most 1 MB.
_LONGEST_KEY = 200
_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Header:
    """Where each known column stands, and the columns we do not know, which are kept in the raw file."""

    positions: dict[str, int]
    width: int
    unknown: tuple[str, ...]


def read_header(names: Sequence[str]) -> Header:
    """Find the columns by name, whatever their order, case, blanks or age; FileRefused names what is wrong."""
    positions: dict[str, int] = {}
    unknown: list[str] = []
    for position, name in enumerate(names):
        column = _KNOWN.get("".join(name.split()).replace("_", "").lower())
        if column is None:
            unknown.append(words(name))
        elif column in positions:
            raise FileRefused(Refusal("column_twice", f"the column {column} is there twice", 1, column))
        else:
            positions[column] = position
    missing = [column for column in REQUIRED if column not in positions]
    if missing:
        found = ", ".join(words(name)[:30] for name in names[:5])
        raise FileRefused(
            Refusal(
                "column_missing",
                f"not a reconciliation file for new commerce: {', '.join(missing[:8])}"
                f"{' and more' if len(missing) > 8 else ''} missing; the first columns are {found}",  # noqa: PLR2004
                1,
                missing[0],
            )
        )
    return Header(positions, len(names), tuple(unknown))


class RowReader:
    """Reads the rows of one file."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._at = header.positions

    def read(self, row: int, values: Sequence[str]) -> CanonicalLine | Refusal:
        """The line in a row, or what is wrong with the first field that cannot be read."""
        if len(values) != self._header.width:
            message = f"row {row}: {len(values)} fields where the header has {self._header.width} columns"
            return Refusal("ragged_row", message, row)
        try:
            return self._line(row, values)
        except FieldRefused as error:
            return error.at(row)

    def _line(self, row: int, values: Sequence[str]) -> CanonicalLine:
        at = self._at

        def text(column: str) -> str:
            position = at.get(column)
            found = values[position].strip() if position is not None else ""
            if len(found) > _LONGEST_TEXT:
                raise FieldRefused(column, found, f"is longer than {_LONGEST_TEXT} characters")
            return found

        def needed(column: str) -> str:
            if not (found := text(column)):
                raise FieldRefused(column, "", "is empty")
            return found

        def key(column: str) -> str:
            if len(found := needed(column)) > _LONGEST_KEY:
                raise FieldRefused(column, found, f"is longer than {_LONGEST_KEY} characters")
            return found

        number, account, customer = key("InvoiceNumber"), key("PartnerId"), key("CustomerId")
        currency = Currency(_currency(needed("Currency")))
        raw_kind = needed("ChargeType")
        start = civil_date("ChargeStartDate", text("ChargeStartDate"))
        last = civil_date("ChargeEndDate", text("ChargeEndDate"))
        if start and last and last < start:
            raise FieldRefused("ChargeEndDate", text("ChargeEndDate"), f"is before ChargeStartDate {start}")
        cost = money_or_zero("Subtotal", needed("Subtotal"))
        tax = money_or_zero("TaxTotal", text("TaxTotal"))
        total = money_or_zero("Total", needed("Total"))
        list_unit = decimal_or_zero("UnitPrice", text("UnitPrice"))
        effective_unit = decimal_or_zero("EffectiveUnitPrice", text("EffectiveUnitPrice"))
        quantity = decimal("BillableQuantity", text("BillableQuantity") or needed("Quantity"))
        fx_rate = decimal_or_zero("PCToBCExchangeRate", text("PCToBCExchangeRate")) or Decimal(1)
        term_text, meter = text("TermAndBillingCycle"), text("MeterDescription")
        plan = _plan(
            text("BillingFrequency"), text("ProductCategory"), meter, term_text, text("SubscriptionDescription")
        )
        kind = _KINDS.get(raw_kind.lower(), ChargeKind.UNKNOWN)
        if plan is BillingPlan.USAGE and kind is ChargeKind.NEW:
            kind = ChargeKind.USAGE
        sku = f"{key('ProductId')}:{key('SkuId') if text('SkuId') else ''}"
        warnings = _warnings(raw_kind, kind, plan, cost, tax, total)
        subscription = text("SubscriptionId")
        return CanonicalLine(
            row=row,
            document_id=DocumentId(f"{SOURCE}:{account}:{words(number)}:{currency}"),
            document_number=words(number),
            account=account,
            identity=_identity(
                account,
                number,
                customer,
                subscription,
                text("OrderId"),
                text("ProductId"),
                text("SkuId"),
                text("AvailabilityId"),
                meter,
                raw_kind.lower(),
                term_text,
                text("BillingFrequency").lower(),
                str(start),
                str(last),
                currency,
                "-" if cost < 0 else "+",
            ),
            order=f"{text('OrderDate')}|{quantity:+040.12f}|{cost:+030.6f}",
            customer_key=_customer_key(account, customer),
            customer_name=words(text("CustomerName")),
            customer_domain=words(text("CustomerDomainName")),
            customer_country=words(text("CustomerCountry")),
            billing_contract="",
            product_key=_product_key(sku, term_text, plan, currency),
            product_name=words(text("SkuName") or text("ProductName")),
            publisher=words(text("PublisherName")),
            subscription_id=words(subscription),
            kind=kind,
            raw_kind=words(raw_kind),
            motion=_MOTIONS.get(plan, Motion.UNKNOWN),
            period_start=start,
            period_end=last + timedelta(days=1) if last else None,  # the file's end is inclusive, ours exclusive
            quantity=quantity,
            list_unit=list_unit,
            effective_unit=effective_unit,
            fx_rate=fx_rate,
            cost=cost,
            tax=tax,
            currency=currency,
            trial="trial" in text("ProductQualifiers").lower() or "trial" in term_text.lower(),
            description=words(text("SubscriptionDescription") or text("SkuName")),
            warnings=warnings,
        )


@lru_cache(65_536)
def _customer_key(account: str, customer: str) -> str:
    return str(CustomerKey(SOURCE, account, customer))


@lru_cache(65_536)
def _product_key(sku: str, term: str, plan: BillingPlan, currency: Currency) -> str:
    return str(ProductKey(sku, _term(term), plan, "", "", currency))


@lru_cache(1024)
def _currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha():  # noqa: PLR2004 (ISO 4217)
        raise FieldRefused("Currency", text, "is not a currency code like USD")
    return text.upper()


@lru_cache(1024)
def _plan(frequency: str, category: str, meter: str, term: str, subscription: str) -> BillingPlan:
    # Motion follows the billing plan, never the term (B4): an annual term billed monthly is monthly.
    named = _PLANS.get(frequency.lower().replace("-", "").replace(" ", ""))
    if named is not None:
        return named
    if not frequency and (category.lower() == "azure" or meter or subscription.lower() == "azure plan"):
        return BillingPlan.USAGE
    if not frequency and "trial" in term.lower():
        return BillingPlan.MONTHLY
    return BillingPlan.UNKNOWN


def _term(text: str) -> str:
    lowered = text.lower()
    return next((term for words_, term in _TERMS if words_ in lowered), "")


def _warnings(
    raw_kind: str, kind: ChargeKind, plan: BillingPlan, cost: Decimal, tax: Decimal, total: Decimal
) -> tuple[str, ...]:
    found = []
    if kind is ChargeKind.UNKNOWN:
        found.append(f"unknown charge type {words(raw_kind)[:40]}")
    if plan is BillingPlan.UNKNOWN:
        found.append("unknown billing plan")
    if total != cost + tax:
        found.append(f"Total {total} is not Subtotal {cost} + TaxTotal {tax}")
    return tuple(found)


def _identity(*parts: str) -> str:
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return f"{SOURCE}:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
