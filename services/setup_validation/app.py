"""The parts of setup_validation, wired."""

import delivery
import messaging
import setup_validation
import storage
from contracts import topics
from delivery import Delivery
from servicekit import Service
from setup_validation.api import router
from setup_validation.checking import SetupChecks
from setup_validation.handlers import HANDLERS
from setup_validation.rechecks import Rechecks
from setup_validation.settings import Settings


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    sites = settings.sites(db)
    return Service(
        name="setup-validation",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, delivery, setup_validation),
        copies=(topics.CONNECTIONS,),
        handlers=HANDLERS,
        workers=(Delivery(db, SetupChecks(db, sites), pace=settings.pace(), begun=settings.watch().look), Rechecks(db)),
        closes=(sites,),
    )
