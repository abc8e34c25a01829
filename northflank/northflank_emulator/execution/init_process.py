"""The first process of a container: starts the command, forwards signals, leaves no process behind.

Runs as a script, with the standard library only. Its argument is the file descriptor of a pipe.
The first line of the pipe is a JSON object (argv, env, cwd); later lines are orders (TERM, KILL).
The end of the pipe means that the emulator is gone, and counts as KILL.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import NoReturn

_SET_CHILD_SUBREAPER = 36
_CANNOT_EXECUTE = 126
_NOT_FOUND = 127


def main() -> NoReturn:
    """Run one container to its end, and exit with the code of its command."""
    orders = int(sys.argv[1])
    os.set_inheritable(orders, False)  # noqa: FBT003  positional only
    _adopt_orphans()
    header, early = _header(orders)
    wake, child_ended = os.pipe()
    os.set_blocking(child_ended, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(child_ended, warn_on_full_buffer=False)
    child = _start(json.loads(header))
    # Only the container's own processes keep its output open.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if early:
        _obey(early, child)
    code = _supervise(child, orders, wake)
    _leave_nothing_behind(child)
    sys.exit(code)


def _adopt_orphans() -> None:
    """Become the parent of orphaned processes, so that none outlives the container."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _header(orders: int) -> tuple[bytes, bytes]:
    """Return the first line of the pipe, and what has already followed it."""
    received = bytearray()
    while b"\n" not in received:
        some = os.read(orders, 65536)
        if not some:
            sys.exit(0)
        received += some
    header, _, early = bytes(received).partition(b"\n")
    return header, early


def _start(order: dict[str, object]) -> int:
    # Both ends close when the command is executed; until then no process could obey an order.
    started, starting = os.pipe()
    child = os.fork()
    if child:
        os.close(starting)
        os.read(started, 1)
        return child
    argv, env = list(order["argv"]), dict(order["env"])  # type: ignore[call-overload]  # our own JSON
    if not argv:
        os.write(2, b"exec: the command is empty\n")
        os._exit(_NOT_FOUND)
    try:
        os.setsid()
        os.chdir(str(order["cwd"]))
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, env)  # noqa: S606  executing the job's command is the task
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        text = f"exec {argv[0]!r}: {error.strerror}\n"
        os.write(2, text.encode("utf-8", "backslashreplace"))
        os._exit(_NOT_FOUND if missing else _CANNOT_EXECUTE)
    os._exit(_CANNOT_EXECUTE)


def _supervise(child: int, orders: int, wake: int) -> int:
    """Carry out orders until *child* ends, and return its exit code."""
    listening = [orders, wake]
    while True:
        code = _reap(child)
        if code is not None:
            return code
        readable, _, _ = select.select(listening, [], [])
        if wake in readable:
            os.read(wake, 4096)
        if orders in readable:
            order = os.read(orders, 4096)
            _obey(order, child)
            if not order:
                listening.remove(orders)


def _obey(order: bytes, child: int) -> None:
    """Carry out *order*; an empty one means that the emulator is gone."""
    if b"KILL" in order or not order:
        _kill_everything(child)
    elif b"TERM" in order:
        _signal_group(child, signal.SIGTERM)


def _reap(child: int) -> int | None:
    """Reap the children that have ended; return the exit code of *child* if it is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == child:
            if os.WIFSIGNALED(status):
                return 128 + os.WTERMSIG(status)
            return os.WEXITSTATUS(status)


def _leave_nothing_behind(child: int) -> None:
    """Kill what the command started and left running, as the end of a container does."""
    while True:
        _kill_everything(child)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _kill_everything(child: int) -> None:
    _signal_group(child, signal.SIGKILL)
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _descendants(root: int) -> list[int]:
    """Return every process below *root*; none where /proc is missing."""
    if not os.path.isdir("/proc/self"):  # noqa: PTH112  pathlib costs this small program 10 ms
        return []
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  as above
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  as above
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


if __name__ == "__main__":
    main()
