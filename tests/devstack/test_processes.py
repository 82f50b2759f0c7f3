import sys
from pathlib import Path

from devstack import ports
from devstack.processes import spawn
from devstack.waiting import until

# Freeing much memory takes long, and it goes before files and ports do.
LARGE = """
import socket, sys
memory = bytearray(b"x" * 400_000_000)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
server.accept()
"""


async def test_a_killed_process_has_given_its_port_back_when_kill_returns(tmp_path: Path) -> None:
    port, log = ports.pick(), tmp_path / "log"
    for _ in range(3):
        log.write_text("")
        process = spawn([sys.executable, "-c", LARGE, str(port)], log=log, cwd=tmp_path, env={})

        async def listening() -> bool:
            return "listening" in log.read_text()

        assert await until(listening, 30)
        await process.kill()
        assert ports.is_free(port)
