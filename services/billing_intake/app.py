"""The parts of billing_intake, wired."""

import billing_intake
import messaging
import storage
from billing_intake.api import LARGEST_FILE, router
from billing_intake.importer import Importer
from billing_intake.settings import Settings
from servicekit import Service
from storage import Database


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = Database(
        settings.database_url.get_secret_value(),
        settings.all_tenants_url.get_secret_value(),
        connections=settings.connections,
    )
    return Service(
        name="billing-intake",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, billing_intake),
        workers=(Importer(db),),
        largest_body=LARGEST_FILE,
    )
