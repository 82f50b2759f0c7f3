"""Facts that other services tell, small and complete; and their way through a consumer without a broker."""

import itertools
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from contracts.envelope import Data, Event
from contracts.events import (
    AgreementChanged,
    CatalogItemLinked,
    ConnectionChanged,
    InvoiceLineReceived,
    InvoiceSealed,
    MappingChanged,
    PriceRule,
    ProgramChanged,
    SetupChecked,
)
from contracts.topics import Topic
from contracts.values import (
    BillingPlan,
    ChargeKind,
    Currency,
    CustomerKey,
    DocumentId,
    LineIdentity,
    Motion,
    ProductKey,
    RunId,
    SiteId,
    TenantId,
)
from messaging import Record
from tenancy import PRIVATE_KEY, Keyring

SOURCE = "microsoft-nce"
CUSTOMER = str(CustomerKey(SOURCE, "partner-1", "customer-1"))
PRODUCT = str(ProductKey("CFQ7TTC0LCHC:0002", "P1Y", BillingPlan.MONTHLY, "", "", Currency("USD")))
RUN = RunId("run-1")
DOCUMENT = DocumentId("microsoft-nce:partner-1:G000000001:USD")
KEYRING = Keyring("test", {"test": os.urandom(32)})

_offsets = itertools.count()


def record(topic: Topic[Any], tenant: TenantId, entity: str, data: Data) -> Record:
    """What the relay would send; a later one has a newer version."""
    offset = next(_offsets)
    event = Event[Any](
        id=uuid4(),
        type=topic.type,
        version=topic.version,
        entity_version=offset + 1,
        tenant_id=tenant,
        subject=entity,
        data=data,
    )
    value = event.model_dump_json(serialize_as_any=True).encode()
    headers = (("id", str(event.id).encode()), ("tenant", tenant.encode()))
    return Record(topic.name, 0, offset, f"{tenant}:{entity}".encode(), value, headers)


def connection(tenant: TenantId, site: SiteId, url: str, company: str, **changes: Any) -> ConnectionChanged:
    """A way to a site of the simulator."""
    private = changes.pop("private", "private")
    told: dict[str, Any] = {
        "connection_id": "connection-1",
        "site_id": site,
        "base_url": url,
        "company_id": company,
        "public_key": "public",
        "client_id": "client",
        "private_key": KEYRING.seal(tenant, PRIVATE_KEY, private),
    }
    return ConnectionChanged(**told | changes)


def program(**changes: Any) -> ProgramChanged:
    """Everything on, ten percent on the list price."""
    told: dict[str, Any] = {
        "program_id": "program-1",
        "name": "Microsoft",
        "source": SOURCE,
        "price_rule": PriceRule(markup_percent=Decimal(10)),
    }
    return ProgramChanged(**told | changes)


def rule(percent: str, basis: Literal["list", "effective"] = "list", *, allow: bool = False) -> PriceRule:
    """A markup."""
    return PriceRule(basis=basis, markup_percent=Decimal(percent), allow_below_cost=allow)


def setup(**changes: Any) -> SetupChecked:
    """A site that may be written to."""
    told: dict[str, Any] = {
        "status": "ready",
        "features": ("additions",),
        "checked_at": datetime(2026, 11, 7, tzinfo=UTC),
    }
    return SetupChecked(**told | changes)


def agreement(agreement_id: int = 1, **changes: Any) -> AgreementChanged:
    """A monthly one, billed in advance, whose next invoice is December's."""
    told: dict[str, Any] = {
        "agreement_id": agreement_id,
        "name": "Cloud Monthly",
        "company_id": 101,
        "status": "Active",
        "cycle": "Monthly",
        "currency": "USD",
        "prorate": True,
        "bill_start": date(2026, 1, 1),
        "next_invoice": date(2026, 12, 1),
    }
    return AgreementChanged(**told | changes)


def mapping(motion: Motion = Motion.SEAT_MONTHLY, agreement_id: int = 1, **changes: Any) -> MappingChanged:
    """Where the customer's charges of a motion go."""
    told: dict[str, Any] = {
        "mapping_id": f"mapping-{motion}",
        "customer_key": CUSTOMER,
        "motion": motion,
        "company_id": 101,
        "agreement_id": agreement_id,
        "go_live": date(2026, 10, 1),
    }
    return MappingChanged(**told | changes)


def item(product_key: str = PRODUCT, item_id: int | None = 501, **changes: Any) -> CatalogItemLinked:
    """The catalog item of a product."""
    told: dict[str, Any] = {"product_key": product_key, "state": "linked", "item_id": item_id, "identifier": "PREMIUM"}
    return CatalogItemLinked(**told | changes)


def billed(number: int = 1, cost: str = "184.80", **changes: Any) -> InvoiceLineReceived:
    """A month's charge for ten seats."""
    told: dict[str, Any] = {
        "identity": LineIdentity(f"microsoft-nce:line-{number:05d}-0"),
        "document_id": DOCUMENT,
        "document_version": 1,
        "run_id": RUN,
        "source": SOURCE,
        "file": "recon.csv",
        "row": number + 1,
        "customer_key": CUSTOMER,
        "customer_name": "Alder & Finch, Inc.",
        "product_key": PRODUCT,
        "product_name": "Business Premium",
        "kind": ChargeKind.CYCLE,
        "raw_kind": "cycleCharge",
        "motion": Motion.SEAT_MONTHLY,
        "period_start": date(2026, 10, 15),
        "period_end": date(2026, 11, 15),
        "quantity": Decimal(10),
        "list_unit": Decimal("18.48"),
        "effective_unit": Decimal("18.48"),
        "cost": Decimal(cost),
        "tax": Decimal("0.00"),
        "currency": Currency("USD"),
    }
    return InvoiceLineReceived(**told | changes)


def sealed(lines: Sequence[InvoiceLineReceived], **changes: Any) -> InvoiceSealed:
    """The document that these lines are."""
    first = lines[0]
    told: dict[str, Any] = {
        "document_id": first.document_id,
        "document_version": max(line.document_version for line in lines),
        "run_id": first.run_id,
        "source": first.source,
        "number": "G000000001",
        "currency": first.currency,
        "file": first.file,
        "lines": len(lines),
        "cost_total": sum((line.cost for line in lines), Decimal(0)),
        "tax_total": sum((line.tax for line in lines), Decimal(0)),
        "tied": True,
    }
    return InvoiceSealed(**told | changes)
