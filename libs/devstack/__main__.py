"""`python -m devstack COMMAND`: what `make` calls."""

import argparse
import asyncio
import importlib
import logging
import os
import sys
from pathlib import Path

from devstack.engines.jars import provide
from devstack.engines.kafka import JARS
from devstack.errors import DevstackError
from devstack.follow import print_logs
from devstack.progress import progress
from devstack.services import ALL
from devstack.stack import Stack
from devstack.status import show_status

COMMANDS = {
    "up": "start Kafka, PostgreSQL, the simulator and all services",
    "down": "stop all of it",
    "restart": "stop and start services (all, or those named)",
    "status": "what runs, where, and whether it is ready",
    "logs": "the logs of the services (all, or those named); -f follows",
    "engines": "start Kafka and PostgreSQL only, and print how to reach them",
    "topics": "create missing topics, compare existing ones",
    "migrate": "provision and migrate every database",
    "prepare": "topics, roles, databases, schemas and keys on engines that run already (containers)",
    "reset": "stop all and delete databases, topics, keys and logs of this checkout",
    "jars": "fetch Kafka's jars",
    "demo": "the demonstration",
}


def main() -> int:
    """Run one command; 1 and a sentence when a person has to do something."""
    # The clients' own words on a broker that is still starting are noise here; a failure is said in ours.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    command, words = (sys.argv[1] if sys.argv[1:] else "--help"), sys.argv[2:]
    try:
        if command == "demo":
            sys.argv = [f"{sys.argv[0]} demo", *words]
            return int(importlib.import_module("devstack.demo").main() or 0)
        return _run(sys.argv[1:] or ["--help"])
    except DevstackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command continues from here, `make down` stops what runs", file=sys.stderr)
        return 130


def _run(words: list[str]) -> int:
    options = _parser().parse_args(words)
    root = Path(options.root)
    named = getattr(options, "services", None) or list(ALL)
    if unknown := set(named) - set(ALL):
        raise DevstackError(f"There is no service {', '.join(sorted(unknown))}; there are {', '.join(ALL)}.")
    match options.command:
        case "jars":
            if not os.environ.get("PSABRIDGE_KAFKA"):
                with progress("fetching Kafka's jars") as say:
                    fetched = provide(JARS)
                    say(f"Kafka's jars: {fetched} fetched and checked" if fetched else "Kafka's jars: complete")
        case "status":
            return 0 if asyncio.run(show_status(Stack(root))) else 1
        case "logs":
            stack = Stack(root)
            print_logs({name: stack.layout.log(name) for name in named}, follow=options.follow)
        case command:
            with progress(f"at work on `{command}`") as say:
                stack = Stack(root, say=say)
                with stack.exclusive():
                    asyncio.run(_change(stack, command, named))
    return 0


async def _change(stack: Stack, command: str, named: list[str]) -> None:
    match command:
        case "up":
            await stack.up()
        case "down":
            await stack.down()
        case "reset":
            await stack.reset()
        case "restart":
            for name in named:
                await stack.service(name).stop()
            await stack.up()
        case "engines":
            engines = await stack.start_engines()
            stack.say(f"PSABRIDGE_KAFKA={engines.kafka}")
            stack.say(f"PSABRIDGE_POSTGRES={engines.postgres}")
        case "topics":
            await stack.start_kafka()
            await stack.topics()
        case "prepare":
            await stack.prepare()
        case "migrate":
            await stack.start_postgres()
            await stack.provision()
            await stack.migrate(always=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack")
    parser.add_argument("--root", default=".", help="the checkout whose stack is meant")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in {"logs", "restart"}:
            command.add_argument("services", nargs="*", metavar="SERVICE")
        if name == "logs":
            command.add_argument("-f", "--follow", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
