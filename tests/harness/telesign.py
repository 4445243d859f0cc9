"""Rows and answers as TeleSign gives them."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from typing import Any

from functions.archiver.recording import Json, Recording, Window
from functions.archiver.secret import Secret
from functions.providers.telesign import LIST, TeleSign
from tests.doubles.http_server import HttpServer, Reply

API_KEY = b64encode(b"the signing key").decode()
KEYS = {"customer_id": Secret("1234-ABCD"), "api_key": Secret(API_KEY)}
WINDOW = Window(
    start=dt.datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=dt.UTC),
    end=dt.datetime(2026, 1, 2, 0, 0, 0, 1, tzinfo=dt.UTC),
)
ONE = "D596D7B0D1800164898350B4E71B005B"
FILE, OTHER_FILE = f"{ONE}_1767225611.wav", f"{ONE}_1767225701.wav"
BY_ID = f"{LIST}/{ONE}"


def row(file_name: str | None = FILE, status: str = "available", **fields: Any) -> dict[str, Json]:
    return {"reference_id": ONE, "file_name": file_name, "status": status, "date": "2026-01-01T12:00:00", **fields}


def page_of(*rows: Json, token: str | None = None) -> Reply:
    return document({"call_recordings": rows, "token": token})


def document(value: Json, status: int = 200) -> Reply:
    return Reply(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


def refused(code: int, status: int, *, within: str = "errors") -> Reply:
    told: dict[str, Json] = {"errors": [{"code": code}]} if within == "errors" else {"status": {"code": code}}
    return document(told, status)


def transcribed(*parts: tuple[str, str | None]) -> dict[str, Json]:
    return {"language_code": "en-US", "transcription": [{"status": status, "result": text} for status, text in parts]}


def link(server: HttpServer, path: str = "/signed") -> str:
    return f"{server.url}{path}?Expires=1&Signature=s1gned&Key-Pair-Id=K"


def audio_of(telesign: TeleSign, recording: Recording | None = None) -> bytes:
    with telesign.open(recording or Recording(id=FILE, call_id=ONE)) as opened:
        return b"".join(opened.body.chunks())
