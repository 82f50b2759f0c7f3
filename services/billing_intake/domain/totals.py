"""Whether documents tie to what the supplier's invoice says (B1)."""

from collections.abc import Mapping
from decimal import Decimal

from billing_intake.domain.refusals import Refusal


def differing(expected: Mapping[str, Decimal], found: Mapping[str, Decimal]) -> list[Refusal]:
    """For each expected total, a refusal unless a document of that number or currency has exactly that total.

    `expected` is by document number, or by currency where a file has one document a currency; totals are with tax.
    """
    refusals = []
    for name, total in expected.items():
        actual = found.get(name)
        if actual is None:
            known = ", ".join(sorted(found))
            refusals.append(
                Refusal("total_without_document", f"no document {name} is in this file; there are: {known}")
            )
        elif actual != total:
            said = f"the lines add up to {actual}, the invoice says {total}; difference {actual - total}"
            refusals.append(Refusal("total_differs", f"document {name}: {said}"))
    return refusals
