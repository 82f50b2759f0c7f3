"""Secrets at rest and in events: sealed with a key each, which is wrapped by the deployment's key."""

import base64
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.events import SealedSecret
from contracts.values import TenantId

_KEY_BYTES = 32
_NONCE_BYTES = 12


class UnsealError(Exception):
    """A sealed secret that this deployment cannot open: another key, another tenant or field, or altered bytes."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The deployment's keys: one seals, all open. Rotation adds the new one everywhere before it seals."""

    active: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file `{"active": id, "keys": {id: base64 of 32 bytes}}`; ValueError says what is wrong with it."""
        found = json.loads(path.read_text())
        keys = {name: base64.b64decode(text, validate=True) for name, text in found["keys"].items()}
        if found["active"] not in keys:
            raise ValueError(f"{path.name}: the active key {found['active']} is not among its keys")
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise ValueError(f"{path.name}: every key is 32 bytes in base64")
        return cls(found["active"], keys)

    def seal(self, tenant_id: TenantId, name: str, secret: str) -> SealedSecret:
        """Seal a tenant's secret; it opens only for this tenant and field name."""
        data_key, wrap_nonce, nonce = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
        bound = _bound(tenant_id, name)
        return SealedSecret(
            key_id=self.active,
            wrapped_key=_text(wrap_nonce + AESGCM(self.keys[self.active]).encrypt(wrap_nonce, data_key, bound)),
            nonce=_text(nonce),
            ciphertext=_text(AESGCM(data_key).encrypt(nonce, secret.encode(), bound)),
        )

    def unseal(self, tenant_id: TenantId, name: str, sealed: SealedSecret) -> str:
        """The secret; UnsealError where it is not for this tenant, field or deployment."""
        key = self.keys.get(sealed.key_id)
        if key is None:
            raise UnsealError(f"sealed with the key {sealed.key_id}, which this deployment does not have")
        bound = _bound(tenant_id, name)
        try:
            wrapped = base64.b64decode(sealed.wrapped_key)
            data_key = AESGCM(key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound)
            opened = AESGCM(data_key).decrypt(
                base64.b64decode(sealed.nonce), base64.b64decode(sealed.ciphertext), bound
            )
        except (InvalidTag, ValueError) as error:
            raise UnsealError(f"{name} was not sealed for this tenant, or was altered") from error
        return opened.decode()


def _bound(tenant_id: TenantId, name: str) -> bytes:
    return f"{len(tenant_id)}:{tenant_id}{name}".encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
