"""The only way to a provider: paced, guarded, without hidden retries, and with every failure named by `errors`.

One `Http` serves one source for one invocation. Credentials go to the exact origin of `base_url` and, with requests of
its purpose, to a further origin that the source names; nowhere else, wherever an answer or a redirect points.
No reason that is raised here holds a query, a header or a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from http.client import HTTPException
from typing import Protocol, TypedDict, Unpack
from urllib.parse import urljoin

from urllib3.util import Url, parse_url

from functions.archiver.http.addresses import AddressRefused, Reach, Unreachable
from functions.archiver.http.connections import Connections, Origin, Response, failure_of
from functions.archiver.http.outgoing import Value, Values, request_to
from functions.archiver.http.responses import Answer, Body, ended_in_time
from functions.archiver.http.statuses import Head, Of, outcome_of, problem, time_is_up, trouble
from functions.archiver.http.url_paths import LONGEST_URL, PORTS, link_of, location_of, segment
from functions.archiver.http.waits import wait_when_used_up
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.provider.declaration import LimitHeaders, Purpose
from functions.archiver.recording import Json
from functions.archiver.secret import Secret, holds_a_secret, masked

__all__ = ["Answer", "Auth", "Body", "Http", "Of", "Slots", "Value", "Values", "segment"]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
MAX_HOPS = 5
_MAX_QUOTED = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Slots(Protocol):
    """The pace of a source."""

    def book(self, kind: str) -> None:
        """Waits until one more request may be sent. Raises Closed when the source is not to be asked now."""

    def hold(self, seconds: float) -> None:
        """Gives no slot for so long: the provider says that no request is left."""


class Auth(Protocol):
    """Credentials in the form of headers."""

    def headers(self) -> Mapping[str, str]:
        """The headers that prove who asks."""

    def renew(self) -> bool:
        """Called after a 401. Whether fresh credentials were fetched, so that asking again makes sense."""

    def fetched(self) -> Collection[Secret]:
        """Secrets that were fetched, tokens above all: as secret as the credentials that they were fetched with."""


class How(TypedDict, total=False):
    """How a request is made, beside its method and target."""

    params: Values | None
    form: Values | None
    json: Json
    headers: Mapping[str, str] | None
    auth: Auth | None
    handles: Collection[int]
    at: Purpose | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    """The caller's request, however many hops it takes."""

    kind: str
    of: Of
    method: str
    target: str
    params: Values | None = field(default=None, repr=False)
    form: Values | None = field(default=None, repr=False)
    json: Json = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    auth: Auth | None = None
    handles: Collection[int] = ()
    at: Purpose | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hop:
    """One exchange. `trusted` as long as every hop so far stayed with the origin that the credentials are for.

    `to` are the parts of `url`, which was found to be one that may be asked.
    """

    method: str
    url: str = field(repr=False)
    to: Url = field(repr=False)
    trusted: bool
    headers: Mapping[str, str] = field(repr=False)
    params: Values | None = field(default=None, repr=False)
    form: Values | None = field(default=None, repr=False)
    json: Json = field(default=None, repr=False)


