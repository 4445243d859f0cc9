"""A provider that sends a WAVE file of any length, and an S3 that keeps no byte; a process of its own.

    python -m tests.memory.peers         prints its port, serves until its standard input is closed

Unlike moto this S3 checks what it is given: the SHA-256 of a single PUT, the CRC32 of each part, and at completion the
size of the whole and the CRC32 of the audio that was sent. It answers 400 where they differ.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

PIECE = bytes(range(256)) * 256
HEADER_BYTES = 44


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    audio_crc32 = 0
    part_bytes: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        """A list of nothing, or the audio."""
        parts = urlsplit(self.path)
        if parts.path != "/audio":
            return self._answer(200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
        return self._send_audio(int(parse_qs(parts.query)["bytes"][0]))

    def _send_audio(self, size: int) -> None:
        left = size - HEADER_BYTES
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        sound = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", left)
        head = b"RIFF" + struct.pack("<I", 36 + left) + b"WAVEfmt " + sound
        self.wfile.write(head)
        _Handler.audio_crc32 = zlib.crc32(head)
        while left > 0:
            _Handler.audio_crc32 = zlib.crc32(PIECE[:left], _Handler.audio_crc32)
            self.wfile.write(PIECE[:left])
            left -= len(PIECE)

    def do_PUT(self) -> None:
        sha256, crc32, left = hashlib.sha256(), 0, int(self.headers["Content-Length"])
        if number := parse_qs(urlsplit(self.path).query).get("partNumber"):  # several come at a time
            _Handler.part_bytes[number[0]] = left
        while left:
            piece = self.rfile.read(min(left, 65_536))
            left -= len(piece)
            sha256.update(piece)
            crc32 = zlib.crc32(piece, crc32)
        given = self.headers.get("x-amz-checksum-crc32"), self.headers.get("x-amz-checksum-sha256")
        right = given[0] in (None, _text(crc32)) and given[1] in (None, base64.b64encode(sha256.digest()).decode())
        self._answer(200 if right and any(given) else 400, b"", ETag='"e"')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "uploads" in self.path:
            _Handler.part_bytes.clear()
            body = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return self._answer(200, body)
        same = self.headers["x-amz-checksum-crc32"] == _text(_Handler.audio_crc32)
        same &= self.headers["x-amz-mp-object-size"] == str(sum(_Handler.part_bytes.values()))
        body = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        return self._answer(200 if same else 400, body)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/xml", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


def _text(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
