"""A service's HTTP edge in this process, and somebody who may call it."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.values import TenantId
from devstack import provision
from servicekit import Service
from servicekit.edge import build_app
from tenancy import Keyring

_KEY = Ed25519PrivateKey.generate()
_PUBLIC = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def environment(urls: provision.Database, keyring: Keyring | None = None, folder: Path | None = None) -> dict[str, Any]:
    """Settings of a service that only its edge is needed of; with sealing keys, written to `folder`, if it seals."""
    sealing = {}
    if keyring is not None and folder is not None:
        keys = {name: base64.b64encode(key).decode() for name, key in keyring.keys.items()}
        (folder / "ring.json").write_text(json.dumps({"active": keyring.active, "keys": keys}))
        sealing = {"sealing_keys": folder / "ring.json"}
    return sealing | {
        "kafka": "nowhere:1",
        "database_url": urls.app,
        "all_tenants_url": urls.all_tenants,
        "console_public_key": "unused.pem",
        "installation_id": "test",
    }


@asynccontextmanager
async def caller(service: Service, tenant: TenantId, *permissions: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client as the console forwards its requests."""

    async def nothing() -> None:
        return None

    app = build_app(service, _PUBLIC, not_ready=nothing, stuck=lambda: None, stopping=lambda: False, measure=nothing)
    claims = {
        "iss": "psabridge-console",
        "aud": service.name,
        "sub": "finance@example.org",
        "tenant": tenant,
        "permissions": permissions,
        "exp": int(time.time()) + 600,
    }
    headers = {"authorization": f"Bearer {jwt.encode(claims, _KEY, 'EdDSA')}"}
    transport = httpx.ASGITransport(app)
    base = f"http://test/v1/{service.name}"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
        yield client
