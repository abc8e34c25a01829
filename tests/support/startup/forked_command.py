"""Has a command executed in a fork of the tests' fork server (prefect_fork_server.py above), and waits for its end.

To whoever started it, this process is the command: it has its process id, passes on the signals that it gets, and ends
as the command ends. The command itself has this process's words, environment, working directory, open files and path,
but a process id, a session and a parent of its own. If this process is killed, the command is, and all it has started.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

VARIABLE = "PYTHON_FORK_SERVER_OF_TESTS"
"""Names the environment variable: the server's socket, and after a colon the `sys.prefix` of its Python.

Its name begins like those that a headless stack passes on to its workers.
"""

_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)  # fmt: skip

_OF_THE_STACK = ("metaflow_prefect.headless", "metaflow_prefect.headless.services.serve")
"""Our modules that are executed with `python -m` and import Prefect."""

_COMPILED = b"# Compiled by metaflow-prefect-northflank"

_STREAM_OPTIONS = ("encoding", "errors", "line_buffering", "write_through")

_MOST_DESCRIPTORS = 200
"""Fewer than a message can carry (253 on Linux)."""

_NO_ANSWER = 70


def begin() -> None:
    """End as the command that this interpreter was started for ended; return if it must execute the command itself."""
    address, _, prefix = os.environ[VARIABLE].partition(os.pathsep)
    if sys.prefix == prefix and _imports_prefect(sys.orig_argv):
        be_forked(address)


def be_forked(address: str) -> None:
    """End as the command ended in a fork of the server at *address*; return if the server is gone."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        _send(server)
        _follow(server)


def _imports_prefect(words: list[str]) -> bool:
    """Return whether it is a command of Prefect, a container or a headless stack, `python flow.py prefect` or a compiled file."""
    _, *rest = words
    if rest[:1] == ["-u"]:
        rest = rest[1:]
    match rest:
        case ["-m", module, *_]:
            return module.partition(".")[0] == "prefect" or module in _OF_THE_STACK
        case ["-c", _, *arguments]:
            return arguments[:2] == ["flow-run", "execute"]
        case [program, *arguments] if not program.startswith("-"):
            is_command = Path(program).name == "prefect" or "prefect" in arguments
            return is_command or _is_compiled(program)
    return False


def _is_compiled(program: str) -> bool:
    with contextlib.suppress(OSError), Path(program).open("rb") as file:
        return file.read(len(_COMPILED)) == _COMPILED
    return False


def _send(server: socket.socket) -> None:
    numbers = [number for number in _open_descriptors() if number != server.fileno()]
    request = {
        "words": sys.orig_argv,
        "environment": dict(os.environ),
        "path": sys.path,
        "umask": _umask(),
        "ignored": [it for it in _PASSED_ON if signal.getsignal(it) is signal.SIG_IGN],
        "streams": [
            {name: getattr(stream, name) for name in _STREAM_OPTIONS}
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "descriptors": numbers,
    }
    folder = os.open(".", os.O_RDONLY)
    passed = array.array("i", [folder, *numbers])
    data = json.dumps(request).encode()
    server.sendmsg([len(data).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    server.sendall(data)
    # Whoever reads the output waits until all who could write there have ended or closed it.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        os.dup2(nothing, number)


def _open_descriptors() -> Iterator[int]:
    """Yield the descriptors that this process has inherited."""
    for number in range(_MOST_DESCRIPTORS):
        with contextlib.suppress(OSError):
            is_inherited = os.get_inheritable(number)
            if is_inherited and not stat.S_ISDIR(os.fstat(number).st_mode):
                yield number


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _follow(server: socket.socket) -> NoReturn:
    """Wait for the end of the command, and end as it did."""
    with server.makefile("rb") as answers:
        pid = _answer(answers)["pid"]

        def pass_on(number: int, _: Any) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

        # Also those that it ignores: the command may have begun to listen.
        for number in _PASSED_ON:
            signal.signal(number, pass_on)
        code = _answer(answers)["exit"]
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


def _answer(answers: Any) -> Any:
    line = answers.readline()
    if not line:
        os._exit(_NO_ANSWER)
    return json.loads(line)
