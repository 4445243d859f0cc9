"""Everything known of a recording, in the page's words."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.entry import State
from ops.page.texts import STATE_WORDS, local_text
from ops.page.view import Details, Event
from ops.recording.dossier import Dossier, proof_sentence, transcript_of
from ops.shell.command_line import command_line

_COLD = {
    "GLACIER": "3 to 5 hours and costs about $0.01 a GB",
    "DEEP_ARCHIVE": "about 12 hours and costs about $0.02 a GB",
}
_WORDS = {
    "found": "found",
    "tried": "tried in vain",
    "left out": "further events",
    "retried": "tried again on request",
    "accepted": "accepted as it is",
}
_BY_HAND = ("recordings ",)


def details_of(known: Dossier, bucket: Bucket, zone: ZoneInfo) -> Details:
    """As the page shows it."""
    head, archived_at = known.head, known.entry.archived_at
    return Details(
        facts=tuple(_facts(known)),
        proof=proof_sentence(known, local_text(archived_at, zone) if archived_at else None),
        reason=_sentence(known.entry.reason),
        next=_next(known, zone),
        story=[
            Event(
                at=each.at,
                what=_WORDS.get(each.what, STATE_WORDS.get(each.what, each.what)),
                detail=each.detail or "",
                by=each.by or "",
            )
            for each in known.story
        ],
        transcript=transcript_of(bucket, known.entry.place) if known.item.get("has_transcript") else None,
        locked_until=head.lock.until if head and head.lock else None,
        holds=known.held_for or (["a case that S3 does not name"] if known.is_held else []),
        restore=_restore(known),
        document=known.document,
    )


def _facts(known: Dossier) -> Iterator[tuple[str, str]]:
    stored, head = known.entry.stored, known.head
    if stored:
        yield "Type", ", ".join(filter(None, (stored.content_type, _channels(stored.channels))))
        if stored.version_id:
            yield "Version", stored.version_id
    if head and head.storage_class != "STANDARD":
        yield "Storage class", head.storage_class
    yield "Found by", known.entry.discovered_by
    if known.entry.attempts:
        yield "Attempts", str(known.entry.attempts)
    for each in stored.contradictions if stored else ():
        yield "Contradiction", f"{each.what}: the provider says {each.claimed}, the bytes say {each.found}"
    if known.others:
        yield "Foreign versions", f"{len(known.others)} at the same key"


def _channels(number: int | None) -> str | None:
    return {1: "one channel", 2: "two channels"}.get(number or 0, f"{number} channels" if number else None)


def _sentence(reason: str | None) -> str | None:
    if not reason:
        return None
    text = reason[0].upper() + reason[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _next(known: Dossier, zone: ZoneInfo) -> str | None:
    if known.next is None:
        return None
    at, what = known.next
    if what.startswith(_BY_HAND):
        return "Nothing more happens by itself; it can be tried again below."
    if known.entry.state in (State.ALTERED, State.ABSENT):
        return _sentence(what)
    return f"Next: {what} at {local_text(at, zone)}." if at else _sentence(what)


def _restore(known: Dossier) -> str | None:
    head = known.head
    if head is None or head.storage_class not in _COLD:
        return None
    return (
        f"It lies in {head.storage_class}: bringing it back takes {_COLD[head.storage_class]}. "
        f"In a terminal: {command_line('get --restore', known.entry.recording.id)}"
    )
