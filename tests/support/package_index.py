"""A package index of a test's own: tiny wheels that it makes, and a server with a simple index of them."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx import codes

ANYWHERE = "py3-none-any"


@dataclass(frozen=True)
class Wheel:
    """A package with one module of its name, which has a `__version__`."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    tag: str = ANYWHERE

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.tag}.whl"

    def write(self, folder: Path) -> Path:
        info = f"{self.name}-{self.version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"]
        metadata += [f"Requires-Dist: {requirement}\n" for requirement in self.requires]
        files = {
            f"{self.name}.py": f"__version__ = {self.version!r}\n",
            f"{info}/METADATA": "".join(metadata),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {self.tag}\n",
        }
        record = "".join(f"{name},{_hash(text)},{len(text)}\n" for name, text in files.items())
        files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
        path = folder / self.file
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return path


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@dataclass
class Index:
    """The simple index over HTTP of the wheels in `folder`; `credentials`, as `user:password`, are demanded if given."""

    folder: Path
    port: int = 0
    credentials: str | None = None
    asked: list[str] = field(default_factory=list)

    def url(self, credentials: str | None = None) -> str:
        who = "" if credentials is None else f"{credentials}@"
        return f"http://{who}127.0.0.1:{self.port}/simple"

    def add(self, *wheels: Wheel) -> None:
        for wheel in wheels:
            wheel.write(self.folder)

    def page(self, package: str) -> str:
        found = sorted(self.folder.glob(f"{package.replace('-', '_')}-*.whl"))
        links = (
            f'<a href="/files/{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
            for file in found
        )
        return "\n".join(links)


@contextmanager
def serving(folder: Path, *wheels: Wheel, credentials: str | None = None) -> Iterator[Index]:
    """Serve *wheels* until the block ends."""
    index = Index(folder, credentials=credentials)
    index.add(*wheels)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.index = index
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    index: Index


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        index = self.server.index
        index.asked.append(self.path)
        if index.credentials is not None and not self._is_allowed(index.credentials):
            self._answer(401, b"")
            return
        match self.path.strip("/").split("/"):
            case ["simple", package] if page := index.page(package):
                self._answer(200, page.encode(), "text/html")
            case ["files", name] if (index.folder / name).is_file():
                self._answer(200, (index.folder / name).read_bytes(), "application/zip")
            case _:
                self._answer(404, b"")

    do_HEAD = do_GET  # noqa: N815  the name that http.server calls

    def _is_allowed(self, credentials: str) -> bool:
        wanted = base64.b64encode(credentials.encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _answer(self, code: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(code)
        if code == codes.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""
