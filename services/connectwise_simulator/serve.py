"""The server around a world: as a process, or inside another one's event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs

import uvicorn

from connectwise_simulator.control import control_app
from connectwise_simulator.edge import Edge
from connectwise_simulator.page import page
from connectwise_simulator.wire import App, PeerProtocol, Receive, Scope, Send
from connectwise_simulator.world import World

KEEP_ALIVE = 75  # seconds; a short one would close connections under clients that are about to write


def application(world: World) -> App:
    """API, control API and page under one roof."""
    edge, control = Edge(world), control_app(world)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith("/_simulator/"):
            await control(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            first = query.get("first", ["0"])[0]
            site = query.get("site", [None])[0]
            found = page(world, site, int(first) if first.isascii() and first.isdigit() else 0)
            headers = [(b"content-type", found.content_type.encode())]
            await send({"type": "http.response.start", "status": found.status, "headers": headers})
            await send({"type": "http.response.body", "body": found.body.encode()})
        else:
            await edge(scope, receive, send)

    return app


@contextlib.asynccontextmanager
async def serving(world: World, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the world while the block runs; gives the base URL."""
    listener = socket.create_server((host, port), backlog=1024)
    # Head and body leave in two writes: with Nagle's algorithm every answer would wait 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound = listener.getsockname()[1]
    config = uvicorn.Config(
        application(world),
        http=PeerProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if running.done():
                await running
                raise RuntimeError("the server ended before it started")
            await asyncio.sleep(0.005)
        yield f"http://{host}:{bound}"
    finally:
        server.should_exit = True
        for task in list(world.late):
            task.cancel()
        await running
        listener.close()


class _Server(uvicorn.Server):
    """Signals belong to the process, not to the server in it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
