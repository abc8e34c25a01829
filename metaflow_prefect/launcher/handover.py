"""Has `python flow.py prefect run` executed by a fork of the launcher, and ends as that ends.

For the shell that started it, this process is the command: it passes on the signals that it gets, stops and continues
with the fork, and ends as the fork ends. If this process is killed, the command is, as it would be itself.
`metaflow_extensions` calls `hand_over` as the first thing of `import metaflow`.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from metaflow_prefect.launcher import likeness
from metaflow_prefect.launcher.request import PASSED_ON, is_of_this_user, of_this_process, send
from metaflow_prefect.runtime import variables

_OFF = "off"
_COMMANDS = ("run", "resume")
_ANSWER_SECONDS = 10.0
_KILLED = 1


@dataclass(frozen=True, slots=True)
class _Missed:
    """What a launcher has to be started with that could have executed this process's command."""

    digest: str
    environment: dict[str, str]


_missed: list[_Missed] = []
"""One, where this process's command could have been executed by a launcher."""


def hand_over() -> None:
    """End as the command ends that this process was started for; return if this process must execute it itself."""
    if not _is_wanted(sys.argv[1:]) or not _is_plain():
        return
    environment = dict(os.environ)
    missed = _Missed(likeness.digest(environment), environment)
    # A launcher that is gone, stale or broken answers nothing, and is not asked for anything again.
    with contextlib.suppress(OSError), _launcher(missed.digest) as launcher:
        send(launcher, of_this_process(environment, without=launcher.fileno()))
        answers = launcher.makefile("rb")
        launcher.settimeout(_ANSWER_SECONDS)
        pid = _answer(answers).get("pid")
        launcher.settimeout(None)
        if pid is not None:
            _follow(answers, pid)
    _missed.append(missed)


def start_for_the_next(folder: Path) -> None:
    """Start a launcher for the next command like this one, if this one was a command that it could have executed.

    *folder* is that of the local server, with which the launcher ends.
    """
    if not _missed or folder != _folder():
        return
    missed = _missed.pop()
    subprocess.Popen(
        [sys.executable, "-m", __package__, missed.digest],
        env=missed.environment,
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
    """Say whether the program has done nothing before it imports Metaflow, except import the standard library.

    Its fork executes the program from its beginning, so whatever it has done here would be done twice.
    """
    program = sys.argv[0]
    if frame.f_globals.get("__name__") != "__main__" or frame.f_globals.get("__file__") != str(
        Path.cwd() / program
    ):
        return False
    try:
        text = Path(program).read_bytes()
        statements = ast.parse(text).body
    except (OSError, SyntaxError, ValueError):
        return False
    before = [it for it in statements if it.lineno < frame.f_lineno]
    here = [it for it in statements if it.lineno <= frame.f_lineno <= (it.end_lineno or it.lineno)]
    return all(_is_harmless(it) for it in before if it not in here) and [
        set(_imported(it)) for it in here
    ] == [{"metaflow"}]


def _is_harmless(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    names = list(_imported(statement))
    return bool(names) and all(name in sys.stdlib_module_names for name in names)


def _imported(statement: ast.stmt) -> Iterator[str]:
    """Yield the packages that an import statement names; none of another statement."""
    match statement:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]


@contextmanager
def _launcher(digest: str) -> Iterator[socket.socket]:
    """Connect to the launcher of this user, in the folder of the local server.

    Raises:
        OSError: there is none.
    """
    with socket.socket(socket.AF_UNIX) as found:
        back = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The path of a socket may have a hundred characters, so that it is told from here.
            os.chdir(_folder())
            found.connect(socket_name(digest))
        finally:
            os.fchdir(back)
            os.close(back)
        if not is_of_this_user(found):
            raise ConnectionRefusedError
        yield found


def _answer(answers: Any) -> dict[str, int]:
    with contextlib.suppress(OSError):
        line = answers.readline()
        return dict(json.loads(line)) if line else {}
    return {}


def _follow(answers: Any, pid: int) -> NoReturn:
    """Wait for the end of the command, whose process is *pid*, and end as it did."""
    _pass_on_signals(pid)
    code = _answer(answers).get("exit")
    if code is None:
        # The launcher and the command were killed, or the launcher alone: the command goes on, and this process with it.
        _wait_for(pid)
        code = _KILLED
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


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
