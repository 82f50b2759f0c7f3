"""The first rungs: is the site there, does it know the company, does it take the key? Each told apart (R5-R8)."""

from setup_validation.domain.answers import Answer, failed, passed, unknown
from setup_validation.domain.facts import Facts, Reach, Unread

_ADDRESS_WRONG = frozenset({Reach.UNUSABLE, Reach.UNREACHABLE, Reach.NOT_CONNECTWISE})
_NOT_REACHED = Unread("not looked at: the site was not reached")


def site_answers(facts: Facts) -> Answer:
    """The address is one of a ConnectWise site that is up."""
    if facts.reach in _ADDRESS_WRONG:
        return failed(facts.said)
    return unknown(Unread(facts.said)) if facts.reach is Reach.UNCLEAR else passed()


def company_is_known(facts: Facts) -> Answer:
    """The site has a company of this id."""
    if facts.reach is Reach.COMPANY_UNKNOWN:
        return failed(facts.said)
    return passed() if facts.reach in (Reach.KEY_REFUSED, Reach.ANSWERED) else unknown(_NOT_REACHED)


def key_is_accepted(facts: Facts) -> Answer:
    """The site takes the key."""
    if facts.reach is Reach.KEY_REFUSED:
        return failed(facts.said)
    return passed() if facts.reach is Reach.ANSWERED else unknown(_NOT_REACHED)


def time_zone_is_known(facts: Facts) -> Answer:
    """`Today` is today in the site's time zone."""
    if facts.zone_is_known:
        return passed(facts.time_zone)
    if facts.reach is not Reach.ANSWERED:
        return unknown(_NOT_REACHED)
    return failed(f"the site calls its time zone {facts.time_zone!r}" if facts.time_zone else "the site names none")
