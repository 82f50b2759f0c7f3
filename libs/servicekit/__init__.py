"""A process and its HTTP edge: run, settings, transactions, permissions, paging, problems, logs, metrics, traces."""

from servicekit.access import Caller, Principal, allow
from servicekit.edge import Begin, Tx
from servicekit.paging import Page, Paging
from servicekit.passes import Passes
from servicekit.problems import Problem
from servicekit.run import main
from servicekit.service import Service, Worker
from servicekit.settings import ServiceSettings
from servicekit.sites import SiteSettings

__all__ = [
    "Begin",
    "Caller",
    "Page",
    "Paging",
    "Passes",
    "Principal",
    "Problem",
    "Service",
    "ServiceSettings",
    "SiteSettings",
    "Tx",
    "Worker",
    "allow",
    "main",
]
