"""Turn a fork of the server into what `python flow.py …` would have been, from its first line to its last.

It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn

_FLUSH_FAILED = 120
"""What Python exits with when its output could not be written (`Py_FinalizeEx`)."""


class ImportOutput:
    """What the flow prints while it is imported; it is kept, because each task's log begins with it."""

    def __init__(self) -> None:
        self._kept = {number: (os.dup(number), os.memfd_create("output")) for number in (1, 2)}
        self._text: dict[int, bytes] = {}
        for number, (_, buffer) in self._kept.items():
            os.dup2(buffer, number)

    def end(self) -> None:
        """Restore the streams."""
        sys.stdout.flush()
        sys.stderr.flush()
        for number, (original, buffer) in self._kept.items():
            os.lseek(buffer, 0, os.SEEK_SET)
            with open(buffer, "rb") as file:  # noqa: PTH123  a descriptor
                self._text[number] = file.read()
            os.dup2(original, number)
            os.close(original)

    def replay(self) -> None:
        """Print it again, in a child."""
        for number, text in self._text.items():
            with open(number, "wb", closefd=False) as stream:
                stream.write(text)


class ChildSignals:
    """Notices through a descriptor that a child has ended; can restore the signal handlers that the flow's import has set."""

    def __init__(self) -> None:
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._handler = signal.signal(signal.SIGCHLD, lambda *_: None)

    def clear(self) -> None:
        """Empty the descriptor."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 4096)

    def restore(self) -> None:
        """Restore the handlers, in a child."""
        signal.set_wakeup_fd(self._wakeup)
        signal.signal(signal.SIGCHLD, self._handler or signal.SIG_DFL)
        os.close(self.descriptor)
        os.close(self._writer)


def begin(
    channel: socket.socket, outputs: list[int], flow_file: str, replay: Callable[[], None]
) -> Any:
    """Become the command that is requested on *channel*: its words, variables and output; return the request."""
    # In its own session the task can be ended with everything it started, and nothing else.
    os.setsid()
    channel.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
    with channel, channel.makefile("rb") as lines:
        request = json.loads(lines.readline())
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
        os.close(output)
    # What the flow's import has set stays set, as it would in a fresh process.
    os.environ.update(request["variables"])
    sys.argv = [flow_file, *request["words"]]
    sys.orig_argv = [sys.executable, *sys.argv]
    _leave_our_frames_out_of_stacks()
    replay()
    return request


def _leave_our_frames_out_of_stacks() -> None:
    """Let a printed stack (by @timeout, by logging, by the user) begin where the flow's file does.

    The frames themselves have to stay: those below the flow's own end the process without
    tearing its memory down.
    """
    folder = os.path.dirname(__file__) + os.sep  # noqa: PTH120  no pathlib before the flow asks for it
    walk = traceback.walk_stack

    def walk_stack(f: FrameType | None) -> Iterator[tuple[FrameType, int]]:
        if f is None:  # then it counts frames from where it is consumed
            return walk(f)
        return (
            (frame, line)
            for frame, line in walk(f)
            if not frame.f_code.co_filename.startswith(folder)
        )

    traceback.walk_stack = walk_stack


def leave(
    ending: BaseException | None, flow_file: str, tell: Callable[[int], object] = lambda _: None
) -> NoReturn:
    """End the process as the interpreter ends the script *flow_file*, an absolute path, that raised *ending*.

    The memory is not torn down, which would copy every page that is shared with the server. *tell* gets the exit
    code, as the last thing that is done.
    """
    code = _exit_code(ending, flow_file)
    _call_at_exit(getattr(threading, "_shutdown"))  # noqa: B009  as Py_FinalizeEx does; typeshed lacks it
    _call_at_exit(atexit._run_exitfuncs)  # noqa: SLF001  as above
    if not all([_is_flushed(sys.stdout), _is_flushed(sys.stderr)]):
        code = code or _FLUSH_FAILED
    _close_files()
    if isinstance(ending, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    tell(code)
    os._exit(code)


def _call_at_exit(call: Callable[[], object]) -> None:
    try:
        call()
    except BaseException:  # noqa: BLE001  the interpreter prints what goes wrong here, and goes on
        traceback.print_exc()


def _is_flushed(stream: Any) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _exit_code(ending: BaseException | None, flow_file: str) -> int:
    match ending:
        case None | SystemExit(code=None):
            return 0
        case SystemExit(code=int(code)):
            return code & 0xFF
        case SystemExit():
            sys.stderr.write(f"{ending.code}\n")
        case _:
            sys.excepthook(type(ending), ending, _of_the_flow(ending.__traceback__, flow_file))
    return 1


def _of_the_flow(trace: TracebackType | None, flow_file: str) -> TracebackType | None:
    """Leave out our own frames, which a fresh process does not have."""
    while trace is not None and trace.tb_frame.f_code.co_filename != flow_file:
        trace = trace.tb_next
    return trace


def _close_files() -> None:
    """Close what the task has left open, as the end of an interpreter does; older objects are frozen."""
    standard = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    objects = gc.get_objects()
    # Text first: it still has to go through the bytes' buffer.
    for kind in (io.TextIOWrapper, io.BufferedIOBase):
        for item in objects:
            if isinstance(item, kind) and not any(item is stream for stream in standard):
                with contextlib.suppress(OSError, ValueError):
                    item.close()


def why_it_ended(flow_file: str, ending: BaseException | None) -> str:
    """Return, in words, why a flow never came to its command line."""
    name = os.path.basename(flow_file)  # noqa: PTH119  no pathlib before the flow asks for it
    if ending is None or isinstance(ending, SystemExit):
        return f"{name} ends before it starts a flow"
    last: Any = traceback.format_exception_only(type(ending), ending)[-1].strip()
    return f"importing {name} failed: {last}"


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, which may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
