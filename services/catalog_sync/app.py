"""The parts of catalog_sync, wired."""

import catalog_sync
import delivery
import messaging
import storage
from catalog_sync.api import router
from catalog_sync.handlers import HANDLERS
from catalog_sync.items import CatalogItems
from catalog_sync.planner import Planner
from catalog_sync.settings import Settings
from contracts import topics
from delivery import Delivery
from servicekit import Service


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    sites = settings.sites(db)
    return Service(
        name="catalog-sync",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, delivery, catalog_sync),
        copies=(topics.CONNECTIONS, topics.PROGRAMS, topics.SETUP, topics.CUSTOMER_MAPPINGS),
        handlers=HANDLERS,
        workers=(Planner(db), Delivery(db, CatalogItems(db, sites), pace=settings.pace(), begun=settings.watch().look)),
        closes=(sites,),
    )
