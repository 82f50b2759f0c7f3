"""The commands, as typed."""

import typer

from console.commands import access, billing, connecting, lines, operating, proving, runs
from console.commands.failing import Failing

app = typer.Typer(
    cls=Failing,
    help="Keeps ConnectWise PSA in step with what distributors and vendors bill.",
    epilog="PSABRIDGE_URL and PSABRIDGE_TOKEN name the console; without them, the stack of the current folder. "
    "Exit status: 0 well, 1 the answer is no, 2 wrong usage or input, 3 not reachable or not permitted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(connecting.connect)
app.command("import")(billing.import_file)
app.command("map")(billing.map_file)
app.add_typer(runs.app, name="runs")
app.add_typer(lines.app, name="lines")
app.command()(proving.reconcile)
app.command()(operating.status)
app.add_typer(operating.dead_letters, name="dead-letters")
app.command()(operating.topics)
app.command()(operating.adopt)
app.add_typer(access.tenants, name="tenants")
app.add_typer(access.tokens, name="tokens")


def main() -> None:
    """The entry point of `psabridge`."""
    app(prog_name="psabridge")
