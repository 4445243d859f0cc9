"""Takes one webhook request: verifies its sender and notes its hint, without asking the provider.

A hint makes an archive of today sooner and never a different one: with every event lost, listing finds the same. So
nothing of an event but an id is believed, and nothing that the archive holds can be lost by one.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from functions.archiver.clock import Clock
from functions.archiver.errors import BadEvent, Unverified
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, Said
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Call, Readiness, Recording
from functions.archiver.secret import Secret
from functions.archiver.throttling.intake import Intake

MAX_BYTES = 256 * 1024
"""Events name a recording or two; the largest of the four providers' have some kilobytes."""

MAX_HINTS = 100
"""Of one event. Whatever it names beyond them is found by listing."""

METHODS = ("POST", "GET")
"""Some providers can only call a URL. The API's routes take every method, so that there are two for each source."""

CONTENT_TYPES = frozenset({"", "application/json", "application/x-www-form-urlencoded", "text/plain"})

Event = Mapping[str, Any]
"""A request as API Gateway hands it to a function, in its payload format 2.0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reception:
    """The result of one request, for the answer, the log line and the metrics.

    `outcome` is accepted, repeated, ignored, answered (a handshake, with `reply`), refused, malformed, too large or
    unsupported. `hints` are set once the sender is verified; `reason` never quotes a request.
    """

    status: HTTPStatus
    outcome: str
    hints: Sequence[Hint] = ()
    reply: Reply | None = field(default=None, repr=False)
    reason: str | None = None

    @property
    def verified(self) -> bool:
        """Whether the provider sent it."""
        return self.outcome in ("accepted", "repeated", "ignored")


class Unacceptable(Exception):
    """A request that is refused as it stands, before anybody asks who sent it."""

    def __init__(self, status: HTTPStatus, outcome: str) -> None:
        super().__init__(outcome)
        self.reception = Reception(status=status, outcome=outcome)


class Receiver:
    """Receives the events of one source.

    `given_secrets` are the source's own for webhooks. `takes_unverified` accepts, where there are none, whoever writes
    to a provider that cannot sign; a signature is checked all the same. `webhook_url` is the public URL where it is
    not the API's own.
    """

    def __init__(
        self,
        *,
        provider: Callable[[], Provider],
        given_secrets: Callable[[], Sequence[Secret]],
        takes_unverified: bool,
        source: str,
        webhook_url: str | None,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._provider_of = provider
        self._given_secrets = given_secrets
        self._takes_unverified = takes_unverified
        self._source = source
        self._webhook_url = webhook_url
        self._intake = intake
        self._clock = clock

    def receive(self, event: Event) -> Reception:
        """Verifies, notes, and tells. Raises Misconfigured when the secret cannot be read, and what AWS raises."""
        try:
            delivery = self._delivery(event)
            said = self._parse_event(delivery)
        except Unacceptable as unacceptable:
            return unacceptable.reception
        except Unverified:
            return Reception(status=HTTPStatus.UNAUTHORIZED, outcome="refused")
        except BadEvent as bad:
            return Reception(status=HTTPStatus.BAD_REQUEST, outcome="malformed", reason=str(bad))
        if isinstance(said, Ignored):
            return Reception(status=HTTPStatus.OK, outcome="ignored", reason=said.reason)
        if isinstance(said, Reply):
            return Reception(status=HTTPStatus.OK, outcome="answered", reply=said)
        hints = ((said,) if isinstance(said, Hint) else tuple(dict.fromkeys(said)))[:MAX_HINTS]
        changed = [self._insert_hint(hint) for hint in hints]
        return Reception(status=HTTPStatus.OK, outcome="accepted" if any(changed) else "repeated", hints=hints)

    def _delivery(self, event: Event) -> Delivery:
        if _method(event) not in METHODS:
            raise Unacceptable(HTTPStatus.METHOD_NOT_ALLOWED, "unsupported")
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        if headers.get("content-type", "").partition(";")[0].strip().lower() not in CONTENT_TYPES:
            raise Unacceptable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported")
        body = _body(event)
        if len(body) > MAX_BYTES:
            raise Unacceptable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
        path_secret = (event.get("pathParameters") or {}).get("secret")
        return Delivery(
            headers=headers,
            query=event.get("queryStringParameters") or {},
            body=body,
            path_secret=Secret(path_secret) if path_secret else None,
            received_at=self._clock.now(),
            url=self._public_url(event, headers, path_secret),
        )

    def _public_url(self, event: Event, headers: Mapping[str, str], path_secret: str | None) -> str:
        """The URL that the provider was given, with the query as it came."""
        url = self._webhook_url
        if url is None:
            domain = (event.get("requestContext") or {}).get("domainName", "")
            # The gateway writes this header itself; a run on this machine says http in it.
            url = f"{headers.get('x-forwarded-proto', 'https')}://{domain}/webhooks/{self._source}"
        secret = f"/{quote(path_secret, safe='')}" if path_secret else ""
        query = event.get("rawQueryString") or ""
        return f"{url}{secret}{'?' if query else ''}{query}"

    def _parse_event(self, delivery: Delivery) -> Said:
        provider, known = self._provider_of(), self._given_secrets()
        if not known and self._takes_unverified:
            # A shared secret that nobody knows takes the place of the one that was not agreed on.
            nobodys = Secret(secrets.token_hex(16))
            return provider.event(replace(delivery, path_secret=nobodys), [nobodys])
        return provider.event(delivery, known)

    def _insert_hint(self, hint: Hint) -> bool:
        """Whether this changed anything."""
        if hint.recording_id is not None:
            readiness = Readiness.READY if hint.ready else Readiness.NOT_READY
            return self._intake.take_hint(Recording(id=hint.recording_id, readiness=readiness))
        return self._intake.take_calls([Call(call_id=str(hint.call_id))], "webhook") > 0


def _method(event: Event) -> str:
    request = (event.get("requestContext") or {}).get("http") or {}
    return str(request.get("method", "POST"))


def _body(event: Event) -> bytes:
    """The raw bytes, which are what was signed."""
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Unacceptable(HTTPStatus.BAD_REQUEST, "malformed") from None
