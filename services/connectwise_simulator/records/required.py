"""Which members a record must have.

A record from a scenario may lack what a client must give: only clearing it is refused then.
"""

from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Field, Model, Record


def missing(model: Model, record: Record, before: Record | None) -> list[FieldError]:
    """What a record lacks, new or changed."""
    return [_refusal(f) for f in model.fields.values() if f.required and _is_lacking(f, record, before)]


def left_out(model: Model, written: Record, before: Record) -> list[FieldError]:
    """What a replacement does not give of the members required on updates (contract 3.2)."""
    return [_refusal(f) for f in model.fields.values() if f.needed_on_update and _is_lacking(f, written, before)]


def _is_lacking(field: Field, record: Record, before: Record | None) -> bool:
    return record.get(field.name) in (None, "") and (before is None or field.name in before)


def _refusal(field: Field) -> FieldError:
    return FieldError("MissingRequiredField", f"The field {field.name} is required.", field.name)
