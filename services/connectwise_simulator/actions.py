"""Addresses that are no table's usual verbs: each is one function of a call and the ids in its path.

The key is the method and the path below `/apis/3.0/`, in lower case, with `{}` for ids.
"""

from collections.abc import Callable

from connectwise_simulator import audit, system
from connectwise_simulator.billing import copying, invoicing, recap
from connectwise_simulator.call import Answer, Call

Action = Callable[[Call, tuple[int, ...]], Answer]

ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "finance/agreements/{}/invoice"): invoicing.generate,
    ("POST", "finance/agreements/{}/copy"): copying.copy,
    ("GET", "finance/agreementrecap"): recap.recaps,
    ("GET", "finance/agreementrecap/{}"): recap.recap,
    ("GET", "finance/agreements/{}/recurringparameters/{}"): recap.recurring_parameters,
    ("GET", "system/audittrail"): audit.trail,
    ("GET", "system/audittrail/count"): audit.count,
    ("GET", "system/info"): system.info,
}
ADDRESSES_OF_ACTIONS = frozenset(path for _, path in ACTIONS)