class Http:
    """HTTP for one source.

    `domains`: hosts under these names share the source's pace, as the host of `base_url` does. `origins`: further ones
    that get the credentials, each for requests of its purpose; media at its origin shares the pace, tokens do not.
    `limit_headers`: how the provider speaks of its limits. `allow_private`: private addresses are allowed, by plain
    http as well, and loopback where `base_url` itself is loopback. `secrets` are masked in whatever is quoted.
    `deadline` gives the seconds left for this invocation. `ca_file` replaces the public trust anchors. Time-outs are
    in seconds.
    """

    def __init__(
        self,
        *,
        base_url: str,
        slots: Slots,
        domains: Sequence[str] = (),
        origins: Mapping[Purpose, str] | None = None,
        limit_headers: LimitHeaders | None = None,
        allow_private: bool = False,
        secrets: Collection[Secret] = (),
        deadline: Callable[[], float] | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        ca_file: str | None = None,
    ) -> None:
        base = parse_url(base_url)
        self._base_url = base_url.rstrip("/")
        self._home = _origin(base)
        self._bases = {purpose: url.rstrip("/") for purpose, url in (origins or {}).items()}
        self._further = {purpose: _origin(parse_url(url)) for purpose, url in self._bases.items()}
        self._own = tuple(name.lower().strip(".") for name in (base.host or "", *domains))
        self._slots = slots
        self._limit_headers = limit_headers or LimitHeaders()
        self._secrets = secrets
        self._fetched: Collection[Secret] = ()
        self._deadline = deadline
        self._timeouts = (connect_timeout, read_timeout)
        self._reach = Reach.of(base.host or "", allow_private=allow_private)
        self._connections = Connections(self._reach, ca_file=ca_file)

    def call(self, kind: str, method: str, target: str, *, of: Of = "source", **how: Unpack[How]) -> Answer:
        """One request whose answer is a small document.

        `kind` words the request in the pace's counts and in reasons: "token", "list", "look-up". `target` is a path
        below `base_url` or an absolute URL. `of` tells whom a refusal or nonsense concerns. A status in `handles`
        is returned instead of raised. `at` names a further origin of the source: a path is then below that one, and the
        credentials may go there as well. To any other origin than these only a GET goes, with `Accept` as its only
        header of `headers` and without `auth` and parameters that hold a secret.
        """
        with self._exchange(_Request(kind=kind, of=of, method=method.upper(), target=target, **how)) as body:
            return body.answer()

    @contextmanager
    def stream(self, kind: str, target: str, *, method: str = "GET", **how: Unpack[How]) -> Iterator[Body]:
        """One request for a recording's audio, which is read from the body while it is open. As `call` otherwise."""
        request = _Request(kind=kind, of="recording", method=method.upper(), target=target, **how)
        with self._exchange(request) as body:
            yield body

    def quotable(self, text: str) -> str:
        """A provider's words made fit for a reason: secrets masked, no control characters, at most 200 characters."""
        printable = "".join(each if each.isprintable() else " " for each in masked(text, self._hidden()))
        words = " ".join(printable.split())
        return words if len(words) <= _MAX_QUOTED else words[: _MAX_QUOTED - 1] + "…"

    @contextmanager
    def _exchange(self, request: _Request) -> Iterator[Body]:
        hop, response = self._follow(request)
        if self._may_renew(request, hop, response):
            response.close()
            if request.auth is not None and request.auth.renew():
                hop, response = self._follow(request)
        try:
            head = self._head(request, hop, response)
            if outcome := outcome_of(head):
                raise outcome
            with ended_in_time(response, self._deadline):
                yield Body(response, kind=request.kind, of=request.of, own=head.own, seconds_left=self._deadline)
        finally:
            response.close()

    def _head(self, request: _Request, hop: _Hop, response: Response) -> Head:
        return Head(
            kind=request.kind,
            of=request.of,
            host=self.quotable(hop.to.host or ""),
            trusted=hop.trusted,
            own=self._counts(hop.to),
            limits=self._limit_headers,
            ranged="range" in map(str.lower, hop.headers),
            handles=request.handles,
            status=response.status,
            headers=response.headers,
        )

    def _hidden(self) -> list[Secret]:
        """Whatever must never be quoted or sent elsewhere: the credentials, and the tokens fetched with them."""
        return [*self._secrets, *self._fetched]

    def _may_renew(self, request: _Request, hop: _Hop, response: Response) -> bool:
        return response.status == 401 and 401 not in request.handles and hop.trusted

    def _follow(self, request: _Request) -> tuple[_Hop, Response]:
        """The first answer that is no redirect, and the hop that brought it."""
        hop = self._first_hop(request)
        for _ in range(MAX_HOPS + 1):
            response = self._send(request, hop)
            if response.status not in _REDIRECTS or response.status in request.handles:
                return hop, response
            response.close()
            hop = self._next_hop(request, hop, response)
        raise problem(request.of, f"the {request.kind} request was redirected more than {MAX_HOPS} times")

    def _first_hop(self, request: _Request) -> _Hop:
        url = self._absolute(request)
        to = self._check_url(request, url)
        headers = dict(request.headers or {})
        if _origin(to) in self._trusted_origins(request):
            if request.auth is not None:
                headers.update(request.auth.headers())
                self._fetched = request.auth.fetched()
            return _Hop(
                method=request.method,
                url=url,
                to=to,
                trusted=True,
                headers=headers,
                params=request.params,
                form=request.form,
                json=request.json,
            )
        if request.method != "GET":
            raise problem(request.of, f"the {request.kind} request would leave the host of base_url")
        params = {name: value for name, value in (request.params or {}).items() if not self._is_secret(value)}
        return _Hop(method="GET", url=url, to=to, trusted=False, headers=_harmless(headers), params=params)

    def _next_hop(self, request: _Request, hop: _Hop, response: Response) -> _Hop:
        try:
            location = location_of(response.headers.get("Location", ""))
        except ValueError:
            location = ""
        if not location or not _is_clean(location):
            raise problem(request.of, f"the {request.kind} request was redirected to no valid URL")
        url = urljoin(hop.url, location).partition("#")[0]
        to = self._check_url(request, url)
        trusted = hop.trusted and _origin(to) == _origin(hop.to)
        if not trusted and request.method != "GET":
            raise problem(request.of, f"the {request.kind} request was redirected to another host")
        if not trusted and holds_a_secret(url, self._hidden()):
            raise problem(request.of, f"the {request.kind} request was redirected to another host with our credentials")
        if not trusted:
            return _Hop(method="GET", url=url, to=to, trusted=False, headers=_harmless(hop.headers))
        status = response.status
        if status == 303 or (status in (301, 302) and hop.method == "POST"):
            return _Hop(method="GET", url=url, to=to, trusted=True, headers=hop.headers)
        # A Location is a whole URL: the parameters of the first hop are not added to it.
        return replace(hop, url=url, to=to, params=None)

    def _absolute(self, request: _Request) -> str:
        if _ABSOLUTE.match(request.target.strip(" ")):
            try:
                return link_of(request.target)
            except ValueError:
                raise problem(request.of, f"the {request.kind} request has no valid URL") from None
        if {".", ".."} & set(request.target.partition("?")[0].split("/")):
            raise problem(request.of, f"the {request.kind} request would leave its path")
        base = self._bases.get(request.at, self._base_url) if request.at else self._base_url
        return f"{base}/{request.target.lstrip('/')}"

    def _trusted_origins(self, request: _Request) -> Collection[Origin | None]:
        return (self._home, self._further.get(request.at) if request.at else None)

    def _check_url(self, request: _Request, url: str) -> Url:
        """The parts of `url`, when it is one that may be asked; its addresses are judged when connecting."""
        schemes = ("https",) if self._reach is Reach.PUBLIC else ("https", "http")
        reason = None
        try:
            parts = parse_url(url)
        except ValueError:
            parts = Url()
        if len(url) > LONGEST_URL or not _is_clean(url) or not parts.host:
            reason = "has no valid URL"
        elif parts.scheme not in schemes:
            reason = f"has a URL that is not {' or '.join(schemes)}"
        elif parts.auth is not None:
            reason = "has a URL with a user name"
        if reason:
            raise problem(request.of, f"the {request.kind} request {reason}")
        return parts

    def _is_secret(self, value: object) -> bool:
        if isinstance(value, Secret):
            return True
        if isinstance(value, (list, tuple)):
            return any(self._is_secret(each) for each in value)
        return holds_a_secret(str(value), self._hidden())

    def _send(self, request: _Request, hop: _Hop) -> Response:
        counts = self._counts(hop.to)
        try:
            sent = request_to(hop.to, hop.method, headers=hop.headers, params=hop.params, form=hop.form, json=hop.json)
        except ValueError:
            raise problem(request.of, f"the {request.kind} request could not be put into HTTP") from None
        if counts:
            self._slots.book(request.kind)
        connect, read = self._time_left(request)
        try:
            response = self._connections.send(_origin(hop.to), sent, connect=connect, read=read)
            return self._obey_limits(response, counts=counts)
        except AddressRefused as refused:
            raise problem(request.of, self.quotable(str(refused))) from None
        except (Unreachable, HTTPException, OSError, ValueError) as error:
            failure = failure_of(error)
        host = self.quotable(hop.to.host or "")
        raise trouble(request.of, f"the {request.kind} request to {host} failed: {failure}", own=counts)

    def _obey_limits(self, response: Response, *, counts: bool) -> Response:
        """Slows down before the provider has to refuse: a refusal is counted against whoever asked."""
        wait = wait_when_used_up(response.headers, self._limit_headers) if counts else None
        if wait is not None and response.status not in self._limit_headers.too_fast:
            self._slots.hold(wait)
        return response

    def _counts(self, url: Url) -> bool:
        """Whether a request there takes a slot of the source's pace."""
        origin, host = _origin(url), (url.host or "").lower().rstrip(".")
        if origin != self._home and origin in self._further.values():
            return origin == self._further.get("media")
        return any(host == name or host.endswith(f".{name}") for name in self._own)

    def _time_left(self, request: _Request) -> tuple[float, float]:
        connect, read = self._timeouts
        if self._deadline is None:
            return connect, read
        left = self._deadline()
        if left <= 0:
            raise time_is_up(request.of)
        return min(connect, left), min(read, left)


def _origin(url: Url) -> Origin:
    scheme = (url.scheme or "").lower()
    return scheme, (url.host or "").lower(), url.port or PORTS.get(scheme, 0)


def _is_clean(url: str) -> bool:
    """Free of what two URL parsers might read differently."""
    return not any(each <= " " or each in "\\\x7f" for each in url)


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() == "accept"}
