"""What an installation is born with: a sealing keyring, the console's signing key, an id. Made once, never renewed."""

import base64
import json
import os
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from devstack.layout import write_private
from devstack.locking import locked


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the keys lie."""

    sealing: Path
    console_private: Path
    console_public: Path
    installation_id: str


def provide_keys(folder: Path) -> Keys:
    """The keys of a folder; those that are missing are made."""
    with locked(folder / ".lock"):
        return _provided(folder)


def _provided(folder: Path) -> Keys:
    sealing, private, public = folder / "sealing.json", folder / "console.pem", folder / "console.pub.pem"
    installation = folder / "installation_id"
    if not sealing.exists():
        key_id = f"k-{secrets.token_hex(4)}"
        ring = {"active": key_id, "keys": {key_id: base64.b64encode(secrets.token_bytes(32)).decode()}}
        write_private(sealing, json.dumps(ring, indent=2))
    if not (private.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        write_private(public, public_pem.decode())
    if not installation.exists():
        write_private(installation, str(uuid.uuid4()))
    return Keys(
        sealing, private, public, os.environ.get("PSABRIDGE_INSTALLATION_ID") or installation.read_text().strip()
    )
