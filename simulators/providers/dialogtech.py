"""DialogTech: one script, an `action`, keys as parameters, XML, and failures told by status and description."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from simulators.audio import Audio, Format, hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault
from simulators.server import Simulator

SCRIPT = "ibp_api.php"
TYPES = ("findme", "locator", "recorded_calls", "survey", "queue", "powerdialer", "recorded_call", "user_recordings")
RATES = (8000, 11000, 22050, 44100)
_PROCESSING = "The requested recording is currently being processed by the system. Please check back later."
_REPORT_FIELDS = ("sid", "date_added", "ani", "dnis", "call_duration", "enhanced_minutes")
_KINDS = {
    "recording.download": "media",
    "recording.list": "list",
    "recording.remove": "delete",
    "recording.upload": "upload",
    "report.call_detail": "report",
}


class DialogTech(Simulator):
    """DialogTech's ibp_api.php. Every third recording is in no list and only in the call detail report.

    `audio_format` and `sample_rate` are what `options` ask for, and what `recordings` hold; other formats and rates
    are served as well. `call_detail`: whether `options` ask for the report. `timezone`: that of all dates.
    `failures_with_200`: failures come as 200, as older versions may have done. `undeletable`: SIDs that stay.
    """

    name: ClassVar[str] = "dialogtech"

    def __init__(
        self,
        *,
        audio_format: Format = "wav",
        sample_rate: int = 8000,
        call_detail: bool = True,
        timezone: str = "UTC",
        failures_with_200: bool = False,
        undeletable: tuple[str, ...] = (),
        **common: Any,
    ) -> None:
        self.audio_format, self.sample_rate, self.zone = audio_format, sample_rate, ZoneInfo(timezone)
        super().__init__(**common)
        self.failures_with_200, self.undeletable = failures_with_200, undeletable
        self.lists: list[dict[str, str | int]] = [{"type": "findme", "id": 1234}, {"type": "queue", "id": 77}]
        self.options = {"format": audio_format, "sample_rate": sample_rate, "lists": self.lists}
        self.options |= {"call_detail": call_detail, "timezone": timezone}
        self.secret = {
            "access_key": hexadecimal(self.seed, "access", digits=40),
            "secret_access_key": hexadecimal(self.seed, "secret", digits=40),
        }
        self.confidential |= set(self.secret.values())

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        # Texts of digits with leading zeros and of different lengths, as in the samples.
        length = 9 if index % 5 == 4 else 10
        sid = f"0{number(self.seed, index, 'sid') % 10**length:0{length}}{index:05}"
        return sid, sid

    def audio(self, index: int, size: int) -> Audio:
        """In the format that the options ask for."""
        seed = f"{self.name}:{self.seed}:{index}"
        return Audio(format=self.audio_format, seed=seed, wanted_bytes=size, rate=self.sample_rate)

    def route(self, request: Request) -> Route:
        given = self._fields(request)
        action = given.get("action", "")
        if request.parts != [SCRIPT] or request.method not in ("GET", "POST"):
            return Route(kind="unknown", answer=lambda _request, _fault: self.error(404), guarded=False)
        answers = {
            "recording.download": self._download,
            "recording.list": self._list,
            "recording.remove": self._remove,
            "recording.upload": self._upload,
            "report.call_detail": self._report,
        }
        if action not in answers:
            return Route(
                kind="unknown", answer=lambda _request, _fault: self._failure(400, "Parameter action is required")
            )
        return Route(kind=_KINDS[action], answer=answers[action], recording_id=given.get("sid"))

    def refusal(self, request: Request) -> Answer | None:
        given = self._fields(request)
        right = all(given.get(name) == value for name, value in self.secret.items())
        return None if right else self._failure(401, "Invalid api_key")

    def error(self, status: int) -> Answer:
        texts = {202: _PROCESSING, 401: "Invalid api_key", 404: "Error in retrieving recording"}
        return self._failure(status, texts.get(status, "Error"))

    @staticmethod
    def _fields(request: Request) -> dict[str, str]:
        return {**request.query, **request.fields}

    def _failure(self, status: int, description: str) -> Answer:
        body = _response("failed", description)
        return Answer(status=200 if self.failures_with_200 else status, body=body, content_type="text/xml")

    def _success(self, description: str, rows: list[dict[str, str]] | None = None, tag: str = "recording") -> Answer:
        return Answer(body=_response("success", description, rows, tag), content_type="text/xml")

    def _download(self, request: Request, _fault: Fault | None) -> Answer:
        given = self._fields(request)
        if not given.get("sid"):
            return self._failure(400, "Parameter sid is required")
        wanted = given.get("format", "wav").removeprefix(".")
        rate = given.get("sample_rate", "8000")
        if wanted not in ("wav", "mp3") or rate not in map(str, RATES) or (wanted, rate) == ("mp3", "11000"):
            return self._failure(400, "Parameter format is invalid")
        recording = self.recordings.get(given["sid"])
        if recording is None or recording.state == "deleted":
            return self._failure(404, "File not found")
        if recording.state != "ready":
            failed = recording.state == "failed"
            return self._failure(404, "Error in retrieving recording") if failed else self._failure(202, _PROCESSING)
        audio = recording.audio
        if (wanted, rate) != (audio.format, str(audio.rate)):
            format_: Format = "mp3" if wanted == "mp3" else "wav"
            audio = Audio(format=format_, seed=audio.seed, wanted_bytes=audio.wanted_bytes, rate=int(rate))
        return Answer(body=audio, content_type=audio.content_type)

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        given = self._fields(request)
        for name in ("type", "id"):
            if not given.get(name):
                return self._failure(400, f"Parameter {name} is required")
        if given["type"] not in TYPES or not given["id"].isdigit():
            return self._failure(400, "Parameter type is invalid")
        listed = [{name: str(value) for name, value in one.items()} for one in self.lists]
        here = {"type": given["type"], "id": given["id"]}
        at = listed.index(here) if here in listed else -1
        rows = [row for row in self.rows() if row.state != "deleted" and row.index % 3 == at]
        page, _ = self.page(rows, 0, len(rows) or 1, fault)
        if not page:
            return self._failure(404, "No results returned")
        return self._success("", [self._row(row) for row in page])

    def _date(self, recording: SimulatedRecording) -> datetime:
        return recording.recorded_at.astimezone(self.zone)

    def _row(self, recording: SimulatedRecording) -> dict[str, str]:
        return {
            "sid": recording.id,
            "dnis": f"847{number(recording.id, 'dnis') % 10**7:07}",
            "number_connected": f"312{number(recording.id, 'connected') % 10**7:07}",
            "minutes": f"{max(0.1, recording.audio.duration_ms / 60_000):.1f}",
            "date": f"{self._date(recording):%Y-%m-%d %H:%M:%S}",
        }

    def _report(self, request: Request, fault: Fault | None) -> Answer:
        given = self._fields(request)
        try:
            first, last = (
                datetime.strptime(given[name], "%Y%m%d").replace(tzinfo=UTC).date()
                for name in ("start_date", "end_date")
            )
        except (LookupError, ValueError):
            return self._failure(400, "Parameter start_date is required")
        rows = [row for row in self.rows() if row.state != "deleted" and first <= self._date(row).date() <= last]
        page, _ = self.page(rows, 0, len(rows) or 1, fault)
        if not page:
            return self._failure(404, "No results returned")
        calls = [self._call(row) for row in page]
        # Between the recorded calls is one without a recording, which has no enhanced minutes.
        calls.insert(1, {**calls[0], "sid": f"8{calls[0]['sid'][1:]}", "enhanced_minutes": "0.0"})
        asked = [name for name in _REPORT_FIELDS if given.get(name, "0") != "0"]
        return self._success("", [{name: call[name] for name in asked} for call in calls], "call")

    def _call(self, recording: SimulatedRecording) -> dict[str, str]:
        minutes = recording.audio.duration_ms / 60_000
        return {
            "sid": recording.id,
            "date_added": f"{self._date(recording):%Y-%m-%d %H:%M:%S}",
            "ani": f"773{number(recording.id, 'ani') % 10**7:07}",
            "dnis": f"847{number(recording.id, 'dnis') % 10**7:07}",
            "call_duration": str(int(minutes) + 1),
            "enhanced_minutes": f"{max(0.1, minutes):.1f}",
        }

    def _remove(self, request: Request, _fault: Fault | None) -> Answer:
        given = self._fields(request)
        if not given.get("sid"):
            return self._failure(400, "Parameter sid is required")
        recording = self.recordings.get(given["sid"])
        if recording is None or recording.state == "deleted":
            return self._failure(404, "File not found")
        if recording.state == "unfinished":
            return self._failure(202, _PROCESSING)
        if recording.id in self.undeletable:
            return self._failure(404, "Error in removing recording")
        if given.get("delete_now", "1") == "1":
            recording.state = "deleted"
        return self._success("Recording successfully removed")

    def _upload(self, request: Request, _fault: Fault | None) -> Answer:
        given = self._fields(request)
        for name in ("type", "id", "path"):
            if not given.get(name):
                return self._failure(400, f"Parameter {name} is required")
        return self._success("File uploaded")


def _response(result: str, description: str, rows: list[dict[str, str]] | None = None, tag: str = "") -> bytes:
    def elements(row: dict[str, str]) -> str:
        return "".join(f"<{name}>{escape(value)}</{name}>\n" for name, value in row.items())

    head = elements({"result": result, "result_description": description})
    listed = "".join(f"<{tag}>\n{elements(row)}</{tag}>\n" for row in rows or ())
    return f"<response>\n{head}{f'<data>{listed}</data>' if rows else ''}</response>\n".encode()
