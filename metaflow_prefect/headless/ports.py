"""Free and taken TCP ports."""

from __future__ import annotations

import errno
import socket

from metaflow_prefect.headless.errors import PortTaken


def free_port(host: str) -> int:
    """A port that is free on *host* now; somebody may take it before it is used."""
    with _bound(host, 0) as bound:
        return int(bound.getsockname()[1])


def require_free(host: str, port: int, *, what: str, setting: str) -> None:
    """Prove that *port* can be bound on *host*.

    Raises:
        PortTaken: it cannot; the error names the *setting* and a port that is free.
    """
    try:
        _bound(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"{what} cannot listen on {host}:{port}: another process does",
                fix=f"stop it, or set {setting} to another port, e.g. {free_port(host)} (0 = any)",
            ) from error
        raise PortTaken(
            f"{what} cannot listen on {host}:{port}: {error.strerror or error}",
            fix=f"correct the address or {setting}",
        ) from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    # As uvicorn does: a port in TIME_WAIT after a restart counts as free.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
