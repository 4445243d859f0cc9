"""The signer of seals, as a port: a KMS key on AWS, a key in a file elsewhere."""

from __future__ import annotations

import base64
import hashlib
from typing import Protocol

_LINE = 64


class Signer(Protocol):
    """An ECDSA key on the curve P-256."""

    def public_key(self) -> bytes:
        """Its public half as DER (SubjectPublicKeyInfo)."""

    def sign(self, body: bytes) -> bytes:
        """The signature of the body's SHA-256 as DER, as `openssl dgst -sha256 -verify` takes it."""


def public_key_name(der: bytes) -> str:
    """The key under which a public key lies in the archive."""
    return f"seals/public-key-{hashlib.sha256(der).hexdigest()[:16]}.pem"


def pem_of(der: bytes) -> bytes:
    """A public key as openssl reads it."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()
