"""One HTTP exchange by http.client alone, for tests of the simulators themselves."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from simulators.providers.babelforce import Babelforce
from simulators.server import Simulator

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
SMALL: dict[str, Any] = {"sizes": (300, 5_000), "start": START, "span": dt.timedelta(days=2)}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Got:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None, **query: Any
) -> Got:
    split = urlsplit(url)
    target = split.path + (f"?{urlencode(query)}" if query else f"?{split.query}" if split.query else "")
    connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=10)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Got(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=answer.read(),
        )
    finally:
        connection.close()


def is_audio_of(got: Got, simulator: Simulator, recording_id: str) -> bool:
    recording = simulator.recordings[recording_id]
    return got.status == 200 and hashlib.sha256(got.body).hexdigest() == recording.sha256


def bearer(simulator: Babelforce) -> dict[str, str]:
    form = urlencode({"grant_type": "client_credentials", **simulator.secret}).encode()
    token = ask(f"{simulator.base_url}/oauth/token", "POST", FORM, form).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}
