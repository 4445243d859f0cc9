"""Ids in paths. An id is hostile input: none may make a request leave the path that it was put into."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import requests


def segment(id_: str) -> str:
    """An id as one segment of a path: percent-encoded, the dots of `.` and `..` too, so that it stays where it is."""
    return id_.replace(".", "%2E") if id_ in (".", "..") else quote(id_, safe="")


def keep_encoded_dots(prepared: requests.PreparedRequest, url: str) -> None:
    """requests decodes `%2E%2E` and then climbs; the path of `url` goes out as it was written instead."""
    path = urlsplit(url).path
    if "%2E" in path and prepared.url:
        prepared.url = urlsplit(prepared.url)._replace(path=path).geturl()
