"""Small audio files, whole or cut."""

from __future__ import annotations

import struct


def wav(sound_bytes: int = 4_000, *, claimed: int | None = None, fill: bytes = b"\1\2") -> bytes:
    """A WAVE file of 8 kHz mono; `claimed` is written as the size of its sound in place of the true one."""
    size = sound_bytes if claimed is None else claimed
    head = b"RIFF" + struct.pack("<I", min(36 + size, 0xFFFFFFFF)) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", size)
    return head + fill * (sound_bytes // len(fill))


def mp3(frames: int = 20, *, cut: int = 0) -> bytes:
    """Frames of 144 bytes (MPEG-2 layer III, 16 kHz, 32 kbit/s); the last `cut` bytes are missing."""
    body = (bytes.fromhex("fff34800") + bytes(140)) * frames
    return body[: len(body) - cut]
