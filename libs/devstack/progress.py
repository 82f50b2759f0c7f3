import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

QUIET = 10
"""Seconds without a word after which a log (no terminal) is told that work goes on."""


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """Lines with the time since the start; on a terminal also a spinner, elsewhere a line when it was long silent."""
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    last = [started]

    def say(text: str) -> None:
        last[0] = time.monotonic()
        console.print(f"{last[0] - started:6.1f} s  {text}", markup=False)

    if console.is_terminal:
        with console.status(doing):
            yield say
        return
    over = threading.Event()

    def beat() -> None:
        while not over.wait(1):
            if time.monotonic() - last[0] >= QUIET:
                say(f"still {doing}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield say
    finally:
        over.set()
        thread.join()
