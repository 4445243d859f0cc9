"""Twilio Voice: recordings of one account, or of one of its subaccounts, which is a source of its own.

Statements without another source are from the published API description and the official Python SDK.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from functions.archiver.errors import (
    BadEvent,
    CursorRefused,
    Gone,
    NotFound,
    NotReady,
    Rejected,
    Unavailable,
    Unfetchable,
    Unverified,
)
from functions.archiver.http.auth import StaticAuth, basic
from functions.archiver.http.client import Body, Http, segment
from functions.archiver.provider.declaration import Declaration, Option
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, id_from
from functions.archiver.provider.json_values import (
    count_of,
    link_of,
    mapping_of,
    moment_of,
    text_of,
    without,
    written,
)
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Json, Page, Readiness, Recording, Rendition, Window
from functions.archiver.secret import Secret

VERSION = "2010-04-01"

_UNFINISHED = ("in-progress", "paused", "stopped", "processing")
_BROKEN = {16101: "it was too short", 16102: "it was silent"}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LINKS = ("media_url", "uri", "subresource_uris")


class Twilio(Provider):
    """The 2010 API of one Twilio account."""

    declaration = Declaration(
        title="Twilio",
        default_base_url="https://api.twilio.com",
        secret_fields=(
            ("account_sid", "api_key", "api_secret", "auth_token"),
            ("account_sid", "api_key", "api_secret"),
            ("account_sid", "auth_token"),
        ),
        public_fields=("account_sid", "api_key"),
        options=(
            Option(
                name="subaccount",
                help="the SID of a subaccount whose recordings are archived, in place of the account's own",
                pattern="AC[0-9a-zA-Z]{32}",
            ),
            Option(name="format", help="audio format to ask for", choices=("wav", "mp3"), default="wav"),
            Option(
                name="channels",
                help="both sides of a call apart (dual, where it was recorded so) or mixed (mono)",
                choices=("dual", "mono"),
                default="dual",
            ),
        ),
        rate_default=300,  # Twilio limits requests under way at the same time, not requests a minute
        parallel_default=4,
        overlap_minimum=timedelta(hours=24),
        page_size=1000,
        granularity=timedelta(days=1),  # the text speaks of whole days in GMT; whether hours count is unknown
        deletes="file",
        webhook=("signature",),
        webhook_setup=(
            "Set recordingStatusCallback to {url} wherever you start recordings, in TwiML or by the API; Twilio signs "
            "with the account's primary auth token, which has to be in the secret as auth_token, beside an API key too"
        ),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        secret = account.credentials
        user, password = ("api_key", "api_secret") if "api_key" in secret else ("account_sid", "auth_token")
        self._auth = StaticAuth(basic(secret[user], secret[password]))
        self._sid = text_of(account.options.get("subaccount")) or secret["account_sid"].reveal()
        self._list = f"/{VERSION}/Accounts/{segment(self._sid)}/Recordings"

    def page(self, window: Window, cursor: str | None) -> Page:
        """By days of UTC, the day of the window's end included, as an end at midnight may be read either way.

        The cursor is what the next page's link has beside our filters, which are sent again: so no answer can lead a
        listing to another account or to other days.
        """
        params = {
            "DateCreated>": window.start.astimezone(UTC).date().isoformat(),  # with the equals sign: on or after
            "DateCreated<": window.end.astimezone(UTC).date().isoformat(),
            "PageSize": str(self.declaration.page_size),
            **dict(parse_qsl(cursor or "")),
        }
        handles = (400, 404) if cursor else ()
        answer = self.http.call("list", "GET", f"{self._list}.json", params=params, auth=self._auth, handles=handles)
        if answer.status in handles:
            raise CursorRefused("the page's token is no longer taken")
        document = _object(answer.json())
        rows = document.get("recordings")
        if not isinstance(rows, list):
            raise Unavailable("the list of recordings came without recordings")
        read = [row for row in rows if isinstance(row, Mapping) and text_of(row.get("sid")) and _creation_of(row)]
        unread = len(rows) - len(read)
        return Page(
            recordings=[
                self._read(row) for row in read if window.start <= (_creation_of(row) or window.end) <= window.end
            ],
            rows=len(rows),
            next_cursor=self._next(document.get("next_page_uri")),
            problem=f"{unread} rows have no usable id or date" if unread else None,
        )

    def _next(self, uri: Json) -> str | None:
        if uri is None:
            return None
        link = urlsplit(uri if isinstance(uri, str) else "")
        if link.netloc or link.path != f"{self._list}.json":
            raise Unavailable("the next page's link leads somewhere else")
        return urlencode([(name, value) for name, value in parse_qsl(link.query) if name in ("Page", "PageToken")])

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """In the format and with the channels that the options say.

        A file in the customer's own storage is named and not fetched: Twilio keeps no copy of it.
        """
        with ExitStack() as stack:
            # What was listed earlier than it was completed may say nothing yet of channels, keys and storage.
            told = None if recording.raw.get("status") == "completed" else self._ready(recording.id)
            facts = (told or recording).raw
            if text_of(facts.get("media_host")):
                host = self.http.quotable(str(facts["media_host"]))
                raise Unfetchable(f"it is kept in storage of the account's own at {host}, which is not fetched")
            encrypted = bool(facts.get("encryption_details"))
            # A guess, not verified live: what is encrypted is there as WAV only.
            kind = "wav" if encrypted else str(self.account.options.get("format") or "wav")
            dual = self.account.options.get("channels") != "mono" and count_of(facts.get("channels")) != 1
            body, channels = self._enter(stack, recording.id, kind, 2 if dual else 1)
            yield Opened(
                body=body,
                recording=told,
                rendition=Rendition(format=kind, channels=channels),
                encrypted=kind if encrypted else None,
            )

    def _enter(self, stack: ExitStack, recording_id: str, kind: str, channels: int) -> tuple[Body, int]:
        """Both channels are refused with 400 where there is one only; 404 may mean that the file is still written."""
        target = f"{self._path(recording_id)}.{kind}"
        params = {"RequestedChannels": "2"} if channels == 2 else None
        handles = (400,) if channels == 2 else ()
        try:
            media = self.http.stream("media", target, params=params, auth=self._auth, handles=handles)
            body = stack.enter_context(media)
        except NotFound:
            self._ready(recording_id)
            raise
        return self._enter(stack, recording_id, kind, 1) if body.status == 400 else (body, channels)

    def _ready(self, recording_id: str) -> Recording:
        """The facts of a recording whose audio is there by its status. Raises what else the status means."""
        told = self.describe(recording_id)
        if told.readiness is Readiness.NOT_READY:
            raise NotReady(told.note or "it is not completed")
        if told.readiness is Readiness.BROKEN:
            raise Rejected(told.note or "there is no recording")
        if told.readiness is Readiness.GONE:
            raise Gone(told.note or "deleted")
        return told

    def describe(self, recording_id: str) -> Recording:
        """By id."""
        target = f"{self._path(recording_id)}.json"
        row = mapping_of(self.http.call("lookup", "GET", target, of="recording", auth=self._auth).json())
        if text_of(row.get("sid")) != recording_id or _creation_of(row) is None:
            raise Rejected("the provider described another recording than was asked for")
        return self._read(row)

    def delete(self, recording: Recording) -> str:
        """The audio at once and for good; its metadata stays with Twilio for 40 days."""
        target = f"{self._path(recording.id)}.json"
        self.http.call("delete", "DELETE", target, of="recording", auth=self._auth).done()
        return f"deleted recording {recording.id}; Twilio keeps its metadata for 40 days"

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Ignored:
        """A recording status callback. Its RecordingUrl is never used."""
        token = self.account.credentials.get("auth_token")
        self._verify(delivery, [token, *secrets] if token else secrets)
        is_form = not delivery.body.lstrip().startswith(b"{")
        fields = dict(delivery.form_pairs()) if is_form else delivery.json()
        recording_id = id_from(fields.get("RecordingSid"))
        if fields.get("AccountSid") != self._sid:
            return Ignored(reason="an event of another account")
        status = fields.get("RecordingStatus", "unknown")
        if status in ("in-progress", "absent", "failed"):
            return Ignored(reason=f"a recording that is {status}")
        return Hint(recording_id=recording_id, ready=status == "completed")

    def _verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        digest = dict(parse_qsl(urlsplit(delivery.url).query)).get("bodySHA256")
        if digest is not None and not hmac.compare_digest(
            digest.lower().encode(), hashlib.sha256(delivery.body).hexdigest().encode()
        ):
            raise Unverified("the sender could not be verified")
        fields = "" if digest is not None else _sorted_fields(delivery.form_pairs())
        # A rule of the account may switch to SHA-256 under a shared key; the signed text stays the same.
        expected = [
            b64encode(hmac.digest(secret.reveal().encode(), f"{url}{fields}".encode("utf-8", "replace"), name)).decode()
            for secret in secrets
            if secret.reveal()
            for url in _with_and_without_port(delivery.url)
            for name in ("sha1", "sha256")
        ]
        delivery.verify([delivery.headers.get("x-twilio-signature", "")], expected)

    def _path(self, recording_id: str) -> str:
        return f"{self._list}/{segment(recording_id)}"

    def _read(self, row: Mapping[str, Json]) -> Recording:
        """A row with an id and a date as a recording."""
        readiness, note = _readiness(row)
        raw_moment = row.get("start_time") if moment_of(row.get("start_time")) else row.get("date_created")
        seconds, host = count_of(row.get("duration")), self._foreign_host(row)
        return Recording(
            id=str(row["sid"]),
            readiness=readiness,
            note=note,
            call_id=text_of(row.get("call_sid")),
            recorded_at=moment_of(raw_moment),
            recorded_at_raw=written(raw_moment),
            duration_seconds=None if seconds is None else float(seconds),
            raw={**without(row, *_LINKS), **({"media_host": host} if host else {})},
        )

    def _foreign_host(self, row: Mapping[str, Json]) -> str | None:
        """The host of the audio where it is none of Twilio's: then it is in storage of the customer's own."""
        try:
            host = urlsplit(link_of(row.get("media_url")) or "").hostname
        except ValueError:
            return None
        own = urlsplit(self.account.base_url).hostname
        return None if host in (None, own, "twilio.com") or str(host).endswith(".twilio.com") else host


def _readiness(row: Mapping[str, Json]) -> tuple[Readiness, str | None]:
    status, code = text_of(row.get("status")), count_of(row.get("error_code"))
    if status == "completed":
        return Readiness.READY, None
    if status == "deleted":
        return Readiness.GONE, "Twilio says that it was deleted"
    if status in ("absent", "failed"):
        why = "no reason given" if code is None else _BROKEN.get(code, f"error {code}")
        return Readiness.BROKEN, f"Twilio says that there is no recording: {why}"
    known = status if status in _UNFINISHED else "of an unknown status"
    return Readiness.NOT_READY, f"Twilio says that it is {known}"


def _creation_of(row: Mapping[str, Json]) -> datetime | None:
    return moment_of(row.get("date_created")) or moment_of(row.get("start_time"))


def _sorted_fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Name and value of each, sorted; a value that comes twice under one name counts once."""
    return "".join(name + value for name, value in sorted(set(pairs)))


def _with_and_without_port(url: str) -> list[str]:
    """Both ways to write a URL: Twilio is not consistent about the port that goes without saying."""
    try:
        parts = urlsplit(url)
        host, port = parts.netloc.partition(":")[0], parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        raise BadEvent("the webhook's URL cannot be read") from None
    after = url.partition(parts.netloc)[2] if parts.netloc else ""
    return [url, f"{parts.scheme}://{host}{after}", f"{parts.scheme}://{host}:{port}{after}"]


def _object(document: Json) -> Mapping[str, Json]:
    if not isinstance(document, Mapping):
        raise Unavailable("Twilio answered something else than a JSON object")
    return document
