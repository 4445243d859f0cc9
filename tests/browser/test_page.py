"""The page as people meet it: every state, keyboard alone, narrow, without violations, and playing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ops.page.recordings import address_of
from tests.browser.conftest import Opens, tone, until
from tests.harness.page import HOSTILE, ROWS, SPECIAL, STATES, ViewInMemory

PAGES = {
    "search": "/",
    "narrowed": "/?q=0404&state=archived&from=2026-11-01",
    "no match": "/?q=zzzz&state=failed",
    "mistake": "/?from=never",
    "days": "/days",
    "day": "/day/acme-uk/2026-11-20",
    "holds": "/holds",
    "case": "/case",
    "accesses": "/accesses",
    "keys": "/keys",
    "nowhere": "/nowhere",
    "recording": address_of(ROWS[0]),
    **{name: address_of(row) for name, row in (STATES | SPECIAL).items()},
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_and_state(opened: Opens, view: ViewInMemory, scheme: str) -> None:
    page = opened(color_scheme=scheme, bypass_csp=True)
    page.on("console", lambda line: None)
    found = {}
    for name, address in PAGES.items():
        if name in ("mistake", "nowhere"):
            continue  # their status is an error in the console, which is looked at elsewhere
        page.goto(address)
        for violation in Axe().run(page)["violations"]:
            found[f"{name}: {violation['id']}"] = [node["html"][:120] for node in violation["nodes"]][:3]
    assert found == {}


def test_nothing_scrolls_sideways_at_320_pixels(opened: Opens) -> None:
    page = opened(viewport={"width": 320, "height": 700})
    for name, address in PAGES.items():
        if name in ("mistake", "nowhere"):
            continue
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name


def test_a_number_of_fifteen_digits_stays_on_one_line_on_a_desktop(opened: Opens) -> None:
    page = opened(viewport={"width": 1280, "height": 900})
    page.evaluate("document.querySelectorAll('td[data-head=Agent]').forEach(e => e.textContent = 'f'.repeat(90))")
    script = """() => [...document.querySelectorAll('td[data-head=From], td[data-head=To]')].map(cell => {
        cell.textContent = '+999221197063123';
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getClientRects().length;
    })"""
    assert set(page.evaluate(script)) == {1}


def test_every_target_is_at_least_24_pixels_high(opened: Opens) -> None:
    page = opened()
    script = """() => [...document.querySelectorAll('a, button, input, select, summary')]
        .filter(e => e.offsetParent && getComputedStyle(e).position !== 'absolute')
        .filter(e => !e.closest('p, li, dd, .notice, h1'))
        .filter(e => e.getBoundingClientRect().height < 23.5).map(e => e.outerHTML.slice(0, 80))"""
    for address in ("/", "/days", address_of(ROWS[0])):
        page.goto(address)
        assert page.evaluate(script) == []


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_a_call_is_found_heard_held_and_exported_without_a_mouse(opened: Opens, view: ViewInMemory) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("(0161) 496-0007")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 recording")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.get_by_text("in the case")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press(" ")
    until(page, "document.querySelector('audio').currentTime > 0.2")
    for key in (">", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25
    assert page.evaluate("document.querySelector('audio').currentTime") > 34
    page.keyboard.press(" ")
    page.keyboard.press("Home")
    page.keyboard.press("0")
    assert page.evaluate("[document.querySelector('audio').paused, document.querySelector('audio').playbackRate]") == [
        True,
        1,
    ]
    page.keyboard.press("h")
    page.keyboard.type("Smith v. Acme")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 on hold for Smith v. Acme.")
    page.goto("/case")
    page.get_by_label("Name of the case").focus()
    page.keyboard.type("Smith v. Acme")
    page.get_by_role("button", name="Export all").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 exported")
    assert view.done == [("hold", "Smith v. Acme", 1), ("export", "Smith v. Acme", 1)]


def test_keys_are_off_in_fields_and_can_be_switched_off(opened: Opens) -> None:
    page = opened()
    page.get_by_label("Number, agent, call or recording id").focus()
    page.keyboard.type("jk?h")
    assert page.url.endswith("/")
    page.goto("/keys")
    page.get_by_role("button", name="Keys are on").press("Enter")
    page.goto("/")
    page.keyboard.press("?")
    page.keyboard.press("j")
    assert page.url.endswith("/")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_the_skip_link_comes_first_and_leads_to_the_content(opened: Opens) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_arrows_walk_the_table_of_days(opened: Opens) -> None:
    page = opened()
    page.goto("/days")
    first = page.locator("[data-grid] tbody tr:first-child a").first
    first.focus()
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    after = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert before != after
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("acme-uk")


def test_a_link_with_a_time_starts_there(opened: Opens) -> None:
    page = opened()
    page.goto(f"{address_of(ROWS[0])}#t=0:42")
    until(page, "document.querySelector('audio').currentTime >= 42")


def test_seeking_in_a_long_recording_asks_for_a_range_and_not_for_the_whole(opened: Opens, view: ViewInMemory) -> None:
    view.audio = tone(3600)
    page = opened()
    ranges: list[str] = []
    page.on(
        "request", lambda request: ranges.append(request.headers.get("range", "")) if "/media/" in request.url else None
    )
    page.goto(address_of(ROWS[0]))
    until(page, "document.querySelector('audio').readyState > 0")
    begin = time.monotonic()
    page.evaluate("document.querySelector('audio').currentTime = 3000")
    until(page, "!document.querySelector('audio').seeking")
    assert any(int(asked[6:].split("-")[0]) > 40_000_000 for asked in ranges if asked.startswith("bytes="))
    print(f"a seek to 50:00 took {time.monotonic() - begin:.2f} s")  # noqa: T201 - a figure for the log


def test_a_file_that_the_browser_cannot_play_is_said_in_words(opened: Opens, view: ViewInMemory) -> None:
    view.audio = b"no audio at all" * 1000
    page = opened()
    page.goto(address_of(ROWS[0]))
    expect(page.get_by_text("This browser cannot play this file")).to_be_visible()
    expect(page.get_by_role("link", name="Download the original")).to_be_visible()


def test_hostile_texts_run_nothing(opened: Opens) -> None:
    page = opened()
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for address in ("/?agent=img", address_of(SPECIAL["hostile"]), f"/?q={HOSTILE}", "/day/acme-uk/2026-11-20"):
        page.goto(address)
        assert page.locator("main img").count() == 0
    assert alerts == []


def test_without_javascript_everything_but_keys_works(opened: Opens) -> None:
    page = opened(java_script_enabled=False)
    page.get_by_label("Number, agent, call or recording id").fill("0007")
    page.get_by_role("button", name="Search").click()
    page.locator("[data-row] th a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Put into the case").click()
    expect(page.get_by_role("button", name="Take out of the case")).to_be_visible()


PICTURES = [("search", 1440), ("recording", 1440), ("altered", 768), ("days", 1440), ("search", 320)]


@pytest.mark.parametrize(("name", "width"), PICTURES)
def test_pictures_for_the_docs_can_be_taken(
    opened: Opens, name: str, width: int, request: pytest.FixtureRequest
) -> None:
    """With `--pictures FOLDER` they are kept there."""
    page = opened(viewport={"width": width, "height": 800})
    page.goto(PAGES[name])
    picture = page.screenshot(animations="disabled")
    assert picture.startswith(b"\x89PNG")
    folder = request.config.getoption("--pictures")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}-{width}.png").write_bytes(picture)
