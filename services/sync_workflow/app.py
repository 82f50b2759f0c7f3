"""The parts of sync_workflow, wired."""

import messaging
import storage
import sync_workflow
from contracts import topics
from servicekit import Service
from sync_workflow.api import router
from sync_workflow.handlers import HANDLERS
from sync_workflow.settings import Settings


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    return Service(
        name="sync-workflow",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, sync_workflow),
        copies=(topics.CONNECTIONS, topics.SETUP),
        handlers=HANDLERS,
    )
