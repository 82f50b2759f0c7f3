"""`fields`: which members of a record are answered. Unknown names are ignored; `_info` comes only if it is named."""

from connectwise_simulator.call import Call
from connectwise_simulator.hrefs import MARK, linked
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.schema import Model, Record
from connectwise_simulator.tables import Table

Tree = dict[str, "Tree"]


def record_text(call: Call, table: Table, record: Record, view: Model | None = None) -> str:
    """The JSON of one record as this call asked for it; a view is what another address shows of the table's rows."""
    fields = call.query.get("fields", "").strip()
    if fields:
        return dumps(_selected(_visible(view or table.model, record, call.newer), _tree(fields)))
    if view is None:
        return _at(call, table.text(record, call.newer))
    return _at(call, dumps(linked(view, _visible(view, record, call.newer))))


def _at(call: Call, text: str) -> str:
    """With links to where the client reached this site; live ones have the doubled slash too."""
    return text.replace(MARK, f"{call.request.root}//") if MARK in text else text


def _tree(fields: str) -> Tree:
    """`id,status/name` as nested names in lower case; a name alone takes everything below it."""
    tree: Tree = {}
    for path in fields.lower().split(","):
        node = tree
        for part in path.strip().split("/"):
            node = node.setdefault(part, {})
    return tree


def _visible(model: Model, record: Record, newer: bool) -> Record:
    fields = model.fields
    return {k: v for k, v in record.items() if k == "_info" or (k in fields and (newer or not fields[k].newer))}


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
