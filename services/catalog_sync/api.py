"""Questions about products and their items."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from catalog_sync import store
from catalog_sync.domain.items import Product
from servicekit import Caller, Page, Paging, Tx, allow

router = APIRouter()

State = Annotated[
    Literal["", "waiting", "linked", "held", "failed"], Query(description="only products whose item is in this state")
]


@router.get("/catalog-items", dependencies=[allow("catalog.read")])
async def catalog_items(tx: Tx, caller: Caller, page: Paging, state: State = "") -> Page[store.ItemLink]:
    """Products and the items they are linked to, or why there is none yet (R62, R90)."""
    found = await store.items(tx, caller.tenant_id, page.after, state, page.size)
    return page.of(found, lambda link: link.product_key)


@router.get("/products", dependencies=[allow("catalog.read")])
async def products(tx: Tx, caller: Caller, page: Paging) -> Page[Product]:
    """Products as their source bills them."""
    found = await store.products(tx, caller.tenant_id, page.after, page.size)
    return page.of(found, lambda product: product.product_key)
