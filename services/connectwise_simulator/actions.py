"""Addresses that are no table's usual verbs: each is one function of a call and the ids in its path.

The key is the method and the path below `/apis/3.0/`, in lower case, with `{}` for ids.
"""

from collections.abc import Callable

from connectwise_simulator import security, system
from connectwise_simulator.call import Answer, Call

Action = Callable[[Call, tuple[int, ...]], Answer]

ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "system/info"): system.info,
    ("GET", "system/mysecurity"): security.my_security,
    ("GET", "system/mysecurity/count"): security.my_security_count,
    ("GET", "system/mysecurity/customizeitems"): security.customize_items,
    ("GET", "system/mysecurity/customizeitems/count"): security.customize_items_count,
}
ADDRESSES_OF_ACTIONS = frozenset(path for _, path in ACTIONS)
