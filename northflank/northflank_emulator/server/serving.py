"""How an emulator is served: its socket, its HTTP server, its start and its shutdown."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from northflank_emulator.api import Api
from northflank_emulator.server.app import application
from northflank_emulator.server.request_log import RequestLog

_BACKLOG = 2048
_LOOP_SECONDS = 0.25


class CannotListen(OSError):
    """The emulator cannot listen at this address."""

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        super().__init__(_explain(host, port, cause))


def _explain(host: str, port: int, cause: OSError) -> str:
    if isinstance(cause, socket.gaierror):
        return (
            f"--host {host}: it has no known address ({cause.strerror}). "
            "Fix: give an address of this machine, or leave it out for 127.0.0.1."
        )
    match cause.errno:
        case errno.EADDRINUSE:
            return (
                f"--port {port}: another process listens there already, perhaps another emulator. "
                "Fix: stop it, or choose another port (0 picks a free one)."
            )
        case errno.EACCES:
            return f"--port {port}: this user may not listen there. Fix: choose a port above 1023."
        case errno.EADDRNOTAVAIL:
            return (
                f"--host {host}: this is not an address of this machine. "
                "Fix: give one of its addresses, or leave it out for 127.0.0.1."
            )
        case _:
            return f"--host {host} --port {port}: {cause.strerror or cause}. Fix: choose others."


class _Protocol(H11Protocol):
    """Passes the transport to the application, so that a fault can end the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP only
        """Add the transport to what the application sees of the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Handles no signals: uvicorn would let them end the process before its containers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield

    def stop(self) -> None:
        """Stop serving; a second call does not wait for open connections."""
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 lets the system choose one.

    Raises:
        CannotListen: the port is taken or reserved, or the host is not an address of this machine.
    """
    try:
        return _listen(host, port)
    except OSError as error:
        raise CannotListen(host, port, error) from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm, which would delay each answer by 40 ms, only if the protocol is named.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def base_url(sock: socket.socket) -> str:
    """Return the URL at which clients reach the emulator behind *sock*."""
    host, port = sock.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def http_server(api: Api, request_log: RequestLog) -> Server:
    """Return the HTTP server for *api*, not started yet."""
    return Server(
        uvicorn.Config(
            application(api, request_log),
            loop="asyncio",
            http=_Protocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )


async def serve(api: Api, server: Server, sock: socket.socket) -> None:
    """Serve until the server is stopped, then end every run."""
    api.start()
    rounds = asyncio.create_task(_background_loop(api))
    try:
        await server.serve(sockets=[sock])
    finally:
        rounds.cancel()
        await asyncio.wait({rounds})
        await api.stop()


async def _background_loop(api: Api) -> None:
    """Measure the containers and start the cron jobs that are due, several times a second."""
    scheduler = api.scheduler()
    while True:
        await asyncio.sleep(_LOOP_SECONDS)
        api.measure()
        scheduler.tick(api.clock.now())
