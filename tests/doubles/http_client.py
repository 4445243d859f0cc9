"""What the tests of `Http`, and of all that asks through it, need on the asking side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from functions.archiver.errors import Closed
from functions.archiver.http.client import Http
from functions.archiver.secret import Secret
from tests.doubles.http_server import Reply

SECRET = Secret("s3cret-value")


class Slots:
    def __init__(self) -> None:
        self.booked: list[str] = []
        self.held: list[float] = []

    def book(self, kind: str) -> None:
        self.booked.append(kind)

    def hold(self, seconds: float) -> None:
        self.held.append(seconds)


class ShutSlots:
    def book(self, kind: str) -> None:
        raise Closed("paused", until=dt.datetime.now(dt.UTC))

    def hold(self, seconds: float) -> None:
        raise AssertionError("nothing was answered that could say so")


class Token:
    """Credentials that become good when they are renewed."""

    def __init__(self, *, renewable: bool = True) -> None:
        self.value = "old"
        self.renewable = renewable
        self.renewals = 0

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.value}"}

    def renew(self) -> bool:
        self.renewals += 1
        self.value = "new"
        return self.renewable

    def fetched(self) -> Collection[Secret]:
        return [Secret(self.value)]


def http_to(url: str, slots: Slots | None = None, **options: Any) -> Http:
    return Http(**{"base_url": url, "slots": slots or Slots(), "allow_private": True, "secrets": [SECRET], **options})


def fetch(http: Http, target: str = "/audio", **options: Any) -> bytes:
    with http.stream("media", target, **options) as body:
        return b"".join(body.chunks())


def redirect(to: str, status: int = 302, **options: Any) -> Reply:
    return Reply(status=status, headers={"Location": to}, **options)
