"""The garbage collector of a process that is built once and then serves."""

import gc

# Most of what a call makes dies by its reference count; the usual 700 has the collector look at calls under way.
_YOUNG, _MIDDLE, _OLD = 10_000, 20, 50


def serve() -> None:
    """Leave what is there out of all later collections, and look less often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
