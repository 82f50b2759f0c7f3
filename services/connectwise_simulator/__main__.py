"""`python -m connectwise_simulator --port P [--scenario FILE] [--state FILE] [--tls-cert FILE --tls-key FILE]`."""

import argparse
import asyncio
import gc
import signal
import ssl
import sys
from pathlib import Path

import uvloop

from connectwise_simulator.peers.door import CannotListenError
from connectwise_simulator.scenarios.scenario import ScenarioError, load_scenario
from connectwise_simulator.scenarios.seeding import BUILT_IN, add_sites
from connectwise_simulator.serve import TlsError, serving, tls_of
from connectwise_simulator.state.journal import StateError
from connectwise_simulator.state.restore import restore
from connectwise_simulator.world import World


def main() -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 2 for a file that cannot be used or a port that is taken."""
    parser = argparse.ArgumentParser(prog="connectwise_simulator", description="A ConnectWise PSA to rehearse on.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
    parser.add_argument("--scenario", type=Path, help="a YAML file; without it, the built-in training site")
    parser.add_argument("--state", type=Path, help="a file that keeps everything; the scenario only begins it")
    parser.add_argument("--tls-cert", type=Path, help="a PEM file; with its key, the simulator speaks https")
    parser.add_argument("--tls-key", type=Path, help="the PEM file of its private key, without a password")
    parser.add_argument(
        "--callbacks-to",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that callbacks may go to beside this machine; may be repeated",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which pages and control may be asked, beside addresses and localhost; may be repeated",
    )
    options = parser.parse_args()
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    source: Path = options.scenario or BUILT_IN
    world = World()
    world.callbacks.allowed = frozenset(host.lower() for host in options.callbacks_to)
    world.names = frozenset(name.lower() for name in options.name)
    gc.disable()  # nothing of what is read is garbage
    try:
        tls = tls_of(options.tls_cert, options.tls_key) if options.tls_cert else None
        if options.state is None:
            _seed(world, source)
        else:
            restore(world, options.state, lambda: _seed(world, source), _say)
    except (OSError, ScenarioError, StateError, TlsError) as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130  # as a shell says it
    gc.freeze()  # to look through a large site again and again would delay answers
    gc.enable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(world, options.host, options.port, tls))
        except CannotListenError as error:
            return _refused(error)
    return 0


def _refused(error: Exception) -> int:
    sys.stderr.write(f"{error}\n")
    return 2


def _seed(world: World, source: Path) -> None:
    add_sites(world, load_scenario(source), str(source))


def _say(note: str) -> None:
    sys.stderr.write(f"{note}\n")


async def _serve(world: World, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(world, host, port, tls) as url:
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
