"""The embedded AWS behind a loopback port, for processes that reach it as they would reach AWS: by AWS_ENDPOINT_URL."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

from simulators.prompt_server import PromptServer

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@contextmanager
def aws_over_http() -> Iterator[str]:
    """The endpoint's URL. What is in moto when a request comes is what the request finds."""
    server = PromptServer(("127.0.0.1", 0), _Front)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.stop()


class _Front(BaseHTTPRequestHandler):
    """Gives each request the host that its signature is for, and hands it to moto, one at a time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stubber = BotocoreStubber()
    lock = threading.Lock()

    def _answer(self) -> None:
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        assert scope, "a request without a signature"
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = value
        region, service = scope.groups()
        url = f"https://{service}.{region}.amazonaws.com{self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = AWSPreparedRequest(method=self.command, url=url, headers=headers, body=body, stream_output=False)
        with self.lock:
            found = self.stubber.process_request(request)
        assert found, f"the embedded AWS does not know {self.command} {url}"
        status, answered, content = found
        data = content.encode() if isinstance(content, str) else content
        self.send_response(int(status))
        for name, value in answered.items():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 - the base class calls them so

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
