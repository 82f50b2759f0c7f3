"""Records that a new catalog item refers to must exist and be active (R24-R33)."""

from dataclasses import dataclass

from setup_validation.domain.answers import Answer, failed, passed, unknown
from setup_validation.domain.facts import Facts, Refused, Row, Rows, Unread

MISCELLANEOUS = "Miscellaneous"
EACH = "Each"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The records that a new catalog item refers to (R29, R31)."""

    category_id: int
    subcategory_id: int
    type_id: int
    unit_id: int


def misc_items_are_active(facts: Facts) -> Answer:
    """Catalog items whose Product ID contains `misc`, inactive ones included, are active (R24)."""
    if isinstance(facts.misc_items, Refused | Unread):
        return _not_seen(facts.misc_items)
    inactive = [row.name for row in facts.misc_items if not row.active]
    return failed(f"inactive: {', '.join(inactive)}") if inactive else passed(f"{len(facts.misc_items)} found")


def category_is_active(facts: Facts) -> Answer:
    """Category Miscellaneous (R25)."""
    return _is_active(facts.categories, MISCELLANEOUS)


def subcategory_is_active(facts: Facts) -> Answer:
    """Subcategory Miscellaneous, of the category of that name (R26)."""
    return _is_active(_of_category(facts), MISCELLANEOUS)


def product_type_is_active(facts: Facts) -> Answer:
    """Product type Miscellaneous (R27)."""
    return _is_active(facts.product_types, MISCELLANEOUS)


def unit_is_active(facts: Facts) -> Answer:
    """Unit of measure Each (R30, R32)."""
    return _is_active(facts.units, EACH)


def catalog_defaults(facts: Facts) -> Defaults | None:
    """What new items refer to; None unless all four are active, so that nothing is half-made (R32)."""
    wanted = (
        (facts.categories, MISCELLANEOUS),
        (_of_category(facts), MISCELLANEOUS),
        (facts.product_types, MISCELLANEOUS),
        (facts.units, EACH),
    )
    found = [_active(rows, name) for rows, name in wanted]
    match found:
        case [Row() as category, Row() as subcategory, Row() as kind, Row() as unit]:
            return Defaults(category.id, subcategory.id, kind.id, unit.id)
        case _:
            return None


def _of_category(facts: Facts) -> Rows | Refused | Unread:
    rows, category = facts.subcategories, _active(facts.categories, MISCELLANEOUS)
    if category is None or isinstance(rows, Refused | Unread):
        return rows
    return tuple(row for row in rows if row.parent in (category.id, None))


def _active(rows: Rows | Refused | Unread, name: str) -> Row | None:
    if isinstance(rows, Refused | Unread):
        return None
    return next((row for row in rows if row.active and row.name.casefold() == name.casefold()), None)


def _is_active(rows: Rows | Refused | Unread, name: str) -> Answer:
    if isinstance(rows, Refused | Unread):
        return _not_seen(rows)
    if _active(rows, name) is not None:
        return passed()
    there = any(row.name.casefold() == name.casefold() for row in rows)
    return failed(f"{name} is inactive" if there else f"{name} does not exist")


def _not_seen(reading: Refused | Unread) -> Answer:
    # Rights have checks of their own: what may not be read has not failed, and is not told twice.
    return unknown(reading if isinstance(reading, Unread) else Unread("the role may not read it"))
