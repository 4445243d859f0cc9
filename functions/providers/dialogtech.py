"""DialogTech (earlier Ifbyphone): call recordings, fetched by the SID of their call through one script and an `action`.

Status and description have to be read together: 202 says "failed" of what is not ready yet, and 404 means an empty
list, a missing file or a passing trouble. Older versions may send a failure as 200 (guess, from an old client).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from functions.archiver.errors import (
    CursorRefused,
    Misconfigured,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from functions.archiver.http.client import Http, Of, Value
from functions.archiver.provider.declaration import Declaration, Option
from functions.archiver.provider.delivery import Delivery, Hint, id_from
from functions.archiver.provider.json_values import items_of, mapping_of, text_of, unread
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Json, Page, Recording, Window
from functions.archiver.secret import Secret

SCRIPT = "/ibp_api.php"
KINDS = ("findme", "locator", "recorded_calls", "survey", "queue", "powerdialer", "recorded_call", "user_recordings")

_FAILURES = (400, 404)
_SAMPLE_RATES = (8000, 11000, 22050, 44100)
_REPORT_DAYS = 7  # the span that the newer API's overview page suggests
_REPORT_FIELDS = ("sid", "date_added", "ani", "dnis", "call_duration", "enhanced_minutes", "transfer_to_number")


class DialogTech(Provider):
    """The `ibp_api.php` interface of one DialogTech account."""

    declaration = Declaration(
        title="DialogTech",
        default_base_url="https://secure.dialogtech.com",
        domains=("dialogtech.com", "ifbyphone.com"),
        secret_fields=(("access_key", "secret_access_key"),),
        options=(
            Option(name="format", help="audio format to ask for", default="wav", choices=("wav", "mp3")),
            Option(name="sample_rate", kind="integer", help="8000 (default), 11000 (wav only), 22050 or 44100 Hz"),
            Option(name="lists", kind="tables", fields=("type", "id"), help="what to list, a request each every time"),
            Option(name="call_detail", kind="boolean", default=False, help="find recordings in the call detail report"),
            Option(name="timezone", default="UTC", help="the account's time zone, such as America/Chicago"),
        ),
        rate_default=60,  # the newer API allows 100; no number is published for this one
        parallel_default=2,
        page_size=10_000,  # nothing limits a page: the lists hold all there is, and the report a week
        overlap_minimum=timedelta(days=2),  # the report knows whole days only, in the account's own zone
        deletes="file",
        uploads=True,
        webhook=("secret",),
        webhook_setup=(
            "In DialogTech's portal, add a post-call action that calls {url}/SECRET "
            "with the call's SID as parameter sid"
        ),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        options = account.options
        self._lists = _lists(options.get("lists"))
        self._by_report = options.get("call_detail") is True
        if not self._lists and not self._by_report:
            raise Misconfigured("dialogtech finds nothing without the option lists or call_detail = true")
        try:
            self._zone = ZoneInfo(str(options.get("timezone") or "UTC"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Misconfigured("the option timezone must be a name such as UTC or America/Chicago") from None
        self._wanted: dict[str, Value] = {"format": str(options.get("format") or "wav")}
        rate = options.get("sample_rate")
        if rate not in (None, *_SAMPLE_RATES) or (rate == 11000 and self._wanted["format"] == "mp3"):
            raise Misconfigured("the option sample_rate must be 8000, 11000 (wav only), 22050 or 44100")
        if isinstance(rate, int):
            self._wanted["sample_rate"] = rate

    def page(self, window: Window, cursor: str | None) -> Page:
        """A page is a week of the report; the lists, which know neither dates nor pages, come with the last one.

        Weeks without a recording are passed over, so that a long quiet time does not look like a cursor without end.
        """
        weeks = self._weeks(window.start, window.end) if self._by_report else []
        last = max(len(weeks) - 1, 0)
        if cursor not in (None, *map(str, range(last + 1))):
            raise CursorRefused("the cursor is none of this window")
        at = int(cursor or 0)
        read = self._read(self._report(*weeks[at]), window) if weeks else []
        while at < last and not read:
            at += 1
            read = self._read(self._report(*weeks[at]), window)
        sent, problems = len(read), list[str | None]()
        for building_block in self._lists if at == last else ():
            rows, problem = self._list(building_block)
            sent += len(rows)
            read += self._read(rows, window)
            problems.append(problem)
        found = {recording.id: recording for recording in read if recording}
        return Page(
            recordings=sorted(found.values(), key=lambda each: (each.recorded_at or window.end, each.id)),
            # The lists hold everything each time: telling so lets a long history be read at once. The report does not.
            rows=len(read) if self._by_report else sent,
            next_cursor=None if at == last else str(at + 1),
            problem="; ".join(filter(None, [unread(read, "SID"), *problems])) or None,
        )

    def _list(self, building_block: Mapping[str, Value]) -> tuple[Collection[Mapping[str, str]], str | None]:
        """The rows of a list, and what is wrong with it: it cannot be asked for less."""
        try:
            return self._rows("list", "recording.list", building_block), None
        except TooLarge:
            return (), f"the list of {building_block['type']} {building_block['id']} is too long to be read"

    def _read(self, rows: Collection[Mapping[str, str]], window: Window) -> list[Recording | None]:
        """The rows of which any moment that the date may mean is in the window; without a date a row is in each."""
        within = (not m or any(window.start <= each <= window.end for each in m) for m in map(self._moments, rows))
        return [self._recording(row) for row, inside in zip(rows, within, strict=True) if inside]

    def _moments(self, row: Mapping[str, str]) -> list[datetime]:
        """When it was recorded, UTC: an hour that a clock change repeats may mean either; none for a strange date."""
        try:
            moment = datetime.fromisoformat(_date(row))
            local = [moment] if moment.tzinfo else [moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1)]
            return sorted({each.astimezone(UTC) for each in local})
        except (ValueError, OverflowError):
            return []

    def _recording(self, row: Mapping[str, str]) -> Recording | None:
        """One row of a list or of the report; None when it has no usable SID, which is a text with leading zeros."""
        sid, moments = text_of(row.get("sid")), self._moments(row)
        minutes = _minutes(row.get("minutes")) or _minutes(row.get("enhanced_minutes"))
        if sid is None:
            return None
        return Recording(
            id=sid,
            call_id=sid,
            recorded_at=moments[0] if moments else None,
            recorded_at_raw=text_of(_date(row)),
            duration_seconds=minutes and round(minutes * 60, 1),
            from_number=text_of(row.get("ani")),
            to_number=text_of(row.get("dnis")),
            agent=text_of(row.get("number_connected") or row.get("transfer_to_number")),
            raw=row,
        )

    def _weeks(self, start: datetime, end: datetime) -> list[tuple[date, date]]:
        first, last = (moment.astimezone(self._zone).date() for moment in (start, end))
        begins = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, _REPORT_DAYS)]
        return [(begin, min(begin + timedelta(days=_REPORT_DAYS - 1), last)) for begin in begins]

    def _report(self, first: date, last: date) -> list[Mapping[str, str]]:
        """Calls of these days that may have a recording: enhanced minutes are those with one ("Call Detail Report")."""
        wanted: dict[str, Value] = dict.fromkeys(_REPORT_FIELDS, 1)
        wanted |= {"start_date": f"{first:%Y%m%d}", "end_date": f"{last:%Y%m%d}", "format": "xml"}
        rows = self._rows("report", "report.call_detail", wanted)
        return [row for row in rows if _minutes(row.get("enhanced_minutes")) != 0]

    def _rows(self, kind: str, action: str, params: Mapping[str, Value]) -> list[Mapping[str, str]]:
        """The rows of an answer: whatever holds nothing but texts. An empty list comes as 404 (seed page)."""
        try:
            root = self._ask(kind, action, "source", params)
        except NotFound:
            return []
        holders = (each for each in root.iter() if each is not root and len(each) and not any(map(len, each)))
        return [{field.tag: field.text.strip() for field in row if field.text} for row in holders]

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """The audio, in the format and at the rate of the options."""
        params = self._params("recording.download", {"sid": recording.id, **self._wanted})
        with self.http.stream("media", SCRIPT, params=params, handles=_FAILURES) as body:
            if body.status == 202:
                raise NotReady("DialogTech is still processing it")
            if body.status != 200 or body.peek().removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
                raise self._refusal(body.answer().xml(), body.status, "media", "recording")
            yield Opened(body=body)

    def describe(self, recording_id: str) -> Recording:
        """There is no look-up by SID: today's report, or else the lists one by one, are searched for it.

        What is in none of them can still be fetched; only its date is not known then.
        """
        now = datetime.now(UTC)
        days = self._weeks(now - timedelta(days=1), now) if self._by_report else []
        reports = (row for span in days for row in self._report(*span))
        lists = (row for each in self._lists if not days for row in self._list(each)[0])
        row = next((row for row in chain(reports, lists) if row.get("sid") == recording_id), None)
        return (self._recording(row) if row else None) or Recording(id=recording_id, call_id=recording_id)

    def delete(self, recording: Recording) -> str:
        """Removes the audio now rather than later."""
        return self._done("delete", "recording.remove", {"sid": recording.id, "delete_now": 1})

    def upload(self, *, kind: str, target_id: str, path: str) -> str:
        """Lets DialogTech fetch audio for a building block from the URL `path`."""
        return self._done("upload", "recording.upload", {"type": kind, "id": target_id, "path": path})

    def _done(self, kind: str, action: str, params: Mapping[str, Value]) -> str:
        return self._description(self._ask(kind, action, "recording", params))

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint:
        """A post-call action, unsigned, with the SID in a field `sid`. It fires before the audio is there."""
        delivery.verify_secret(secrets)
        return Hint(recording_id=id_from(delivery.fields().get("sid")))

    def _params(self, action: str, params: Mapping[str, Value]) -> dict[str, Value]:
        """Keys go into the query, as the seed page documents it; `Http` keeps queries out of every text."""
        return {"action": action, **self.account.credentials, **params}

    def _ask(self, kind: str, action: str, of: Of, params: Mapping[str, Value]) -> Element:
        answer = self.http.call(kind, "GET", SCRIPT, of=of, params=self._params(action, params), handles=_FAILURES)
        root = answer.xml()
        if answer.status != 200 or (root.findtext("result") or "").strip().lower() == "failed":
            raise self._refusal(root, answer.status, kind, of)
        return root

    def _refusal(self, root: Element, status: int, kind: str, of: Of) -> Outcome:
        """The outcome of a failure, by its description: the statuses alone do not tell."""
        text = self._description(root)
        reason = f"the {kind} request was answered with {status}: {text or 'no description'}"
        if "invalid api_key" in text.lower():
            return Unauthorized(reason)
        if "no results" in text.lower():
            return NotFound(reason)
        if of == "source":
            return Unavailable(reason)
        if status == 202 or "being processed" in text.lower():
            return NotReady(reason)
        return NotFound(reason) if "file not found" in text.lower() else Rejected(reason)

    def _description(self, root: Element) -> str:
        return self.http.quotable(root.findtext("result_description") or "")


def _lists(tables: Json) -> list[dict[str, Value]]:
    """The building blocks to list. Raises Misconfigured for one that no list can have."""
    lists: list[dict[str, Value]] = []
    for table in map(mapping_of, items_of(tables)):
        kind, id_ = str(table.get("type")), str(table.get("id"))
        if kind not in KINDS or not id_.isascii() or not id_.isdigit():
            raise Misconfigured(f"each of the option lists needs a whole number as id and as type {', '.join(KINDS)}")
        lists.append({"type": kind, "id": id_})
    return lists


def _date(row: Mapping[str, str]) -> str:
    return row.get("date") or row.get("date_added") or ""


def _minutes(text: str | None) -> float | None:
    """Minutes in tenths; None where there are none that make sense."""
    return float(text) if text and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else None
