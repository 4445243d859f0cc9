"""Stands in for API Gateway: the template's routes on 127.0.0.1, each request as an event for the route's function.

As on AWS there are as many sandboxes of a function as requests come at once, here up to a limit, and none serves two.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, LifoQueue
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from functions.archiver.errors import Misconfigured
from ops.local.functions import Sandbox
from ops.local.wiring import Route

HOST = "127.0.0.1"
MAX_SANDBOXES = 4
MAX_BYTES = 10 * 1024 * 1024
"""API Gateway takes no larger body."""

IDLE_SECONDS = 30.0
_TEXTS = ("text/", "application/json", "application/xml", "application/javascript")
_LONGEST_LINE = 1000

Answer = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, read whole. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    port: int = 0

    @property
    def path(self) -> str:
        """Without the query, still encoded."""
        return urlsplit(self.target).path


def matched(route: Route, request: Request) -> Mapping[str, str] | None:
    """The decoded path parameters, when the route is the request's."""
    method, _, path = route.key.partition(" ")
    wanted, given = path.split("/"), request.path.split("/")
    if method not in ("ANY", request.method) or len(wanted) != len(given):
        return None
    parameters: dict[str, str] = {}
    for name, segment in zip(wanted, given, strict=True):
        if name.startswith("{") and segment:
            parameters[name.strip("{}")] = unquote(segment)
        elif name != segment:
            return None
    return parameters


def event_of(route: Route, request: Request, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The request in API Gateway's payload format 2.0, which leaves out what is empty."""
    query = urlsplit(request.target).query
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(request.path),
        "rawQueryString": query,
        "headers": {**request.headers, "x-forwarded-proto": "http"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": f"{HOST}:{request.port}",
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": HOST,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route.key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": round(now * 1000),
        },
        **_body(request),
    }
    if query:
        event["queryStringParameters"] = _join(parse_qsl(query, keep_blank_values=True))
    if parameters:
        event["pathParameters"] = dict(parameters)
    return event


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    if request.headers.get("content-type", "").strip().lower().startswith(_TEXTS):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # no text after all: as bytes
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _join(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Joins values of one name with commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


class _Sandboxes:
    """The sandboxes of one function, made when they are needed."""

    def __init__(self, make: Callable[[], Sandbox]) -> None:
        self._make = make
        self._free = threading.BoundedSemaphore(MAX_SANDBOXES)
        self._warm: LifoQueue[Sandbox] = LifoQueue()

    @contextmanager
    def one(self) -> Iterator[Sandbox]:
        """A sandbox that nobody else has meanwhile."""
        with self._free:
            try:
                sandbox = self._warm.get_nowait()
            except Empty:
                sandbox = self._make()
            try:
                yield sandbox
            finally:
                self._warm.put(sandbox)


class WebhookServer:
    """Serves `routes` from its making to `stop`. `sandboxes` makes one of a function, by its logical id.

    Raises Misconfigured when the port cannot be had.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        sandboxes: Mapping[str, Callable[[], Sandbox]],
        port: int,
        *,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._routes = routes
        self._sandboxes = {route.function: _Sandboxes(sandboxes[route.function]) for route in routes}
        self._on_error = on_error
        self._idle = threading.Condition()
        self._busy = 0
        self.stopping = False
        try:
            self._server = _Server((HOST, port), self)
        except (OSError, OverflowError) as error:
            why = (getattr(error, "strerror", None) or "cannot be used").lower()
            raise Misconfigured(f"--serve-webhooks: port {port} of {HOST}: {why}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begins to answer; requests that came before wait in the socket's queue."""
        self._thread.start()

    def stop(self, *, within: float | None = None) -> None:
        """Takes no further request and waits until every answer is given, at most `within` seconds."""
        self.stopping = True
        self._server.shutdown()
        self._thread.join()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, within)
        self._server.server_close()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """`stop` waits for the end of this block."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def answer(self, request: Request) -> Answer:
        """The function's answer, or one of API Gateway's own."""
        for route in self._routes:
            parameters = matched(route, request)
            if parameters is None:
                continue
            try:
                with self._sandboxes[route.function].one() as sandbox:
                    return cast("Answer", sandbox.invoke(event_of(route, request, parameters)))
            except Exception as error:  # whatever a handler raises, API Gateway answers
                self._on_error(error)
                return message(500, "Internal Server Error")
        return message(404, "Not Found")


def message(status: int, text: str) -> Answer:
    """An answer as API Gateway words its own."""
    body = json.dumps({"message": text}, separators=(",", ":"))
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], webhooks: WebhookServer) -> None:
        self.webhooks = webhooks
        super().__init__(address, _Exchange)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def _serve(self) -> None:
        webhooks = cast("_Server", self.server).webhooks
        with webhooks.answering():
            self.close_connection |= webhooks.stopping
            self._send(self._refused_body() or webhooks.answer(self._request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - the names that http.server calls

    def _refused_body(self) -> Answer | None:
        """Reads the request, or says why it cannot be read."""
        try:
            body = self._chunks() if self.headers.get("Transfer-Encoding") else self._read_counted()
        except ValueError:
            body = None
        except OverflowError:
            self.close_connection = True
            return message(413, "Request Entity Too Large")
        if body is None:
            self.close_connection = True
            return message(400, "Bad Request")
        headers = {name.lower(): ",".join(self.headers.get_all(name, [])) for name in self.headers}
        port = int(cast("_Server", self.server).server_address[1])
        self._request = Request(method=self.command, target=self.path, headers=headers, body=body, port=port)
        return None

    def _read_counted(self) -> bytes | None:
        """None for a body that ends early."""
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BYTES:
            raise OverflowError
        body = self.rfile.read(max(length, 0))
        return body if len(body) == length else None

    def _chunks(self) -> bytes | None:
        body = b""
        while size := int(self.rfile.readline(_LONGEST_LINE).partition(b";")[0], 16):
            if size < 0 or len(body) + size > MAX_BYTES:
                raise OverflowError
            body += self.rfile.read(size)
            self.rfile.readline(_LONGEST_LINE)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass  # trailers
        return body

    def _send(self, answer: Answer) -> None:
        body = str(answer.get("body", "")).encode()
        self.send_response(int(answer["statusCode"]))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *unused: object) -> None:
        """Says nothing: a path may hold a secret."""
