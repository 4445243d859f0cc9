"""A real Chromium in front of the real server. Outside of `make test`: `make test-page` installs what it needs."""

from __future__ import annotations

import math
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ops.page.app import create_app
from ops.page.serve import served
from tests.harness.page import ViewInMemory

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")
MISSING = "no Chromium was found; install it with: apt-get install chromium"


def tone(seconds: int) -> bytes:
    """A WAV of a tone, 8 kHz mono."""
    second = b"".join(struct.pack("<h", int(9000 * math.sin(sample * 0.3))) for sample in range(8000))
    size = len(second) * seconds
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    return head + b"data" + struct.pack("<I", size) + second * seconds


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def view(tmp_path: Path) -> ViewInMemory:
    return ViewInMemory(folder=tmp_path, audio=tone(60))


Opens = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, view: ViewInMemory) -> Iterator[Opens]:
    """Opens the page, signed in, in a context with the given options; fails on a request that leaves loopback."""
    contexts: list[BrowserContext] = []
    left: list[str] = []
    wrong: list[str] = []
    with served(create_app(view, lambda: "anna@laptop")) as (address, _):
        base = address.partition("/?")[0]

        def open_page(**options: Any) -> Page:
            context = browser.new_context(base_url=base, **options)
            contexts.append(context)
            page = context.new_page()
            page.on("request", lambda request: None if request.url.startswith(base) else left.append(request.url))
            page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(address)
            return page

        yield open_page
        for context in contexts:
            context.close()
    assert left == []
    assert wrong == []


def until(page: Page, expression: str) -> None:
    """Waits for it from outside: the page's own policy forbids what Playwright would evaluate inside."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")
