"""Time that a jump of the wall clock or a sleeping machine does not change."""

import time


def boot_seconds() -> float:
    """Seconds since boot, counting suspension."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
