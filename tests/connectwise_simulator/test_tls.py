"""https with given files, and a process that says in one sentence why it does not start."""

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectwise_simulator.peers.door import listening
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.serve import TlsError, serving, tls_of
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import Site, first_failure

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}


def self_signed(folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def safe(files: tuple[Path, Path], scenario_text: str) -> AsyncIterator[Site]:
    world = World()
    text = scenario_text.replace("COMPANY", "safe") + "    options: {needs_tls: true}\n"
    add_sites(world, read_scenario(text, "safe"), "safe")
    trusted = ssl.create_default_context(cafile=files[0])
    async with serving(world, tls=tls_of(*files)) as url, Site(url, "safe", verify=trusted) as site:
        yield site


async def test_everything_is_served_over_https_and_links_say_so(safe: Site) -> None:
    assert safe.root.startswith("https://")
    answer = await safe.get("finance/agreements?pageSize=2")
    assert answer.links["next"]["url"].startswith(safe.root)
    assert (await safe.control("GET", "sites"))[0]["company_id"] == "safe"


async def test_names_are_the_certificates_under_tls(safe: Site) -> None:
    """A browser has compared them before it asks."""
    assert (await safe.get(f"{safe.root}/_simulator/sites", headers={"host": "psa.example"})).status_code == 200


async def test_faults_on_the_socket_work_under_tls(safe: Site) -> None:
    await safe.fault("reset_after", nth=1, method="POST")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await safe.add(1, **DAY)
    await safe.fault("truncated", nth=1, method="GET", path="additions$")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await safe.get("finance/agreements/1/additions")
    await safe.fault("half_open", nth=1, path="system/info")
    await safe.get("system/info")
    with pytest.raises(httpx.ReadTimeout):
        await safe.add_within(0.2, 1, **DAY)
    assert [e["told"] for e in await safe.effects()] == ["reset"]


async def test_black_hole_never_begins_a_handshake(safe: Site) -> None:
    await safe.fault("black_hole", delay=30, connections=1, nth=1, path="system/info")
    await safe.get("system/info")
    assert isinstance(await first_failure(safe, within=0.3), httpx.ConnectTimeout)
    assert (await safe.get("system/info")).status_code == 200


def test_files_that_are_no_certificate_and_key_are_named(tmp_path: Path, files: tuple[Path, Path]) -> None:
    nothing, wrong = tmp_path / "nothing.pem", tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    for pair, said in (
        ((nothing, files[1]), "nothing.pem: No such file"),
        ((files[0], nothing), "nothing.pem: No such file"),
        ((wrong, files[1]), "wrong.pem.*not a PEM certificate"),
        ((files[0], files[0]), "not a PEM certificate"),
        (self_signed(tmp_path, b"secret"), "without a password"),
    ):
        with pytest.raises(TlsError, match=said):
            tls_of(*pair)


async def _started(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connectwise_simulator", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _refusal(*words: str) -> str:
    process = await _started(*words)
    said, error = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, said) == (2, b"")
    assert b"Traceback" not in error
    return error.decode()


async def test_process_says_https_first_and_ends_clean_by_ctrl_c(files: tuple[Path, Path]) -> None:
    process = await _started("--port", "0", "--tls-cert", str(files[0]), "--tls-key", str(files[1]))
    assert process.stdout is not None
    first = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    assert first.startswith("ready https://127.0.0.1:")
    trusted = ssl.create_default_context(cafile=files[0])
    async with httpx.AsyncClient(base_url=first.split()[1], verify=trusted) as client:
        assert (await client.get("login/companyinfo/training")).json()["CompanyID"] == "training"
    process.send_signal(signal.SIGINT)
    _, error = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, error) == (0, b"")


async def test_process_ends_clean_by_ctrl_c_while_a_fault_keeps_silent() -> None:
    process = await _started("--port", "0")
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()[1]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await client.post("/_simulator/faults", json={"kind": "silent_before"})
        unanswered = asyncio.create_task(client.get("/v4_6_release/apis/3.0/system/info"))
        async with asyncio.timeout(60):
            while not (await client.get("/_simulator/faults")).json()[0]["struck"]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, error = await asyncio.wait_for(process.communicate(), 60)
        with pytest.raises(httpx.RemoteProtocolError):
            await unanswered
    assert (process.returncode, error) == (0, b"")


async def test_process_names_what_keeps_it_from_starting(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert await _refusal("--port", port) == (
            f"127.0.0.1:{port}: another process is listening there; name another port, or 0 for a free one\n"
        )
    for words, said in (
        (("--host", "192.0.2.1"), "192.0.2.1:0: cannot listen there"),
        (("--tls-cert", str(tmp_path / "no.pem"), "--tls-key", "x"), "no.pem: No such file"),
        (("--tls-cert", "x"), "belong together"),
    ):
        assert said in await _refusal("--port", "0", *words)
    assert "127.0.0.1:70000: cannot listen there" in await _refusal("--port", "70000")
