import errno
import random
import socket
from collections.abc import Collection

from devstack.errors import DevstackError

FIRST, LAST = 15000, 29999
"""Below the ephemeral range (32768 up): there any outgoing connection can take a port before a server binds it,
and a client that retries while its server is down can connect to itself and block the port for good."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        # As servers do: connections of a former run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def pick(taken: Collection[int] = ()) -> int:
    """A free port, random so that two checkouts rarely meet."""
    for port in random.sample(range(FIRST, LAST + 1), 200):
        if port not in taken and is_free(port):
            return port
    raise DevstackError(f"No free port between {FIRST} and {LAST} on 127.0.0.1: stop something that listens there.")
