"""Other people's HTTP APIs: one client that says after each call what is certain."""

from httpkit.addresses import Address, AddressPolicy, GuardedResolver, Refused, check_address
from httpkit.answer import Answer
from httpkit.breaker import Breaker
from httpkit.client import HttpClient
from httpkit.clock import Clock, LoopClock
from httpkit.connections import leaving
from httpkit.errors import ApiError, FieldError, NotAdmitted
from httpkit.limiter import Limiter
from httpkit.outcome import Outcome, classify
from httpkit.retry import RetryPolicy

__all__ = [
    "Address",
    "AddressPolicy",
    "Answer",
    "ApiError",
    "Breaker",
    "Clock",
    "FieldError",
    "GuardedResolver",
    "HttpClient",
    "Limiter",
    "LoopClock",
    "NotAdmitted",
    "Outcome",
    "Refused",
    "RetryPolicy",
    "check_address",
    "classify",
    "leaving",
]
