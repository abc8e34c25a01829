"""A process that forks, for each command that `forked_command` sends, a child which executes that command.

What the process has imported, the child has. A child has the words, environment, path, open files, folder and signals
of the command's client, and ends as an interpreter does.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import fcntl
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn

_MOST_DESCRIPTORS = 250


StreamOptions = dict[str, Any]
"""How standard input, output or error is opened: what `io.TextIOWrapper` is told besides the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a command is: `descriptors` are its open files, by the number under which each is open in the client."""

    words: list[str]
    environment: dict[str, str]
    path: list[str]
    umask: int
    ignored: list[int]
    streams: list[StreamOptions]
    folder: int
    descriptors: dict[int, int]


def listening(address: str) -> socket.socket:
    """Return a socket to which clients can connect from now on."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(100)
    return listener


class Server:
    """The loop, and the connections of the commands that run, by process id.

    It ends, with all that it has forked, when the other end of the file *life* is closed.
    """

    def __init__(self, listener: socket.socket, life: int) -> None:
        self._listener = listener
        self._life = life
        self._running: dict[int, socket.socket] = {}
        self._woken, self._wakes = os.pipe()

    def run(self) -> Request:
        """Serve; return, in each child, what the child is to execute."""
        # What exists now is not looked at by the children's collector, so that its pages stay shared.
        gc.collect()
        gc.freeze()
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            waited_for = [self._woken, self._life, self._listener, *self._running.values()]
            readable, _, _ = select.select(waited_for, [], [])
            if self._life in readable:
                self._end()
            if self._woken in readable:
                os.read(self._woken, 4096)
                self._reap()
            for pid, client in self._running.items():
                # It sends nothing more: the client was killed.
                if client in readable:
                    _kill(pid)
            if self._listener in readable and (request := self._accept()):
                return request

    def _accept(self) -> Request | None:
        """Fork a child for the command that a client has; return its request in the child."""
        client, _ = self._listener.accept()
        request = _received(client)
        if pid := os.fork():
            for number in (request.folder, *request.descriptors.values()):
                os.close(number)
            self._running[pid] = client
            _send(client, pid=pid)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self._listener, client, *self._running.values()):
            other.close()
        for number in (self._woken, self._wakes, self._life):
            os.close(number)
        return request

    def _reap(self) -> None:
        for pid in tuple(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self._running.pop(pid) as client:
                    _send(client, exit=os.waitstatus_to_exitcode(status))

    def _end(self) -> NoReturn:
        for pid in self._running:
            _kill(pid)
        os._exit(0)


def _received(client: socket.socket) -> Request:
    size, passed, _, _ = socket.recv_fds(client, 4, _MOST_DESCRIPTORS)
    data = client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    asked = json.loads(data)
    folder, *opened = passed
    numbers = asked.pop("descriptors")
    return Request(**asked, folder=folder, descriptors=dict(zip(numbers, opened, strict=True)))


def _send(client: socket.socket, **message: int) -> None:
    # The client may have been killed.
    with contextlib.suppress(OSError):
        client.sendall(json.dumps(message).encode() + b"\n")


def _kill(pid: int) -> None:
    """Kill a command and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def become(request: Request) -> None:
    """Make this process what an interpreter is before it executes the command."""
    os.setsid()
    os.fchdir(request.folder)
    os.close(request.folder)
    _place(request.descriptors)
    os.umask(request.umask)
    _ignore(request.ignored)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.orig_argv = request.words
    sys.path = request.path
    _open_streams(request.streams)


def _ignore(numbers: list[int]) -> None:
    """Ignore these signals, and SIGINT not only because the server was told to ignore it."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    if signal.SIGINT not in numbers:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


def _open_streams(streams: list[StreamOptions]) -> None:
    """Open standard input, output and error as the interpreter of the client has opened them."""
    for number, (name, mode, options) in enumerate(
        zip(("stdin", "stdout", "stderr"), ("rb", "wb", "wb"), streams, strict=True)
    ):
        file: Any = open(number, mode, closefd=False)  # noqa: SIM115  the program closes it
        file.raw.name = f"<{name}>"
        stream = io.TextIOWrapper(file, **options)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def execute(words: list[str], in_main: Mapping[str, object]) -> None:
    """Execute what follows the interpreter and its options: `-c`, `-m` or a script, and its arguments.

    *in_main* are the names that imports have put into `__main__`.
    """
    rest = words[2:] if words[1] == "-u" else words[1:]
    main = types.ModuleType("__main__")
    main.__dict__.update(in_main, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main
    if rest[0] == "-c":
        sys.argv = ["-c", *rest[2:]]
        sys.path.insert(0, "")
        exec(compile(rest[1], "<string>", "exec"), main.__dict__)  # noqa: S102  it is what we are for
        return
    if rest[0] == "-m":
        sys.argv = ["-m", *rest[2:]]
        sys.path.insert(0, str(Path.cwd()))
        runpy._run_module_as_main(rest[1])  # type: ignore[attr-defined]  # noqa: SLF001  it is what `python -m` calls
        return
    sys.argv = rest
    script = os.path.abspath(rest[0])  # noqa: PTH100  which leaves links as they are
    sys.path.insert(0, str(Path(script).resolve().parent))
    loader = SourceFileLoader("__main__", script)
    main.__dict__.update(__file__=script, __cached__=None, __loader__=loader)
    exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)  # noqa: S102  it is what we are for


def leave(ending: BaseException | None) -> NoReturn:
    """End as an interpreter whose program raised *ending*, but leave the memory to the system."""
    code = _exit_code(ending)
    # What the interpreter does at its end; typeshed has neither.
    _call(getattr(threading, "_shutdown"))  # noqa: B009  as above
    _call(getattr(atexit, "_run_exitfuncs"))  # noqa: B009  as above
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if isinstance(ending, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def _call(finish: Callable[[], object]) -> None:
    try:
        finish()
    except BaseException:  # noqa: BLE001  the interpreter prints what goes wrong here, and goes on
        traceback.print_exc()


def _exit_code(ending: BaseException | None) -> int:
    match ending:
        case None | SystemExit(code=None):
            return 0
        case SystemExit(code=int(code)):
            return code & 0xFF
        case SystemExit():
            sys.stderr.write(f"{ending.code}\n")
        case _:
            trace = ending.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
                trace = trace.tb_next
            sys.excepthook(type(ending), ending.with_traceback(trace), trace)
    return 1


def run(request: Request, prepare: Callable[[], None], in_main: Mapping[str, object]) -> NoReturn:
    """Become the command, *prepare* what has been imported for its environment, execute it, and end."""
    ending: BaseException | None = None
    try:
        become(request)
        prepare()
        execute(request.words, in_main)
    except BaseException as error:  # noqa: BLE001  a process boundary: the end of an interpreter is emulated
        ending = error
    leave(ending)
