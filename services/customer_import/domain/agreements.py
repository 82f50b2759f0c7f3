"""Which charges an agreement may take: the rules of the setup guide for each motion (R34-R40, C3, B8)."""

from dataclasses import dataclass

from contracts.values import Motion

MAPPABLE = (Motion.SEAT_MONTHLY, Motion.SEAT_ANNUAL, Motion.AZURE, Motion.ONE_TIME)

_ON_MONTHLY = frozenset({Motion.SEAT_MONTHLY, Motion.AZURE})
_MONTHLY = "Monthly"
_CALENDAR_YEAR = "CalendarYear"
_ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the rules look at. `cycle` is the parent's for a child, which is invoiced with its parent (B8)."""

    agreement_id: int
    company_id: int
    name: str
    status: str
    cycle: str
    one_time: bool
    invoicing_cycle: str
    prorate: bool


def closed(agreement: Agreement) -> str | None:
    """Why it takes no charges at all, or None: only an active agreement does (R34, R35)."""
    return None if agreement.status == _ACTIVE else f"the agreement is {agreement.status or 'of unknown status'}"


def unfit(motion: Motion, agreement: Agreement) -> str | None:
    """The rule by which it may not take charges of this motion, or None (R36, R39, R40)."""
    if motion not in MAPPABLE:
        return f"{motion} cannot be mapped to an agreement"
    if motion in _ON_MONTHLY:
        if agreement.one_time:
            return f"{motion} needs an agreement that is invoiced monthly; this one is one-time (R36)"
        if agreement.cycle != _MONTHLY:
            return f"{motion} needs the billing cycle Monthly; this one's is {agreement.cycle or 'not known'} (R36)"
        return None
    return None if agreement.one_time else f"{motion} needs a one-time agreement; this one is recurring (R39)"


def advice(motion: Motion, agreement: Agreement) -> tuple[str, ...]:
    """What the setup guide asks for beyond what our own amounts and dates depend on (R37, R38, C2)."""
    if motion not in _ON_MONTHLY:
        return ()
    said = []
    if agreement.invoicing_cycle != _CALENDAR_YEAR:
        said.append("its cycle is not based on the calendar year (R37)")
    if not agreement.prorate:
        said.append("Prorate Agreement is not ticked (R38)")
    return tuple(said)
