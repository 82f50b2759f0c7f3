"""Measure every figure and say which hold: `make bench`. Exit status 1 where one does not."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from devstack.layout import CHECKOUT
from servicekit import collector
from tests.bench import (
    backlog,
    calling,
    delivering,
    importing,
    pushing,
    recording,
    scripting,
    simulating,
    waiting,
)
from tests.bench.ground import Figure, engines, machine

console = Console(width=None if sys.stdout.isatty() else 140)  # a file is no narrow terminal
# `make bench ARGS=--million`: takeover of a million open operations, which takes minutes to make.
MOST = "--million" in sys.argv[1:]


async def figures() -> AsyncIterator[Figure]:
    """Each as soon as it is measured."""
    base = CHECKOUT / ".devstack"
    base.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="bench-") as name:
        folder = Path(name)
        async with engines(folder) as running:
            for title, measured in (
                ("calling", calling.measure()),  # first: memory is told by its peak
                ("importing", importing.measure(running.postgres, folder)),
                ("recording", recording.measure(running)),
                ("pushing", pushing.measure(running.postgres)),
                ("delivering", delivering.measure(running.postgres)),
                ("scripting", scripting.measure(running.postgres)),
                ("waiting", waiting.measure(running.postgres)),
                ("backlog", backlog.measure(running.postgres, most=MOST)),
                ("simulating", simulating.measure(folder)),
            ):
                console.print(f"measuring {title} ...", style="dim")
                for figure in await measured:
                    yield figure


async def main() -> int:
    """A table of the figures with the machine they are of."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    collector.serve()  # as the services do
    table = Table("figure", "measured", "to hold", "how", title=machine())
    missed = 0
    async for figure in figures():
        sign = "at most" if figure.at_most else "at least"
        style = "" if figure.holds else "bold red"
        value, bound = (f"{amount:,.3g} {figure.unit}" for amount in (figure.value, figure.bound))
        table.add_row(figure.name, value, f"{sign} {bound}", figure.how, style=style)
        missed += not figure.holds
    console.print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
