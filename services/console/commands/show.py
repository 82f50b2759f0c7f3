"""What people see: tables, money, progress. With `--json`, what the API said."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print what the API says, as JSON.")]
# How a wait tells what it waits for now.
Says: TypeAlias = Callable[[str], None]
_UNPIPED_WIDTH = 160
_STYLES = {
    "ready": "green",
    "done": "green",
    "sealed": "green",
    "closed": "green",
    "synced": "green",
    "pushed": "green",
    "passed": "green",
    "yes": "green",
    "held": "yellow",
    "blocked": "yellow",
    "needs_approval": "yellow",
    "closed_with_held": "yellow",
    "unknown": "yellow",
    "failed": "red",
    "refused": "red",
    "not_ready": "red",
    "no": "red",
}


def out() -> Console:
    """Standard output. Piped, lines are as long as they need to be."""
    wide = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _UNPIPED_WIDTH
    return Console(highlight=False, width=wide)


def aside() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, highlight=False)


def as_json(answer: Any) -> None:
    """Print an answer as it came."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def plain(value: Any) -> str:
    """A value as one line of text: nothing in it moves the cursor or changes colours."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(plain(inner) for inner in value)
        case dict():
            told = {name: inner for name, inner in value.items() if inner} or value
            return ", ".join(f"{plain(inner)} {name}" for name, inner in told.items())
        case _:
            return "".join(c if c.isprintable() else "?" for c in str(value))


def cell(value: Any) -> Text:
    """The same, coloured where it is a state."""
    text = plain(value)
    return Text(text, style=_STYLES.get(text, ""))


def money(amount: Any) -> str:
    """An amount with thousands and at least two places; digits beyond are kept, never rounded away."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        return plain(amount)
    exponent = value.normalize().as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{value:,.{places}f}"


def decimal(amount: Any) -> Decimal:
    """An amount as the API writes it."""
    return Decimal(str(amount))


def moment(text: Any) -> str:
    """A time to the second, in this machine's zone."""
    try:
        return datetime.fromisoformat(str(text)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return plain(text)


def seconds(text: Any) -> float:
    """A time as seconds since 1970."""
    return datetime.fromisoformat(str(text)).timestamp()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "none") -> None:
    """Print a table; columns named `>...` are aligned right, `!...` are never broken."""
    found = list(rows)
    if not found:
        out().print(Text(f"{title}: {empty}" if title else empty))
        return
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        right = column.startswith(">")
        whole = right or column.startswith("!")
        drawn.add_column(
            column.lstrip(">!"),
            justify="right" if right else "left",
            no_wrap=whole,
            overflow="ellipsis" if whole else "fold",
        )
    for row in found:
        drawn.add_row(*(cell(value) for value in row))
    console = out()
    if title:
        console.print(Text(title, style="bold"))
    console.print(drawn)


def facts(title: str, pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values below each other; those without a value are left out."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if plain(value):
            drawn.add_row(name, cell(value))
    console = out()
    console.print(Text(title, style="bold"))
    console.print(drawn)


def say(sentence: str) -> None:
    """Print one sentence."""
    out().print(Text(plain(sentence)))


@contextmanager
def waiting(sentence: str) -> Iterator[Says]:
    """Show that something is going on: a spinner on a terminal, else a line for each change."""
    console = aside()
    if console.is_terminal:
        with console.status(Text(sentence)) as status:
            yield lambda new: status.update(Text(plain(new)))
        return
    last = ""

    def line(new: str) -> None:
        nonlocal last
        if new != last:
            last = new
            console.print(Text(plain(new)))

    line(sentence)
    yield line


@contextmanager
def sending(file: Path) -> Iterator[Progress]:
    """A progress bar for an upload, on a terminal."""
    console = aside()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(f"sending {plain(file.name)}", total=file.stat().st_size)
        yield progress
