"""What Metaflow's `ServiceMetadataProvider` asks of a metadata service, answered and recorded over HTTP.

Netflix's service is in no package index (`metaflow-local-service`, which is, gives every task a number of its
own and so serves no orchestrator). This one keeps the rules of its API that its callers meet, from its sources
(github.com/Netflix/metaflow-service, services/metadata_service/api): an object needs its parent, an id that is
given may not be a number, a second object of the same id is a conflict, a resource that is not there is a 404.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Json = Any

_IDS = ("flow_id", "run_number", "step_name", "task_id")
_KINDS = {"run": "run_number", "step": "step_name", "task": "task_id"}
_CREATE = re.compile(r"(?P<parent>/flows/.+)/(?P<kind>run|task)")
_CREATE_NAMED = re.compile(r"(?P<path>/flows/[^/]+|/flows/.+/steps/[^/]+)(/step)?")
_ADD = re.compile(r"(?P<task>/flows/.+/tasks/[^/]+)/(?P<kind>artifact|metadata)")
_ARTIFACTS = re.compile(r"(?P<task>/flows/.+/tasks/[^/]+)(/attempt/(?P<attempt>\d+))?/artifacts")
_ARTIFACT = re.compile(
    r"(?P<task>/flows/.+/tasks/[^/]+)/artifacts/(?P<name>[^/]+)(/attempt/(?P<attempt>\d+))?"
)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass
class MetadataService:
    """Everything that was registered, by path, and the requests in their order."""

    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    objects: dict[str, dict[str, Json]] = field(default_factory=dict)
    added: dict[tuple[str, str], list[dict[str, Json]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: Json) -> Json:
        with self.lock:
            self.requests.append((method, path))
            return self._read(path) if method == "GET" else self._write(path, body)

    def _write(self, path: str, body: Json) -> Json:
        if path.endswith("/heartbeat"):
            self._found(path.removesuffix("/heartbeat"))
            return {"wait_time_in_seconds": 10}
        if match := _ADD.fullmatch(path):
            task = self._found(match["task"])
            about = {name: task[name] for name in _IDS} | {"ts_epoch": _now()}
            entries = self.added.setdefault((match["task"], match["kind"]), [])
            entries.extend({**item, **about, "id": len(entries) + n} for n, item in enumerate(body))
            return []
        if match := _CREATE.fullmatch(path):
            given = body.get(_KINDS[match["kind"]])
            if given is not None and str(given).isnumeric():
                raise Refused(HTTPStatus.BAD_REQUEST)
            self._found(match["parent"])
            name = given or str(len(self.objects))
            return self._made(f"{match['parent']}/{match['kind']}s/{name}", body)
        if match := _CREATE_NAMED.fullmatch(path):
            return self._made(match["path"], body)
        raise Refused(HTTPStatus.NOT_FOUND)

    def _made(self, path: str, body: Json) -> Json:
        if path in self.objects:
            raise Refused(HTTPStatus.CONFLICT)
        words = path.strip("/").split("/")
        if len(words) > 2:
            self._found("/" + "/".join(words[:-2]))
        ids = dict(zip(_IDS, words[1::2], strict=False))
        self.objects[path] = {**body, **ids, "ts_epoch": _now()}
        return self.objects[path]

    def _read(self, path: str) -> Json:
        if match := _ARTIFACTS.fullmatch(path):
            found = self.added.get((match["task"], "artifact"), [])
            latest = max((item["attempt_id"] for item in found), default=0)
            attempt = latest if match["attempt"] is None else int(match["attempt"])
            return [item for item in found if item["attempt_id"] == attempt]
        if match := _ARTIFACT.fullmatch(path):
            attempt = f"/attempt/{match['attempt']}" if match["attempt"] else ""
            for item in self._read(f"{match['task']}{attempt}/artifacts"):
                if item["name"] == match["name"]:
                    return item
            raise Refused(HTTPStatus.NOT_FOUND)
        if path.endswith("/metadata"):
            return self.added.get((path.removesuffix("/metadata"), "metadata"), [])
        if "/filtered_tasks" in path:
            return self._filtered(path)
        if path.count("/") % 2:
            below = re.compile(re.escape(path) + "/[^/]+")
            return [item for name, item in self.objects.items() if below.fullmatch(name)]
        return self._found(path)

    def _filtered(self, path: str) -> list[str]:
        """Return the pathspecs of a step's tasks that have the metadata asked for."""
        step, _, question = path.partition("/filtered_tasks")
        wanted = dict(parse_qsl(question.lstrip("?")))
        pattern = re.compile(wanted.get("pattern", ""))
        tasks = [name for name in self.objects if name.startswith(f"{step}/tasks/")]
        return [
            "/".join(task.strip("/").split("/")[1::2])
            for task in tasks
            if not wanted
            or any(
                item["field_name"] == wanted["metadata_field_name"]
                and pattern.search(str(item["value"]))
                for item in self.added.get((task, "metadata"), [])
            )
        ]

    def _found(self, path: str) -> dict[str, Json]:
        if path not in self.objects:
            raise Refused(HTTPStatus.NOT_FOUND)
        return self.objects[path]


@contextmanager
def running_service() -> Iterator[MetadataService]:
    """Answer at a free port for as long as the block lasts."""
    service = MetadataService()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service.headers.append(dict(self.headers))
            try:
                status, answer = HTTPStatus.OK, self._answer(content)
            except Refused as refused:
                status, answer = refused.status, {"message": refused.status.phrase}
            self.send_response(status)
            self.send_header("METADATA_SERVICE_VERSION", "2.5.0")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def _answer(self, content: bytes) -> Json:
            if self.path == "/ping":
                return "pong"
            return service.answer(self.command, self.path, json.loads(content or b"{}"))

        do_GET = do_POST = _handle  # noqa: N815  names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _now() -> int:
    return round(time.time() * 1000)
