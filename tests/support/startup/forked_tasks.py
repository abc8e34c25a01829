"""Lets the tasks of a run of Metaflow's own be forked from a process that has imported `metaflow`, and nothing else.

That process is itself forked, from the run's, which has imported `metaflow` a moment before its program does: both
have read the same configuration. Everything else is Metaflow's: the run starts each task as ever, and the process that
it starts has the task executed in a fork and ends as that does (`forked_command`).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

VARIABLE = "PYTHON_FORKED_TASKS_OF_TESTS"
"""Names the environment variable: a folder for sockets; for the tasks of a run its socket, `sys.prefix` and the flow's file."""


def begin() -> None:
    """Fork the server of a run, or end as a task that was forked from it; return for all other programs."""
    words = sys.orig_argv[2:] if sys.orig_argv[1:2] == ["-u"] else sys.orig_argv[1:]
    if not words or not words[0].endswith(".py") or "prefect" in words:
        return
    flow = os.path.abspath(words[0])  # noqa: PTH100  which leaves links as they are
    address, *of_the_run = os.environ[VARIABLE].split(os.pathsep)
    if not of_the_run and "run" in words:
        _fork_server(Path(address) / str(os.getpid()), flow)
    elif of_the_run == [sys.prefix, flow] and "step" in words:
        from forked_command import be_forked

        be_forked(address)


def _fork_server(address: Path, flow: str) -> None:
    """Fork the server, which ends with this process; let the tasks know it."""
    import metaflow  # noqa: F401  it is what the tasks shall have
    from forking_server import Server, listening, run

    listener = listening(str(address))
    life, life_of_the_run = os.pipe()
    if os.fork():
        listener.close()
        os.close(life)
        os.environ[VARIABLE] = os.pathsep.join((str(address), sys.prefix, flow))
        return
    os.close(life_of_the_run)
    _leave_the_run(listener, life)
    run(Server(listener, life).run(), lambda: None, _names_in_main())


def _names_in_main() -> dict[str, object]:
    """Return what Metaflow has put into `__main__` while it was imported: classes whose objects it pickles."""
    names = vars(sys.modules["__main__"])
    return {name: value for name, value in names.items() if not name.startswith("__")}


def _leave_the_run(listener: socket.socket, life: int) -> None:
    """Give up the run's session and its open files: whoever reads its output waits until all have closed it."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    first, last = sorted((listener.fileno(), life))
    os.closerange(3, first)
    os.closerange(first + 1, last)
    os.closerange(last + 1, 256)
