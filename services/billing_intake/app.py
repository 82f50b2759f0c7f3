"""The parts of billing_intake, wired."""

import billing_intake
import messaging
import storage
from billing_intake.api import LARGEST_FILE, router
from billing_intake.importer import Importer
from billing_intake.settings import Settings
from servicekit import Service


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    return Service(
        name="billing-intake",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, billing_intake),
        workers=(Importer(db),),
        largest_body=LARGEST_FILE,
    )
