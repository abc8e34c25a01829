"""Stands between a command and the server, and fails as told: from some request on, or for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.http_client import HTTP

Fault = Callable[[str, str], int | None]
"""From method and path: the status to answer with, 0 to drop the connection,
LOST to drop it when the server has done what it was asked, None to pass it on."""

LOST = -1


@contextmanager
def in_between(target: str, fault: Fault) -> Iterator[str]:
    """Serve *target* (a Prefect API's address) at another address, which is returned."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = fault(self.command, self.path)
            if status == 0:
                self.close_connection = True
                return
            if status is not None and status != LOST:
                self._answer(status, b'{"detail": "a fault of this test"}')
                return
            kept = {
                k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}
            }
            answer = HTTP.request(
                self.command, target.removesuffix("/api") + self.path, content=body, headers=kept,
            )  # fmt: skip
            if status == LOST:
                self.close_connection = True
                return
            self._answer(answer.status_code, answer.content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815  names of the standard library

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
