"""The door of the page: one token, one cookie, one host, and changes only from the page itself."""

from __future__ import annotations

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from ops.page.guard import FORM_TOKEN, IDLE_SECONDS, Guard
from ops.page.headers import HEADERS

HOST = "127.0.0.1:8000"


class Clock:
    """A clock that tests move."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    @Request.application
    def app(request: Request) -> Response:
        return Response(f"{request.method} {request.path} {bool(request.environ[FORM_TOKEN])}")

    return Guard(app, port=8000, clock=clock)


@pytest.fixture
def stranger(guard: Guard) -> Client:
    return Client(guard)


@pytest.fixture
def browser(guard: Guard) -> Client:
    client = Client(guard)
    assert client.get(guard.path, headers={"Host": HOST}).status_code == 303
    return client


def test_the_first_address_opens_the_session_and_leaves_the_token_behind(browser: Client) -> None:
    answer = browser.get("/x", headers={"Host": HOST})
    assert (answer.status_code, answer.text) == (200, "GET /x True")


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(guard: Guard, stranger: Client) -> None:
    answer = stranger.get(guard.path, headers={"Host": HOST})
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert answer.headers["Location"] == "/"


def test_without_the_cookie_nothing_is_answered(stranger: Client) -> None:
    assert stranger.get("/", headers={"Host": HOST}).status_code == 403


@pytest.mark.parametrize("cookie", ["recordings-8000=", "recordings-8000=wrong", "recordings-8000=ü", "a b;;=", ""])
def test_a_wrong_cookie_is_none(stranger: Client, cookie: str) -> None:
    headers = {"Host": HOST, "Cookie": cookie.encode().decode("latin-1")}
    assert stranger.get("/", headers=headers).status_code == 403


def test_a_refusal_and_the_first_answer_carry_the_headers_of_every_page(guard: Guard, stranger: Client) -> None:
    refused = stranger.get("/", headers={"Host": HOST})
    opened = stranger.get(guard.path, headers={"Host": HOST})
    foreign = stranger.get("/", headers={"Host": "evil.example"})
    for answer in (refused, opened, foreign):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_token_works_once(guard: Guard, browser: Client, stranger: Client) -> None:
    spent = "/?token=" + "x" * 43
    for address in (guard.path, spent):
        assert stranger.get(address, headers={"Host": HOST}).status_code == 403
    assert browser.get("/", headers={"Host": HOST}).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "%FF", "a&token=b"])
def test_a_wrong_token_opens_nothing_and_leaves_the_right_one(guard: Guard, stranger: Client, token: str) -> None:
    assert stranger.get(f"/?token={token}", headers={"Host": HOST}).status_code == 403
    assert stranger.get(guard.path, headers={"Host": HOST}).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "", "localhost."])
def test_another_host_is_refused_even_with_the_cookie(browser: Client, host: str) -> None:
    answer = browser.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "ssh -L 8000:127.0.0.1:8000" in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", HOST])
def test_the_loopback_names_are_taken(guard: Guard, host: str) -> None:
    assert Client(guard).get(guard.path, headers={"Host": host}).status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_a_change_from_elsewhere_is_refused(browser: Client, method: str, site: str | None) -> None:
    headers = {"Host": HOST} | ({"Sec-Fetch-Site": site} if site else {})
    assert browser.open("/", method=method, headers=headers).status_code == 403


@pytest.mark.parametrize("origin", [None, f"http://{HOST}", "null"])
def test_a_change_from_the_page_itself_goes_through(browser: Client, origin: str | None) -> None:
    headers = {"Host": HOST, "Sec-Fetch-Site": "same-origin"} | ({"Origin": origin} if origin else {})
    assert browser.post("/do", headers=headers).text == "POST /do True"


@pytest.mark.parametrize("origin", ["http://evil.example", f"https://{HOST}", "http://127.0.0.1:8001", ""])
def test_a_change_that_names_another_origin_is_refused(browser: Client, origin: str) -> None:
    headers = {"Host": HOST, "Sec-Fetch-Site": "same-origin", "Origin": origin}
    assert browser.post("/do", headers=headers).status_code == 403


def test_the_session_ends_after_half_an_hour_without_a_request(browser: Client, guard: Guard, clock: Clock) -> None:
    clock.now = IDLE_SECONDS - 1
    assert browser.get("/", headers={"Host": HOST}).status_code == 200
    clock.now = 2 * IDLE_SECONDS
    assert guard.is_over
    answer = browser.get("/", headers={"Host": HOST})
    assert answer.status_code == 403
    assert "over" in answer.text


def test_a_stranger_does_not_keep_the_session_alive(guard: Guard, stranger: Client, clock: Clock) -> None:
    clock.now = IDLE_SECONDS - 1
    stranger.get("/", headers={"Host": HOST})
    clock.now = IDLE_SECONDS + 1
    assert guard.is_over
