"""From what a person asked for to mappings that hold, or to every reason why not (B5, R80)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.values import Motion
from customer_import.domain.agreements import MAPPABLE, Agreement, advice, closed, unfit
from customer_import.domain.refusals import MappingsRefused, Refusal

MOST_REFUSALS = 100


@dataclass(frozen=True, slots=True)
class Named:
    """A row of a file: everything by the names that people use, dates and motions as written."""

    row: int
    customer_id: str
    billing_contract: str
    motion: str
    company: str
    agreement: str
    go_live: str


@dataclass(frozen=True, slots=True)
class Target:
    """A mapping asked for: a customer's charges of one contract ('' for any) and motion go to this agreement."""

    row: int
    customer_key: str
    billing_contract: str
    motion: Motion
    company_id: int
    agreement_id: int
    go_live: date

    @property
    def mapping_id(self) -> str:
        """Its identity (B5), in one piece that stands in a URL."""
        return mapping_id(self.customer_key, self.billing_contract, self.motion)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer that a source has named."""

    key: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company of the site."""

    company_id: int
    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is there to be referred to."""

    customers: Sequence[Customer] = ()
    companies: Sequence[Company] = ()
    agreements: Sequence[Agreement] = ()
    keys: frozenset[str] = field(init=False)
    company_by_id: Mapping[int, Company] = field(init=False)
    agreement_by_id: Mapping[int, Agreement] = field(init=False)
    _named: Mapping[tuple[str, str], list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Index what is looked up for every row."""
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for customer in self.customers:
            found["customer", customer.customer_id.casefold()].append(customer)
        for company in self.companies:
            found["company", company.identifier.casefold()].append(company)
        for agreement in self.agreements:
            found["agreement", agreement.name.casefold()].append(agreement)
        object.__setattr__(self, "_named", found)
        object.__setattr__(self, "keys", frozenset(customer.key for customer in self.customers))
        object.__setattr__(self, "company_by_id", {company.company_id: company for company in self.companies})
        object.__setattr__(self, "agreement_by_id", {one.agreement_id: one for one in self.agreements})

    def customers_of(self, customer_id: str) -> Sequence[Customer]:
        """Those with this id at their source, in any case."""
        return self._named.get(("customer", customer_id.casefold()), ())

    def company_of(self, identifier: str) -> Company | None:
        """The one with this identifier, which no two have."""
        return next(iter(self._named.get(("company", identifier.casefold()), ())), None)

    def agreements_of(self, name: str) -> Sequence[Agreement]:
        """Those of this name, of all companies."""
        return self._named.get(("agreement", name.casefold()), ())


def mapping_id(customer_key: str, billing_contract: str, motion: Motion) -> str:
    """The three parts with `|` between; what would end a part or a path segment is escaped."""
    return "|".join(_safe(part) for part in (customer_key, billing_contract, motion))


def named(rows: Sequence[Named], known: Known) -> list[Target]:
    """The mappings that a file asks for; MappingsRefused with what is wrong in every row, nothing else taken."""
    refusals: list[Refusal] = []
    targets: list[Target] = []
    for row in rows:
        found = _resolved(row, known)
        if isinstance(found, Target):
            targets.append(found)
        else:
            refusals.append(found)
    checked(targets, known, refusals, agreement="agreement")
    return targets


def checked(
    targets: Sequence[Target], known: Known, refusals: Sequence[Refusal] = (), *, agreement: str = "agreement_id"
) -> None:
    """Nothing where all of them hold; MappingsRefused with every reason otherwise. `agreement` is the column's name."""
    found = [*refusals, *_twice(targets), *(r for target in targets for r in _refused(target, known, agreement))]
    if found:
        found.sort(key=lambda refusal: refusal.row or 0)
        raise MappingsRefused(*found[:MOST_REFUSALS])


def advised(targets: Sequence[Target], known: Known) -> list[str]:
    """What the setup guide would have otherwise, though it is taken."""
    return [
        f"row {target.row}, {target.motion} to {known.agreement_by_id[target.agreement_id].name}: {said}"
        for target in targets
        for said in advice(target.motion, known.agreement_by_id[target.agreement_id])
    ]


