"""What a command tells the launcher, and how both read and write it.

Imported by `import metaflow` in every process that looks for a launcher: it needs nothing but the standard library.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PASSED_ON = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH,
)  # fmt: skip
"""The signals that a command gets where its launcher's fork executes it, and passes on."""

_STREAM_OPTIONS = ("encoding", "errors", "line_buffering", "write_through")

_MOST_DESCRIPTORS = 200
"""Fewer than a message can carry (253 on Linux)."""

_CREDENTIALS = struct.Struct("3i")

_PATIENCE_SECONDS = 10.0
"""How long the launcher waits for a command that has connected: one that is stopped must not keep others waiting."""

_GO = b"g"

StreamOptions = dict[str, Any]
"""How standard input, output or error is opened: what `io.TextIOWrapper` is told besides the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command. `descriptors` are the numbers of its open files, which travel beside it.

    `path` is `sys.path`, and `program` the script, as an absolute path.
    """

    program: str
    argv: list[str]
    orig_argv: list[str]
    environment: dict[str, str]
    path: list[str]
    umask: int
    ignored: list[int]
    streams: list[StreamOptions]
    descriptors: list[int]


@dataclass(frozen=True, slots=True)
class Received:
    """A request, with the files as they are open here: its working directory, and those of `descriptors` in order."""

    request: Request
    folder: int
    files: tuple[int, ...]


def of_this_process(environment: dict[str, str], without: int) -> Request:
    """Return the request by which this process is executed elsewhere; *without* is a file that stays here."""
    return Request(
        program=str(Path.cwd() / sys.argv[0]),
        argv=sys.argv,
        orig_argv=sys.orig_argv,
        environment=environment,
        path=sys.path,
        umask=_umask(),
        ignored=[int(it) for it in PASSED_ON if signal.getsignal(it) is signal.SIG_IGN],
        streams=[
            {name: getattr(stream, name) for name in _STREAM_OPTIONS}
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
        descriptors=[number for number in _inherited_descriptors() if number != without],
    )


def send(connection: socket.socket, request: Request) -> None:
    """Send *request*, this process's working directory and its files."""
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        passed = array.array("i", [folder, *request.descriptors])
        data = json.dumps(asdict(request)).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)]
        connection.sendmsg([len(data).to_bytes(4, "big")], rights)
        connection.sendall(data)
    finally:
        os.close(folder)


def receive(connection: socket.socket) -> Received | None:
    """Return what a command has sent; None if it ended before it had sent all, or does not go on."""
    files: list[int] = []
    connection.settimeout(_PATIENCE_SECONDS)
    with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as sent:
        size, files, _, _ = socket.recv_fds(connection, 4, _MOST_DESCRIPTORS + 1)
        request = Request(**json.loads(sent.read(int.from_bytes(size, "big"))))
        connection.settimeout(None)
        return Received(request, files[0], tuple(files[1:]))
    for number in files:
        os.close(number)
    return None


def give_go(connection: socket.socket) -> None:
    """Let the fork begin. Before that the command may still execute its program itself; never after."""
    connection.sendall(_GO)


def has_go(connection: socket.socket) -> bool:
    """Wait until the command lets its fork begin, and say whether it does."""
    return connection.recv(1) == _GO


def is_gone(connection: socket.socket) -> bool:
    """Say whether the other side of *connection*, which is readable, was killed."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def tell(connection: socket.socket, **message: int) -> None:
    """Send a line to the command; it may be gone."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(message).encode() + b"\n")


def is_of_this_user(connection: socket.socket) -> bool:
    """Say whether the other side of *connection* is a process of the same user."""
    option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(option)[1] == os.geteuid())


def _inherited_descriptors() -> Iterator[int]:
    for number in range(_MOST_DESCRIPTORS):
        with contextlib.suppress(OSError):
            is_inherited = os.get_inheritable(number)
            if is_inherited and not stat.S_ISDIR(os.fstat(number).st_mode):
                yield number


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
