"""The launcher's process: `python -m metaflow_prefect.launcher DIGEST`, in the folder of the local server.

It ends when the local server has ended, when what it has imported has changed, and when newer launchers replace it.
It is one thread, and starts nothing by itself: a fork of it has what an import leaves behind, and no more.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaflow_prefect.launcher import freshness, likeness
from metaflow_prefect.launcher.forked import execute
from metaflow_prefect.launcher.handover import socket_name
from metaflow_prefect.launcher.preloaded import import_what_runs_import
from metaflow_prefect.launcher.request import Received, is_gone, is_of_this_user, receive, tell

_LAUNCHERS = 3
"""How many there may be in a folder: one for each environment of the user's shells."""

_LOOK_SECONDS = 2.0
_SERVER = Path("server.json")
"""The record of the local server, which `ServerFiles` of the runtime defines."""


@dataclass
class Launcher:
    """Forks for each command. `stamps` are those of the files that it has imported, `inode` is that of its socket."""

    address: Path
    inode: int
    stamps: dict[str, freshness.Stamp]
    listener: socket.socket
    running: dict[int, socket.socket] = field(default_factory=dict)
    """The connections of the commands that are executed, by the process id of the fork."""

    def serve(self) -> tuple[Received, socket.socket] | None:
        """Return None when the launcher has to end, and in each fork the command that it executes."""
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while self.running or self._is_needed():
            waited_for: list[Any] = [woken, self.listener, *self.running.values()]
            readable, _, _ = select.select(waited_for, [], [], _LOOK_SECONDS)
            if woken in readable:
                os.read(woken, 4096)
                self._reap()
            for pid, command in self.running.items():
                if command in readable and is_gone(command):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if self.listener in readable and (found := self._accept()) is not None:
                os.close(woken)
                os.close(wakes)
                return found
        return None

    def _is_needed(self) -> bool:
        return self.is_found() and _server_lives()

    def is_found(self) -> bool:
        """Say whether commands find this launcher: another may have taken its address."""
        with contextlib.suppress(OSError):
            return self.address.stat().st_ino == self.inode
        return False

    def _is_fresh(self) -> bool:
        if freshness.is_unchanged(self.stamps):
            return True
        # The command is executed by its own process, and has another launcher started.
        self.leave()
        return False

    def leave(self) -> None:
        """Let no more commands find this launcher."""
        if self.is_found():
            self.address.unlink(missing_ok=True)

    def _accept(self) -> tuple[Received, socket.socket] | None:
        command, _ = self.listener.accept()
        received = receive(command) if is_of_this_user(command) and self._is_fresh() else None
        if received is None:
            command.close()
            return None
        if pid := os.fork():
            for number in (received.folder, *received.files):
                os.close(number)
            self.running[pid] = command
            tell(command, pid=pid)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self.listener, *self.running.values()):
            other.close()
        return received, command

    def _reap(self) -> None:
        for pid in tuple(self.running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self.running.pop(pid) as command:
                    tell(command, exit=os.waitstatus_to_exitcode(status))


def _server_lives() -> bool:
    """Say whether the local server is there; one that was killed leaves its record."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        os.kill(json.loads(_SERVER.read_text(encoding="utf-8"))["pid"], 0)
        return True
    return False


def listening(address: Path) -> socket.socket | None:
    """Listen at *address*, for this user only; None if another launcher does."""
    listener = socket.socket(socket.AF_UNIX)
    with socket.socket(socket.AF_UNIX) as other, contextlib.suppress(OSError):
        other.connect(str(address))
        return None
    # What a launcher has left that was killed.
    address.unlink(missing_ok=True)
    os.umask(0o077)
    listener.bind(str(address))
    listener.listen()
    others = sorted(Path().glob(socket_name("*")), key=lambda path: path.stat().st_mtime)
    for old in others[:-_LAUNCHERS]:
        old.unlink(missing_ok=True)
    return listener


def main() -> int:
    """Import what a run needs, and fork for each; in a fork, execute the command."""
    environment = dict(os.environ)
    if likeness.digest(environment) != sys.argv[1]:
        return 1
    import_what_runs_import()
    # What exists now is not looked at by the forks' collectors, so that its pages stay shared.
    gc.collect()
    gc.freeze()
    address = Path(socket_name(sys.argv[1]))
    listener = listening(address)
    if listener is None:
        return 0
    stamps = freshness.imported(environment)
    launcher = Launcher(address, address.stat().st_ino, stamps, listener)
    found = launcher.serve()
    if found is not None:
        execute(*found)
    launcher.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
