"""The parts of the console, wired."""

import console
import messaging
import storage
from console.access_tokens import AccessTokens
from console.api import router
from console.door import Door
from console.gateway import Gateway, Limits
from console.openapi import Documents
from console.settings import Settings
from console.sign_in import SignIn
from httpkit import AddressPolicy
from servicekit import Service
from tenancy import Keyring


def build(settings: Settings) -> Service:
    """Wire the parts; open nothing."""
    db = settings.database()
    limits = Limits(
        settings.answer_seconds, settings.caller_seconds, settings.exchange_seconds, settings.largest_upload
    )
    gateway = Gateway(settings.service_urls, limits)
    documents = Documents(gateway)
    access_tokens = AccessTokens(settings.console_private_key.read_bytes())
    return Service(
        name="console",
        settings=settings,
        db=db,
        router=router,
        components=(storage, messaging, console),
        front=lambda app: Door(app, SignIn(db), access_tokens, gateway, documents),
        resources={
            "gateway": gateway,
            "keyring": Keyring.read(settings.sealing_keys),
            "addresses": AddressPolicy(allow_plain_loopback=settings.allow_loopback_sites),
        },
    )
