"""`python -m connectwise_simulator --port P [--scenario FILE] [--state FILE] [--host HOST]`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from connectwise_simulator.journal import StateError
from connectwise_simulator.restore import restore
from connectwise_simulator.scenario import ScenarioError, read_scenario
from connectwise_simulator.seeding import BUILT_IN, add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World


def main() -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 2 for a scenario or a state file that cannot be used."""
    parser = argparse.ArgumentParser(prog="connectwise_simulator", description="A ConnectWise PSA to rehearse on.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
    parser.add_argument("--scenario", type=Path, help="a YAML file; without it, the built-in training site")
    parser.add_argument("--state", type=Path, help="a file that keeps everything; the scenario only begins it")
    options = parser.parse_args()
    source: Path = options.scenario or BUILT_IN
    world = World()
    try:
        if options.state is None:
            _seed(world, source)
        else:
            restore(world, options.state, lambda: _seed(world, source), _say)
    except (OSError, UnicodeDecodeError, ScenarioError, StateError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(world, options.host, options.port))
    return 0


def _seed(world: World, source: Path) -> None:
    add_sites(world, read_scenario(source.read_text(encoding="utf-8"), source.name), source.name)


def _say(note: str) -> None:
    sys.stderr.write(f"{note}\n")


async def _serve(world: World, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(world, host, port) as url:
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
