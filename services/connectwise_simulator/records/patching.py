"""PATCH: an array of `{op, path, value}` on top-level members.

Paths are case-sensitive, a leading slash may be there or not. A path into a member (`company/identifier`) is answered
200 and changes nothing, as is a path to a computed field: the contract's false 200.
"""

from typing import Any

from connectwise_simulator.errors import FieldError, plain
from connectwise_simulator.records.values import Reading
from connectwise_simulator.schema import Model, Record

OPERATIONS = ("replace", "add", "remove")


def changes(reading: Reading, model: Model, body: Any, *, newer: bool) -> Record:
    """The members a patch writes, None for those it clears; problems are left in `reading.errors`."""
    if not isinstance(body, list):
        raise plain(400, "ConnectWiseApi", "A patch is an array of operations.")
    written: Record = {}
    for operation in body:
        if not isinstance(operation, dict) or operation.get("op") not in OPERATIONS:
            raise plain(400, "ConnectWiseApi", "Each operation has an op of replace, add or remove, and a path.")
        path = operation.get("path")
        if not isinstance(path, str):
            raise plain(400, "ConnectWiseApi", "Each operation has a path.")
        name, _, inner = path.removeprefix("/").partition("/")
        field = model.fields.get(name)
        if field is None or (field.newer and not newer):
            reading.errors.append(FieldError("InvalidField", f"The path '{path}' does not exist.", name))
        elif not inner and not field.computed:
            value = None if operation["op"] == "remove" else operation.get("value")
            written[name] = reading.value(field, value)
    return written
