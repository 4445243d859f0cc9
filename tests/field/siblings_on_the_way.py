"""Siblings of cases on the way to the audio: links, redirects and statuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.field.sibling import Kind, Sibling, answer, sibling

# Where it is


def links() -> Iterator[Sibling]:
    raw = {
        "a b.wav": "{base}/f/a b.wav",
        "a b+c.wav": "{base}/f/a%20b%2Bc.wav",
        'a"b.wav': '{base}/f/a"b.wav',
        "a|b[1]{x}.wav": "{base}/f/a|b[1]{x}.wav",
        "trailing.wav": "{base}/f/trailing.wav ",
        "leading.wav": " {base}/f/leading.wav",
        "line.wav": "{base}/f/line.wav\n",
        "wrapped.wav": "{base}/f/wra\r\n\tpped.wav",
        "fragment.wav": "{base}/f/fragment.wav#t=1",
        "é電.wav": "{base}/f/é電.wav",
        "100%.wav": "{base}/f/100%.wav",
        "a+b;v=1.wav": "{base}/f/a+b;v=1.wav",
        "amp.wav": "{base}/f/amp.wav?x=1&amp;y=2",
        "long.wav": "{base}/f/long.wav?t=" + "A1b2" * 2000,
        "empty.wav": "{base}/f/empty.wav?",
        "other.wav": "{other}/f/other.wav",
        "path.wav": "/f/path.wav",
    }
    for name, link in raw.items():
        yield sibling(f"link {link[:30]!r}", row={"url": link}, media_path=f"f/{name}")
        # A Location is one line, in which what is beyond ASCII travels as UTF-8.
        if not {"\n", "\r"} & set(link):
            yield sibling(f"redirect {link[:30]!r}", redirect=link.replace("/f/", "/r/"), media_path=f"r/{name}")


# What an answer's status says


def statuses() -> Iterator[Sibling]:
    page = b"<html><body>Sorry</body></html>"
    for status in (400, 403, 404, 405, 409, 416, 418, 451, 304, 204, 500, 501, 502, 503, 504, 520, 599):
        yield sibling(
            f"{status}, then the audio", answer(b"" if status in (204, 304) else page, status=status), answer()
        )
    for wait in (
        "5",
        "-1",
        "0",
        "1e9",
        "9" * 40,
        "2.5",
        "soon",
        "",
        "Wed, 04 Mar 2026 12:00:09 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ):
        for status in (429, 503):
            yield sibling(
                f"{status} until {wait}", answer(page, "length", ("Retry-After", wait), status=status), answer()
            )
    for status in (400, 403, 405, 418):
        yield sibling(f"{status} for ever", answer(page, status=status), state="failed")
    yield sibling("404 for ever", answer(page, status=404), state="gone")
    yield sibling("410", answer(page, status=410), state="gone")


KINDS: Sequence[Kind] = (links, statuses)
