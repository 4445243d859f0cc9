from __future__ import annotations

import pytest

from functions.archiver.http.url_paths import origin_of


@pytest.mark.parametrize(
    "url", ["https://Zoom.us/v2/x", "https://zoom.us:443", "HTTPS://zoom.us?a=b", "https://u@zoom.us"]
)
def test_an_origin_is_the_same_however_it_is_written(url: str) -> None:
    assert origin_of(url) == origin_of("https://zoom.us")


@pytest.mark.parametrize(
    "url", ["http://zoom.us", "https://zoom.us:8443", "https://zoom.us.example", "https://api.zoom.us"]
)
def test_another_scheme_host_or_port_is_another_origin(url: str) -> None:
    assert origin_of(url) != origin_of("https://zoom.us")


@pytest.mark.parametrize("url", ["", "zoom.us", "/path", "https://", "https://[::1", "mailto:somebody"])
def test_what_is_no_url_has_none(url: str) -> None:
    assert origin_of(url) == ""
