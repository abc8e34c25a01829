"""Has `python flow.py prefect run` executed by a fork of the launcher, and ends as that ends.

For the shell that started it, this process is the command: it passes on the signals that it gets, stops and continues
with the fork, and ends as the fork ends. If this process is killed, the command is, as it would be itself.
`metaflow_extensions` calls `hand_over` as the first thing of `import metaflow`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from metaflow_prefect.launcher import likeness
from metaflow_prefect.launcher.prelude import has_only_imported
from metaflow_prefect.launcher.request import (
    PASSED_ON,
    give_go,
    is_of_this_user,
    of_this_process,
    send,
)
from metaflow_prefect.runtime import variables

_OFF = "off"
_COMMANDS = ("run", "resume")
_ANSWER_SECONDS = 10.0
_KILLED = 1


@dataclass(frozen=True, slots=True)
class _Command:
    """What the launcher of a command is found by, and started with."""

    digest: str
    environment: dict[str, str]


_without_launcher: list[_Command] = []
"""The command of this process, where a launcher could have executed it and there was none."""


def hand_over() -> None:
    """End as the command ends that this process was started for; return if this process must execute it itself."""
    if not _is_wanted(sys.argv[1:]) or not _is_plain():
        return
    environment = dict(os.environ)
    command = _Command(likeness.digest(environment), environment)
    accepted = _handed_over(command)
    if accepted is not None:
        _follow(accepted)
    _without_launcher.append(command)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A fork that executes the command of this process; `answers` tell how it ends."""

    pid: int
    answers: Any


def _handed_over(command: _Command) -> _Accepted | None:
    """Return the fork that executes the command from now on; None if there is none, and there will be none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        _connect(connection, command.digest)
        connection.settimeout(_ANSWER_SECONDS)
        send(connection, of_this_process(command.environment, without=connection.fileno()))
        answers = connection.makefile("rb")
        accepted = _Accepted(json.loads(answers.readline())["pid"], answers)
        connection.settimeout(None)
        give_go(connection)
    except Exception:  # noqa: BLE001  whatever is wrong with a launcher, the command can be executed without
        # A fork that waits for its go ends.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        return None
    return accepted


def start_for_the_next(folder: Path) -> None:
    """Start a launcher for the next command like this one, if this one was a command that it could have executed.

    *folder* is that of the local server, with which the launcher ends.
    """
    if not _without_launcher or folder != _folder():
        return
    command = _without_launcher.pop()
    subprocess.Popen(
        [sys.executable, "-m", __package__, command.digest],
        env=command.environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def socket_name(digest: str) -> str:
    """Return the name of the launcher's socket in the local server's folder."""
    return f"launcher-{digest}"


def _folder() -> Path:
    """Return where the local server keeps its files, which `ServerFiles` of the runtime defines."""
    home = os.environ.get("PREFECT_HOME") or "~/.prefect"
    return Path(home).expanduser() / "metaflow-prefect"


def _is_wanted(words: Sequence[str]) -> bool:
    """Say whether the command line is that of a run."""
    if sys.platform != "linux" or os.environ.get(variables.LAUNCHER) == _OFF or "--help" in words:
        return False
    return any(words[at : at + 2] == ["prefect", command] for at in range(len(words)) for command in _COMMANDS)  # fmt: skip


def _is_plain() -> bool:
    """Say whether the interpreter was started as `python flow.py …`, and has done nothing else so far."""
    _, *rest = sys.orig_argv
    if rest[:1] == ["-u"]:
        rest = rest[1:]
    return (
        rest == sys.argv
        and None not in (sys.stdin, sys.stdout, sys.stderr)
        and threading.active_count() == 1
        and sys.gettrace() is None
        and sys.getprofile() is None
        and not _is_in_the_background()
        and _has_only_imported(_outermost())
    )


def _is_in_the_background() -> bool:
    """Say whether the terminal is another process's: it stops a process that reads, but not a fork of the launcher."""
    with contextlib.suppress(OSError):
        return os.isatty(0) and os.tcgetpgrp(0) != os.getpgrp()
    return False


def _outermost() -> FrameType:
    frame = sys._getframe()  # noqa: SLF001  the documented name
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _has_only_imported(frame: FrameType) -> bool:
    """Say whether the program, whose outermost frame is *frame*, has done nothing that its fork would do again."""
    program = Path.cwd() / sys.argv[0]
    if frame.f_globals.get("__name__") != "__main__" or frame.f_globals.get("__file__") != str(program):  # fmt: skip
        return False
    with contextlib.suppress(OSError):
        return has_only_imported(program.read_bytes(), frame.f_lineno)
    return False


def _connect(connection: socket.socket, digest: str) -> None:
    """Connect to the launcher of this user, in the folder of the local server.

    Raises:
        OSError: there is none.
    """
    back = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        # The path of a socket may have a hundred characters, so that it is told from here.
        os.chdir(_folder())
        connection.connect(socket_name(digest))
    finally:
        os.fchdir(back)
        os.close(back)
    if not is_of_this_user(connection):
        raise ConnectionRefusedError


def _follow(fork: _Accepted) -> NoReturn:
    """Wait for the end of the command, and end as it did."""
    _pass_on_signals(fork.pid)
    code = _exit_code(fork.answers)
    if code is None:
        # The launcher and the command were killed, or the launcher alone: the command goes on, and this process with it.
        _wait_for(fork.pid)
        code = _KILLED
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


def _exit_code(answers: Any) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return int(json.loads(answers.readline())["exit"])
    return None


def _pass_on_signals(pid: int) -> None:
    def pass_on(number: int, _: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def stop_with_it(*_: Any) -> None:
        # The command has no terminal, so that nothing but this signal would stop it.
        for process in (pid, os.getpid()):
            os.kill(process, signal.SIGSTOP)

    for number, handler in (*((it, pass_on) for it in (*PASSED_ON, signal.SIGCONT)), (signal.SIGTSTP, stop_with_it)):  # fmt: skip
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _wait_for(pid: int) -> None:
    with contextlib.suppress(OSError):
        select.select([os.pidfd_open(pid)], [], [])
