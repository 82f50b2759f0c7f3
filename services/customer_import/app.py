"""The parts of customer_import, wired."""

import customer_import
import delivery
import messaging
import storage
from contracts import topics
from customer_import.api import router
from customer_import.handlers import HANDLERS
from customer_import.reading import SiteReads
from customer_import.settings import Settings
from delivery import Delivery
from servicekit import Service


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    sites = settings.sites(db)
    return Service(
        name="customer-import",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, delivery, customer_import),
        copies=(topics.CONNECTIONS, topics.PROGRAMS, topics.SETUP),
        handlers=HANDLERS,
        workers=(Delivery(db, SiteReads(db, sites), pace=settings.pace(), begun=settings.watch().look),),
        closes=(sites,),
    )
