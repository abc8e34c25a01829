"""Free and taken TCP ports."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from metaflow_prefect.headless.errors import PortTaken
from metaflow_prefect.headless.settings.model import HIGHEST_PORT, bracketed


def free_port(host: str) -> int:
    """Return a port that is free on *host* now; another process may take it before it is used."""
    with _bound(host, 0) as bound:
        return int(bound.getsockname()[1])


@dataclass(frozen=True, slots=True)
class NeededPort:
    """A port that something of the stack is going to listen on, and the variable that names it."""

    what: str
    host: str
    port: int
    setting: str


def require_free(*wanted: NeededPort) -> None:
    """Check that every port can be bound.

    Raises:
        PortTaken: some cannot; the error names each with its variable and a port that is free.
    """
    refused = [found for each in wanted if (found := _refusal(each)) is not None]
    if refused:
        problems, fixes = zip(*refused, strict=True)
        raise PortTaken("\n".join(problems), fix="\n".join(dict.fromkeys(fixes)))


def _refusal(wanted: NeededPort) -> tuple[str, str] | None:
    """Return what is wrong with a port and what to do about it, None if it is free."""
    where = f"{wanted.what} cannot listen on {bracketed(wanted.host)}:{wanted.port}"
    if wanted.port > HIGHEST_PORT:
        return f"{where}: ports end at {HIGHEST_PORT}", f"set {wanted.setting} lower"
    try:
        _bound(wanted.host, wanted.port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = f"e.g. {free_port(wanted.host)} (0 = any)"
            return (
                f"{where}: another process does",
                f"stop it, or set {wanted.setting} to another port, {other}",
            )
        wrong = "PREFECT_SERVER_HOST" if isinstance(error, socket.gaierror) else wanted.setting
        return f"{where}: {error.strerror or error}", f"correct {wrong}"
    return None


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