def _resolved(row: Named, known: Known) -> Target | Refusal:
    customer = _customer(row, known)
    if isinstance(customer, Refusal):
        return customer
    if row.motion not in set(MAPPABLE):
        wanted = ", ".join(MAPPABLE)
        return _refusal("unknown_motion", f"is no motion; there are {wanted}", row.row, "motion", row.motion)
    company = known.company_of(row.company)
    if company is None:
        return _refusal("unknown_company", "is the identifier of no company", row.row, "company", row.company)
    agreement = _agreement(row, company, known)
    if isinstance(agreement, Refusal):
        return agreement
    try:
        go_live = date.fromisoformat(row.go_live)
    except ValueError:
        return _refusal("unreadable_date", "is not a date like 2026-10-31", row.row, "go_live", row.go_live)
    return Target(
        row.row,
        customer.key,
        row.billing_contract,
        Motion(row.motion),
        company.company_id,
        agreement.agreement_id,
        go_live,
    )


def _customer(row: Named, known: Known) -> Customer | Refusal:
    match known.customers_of(row.customer_id):
        case [customer]:
            return customer
        case []:
            rule, said = "unknown_customer", "is a customer that no source has named yet; import its bill first"
        case _:
            rule, said = "ambiguous_customer", "is a customer of several sources or accounts; map it by its key"
    return _refusal(rule, said, row.row, "customer_id", row.customer_id)


def _agreement(row: Named, company: Company, known: Known) -> Agreement | Refusal:
    alike = known.agreements_of(row.agreement)
    own = [one for one in alike if one.company_id == company.company_id]
    # A renewed agreement keeps its name beside the one it replaces.
    wanted = [one for one in own if closed(one) is None] or own
    match wanted:
        case [agreement]:
            return agreement
        case []:
            others = sorted({_name(one.company_id, known) for one in alike})
            if others:
                said = f"is no agreement of {company.identifier}, but of {', '.join(others[:3])}"
                return _refusal("other_company", said, row.row, "agreement", row.agreement)
            rule, said = "unknown_agreement", f"is no agreement of {company.identifier}"
        case _:
            rule, said = "ambiguous_agreement", f"is the name of {len(wanted)} agreements of {company.identifier}"
    return _refusal(rule, said, row.row, "agreement", row.agreement)


def _refused(target: Target, known: Known, column: str) -> Iterator[Refusal]:
    if target.customer_key not in known.keys:
        said = "is a customer that no source has named yet; import its bill first"
        yield _refusal("unknown_customer", said, target.row, "customer_key", target.customer_key)
    if target.company_id not in known.company_by_id:
        yield _refusal("unknown_company", "is the id of no company", target.row, "company_id", str(target.company_id))
    agreement = known.agreement_by_id.get(target.agreement_id)
    if agreement is None:
        said = "is the id of no agreement"
        yield _refusal("unknown_agreement", said, target.row, column, str(target.agreement_id))
        return
    if agreement.company_id != target.company_id:
        said = f"is an agreement of {_name(agreement.company_id, known)}, not of {_name(target.company_id, known)}"
        yield _refusal("other_company", said, target.row, column, agreement.name)
    elif (reason := closed(agreement)) is not None:
        yield _refusal("closed_agreement", f"takes no charges: {reason}", target.row, column, agreement.name)
    elif (reason := unfit(target.motion, agreement)) is not None:
        yield _refusal("unfit_agreement", f"does not fit: {reason}", target.row, column, agreement.name)


def _twice(targets: Sequence[Target]) -> Iterator[Refusal]:
    counts = Counter(target.mapping_id for target in targets)
    first: dict[str, int] = {}
    for target in targets:
        if counts[target.mapping_id] > 1 and target.mapping_id in first:
            said = f"is mapped in row {first[target.mapping_id]} already: one agreement for a customer's motion"
            yield _refusal("mapped_twice", said, target.row, "motion", target.motion)
        first.setdefault(target.mapping_id, target.row)


def _refusal(rule: str, said: str, row: int, column: str, value: str) -> Refusal:
    shown = value if len(value) <= 60 else f"{value[:57]}..."  # noqa: PLR2004 (a line of a terminal)
    return Refusal(rule, f"row {row}, column {column}: {shown!r} {said}", row, column, shown)


def _name(company_id: int, known: Known) -> str:
    company = known.company_by_id.get(company_id)
    return company.identifier if company else f"company {company_id}"


def _safe(part: str) -> str:
    return part.replace("%", "%25").replace("|", "%7C").replace("/", "%2F")
