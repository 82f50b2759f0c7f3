from hypothesis import given
from hypothesis import strategies as st

from contracts.values import SiteId
from delivery import marker, operation_key
from delivery.operations import OperationKey

parts = st.lists(st.text(max_size=6), min_size=1, max_size=4)


def test_a_marker_is_the_same_for_ever() -> None:
    """A golden value: another one would bill everything again that this release has written."""
    key = operation_key("partner-center", "acme/eu", "G001", "line-1", "charge")
    assert key == "partner-center/acme%2Feu/G001/line-1/charge"
    assert marker(SiteId("site-1"), key) == "57GUTZG2SYSAPVW25UXTGFDWKNCRBOZP"


@given(st.text(), st.text())
def test_a_marker_fits_the_fields_that_carry_it(site: str, key: str) -> None:
    made = marker(SiteId(site), OperationKey(key))
    assert len(made) == 32
    assert made.isascii()
    assert made.isalnum()
    assert made == made.upper()


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 8))
def test_text_that_moves_between_site_and_key_changes_the_marker(site: str, key: str, at: int) -> None:
    joined = site + key
    other = (joined[:at], joined[at:])
    same = marker(SiteId(other[0]), OperationKey(other[1])) == marker(SiteId(site), OperationKey(key))
    assert same == (other == (site, key))


@given(parts, parts)
def test_keys_of_different_facts_differ(one: list[str], other: list[str]) -> None:
    assert (operation_key(*one) == operation_key(*other)) == (one == other)
