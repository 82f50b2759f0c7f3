"""`fields`: which members of a record are answered. Unknown names are ignored; `_info` comes only if it is named."""

from connectwise_simulator.call import Call
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.schema import Model, Record
from connectwise_simulator.tables import Table

Tree = dict[str, "Tree"]


def record_text(call: Call, table: Table, record: Record) -> str:
    """The JSON of one record as this call asked for it."""
    fields = call.query.get("fields", "").strip()
    if not fields:
        return table.text(record, call.newer)
    return dumps(_selected(_visible(table.model, record, call.newer), _tree(fields)))


def _tree(fields: str) -> Tree:
    """`id,status/name` as nested names in lower case; a name alone takes everything below it."""
    tree: Tree = {}
    for path in fields.lower().split(","):
        node = tree
        for part in path.strip().split("/"):
            node = node.setdefault(part, {})
    return tree


def _visible(model: Model, record: Record, newer: bool) -> Record:
    return record if newer else {k: v for k, v in record.items() if k == "_info" or not model.fields[k].newer}


def _selected(record: Record, tree: Tree) -> Record:
    chosen: Record = {}
    for name, value in record.items():
        below = tree.get(name.lower())
        if below is None:
            continue
        if below and isinstance(value, dict):
            chosen[name] = _selected(value, below)
        elif below and isinstance(value, list):
            chosen[name] = [_selected(item, below) if isinstance(item, dict) else item for item in value]
        else:
            chosen[name] = value
    return chosen
