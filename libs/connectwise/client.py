"""The client: one site, one sign-in, its resources as attributes."""

from types import TracebackType
from typing import Self

from connectwise.calls import Calls
from connectwise.collection import Collection, WritableCollection
from connectwise.credentials import Credentials
from connectwise.discovery import CompanyInfo, Discovery
from connectwise.endpoints import (
    Additions,
    Agreements,
    Callbacks,
    Catalog,
    Categories,
    Companies,
    Contacts,
    ProductTypes,
    SecurityRoles,
    Subcategories,
    System,
    UnitsOfMeasure,
)
from connectwise.models.agreements import Addition
from connectwise.models.catalog import CatalogItem
from connectwise.models.invoices import Invoice
from connectwise.models.setup_tables import (
    BillingCycle,
    BillingTerm,
    Category,
    Currency,
    ProductType,
    Subcategory,
    TaxCode,
    UnitOfMeasure,
)
from connectwise.models.system import Callback
from connectwise.regions import site_of
from httpkit import AddressPolicy, Breaker, Clock, HttpClient, Limiter, LoopClock, Refused, RetryPolicy

PINNED_VERSION = "2025.1"


class AddressRefused(ValueError):  # noqa: N818 - named by the fact
    """The site's address must not be called; `rule` says why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.rule = refused.rule


class ConnectWise:
    """The ConnectWise PSA API of one site.

    `site` is a region's name (`na`, `eu`, ...) or an address. `limiter` is shared by everything in the process that
    calls this site, and so may be `breaker`. `version` pins the models that the site speaks. Opens nothing before the
    first call.

    `deadline` bounds one attempt of a call, in seconds: from the moment it is asked for, with the search for the API's
    address and the wait for the limiter, to the last byte of the answer. A call in one attempt ends within it; one that
    is repeated begins no attempt later than `retry.seconds` after its first. Where the address is not found in time the
    outcome is `NOT_SENT`. `company_info` alone is bound by `retry` only.

    Raises:
        AddressRefused: the address is not public https; `addresses` can allow more.
    """

    def __init__(
        self,
        site: str,
        credentials: Credentials,
        *,
        limiter: Limiter,
        version: str = PINNED_VERSION,
        deadline: float = 30.0,
        max_connections: int = 10,
        page_size: int = 500,
        addresses: AddressPolicy | None = None,
        retry: RetryPolicy | None = None,
        breaker: Breaker | None = None,
        clock: Clock | None = None,
    ) -> None:
        found = site_of(site, addresses)
        if isinstance(found, Refused):
            raise AddressRefused(found)
        self.site = found
        clock = clock or LoopClock()
        retry = retry or RetryPolicy()

        def client(url: str, headers: dict[str, str], breaker: Breaker | None = None) -> HttpClient:
            return HttpClient(
                url,
                limiter=limiter,
                breaker=breaker,
                api="connectwise",
                headers=headers,
                deadline=deadline,
                max_connections=max_connections,
                addresses=addresses,
                retry=retry,
                request_id_header="x-cw-request-id",
                clock=clock,
            )

        self._login = client(found.login_url, {})
        accept = f"application/vnd.connectwise.com+json; version={version}"
        self._api = client(found.api_url, {**credentials.headers(), "accept": accept}, breaker)
        self._discovery = Discovery(self._login, credentials.company_id, clock=clock)
        calls = Calls(self._api, self._discovery, retry=retry, clock=clock)
        self._calls = calls
        self._page_size = page_size

        self.system = System(calls)
        self.security_roles = SecurityRoles(calls)
        self.callbacks: Callbacks = WritableCollection(calls, "/system/callbacks", Callback)
        self.companies = Companies(calls, page_size=page_size)
        self.contacts = Contacts(calls, page_size=page_size)
        self.agreements = Agreements(calls, page_size=page_size)
        self.catalog = Catalog(calls, "/procurement/catalog", CatalogItem, page_size=page_size)
        self.categories = Categories(calls, "/procurement/categories", Category)
        self.subcategories = Subcategories(calls, "/procurement/subcategories/", Subcategory)
        self.product_types = ProductTypes(calls, "/procurement/types", ProductType)
        self.units_of_measure = UnitsOfMeasure(calls, "/procurement/unitOfMeasures", UnitOfMeasure)
        self.billing_cycles = Collection(calls, "/finance/billingCycles", BillingCycle)
        self.billing_terms = Collection(calls, "/finance/billingTerms", BillingTerm)
        self.currencies = Collection(calls, "/finance/currencies", Currency)
        self.tax_codes = Collection(calls, "/finance/taxCodes", TaxCode)
        self.invoices = Collection(calls, "/finance/invoices", Invoice, page_size=page_size)

    async def company_info(self) -> CompanyInfo:
        """What the site tells everyone about itself and this company id; asked without signing in.

        Raises:
            ApiError: `CONFIG`, the site does not know the company id, or is no ConnectWise.
        """
        return await self._discovery.company_info()

    def additions(self, agreement_id: int) -> Additions:
        """The additions of one agreement; the API has no list of all."""
        path = f"/finance/agreements/{agreement_id:d}/additions"
        return Additions(self._calls, path, Addition, page_size=self._page_size)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._discovery.aclose()
        await self._login.aclose()
        await self._api.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
