"""An emulator for tests and notebooks: a real server on a free port, in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType

import httpx
from typing_extensions import Self

from northflank_emulator.api import Api
from northflank_emulator.execution.scripted import Outcome
from northflank_emulator.faults import Fault
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.server import serving
from northflank_emulator.server.request_log import RecordedRequest, RequestLog
from northflank_emulator.settings import Settings
from northflank_emulator.state.permissions import Role

_START_SECONDS = 60
_STOP_SECONDS = 60
_CALL_SECONDS = 60
DEFAULT_TOKEN = "emulator-token"  # noqa: S105  opens nothing but an emulator
"""The token of an emulator whose settings have none."""


class EmulatorNotStartedError(Exception):
    """The emulator's server did not start."""

    def __init__(self) -> None:
        super().__init__(
            f"The emulator did not start within {_START_SECONDS} s; "
            "see the cause of this error, or the log."
        )


class CallFailedError(Exception):
    """The API answered `Emulator.call` with an error."""

    def __init__(self, method: str, path: str, answer: str) -> None:
        super().__init__(f"{method} {path} was answered with {answer}")


class Emulator:
    """A running emulator, as a context manager.

    Args:
        settings: how to set it up; without tokens it accepts `DEFAULT_TOKEN`.
        outcomes: scripted outcomes to replay instead of starting processes.
        faults: the faults that are set from the start.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        outcomes: Iterable[Outcome] | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        chosen = settings or Settings(rate_limit=None)
        tokens = chosen.tokens or {DEFAULT_TOKEN: Role.ADMIN}
        self._settings = replace(chosen, tokens=tokens)
        self._outcomes = outcomes
        self._faults = faults
        self._request_log = RequestLog(chosen.limits.recorded_requests)
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._api: Api | None = None
        self._server: serving.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = httpx.Client(timeout=_CALL_SECONDS)
        self.base_url = ""

    @property
    def token(self) -> str:
        """The first of the tokens it accepts."""
        return next(iter(self._settings.tokens))

    @property
    def project(self) -> str:
        """The first of its projects."""
        return self._settings.projects[0]

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every API request it received, oldest first."""
        return self._request_log.all()

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Call the API and return the `data` of its answer, for example to prepare a test.

        Raises:
            CallFailedError: the API answered with an error.
        """
        headers = {"authorization": f"Bearer {self.token}"}
        url = self.base_url + path
        response = self._client.request(method, url, json=body, headers=headers)
        if not response.is_success:
            raise CallFailedError(method, path, response.text)
        document: JsonObject = response.json()
        return document["data"]

    def forget_requests(self) -> None:
        """Forget the recorded requests."""
        self._request_log.clear()

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Let *fault* strike while the block runs."""
        faults = self._running().faults
        number = faults.add(fault)
        try:
            yield
        finally:
            faults.remove(number)

    def __enter__(self) -> Self:
        sock = serving.listen(self._settings.host, self._settings.port)
        self.base_url = serving.base_url(sock)

        def run() -> None:
            try:
                asyncio.run(self._serve(sock))
            except BaseException as error:
                self._problem = error
                logging.getLogger(__name__).debug("the emulator ended", exc_info=True)
            finally:
                sock.close()
                self._ready.set()

        self._thread = threading.Thread(target=run, name="northflank-emulator", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._problem:
            raise EmulatorNotStartedError from self._problem
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server and every container."""
        self._client.close()
        if self._server is not None and self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._server.stop)
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    async def _serve(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._api = Api(self._settings, outcomes=self._outcomes, faults=self._faults)
        self._server = serving.http_server(self._api, self._request_log)
        # The socket listens already: a request from now on waits a moment at worst.
        self._loop.call_soon(self._ready.set)
        await serving.serve(self._api, self._server, sock)

    def _running(self) -> Api:
        if self._api is None:
            raise EmulatorNotStartedError
        return self._api
