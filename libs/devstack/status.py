import asyncio

from rich.console import Console
from rich.table import Table

from devstack.engines.kafka import kafka_answers
from devstack.engines.postgres import postgres_accepts
from devstack.stack import Stack


async def show_status(stack: Stack) -> bool:
    """Print what runs; whether everything is ready."""
    kafka, postgres = stack.local.kafka, stack.local.postgres
    rows = [
        ("kafka", kafka.process(), stack.engines.kafka),
        ("postgres", postgres.process(), stack.engines.postgres.rpartition("@")[2].partition("/")[0]),
    ]
    healthy = list(await asyncio.gather(kafka_answers(stack.engines.kafka), postgres_accepts(stack.engines.postgres)))
    rows += [(name, service.process(), service.url) for name, service in stack.services.items()]
    healthy += await asyncio.gather(*(service.is_ready() for service in stack.services.values()))
    table = Table("name", "pid", "url", "ready", "memory")
    for (name, process, url), ready in zip(rows, healthy, strict=True):
        if process is None:
            given = ready and name in {"kafka", "postgres"}
            table.add_row(name, "-", url if given else "-", "[green]yes, given" if given else "[dim]stopped", "-")
        else:
            memory = f"{(process.rss_bytes or 0) / 2**20:.0f} MiB"
            table.add_row(name, str(process.pid), url, "[green]yes" if ready else "[red]no", memory)
    Console().print(table)
    return all(healthy)
