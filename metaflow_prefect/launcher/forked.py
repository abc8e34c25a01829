"""Makes a fork of the launcher the process that an interpreter would have been, executes the program, and ends."""

from __future__ import annotations

import builtins
import fcntl
import io
import logging
import os
import signal
import socket
import sys
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn

from metaflow_prefect.launcher.request import (
    PASSED_ON,
    Received,
    Request,
    StreamOptions,
    has_go,
    tell,
)
from metaflow_prefect.runtime.in_flow.fork_child import leave

_has_logging_to_set_up: list[bool] = []


def execute(received: Received, connection: socket.socket) -> NoReturn:
    """Execute the program of a command, tell its process how it ended, and end."""
    if not has_go(connection):
        # The command executes its program itself, or was killed.
        os._exit(0)
    ending: BaseException | None = None
    try:
        _become(received)
        _run(received.request)
    except BaseException as error:  # noqa: BLE001  a process boundary: the end of an interpreter is emulated
        ending = error
    leave(ending, received.request.program, tell=lambda code: tell(connection, exit=code))


def _become(received: Received) -> None:
    request = received.request
    os.setsid()
    os.fchdir(received.folder)
    os.close(received.folder)
    _place(dict(zip(request.descriptors, received.files, strict=True)))
    os.umask(request.umask)
    for number in PASSED_ON:
        signal.signal(number, _handler(number, request.ignored))
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv, sys.orig_argv, sys.path = request.argv, request.orig_argv, request.path
    _open_streams(request.streams)
    _read_prefects_settings()
    _take_prefects_logging_back()


def _handler(number: int, ignored: Sequence[int]) -> Any:
    """Return what an interpreter does about a signal, in an environment where some are ignored."""
    if number in ignored:
        return signal.SIG_IGN
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


def _place(descriptors: dict[int, int]) -> None:
    """Open each file under the number that the command knows."""
    # First out of the way: a number may be another file's here.
    above = max(descriptors) + 1
    moved = {number: _duplicate(here, above) for number, here in descriptors.items()}
    for number, here in moved.items():
        os.dup2(here, number)
        os.close(here)


def _duplicate(descriptor: int, lowest: int) -> int:
    duplicate = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    os.close(descriptor)
    return duplicate


def _open_streams(streams: Sequence[StreamOptions]) -> None:
    """Open standard input, output and error as the interpreter of the command has opened them."""
    for number, (name, mode, options) in enumerate(
        zip(("stdin", "stdout", "stderr"), ("rb", "wb", "wb"), streams, strict=True)
    ):
        file: Any = open(number, mode, closefd=False)  # noqa: SIM115  the program closes it
        file.raw.name = f"<{name}>"
        stream = io.TextIOWrapper(file, **options)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _read_prefects_settings() -> None:
    """Let Prefect read its settings for the working directory of the command."""
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()


def _take_prefects_logging_back() -> None:
    """Leave logging as it is before Prefect is imported: the program may set it up as it likes."""
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    _has_logging_to_set_up.append(True)


def set_prefects_logging_up() -> None:
    """Set logging up as `import prefect` does, if this process is a fork in which that has yet to happen."""
    if _has_logging_to_set_up:
        from prefect.logging.configuration import setup_logging

        _has_logging_to_set_up.clear()
        setup_logging(incremental=False)


def _run(request: Request) -> None:
    main = types.ModuleType("__main__")
    script = request.program
    main.__dict__.update(
        __builtins__=builtins,
        __file__=script,
        __loader__=SourceFileLoader("__main__", script),
        __cached__=None,
    )
    sys.modules["__main__"] = main
    exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)  # noqa: S102  it is what we are for
