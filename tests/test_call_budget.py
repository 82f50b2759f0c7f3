"""ConnectWise counts calls per site over all callers (contract 2.8): the services' shares must fit together."""

import importlib

from devstack.services import WITH_DATABASE
from servicekit import SiteSettings

A_SITES_BUDGET = 1_000


def test_the_services_shares_of_a_sites_calls_sum_to_at_most_all_of_them() -> None:
    settings = [importlib.import_module(f"{service}.settings").Settings for service in WITH_DATABASE]
    shares = [found.model_fields["calls_per_minute"].default for found in settings if issubclass(found, SiteSettings)]
    assert len(shares) == 4
    assert sum(shares) <= A_SITES_BUDGET
