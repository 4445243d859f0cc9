"""Genesys Cloud: the audio recordings of an organisation's conversations, and those that lost their conversation.

The list tells conversations; a request for each of them tells its files. Statements without another source are from the
documents and models of the official Python SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from functions.archiver.errors import Gone, NotFound, NotReady, Outcome, Rejected, Unavailable
from functions.archiver.http.auth import TokenAuth, basic
from functions.archiver.http.client import Http, segment
from functions.archiver.provider.declaration import Declaration, LimitHeaders, Option
from functions.archiver.provider.halving import has_passed, is_reached, page_before
from functions.archiver.provider.json_values import (
    count_of,
    id_of,
    items_of,
    link_of,
    mapping_of,
    moment_of,
    name_of,
    text_of,
    without,
    written,
)
from functions.archiver.provider.looking_back import rows_looking_back
from functions.archiver.provider.oauth import REFUSED, token_of
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Json, Page, Readiness, Recording, Rendition, Window

QUERY = "/api/v2/analytics/conversations/details/query"
CONVERSATIONS = "/api/v2/conversations"
ORPHANS = "/api/v2/orphanrecordings"

_LOOK_BACK = (timedelta(hours=2), timedelta(days=2))
_RECENT = timedelta(hours=2)
_MAX_PASSED_OVER = 40
_MAX_ROWS = 100_000  # none beyond these is listed (a guess, not verified live)
_DELETED_IN = timedelta(days=1)
_NOT_KEPT = ("mediaUris", "mediaUri", "selfUri", "path", "annotations", "users", "participants", "recording")
_READY = ("AVAILABLE", "RESTORED")
_STATES = {**dict.fromkeys(_READY, Readiness.READY), "DELETED": Readiness.GONE, "ERROR": Readiness.BROKEN}
_TROUBLES: Mapping[Readiness, type[Outcome]] = {Readiness.GONE: Gone, Readiness.BROKEN: Rejected}

_Row = Mapping[str, Json]


class Genesys(Provider):
    """The platform API of one Genesys Cloud organisation."""

    declaration = Declaration(
        title="Genesys Cloud",
        default_base_url="https://api.mypurecloud.com",
        secret_fields=(("client_id", "client_secret"),),
        public_fields=("client_id",),
        options=(
            Option(
                name="token_url",
                help="the region's login host, where tokens are asked for",
                kind="origin",
                default="https://login.{domain}",
                purpose="token",
            ),
            Option(
                name="format",
                help="audio format to have recordings made into",
                choices=("wav", "wav_ulaw", "mp3", "ogg_opus", "ogg_vorbis", "webm"),
                default="wav",
            ),
            Option(name="orphans", help="archive what has lost its conversation as well", kind="boolean", default=True),
        ),
        rate_default=240,  # of 300 a minute for each client of this kind (the vendor's forum)
        limit_headers=LimitHeaders(
            wait=("Retry-After", "inin-ratelimit-reset"),  # seconds in both, as public programs read them
            otherwise=timedelta(minutes=1),
        ),
        parallel_default=4,
        overlap_minimum=timedelta(hours=24),  # the list goes by a conversation's start, files come after its end
        page_size=100,
        max_window=timedelta(days=31),
        deletes="file",
        lists_deleted=True,  # until the day after
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        self._auth = TokenAuth(self._token, share=account.share_token, header="Authorization", scheme="Bearer")
        self._format = str(account.options.get("format") or "wav")

    def page(self, window: Window, cursor: str | None) -> Page:
        """The conversations that start in the window, with their files; after the last ones come the orphans.

        The list knows whole days only: pages without a conversation in the window are passed over.
        """
        if cursor and cursor.startswith("orphans:"):
            return self._orphans(window, int(cursor.split(":")[1]))
        wanted: list[_Row] = []
        lost = 0
        for _ in range(_MAX_PASSED_OVER):
            rows, cursor = self._conversations(window, cursor)
            starts = list(map(_start, rows))
            lost = starts.count(None)
            wanted = [row for row, at in zip(rows, starts, strict=True) if at and window.start <= at <= window.end]
            if wanted or lost or cursor is None:
                break
        found, problems = self._files_of(wanted)
        problems += [f"{lost} conversations have no usable id or date"] if lost else []
        if cursor is None and self.account.options.get("orphans") is not False:
            orphans = self._orphans(window, 1)
            found, cursor = [*found, *orphans.recordings], orphans.next_cursor
            problems += filter(None, [orphans.problem])
        return Page(
            recordings=found,
            rows=len(found) + len(problems),  # whole days are sent, which says nothing about the filter
            next_cursor=cursor,
            problem="; ".join(problems) or None,
        )

    def _conversations(self, window: Window, cursor: str | None) -> tuple[Sequence[_Row], str | None]:
        """One page, and the next one's cursor: the order, the page's number, and how many rows came before it."""
        order, number, before = cursor.split(":") if cursor else (_order(window), "1", "0")
        size = self.declaration.page_size
        read, total = self._query(window, order, size, int(number))
        starts, so_far, following = list(map(_start, read)), int(before) + len(read), int(number) + 1
        counted = total is not None and so_far >= total and len(read) < size  # counts may lie
        if not read or counted or has_passed(window, starts):
            return read, None
        if not cursor and total and total > size * _MAX_PASSED_OVER and not is_reached(window, starts):
            pages = min(total, _MAX_ROWS) // size

            def last_of(page: int) -> datetime | None:
                return next(map(_start, self._query(window, order, 1, page * size)[0]), None)

            following = max(page_before(window, starts, pages=pages, last_of=last_of), following)
            so_far = (following - 1) * size
        return read, f"{order}:{following}:{so_far}"

    def _query(self, window: Window, order: str, size: int, number: int) -> tuple[Sequence[_Row], int | None]:
        """One page of what begins on the window's days, and how many rows there are."""
        start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
        if end > start and end.time() == datetime.min.time():
            end -= timedelta(milliseconds=1)  # or else another day would come with it
        ends = (each.isoformat(timespec="milliseconds") for each in (start, end + timedelta(microseconds=999)))
        body: Json = {
            "interval": "/".join(ends).replace("+00:00", "Z"),
            "order": order,
            "orderBy": "conversationStart",
            "paging": {"pageSize": size, "pageNumber": number},
        }
        document = self.http.call("list", "POST", QUERY, json=body, auth=self._auth).json()
        rows, total = mapping_of(document).get("conversations"), count_of(mapping_of(document).get("totalHits"))
        if not isinstance(rows, list) and not (document == {} or total == 0):
            raise Unavailable("the list of conversations came without conversations")
        return list(map(mapping_of, items_of(rows))), total

    def _files_of(self, conversations: Sequence[_Row]) -> tuple[list[Recording], list[str]]:
        """The audio files of all of them, and what is wrong with some."""
        files = [(each, self._files(each)) for each in conversations if _is_recorded(each)]
        closed = sum(rows is None for _, rows in files)
        read = [self._read(each, row) for each, rows in files for row in rows or ()]
        problems = [f"the files of {closed} conversations are not for this client (403)"] if closed else []
        problems += [f"{read.count(None)} files have no usable id or date"] if None in read else []
        return [each for each in read if each], problems

    def _files(self, conversation: _Row) -> Sequence[_Row] | None:
        """None where they are not to be read, in a division that is not the client's."""
        target = f"{CONVERSATIONS}/{segment(str(conversation['conversationId']))}/recordingmetadata"
        answer = self.http.call("files", "GET", target, auth=self._auth, handles=(403, 404))
        if answer.status != 200:
            return None if answer.status == 403 else ()
        rows = answer.json()
        if not isinstance(rows, list):
            raise Unavailable("a conversation's files came as something else than an array")
        return [row for row in map(mapping_of, rows) if (row.get("media") or "audio") == "audio"]

    def _orphans(self, window: Window, number: int) -> Page:
        """The list of orphans knows no dates. Without the permission there are none."""
        params = {"pageSize": self.declaration.page_size, "pageNumber": number}
        answer = self.http.call("orphans", "GET", ORPHANS, params=params, auth=self._auth, handles=(403, 404))
        document = answer.document() if answer.status == 200 else {"entities": []}
        rows = document.get("entities")
        if not isinstance(rows, list):
            raise Unavailable("the list of orphan recordings came without entities")
        read = [_orphan(row) for row in map(mapping_of, rows) if (row.get("mediaType") or "CALL") == "CALL"]
        inside = [each for each in read if each and window.start <= (each.recorded_at or window.end) <= window.end]
        pages = count_of(document.get("pageCount"))
        goes_on = len(rows) >= self.declaration.page_size if pages is None else number < pages
        return Page(
            recordings=inside,
            rows=len(inside),
            next_cursor=f"orphans:{number + 1}:0" if rows and goes_on else None,
            problem=f"{read.count(None)} orphan recordings have no usable id or date" if None in read else None,
        )

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By links that are made when they are asked for and live for minutes. Channels may come as a file each."""
        facts = recording.raw
        call_id = recording.call_id or (None if facts.get("orphan") else self.describe(recording.id).call_id)
        file_id = text_of(facts.get("recording_id")) or recording.id
        row = self._ask(call_id, file_id)
        uris = sorted(mapping_of(row.get("mediaUris")).items())
        links = {name_of(key): link_of(mapping_of(uri).get("mediaUri")) for key, uri in uris}
        if not links:
            readiness, why = _readiness(row)
            raise _TROUBLES.get(readiness, NotReady)(why or "it has no link to its audio yet")
        channel = text_of(facts.get("channel")) or next(iter(links))
        if not (link := links.get(channel)):
            raise Rejected("it has no link to its channel")
        others = [each for each in links if each != channel] if file_id == recording.id else []
        shared = {**facts, "recording_id": file_id}
        siblings = [replace(recording, id=f"{file_id}:{each}", raw={**shared, "channel": each}) for each in others]
        with self.http.stream("media", link, auth=self._auth) as body:
            yield Opened(
                body=body,
                recording=replace(recording, raw={**facts, "channel": channel}) if others else None,
                siblings=siblings,
                rendition=Rendition(format=self._format, channels=1 if len(links) > 1 else None),
            )

    def _ask(self, call_id: str | None, file_id: str) -> _Row:
        """One recording, being made into the wanted format; 202 until that is done. An orphan has no conversation."""
        target = f"{ORPHANS}/{segment(file_id)}/media"
        if call_id:
            target = f"{CONVERSATIONS}/{segment(call_id)}/recordings/{segment(file_id)}"
        params = {"formatId": self._format.upper()}
        answer = self.http.call("lookup", "GET", target, of="recording", params=params, auth=self._auth)
        if answer.status == 202:
            raise NotReady("Genesys is making it into the wanted format")
        row = mapping_of(answer.json())
        if row.get("id") != file_id and call_id:
            raise Rejected("the provider described another recording than was asked for")
        return row

    def describe(self, recording_id: str) -> Recording:
        """A recording cannot be asked for without its conversation: those of the last days are searched for it."""
        for conversation in filter(_is_recorded, rows_looking_back(self._conversations, *_LOOK_BACK)):
            if any(id_of(row.get("id")) == recording_id for row in self._files(conversation) or ()):
                row = self._ask(text_of(conversation.get("conversationId")), recording_id)
                if found := self._read(conversation, row):
                    return found
        raise NotFound(f"no conversation of the last {_LOOK_BACK[-1].days} days has this recording")

    def delete(self, recording: Recording) -> str:
        """There is no request that deletes at once: the date of its deletion is set to tomorrow."""
        file_id = self.deleted_with(recording)
        if not recording.call_id:
            raise Rejected("a recording without its conversation is not deleted: it has to be given one first")
        target = f"{CONVERSATIONS}/{segment(recording.call_id)}/recordings/{segment(file_id)}"
        date = f"{datetime.now(UTC) + _DELETED_IN:%Y-%m-%dT%H:%M:%S.000Z}"
        self.http.call("delete", "PUT", target, of="recording", json={"deleteDate": date}, auth=self._auth).done()
        return f"Genesys deletes recording {file_id}, all of its channels, on {date[:10]}"

    def deleted_with(self, recording: Recording) -> str:
        """All channels of a recording, each a file of its own here, as they have one date of deletion."""
        return text_of(recording.raw.get("recording_id")) or recording.id.partition(":")[0]

    def _token(self) -> tuple[Json, float]:
        """Asks the region's login host for a token, with the client's credentials."""
        secret = self.account.credentials
        headers, form = basic(secret["client_id"], secret["client_secret"]), {"grant_type": "client_credentials"}
        answer = self.http.call(
            "token", "POST", "/oauth/token", form=form, headers=headers, handles=(REFUSED,), at="token"
        )
        return token_of(answer)

    def _read(self, conversation: _Row, row: _Row) -> Recording | None:
        """One file of a conversation; None when it has no id or no date."""
        dates = (row.get("startTime"), row.get("creationTime"), conversation.get("conversationStart"))
        raw_moment = next(filter(None, map(written, dates)), None)
        if not (id_ := id_of(row.get("id"))) or raw_moment is None:
            return None
        customer, agent = _people(conversation)
        ended, began = moment_of(row.get("endTime")), moment_of(row.get("startTime"))
        readiness, note = _readiness(row)
        return Recording(
            id=id_,
            readiness=readiness,
            note=note,
            call_id=text_of(conversation.get("conversationId")),
            recorded_at=moment_of(raw_moment),
            recorded_at_raw=raw_moment,
            duration_seconds=(ended - began).total_seconds() if ended and began and ended >= began else None,
            direction=text_of(conversation.get("originatingDirection")),
            from_number=_number(customer.get("ani")),
            to_number=_number(customer.get("dnis")),
            agent=text_of(agent.get("participantName")),
            raw={**without(row, *_NOT_KEPT), "conversation": without(conversation, *_NOT_KEPT)},
        )


def _order(window: Window) -> str:
    """From the end of the days that is nearer to the window; where the day is not over, from the newest."""
    recent = datetime.now(UTC) - window.end < _RECENT
    late = (window.end.astimezone(UTC) - timedelta(microseconds=1)).hour >= 12
    return "desc" if recent or late else "asc"


def _start(conversation: _Row) -> datetime | None:
    """None where a conversation has no id either."""
    return moment_of(conversation.get("conversationStart")) if text_of(conversation.get("conversationId")) else None


def _is_recorded(conversation: _Row) -> bool:
    """Whether audio was recorded in any session. Where none is told, it may have been."""
    people = [mapping_of(each) for each in items_of(conversation.get("participants"))]
    sessions = [mapping_of(each) for person in people for each in items_of(person.get("sessions"))]
    return _start(conversation) is not None and (not sessions or any(session.get("recording") for session in sessions))


def _people(conversation: _Row) -> tuple[_Row, _Row]:
    """The session in which the customer took part, and the first agent."""
    people = [mapping_of(each) for each in items_of(conversation.get("participants"))]
    customers = [each for each in people if each.get("purpose") in ("customer", "external")]
    agents = [each for each in people if each.get("purpose") in ("agent", "user")]
    sessions = [mapping_of(each) for person in customers for each in items_of(person.get("sessions"))]
    return next(iter(sessions), {}), next(iter(agents), {})


def _number(address: Json) -> str | None:
    return text_of((text_of(address) or "").removeprefix("tel:"))


def _readiness(row: _Row) -> tuple[Readiness, str | None]:
    state = text_of(row.get("fileState")) or "AVAILABLE"
    readiness = _STATES.get(state, Readiness.NOT_READY)
    if state == "ARCHIVED":
        return readiness, "it is archived at Genesys and has to be restored there"
    return readiness, None if readiness is Readiness.READY else f"Genesys says {state} of it"


def _orphan(row: _Row) -> Recording | None:
    id_, created = id_of(row.get("id")), row.get("createdTime")
    if not id_ or moment_of(created) is None:
        return None
    readiness, note = _readiness(row)
    return Recording(
        id=id_,
        readiness=readiness,
        note=note,
        recorded_at=moment_of(created),
        recorded_at_raw=written(created),
        raw={**without(row, *_NOT_KEPT), "orphan": True},
    )
