"""Signatures by the `openssl` of this machine: the program with which anybody can check them.

So no library for it has to be installed with the command, and what the documentation tells people to type is what is
done here.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ops.shell.command_line import quoted
from ops.shell.output import ExitCode, Failure

_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""How every public key on the curve P-256 begins as DER (RFC 5480)."""

_SECONDS = 30


class FileSigner:
    """A private key in a file. Raises Failure (MISUSE) for one that is no ECDSA key on the curve P-256."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise Failure(ExitCode.MISUSE, f"there is no key {path}", next_=_MAKE_ONE.format(quoted(path)))
        self._public = self._read_public()

    def _read_public(self) -> bytes:
        done = _openssl(["pkey", "-in", str(self._path), "-passin", "pass:", "-pubout", "-outform", "DER"])
        if done.returncode != 0 or not is_p256(done.stdout):
            raise Failure(
                ExitCode.MISUSE,
                f"{self._path} holds no private ECDSA key on the curve P-256 without a passphrase",
                next_=_MAKE_ONE.format("seal-key.pem"),  # never over the file that lies there,
            )
        return done.stdout

    def public_key(self) -> bytes:
        """Its public half."""
        return self._public

    def sign(self, body: bytes) -> bytes:
        """One call of openssl."""
        done = _openssl(["dgst", "-sha256", "-sign", str(self._path), "-passin", "pass:"], body)
        if done.returncode != 0:
            raise Failure(ExitCode.UNAVAILABLE, f"openssl could not sign with {self._path}")
        return done.stdout


_MAKE_ONE = "openssl ecparam -name prime256v1 -genkey -noout -out {}"


def signer_of_folder(root: Path, sign_key: Path | None) -> FileSigner | None:
    """The signer of a local archive's seals; None where none has ever signed. Any key will do, a new one too.

    Raises Failure (MISUSE) without a key where seals are signed: one more without a signature would break their chain.
    """
    if sign_key is not None:
        return FileSigner(sign_key)
    if any(root.glob("seals/public-key-*.pem")):
        sentence = f"the seals in {root} are signed, and one without a signature would break their chain"
        raise Failure(ExitCode.MISUSE, f"{sentence}: give --sign-key FILE", kind="no_key")
    return None


def der_of(pem: bytes) -> bytes | None:
    """A public key on the curve P-256 as DER; None for anything else."""
    lines = pem.decode("ascii", "replace").split()
    try:
        start, end = lines.index("KEY-----"), len(lines) - 1 - lines[::-1].index("-----END")
        der = base64.b64decode("".join(lines[start + 1 : end]), validate=True)
    except ValueError:
        return None
    return der if is_p256(der) else None


def is_p256(der: bytes) -> bool:
    """Whether a public key as DER is one on the curve P-256."""
    return der.startswith(_P256)


def verifies(pem: bytes, body: bytes, signature: bytes) -> bool:
    """Whether the signature of these bytes is by this key."""
    with tempfile.TemporaryDirectory() as folder:
        key, signed = Path(folder) / "public-key.pem", Path(folder) / "signature"
        key.write_bytes(pem)
        signed.write_bytes(signature)
        return _openssl(["dgst", "-sha256", "-verify", str(key), "-signature", str(signed)], body).returncode == 0


def _openssl(words: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - fixed words, and paths
            ["openssl", *words],  # noqa: S607 - the one on the PATH, as in the documentation
            input=given,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise Failure(
            ExitCode.UNAVAILABLE, "openssl is not installed on this machine, and signatures are made and checked by it"
        ) from None
