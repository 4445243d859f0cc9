"""A provider's media server for measurements, in a process of its own: WAVE files of any length, over http or https.

/audio?bytes=N          all of it
/audio?bytes=N&cut=M    says N bytes and breaks off after M
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.serving import port_of, serve_on

PIECE = bytes(range(256)) * 4096


def wave_head(size: int) -> bytes:
    """The header of a WAVE file of `size` bytes in all."""
    sound = size - 44
    described = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", sound)
    return b"RIFF" + struct.pack("<I", 36 + sound) + b"WAVEfmt " + described


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or its head and its body wait for each other

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        size = int(asked["bytes"][0])
        left = int(asked.get("cut", [size])[0])
        self.close_connection = left < size
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        head = wave_head(size)
        self.wfile.write(head)
        left -= len(head)
        while left > 0:
            self.wfile.write(memoryview(PIECE)[:left])
            left -= len(PIECE)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def origin(tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """The URL of one that runs while the block does. `tls` is a certificate and its key."""
    with port_of("benchmarks.origin", *map(str, tls or ())) as port:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key, for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return paths


def main(arguments: list[str]) -> None:
    """Prints its port and serves until its standard input is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if arguments:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    serve_on(server.server_port)


if __name__ == "__main__":
    main(sys.argv[1:])
