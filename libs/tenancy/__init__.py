"""What every service knows of a tenant: connections, programs, setup, the gate, sealed secrets, open sites."""

from tenancy.facts import COPIES, closed, connection, program, setup
from tenancy.secrets import Keyring, UnsealError
from tenancy.sites import LATELY, OTHER_SITE, PRIVATE_KEY, NotConnectedError, Sites

__all__ = [
    "COPIES",
    "LATELY",
    "OTHER_SITE",
    "PRIVATE_KEY",
    "Keyring",
    "NotConnectedError",
    "Sites",
    "UnsealError",
    "closed",
    "connection",
    "program",
    "setup",
]
