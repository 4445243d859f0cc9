"""The page's HTML without a browser: every page and state, escaping, links, headers, access records."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from ops.index.rows import Row
from ops.page.app import create_app
from ops.page.guard import FORM_TOKEN
from ops.page.headers import HEADERS
from ops.page.recordings import PIECE_BYTES, address_of
from ops.page.view import Media
from tests.harness.audio import wav
from tests.harness.page import HOSTILE, ROWS, SPECIAL, STATES, ViewInMemory, row

AUDIO = wav(8_000)
FORM = {"form_token": "session"}
ADDRESSES = ["/", "/days", "/day/acme-uk/2026-11-20", "/holds", "/case", "/case/Smith", "/accesses", "/keys"]


@pytest.fixture
def view(tmp_path: Path) -> ViewInMemory:
    return ViewInMemory(folder=tmp_path, audio=AUDIO)


def client_of(view: ViewInMemory, **how: bool) -> FlaskClient:
    app = create_app(view, lambda: "anna@laptop", **how)
    client = app.test_client()
    client.environ_base[FORM_TOKEN] = "session"
    return client


@pytest.fixture
def client(view: ViewInMemory) -> FlaskClient:
    return client_of(view)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize("address", [*ADDRESSES, "/nowhere", "/r/acme-uk/nothing", "/?from=never", "/day/acme-uk/x"])
def test_every_answer_carries_the_headers_and_nothing_inline(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    html = answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|<[^>]*\s(on\w+|style)=|javascript:", html)
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html)
    assert answer.status_code == (200 if address in ADDRESSES else 400 if "from=" in address else 404)


@pytest.mark.parametrize(
    "each", [*STATES.values(), *SPECIAL.values(), ROWS[0]], ids=lambda each: each.recording_id[:20]
)
def test_every_link_in_the_list_leads_to_its_recording(client: FlaskClient, each: Row) -> None:
    answer = client.get(address_of(each))
    assert answer.status_code == 200
    assert each.recording_id in unescape(answer.text)
    assert HOSTILE not in answer.text


def test_hostile_texts_stay_texts_in_every_list(client: FlaskClient, view: ViewInMemory) -> None:
    client.get(address_of(SPECIAL["hostile"]))
    for address in ("/?q=" + HOSTILE, "/?agent=img", "/accesses", "/day/acme-uk/2026-11-20", f"/?said={HOSTILE}"):
        html = client.get(address).text
        assert "<img" not in html
    assert "onerror" in client.get("/?agent=img").text


def test_the_list_shows_fifty_and_links_to_the_older_ones(client: FlaskClient) -> None:
    html = client.get("/").text
    assert html.count("data-row ") == 50
    (older,) = re.findall(r'rel="next" href="([^"]+)"', html)
    second = client.get(unescape(older)).text
    assert second.count("data-row ") == len(ROWS) - 50
    (newer,) = re.findall(r'rel="prev" href="([^"]+)"', second)
    assert client.get(unescape(newer)).text.count("data-row ") == 50


@pytest.mark.parametrize(
    "spelling", ["+441614960007", "0044 161 496 0007", "(0161) 496-0007", "161 4960007", "+44 (0)161/4960007", "0007"]
)
def test_every_spelling_of_a_number_finds_its_call(client: FlaskClient, spelling: str) -> None:
    assert "rec-00007" in client.get("/", query_string={"q": spelling}).text


def test_a_local_day_is_the_archive_s_zone_s_day(tmp_path: Path) -> None:
    """23:30 UTC on 27 November is 28 November in Berlin."""
    late = row(0, recording_id="late", recorded_at=datetime(2026, 11, 27, 23, 30, tzinfo=UTC))
    view = ViewInMemory(folder=tmp_path / "late", audio=AUDIO, rows=[late])
    berlin = client_of(view)
    assert "late" in berlin.get("/?from=2026-11-28&to=2026-11-28").text
    assert "No recording matches" in berlin.get("/?from=2026-11-27&to=2026-11-27").text


def test_when_nothing_matches_it_says_which_filter_to_loosen(client: FlaskClient) -> None:
    html = client.get("/?q=Zoe&state=failed").text
    assert 'href="/?state=failed">Without the search words</a>: 1' in html
    assert "Without the state" not in html


def test_a_mistake_in_the_search_is_one_sentence(client: FlaskClient) -> None:
    answer = client.get("/?from=31.11.2026")
    assert answer.status_code == 400
    assert "'31.11.2026' is not a day: write it as 2026-11-28" in text_of(answer.text)


@pytest.mark.parametrize("wrong", ["state=odd", "length=huge", "held=no", "transcript=2", "direction=inbound"])
def test_a_filter_that_cannot_be_applied_is_named_and_never_left_out(client: FlaskClient, wrong: str) -> None:
    answer = client.get(f"/?{wrong}")
    assert answer.status_code == 400
    name, _, value = wrong.partition("=")
    assert f"{name} '{value}': allowed are" in text_of(answer.text)
    assert "<tbody" not in answer.text


@pytest.mark.parametrize("place", ["older=x", "older=1.", "older=999999999999999999999.1", "newer=-5.1"])
def test_an_odd_address_shows_a_page_all_the_same(client: FlaskClient, place: str) -> None:
    assert client.get(f"/?{place}").status_code == 200


def test_while_the_index_is_built_it_says_so(view: ViewInMemory) -> None:
    view.building = True
    assert "The index is being built: 65 recordings so far" in text_of(client_of(view).get("/").text)


def test_an_empty_archive_says_so(tmp_path: Path) -> None:
    view = ViewInMemory(folder=tmp_path, audio=AUDIO, rows=[])
    assert "holds no recordings yet" in client_of(view).get("/").text


@pytest.mark.parametrize(
    ("name", "words", "plays"),
    [
        ("pending", "Waiting.", False),
        ("queued", "Being fetched.", False),
        ("gone", "Gone at the provider. deleted at the provider", False),
        ("failed", "Failed. the provider sent no audio", False),
        ("absent", "The audio is no longer in the archive", False),
        ("erased", "Erased.", False),
        ("quarantined", "never played here", False),
        ("altered", "These bytes are not the ones that were archived", False),
        ("held", "On hold for Smith v. Acme", True),
        ("locked", "Locked until", True),
        ("cold", "takes about 12 hours and costs about $0.02 a GB", False),
        ("gsm", "No browser plays GSM 6.10", False),
        ("timeless", "time unknown", True),
    ],
)
def test_every_state_is_told_in_words(client: FlaskClient, name: str, words: str, plays: bool) -> None:
    html = client.get(address_of((STATES | SPECIAL)[name])).text
    assert words in text_of(html)
    assert ("<audio" in html) == plays


def test_altered_bytes_are_not_called_the_original(client: FlaskClient) -> None:
    html = text_of(client.get(address_of(SPECIAL["altered"])).text)
    assert ("Download the altered bytes" in html, "the original" in html) == (True, False)


def test_altered_bytes_are_played_only_when_asked_again(client: FlaskClient, view: ViewInMemory) -> None:
    address = address_of(SPECIAL["altered"])
    assert "<audio" in client.get(f"{address}?listen=1").text
    client.get("/media/acme-uk/rec-altered").close()
    assert ("anna@laptop", "listen", "rec-altered", "") in view.accesses_seen


def test_a_view_a_listening_and_a_download_are_recorded_before_anything_is_shown(
    client: FlaskClient, view: ViewInMemory
) -> None:
    client.get("/r/acme-uk/rec-00000")
    for _ in range(3):
        client.get("/media/acme-uk/rec-00000", headers={"Range": "bytes=10-20"}).close()
    client.get("/download/acme-uk/rec-00000").close()
    assert [seen[:3] for seen in view.accesses_seen] == [
        ("anna@laptop", what, "rec-00000") for what in ("view", "listen", "download")
    ]


@pytest.mark.parametrize("address", ["/media/acme-uk/rec-00000", "/download/acme-uk/rec-00000"])
def test_without_an_access_record_no_byte_goes_out(view: ViewInMemory, address: str) -> None:
    view.log_is_writable = False
    client = client_of(view)
    answer = client.get(address)
    assert answer.status_code == 503
    assert AUDIO[:40] not in answer.data
    html = client.get("/r/acme-uk/rec-00000").text
    assert "<audio" not in html
    assert "/download/" not in html
    assert "could not be written down" in html


def test_with_a_required_reason_nothing_plays_before_it_is_given(view: ViewInMemory) -> None:
    client = client_of(view, reason_required=True)
    address = "/r/acme-uk/rec-00000"
    assert "<audio" not in client.get(address).text
    for kind in ("media", "download"):
        assert client.get(f"/{kind}/acme-uk/rec-00000").status_code == 403
    assert client.post(address, data={**FORM, "do": "reason", "reason": " "}).status_code == 409
    assert client.post(address, data={**FORM, "do": "reason", "reason": "complaint 7"}).status_code == 303
    assert "<audio" in client.get(address).text
    client.get("/media/acme-uk/rec-00000").close()
    assert view.accesses_seen[-1] == ("anna@laptop", "listen", "rec-00000", "complaint 7")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, len(AUDIO) - 1),
        ("bytes=100-199", 100, 199),
        ("bytes=5000-", 5000, len(AUDIO) - 1),
        ("bytes=0-999999999", 0, len(AUDIO) - 1),
        ("bytes=-10", len(AUDIO) - 10, len(AUDIO) - 1),
        ("bytes=-999999999", 0, len(AUDIO) - 1),
    ],
)
def test_a_range_brings_its_bytes(client: FlaskClient, asked: str, first: int, last: int) -> None:
    answer = client.get("/media/acme-uk/rec-00000", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.data == AUDIO[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(AUDIO)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", [None, "bytes=0-1,5-9", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=a-b", "bytes"])
def test_without_a_range_that_can_be_read_all_of_it_comes(client: FlaskClient, asked: str | None) -> None:
    answer = client.get("/media/acme-uk/rec-00000", headers={"Range": asked} if asked else {})
    assert (answer.status_code, answer.data) == (200, AUDIO)
    assert "Content-Range" not in answer.headers


def test_a_range_on_a_condition_that_cannot_hold_brings_all_of_it(client: FlaskClient) -> None:
    answer = client.get("/media/acme-uk/rec-00000", headers={"Range": "bytes=1-2", "If-Range": '"of-old"'})
    assert (answer.status_code, answer.data) == (200, AUDIO)


@pytest.mark.parametrize(
    "asked", [f"bytes={len(AUDIO)}-", f"bytes={10**21}-", f"bytes={len(AUDIO)}-{10**21}", "bytes=-0"]
)
def test_a_range_behind_the_end_is_refused_with_the_length(client: FlaskClient, asked: str) -> None:
    answer = client.get("/media/acme-uk/rec-00000", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(AUDIO)}"


def test_a_range_without_an_end_asks_the_archive_for_a_piece_only(
    view: ViewInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int | None]] = []
    bring = view.media

    def media(row: Row, first: int, last: int | None) -> Media:
        asked.append((first, last))
        return bring(row, first, last)

    monkeypatch.setattr(view, "media", media)
    client_of(view).get("/media/acme-uk/rec-00000", headers={"Range": "bytes=7-"}).close()
    assert asked == [(7, 7 + PIECE_BYTES - 1)]


def test_a_download_is_the_original_with_a_plain_name(client: FlaskClient) -> None:
    answer = client.get(address_of(SPECIAL["hostile"]).replace("/r/", "/download/"))
    assert answer.data == AUDIO
    named = answer.headers["Content-Disposition"]
    assert named.startswith("attachment; filename=")
    assert not set("<>\r\n") & set(named)


def test_nothing_changes_without_the_form_s_token(client: FlaskClient, view: ViewInMemory) -> None:
    for address in ("/case", "/r/acme-uk/rec-00000"):
        for token in ({}, {"form_token": ""}, {"form_token": "other"}, {"form_token": "ü"}):
            assert client.post(address, data={"do": "hold", "case": "x", **token}).status_code == 403
    assert view.done == []


def test_a_recording_is_put_on_hold_and_tried_again(client: FlaskClient, view: ViewInMemory) -> None:
    answer = client.post("/r/acme-uk/rec-00000", data={**FORM, "do": "hold", "case": "Smith", "reason": "court"})
    assert "1 on hold for Smith." in client.get(answer.headers["Location"]).text
    client.post(address_of(STATES["failed"]), data={**FORM, "do": "retry"})
    assert view.done == [("hold", "Smith", 1), ("retry", "", 1)]


def test_a_refusal_of_the_archive_is_shown_in_its_words(client: FlaskClient) -> None:
    answer = client.post("/r/acme-uk/rec-00000", data={**FORM, "do": "hold", "case": "refused"})
    assert answer.status_code == 409
    assert "no Object Lock" in answer.text


def test_a_case_is_filled_held_and_exported(client: FlaskClient, view: ViewInMemory) -> None:
    for number in (0, 2, 2):
        data = {**FORM, "do": "add", "source": "acme-uk", "id": f"rec-{number:05d}", "back": "/?q=1"}
        assert client.post("/case", data=data).headers["Location"] == "/?q=1"
    assert client.get("/case").text.count("data-row ") == 2
    assert 'class="count">2<' in client.get("/").text
    for do in ("hold", "export"):
        answer = client.post("/case", data={**FORM, "do": do, "case": "Smith", "reason": ""})
        assert "2 " in client.get(answer.headers["Location"]).text
    assert view.done == [("hold", "Smith", 2), ("export", "Smith", 2)]
    client.post("/case", data={**FORM, "do": "remove", "source": "acme-uk", "id": "rec-00000"})
    client.post("/case", data={**FORM, "do": "clear"})
    assert "Nothing is picked" in client.get("/case").text
    assert client.post("/case", data={**FORM, "do": "hold", "case": "Smith"}).status_code == 409


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_a_form_never_leads_to_another_site(client: FlaskClient, back: str) -> None:
    answer = client.post("/case", data={**FORM, "do": "clear", "back": back})
    assert urljoin("http://127.0.0.1:1/", answer.headers["Location"]) == "http://127.0.0.1:1/case"


def test_a_read_only_page_changes_nothing_but_still_records(view: ViewInMemory) -> None:
    client = client_of(view, read_only=True)
    assert "Put on hold" not in client.get("/r/acme-uk/rec-00000").text
    assert client.post("/r/acme-uk/rec-00000", data={**FORM, "do": "hold", "case": "x"}).status_code == 409
    assert view.done == []
    assert view.accesses_seen


def test_an_expired_sign_in_is_told_with_the_next_step(view: ViewInMemory) -> None:
    view.reachable = False
    answer = client_of(view).get("/r/acme-uk/rec-00000")
    assert answer.status_code == 503
    assert "aws sso login" in answer.text


def test_the_days_are_a_table_that_can_be_heard(client: FlaskClient) -> None:
    html = client.get("/days").text
    assert html.count('<th scope="col">') == 30
    assert re.search(r'aria-label="\d+ \w+: \d+ listed, \d+ archived"', html)
    assert "not looked" in html


def test_a_day_names_its_differences_and_links_them(client: FlaskClient) -> None:
    html = client.get("/day/acme-uk/2026-11-20").text
    assert 'href="/r/acme-uk/a%252Fb%2520c"' in html
    assert "0001.jsonl" in html


@pytest.mark.parametrize("address", ["/", "/r/acme-uk/rec-00000", "/days", "/holds"])
def test_every_table_has_a_caption_and_scopes(client: FlaskClient, address: str) -> None:
    tables = client.get(address).text
    assert tables.count("<table") == tables.count("<caption") > 0
    assert not re.search(r"<th(?![^>]*scope=)[ >]", tables)
