"""The server around a world: as a process, or inside another one's event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn

from connectwise_simulator import api
from connectwise_simulator.control import control_app
from connectwise_simulator.pages.app import APART, BELOW, pages
from connectwise_simulator.peers.cross_site import own_pages_only
from connectwise_simulator.peers.door import Door, listening
from connectwise_simulator.peers.edge import Edge
from connectwise_simulator.peers.wire import App, PeerProtocol, Receive, Scope, Send
from connectwise_simulator.world import World

KEEP_ALIVE = 75  # seconds; a short one would close connections under clients that are about to write


def application(world: World) -> App:
    """API, control API and pages under one roof."""
    edge, control, people = Edge(world), own_pages_only(control_app(world), world), own_pages_only(pages(world), world)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith("/_simulator/"):
            await control(scope, receive, send)
        elif path in APART or (path.startswith(BELOW) and api.rest_of(path) is None):  # a codebase may be `sites/`
            await people(scope, receive, send)
        else:
            await edge(scope, receive, send)

    return app


@contextlib.asynccontextmanager
async def serving(
    world: World, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve the world while the block runs; gives the base URL. Raises CannotListenError."""
    listener = listening(host, port)
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
    config.load()
    door = Door(listener, lambda: PeerProtocol(config, server.server_state, {}), tls)
    shown = f"[{host}]" if ":" in host else host
    world.names |= {host.lower()}
    world.begin(f"{'https' if tls else 'http'}://{shown}:{bound}", lambda order: door.shut(order, server.hang_up))
    running = asyncio.create_task(server.serve(sockets=[]))
    try:
        while not server.started:
            if running.done():
                await running
                raise RuntimeError("the server ended before it started")
            await asyncio.sleep(0.005)
        await door.open()
        yield world.url
    finally:
        await door.close()
        await world.end()
        server.should_exit = True
        server.leave_the_silent()
        await running


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """What serves https with these files. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as error:
            raise TlsError(f"{file}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password="")  # nobody is there to type one
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower()
        raise TlsError(
            f"{certificate}, {key}: not a PEM certificate and its key without a password ({reason})"
        ) from None
    return context


class TlsError(Exception):
    """Certificate or key cannot be used; the text says which and why."""


class _Server(uvicorn.Server):
    """uvicorn without its listening, which is the door's, and its signals, which are the process's."""

    def hang_up(self) -> None:
        """End connections: idle ones at once, others after their answer."""
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def leave_the_silent(self) -> None:
        """End the connections of requests that are never answered."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, PeerProtocol) and connection.says_nothing:
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
