"""The parts of invoice_push, wired."""

import delivery
import invoice_push
import messaging
import storage
from contracts import topics
from delivery import Delivery
from invoice_push.api import router
from invoice_push.handlers import HANDLERS
from invoice_push.nights import Nights
from invoice_push.pusher import Additions
from invoice_push.resolver import Resolver
from invoice_push.settings import Settings
from servicekit import Service


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    sites = settings.sites(db)
    additions = Additions(db, sites)
    return Service(
        name="invoice-push",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, delivery, invoice_push),
        copies=(
            topics.CONNECTIONS,
            topics.PROGRAMS,
            topics.SETUP,
            topics.CUSTOMER_MAPPINGS,
            topics.AGREEMENTS,
            topics.CATALOG_ITEMS,
        ),
        handlers=HANDLERS,
        workers=(
            Resolver(db),
            Nights(db),
            Delivery(db, additions, pace=settings.pace(), begun=settings.watch().look),
        ),
        resources={"additions": additions},
        closes=(sites,),
    )
