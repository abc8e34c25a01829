"""Replaces itself with one program of the stack, with the environment meant for that program.

    python -m metaflow_prefect.headless.services.exec_service service server
    python -m metaflow_prefect.headless.services.exec_service supervisor supervisord.conf [--die-with-parent]

The supervisor's environment carries all services' environments in one variable, so that secrets
are neither in a file nor in process arguments, and so that a worker's environment can be smaller
than the supervisor's (its own `environment=` option only adds). Standard library only: this runs
before every service.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import signal
import socket
import sys
import time

SERVICES = "PREFECT_HEADLESS_SERVICES"

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def become_service(name: str) -> None:
    """Replace this process with the service *name*."""
    service = json.loads(os.environ[SERVICES])[name]
    if service["user"]:
        _become_user(service["user"])
    if service["wait_for"]:
        _wait_for(*service["wait_for"])
    # A stack that a script starts with `&` ignores SIGINT, and so would its services; Prefect's
    # workers forward SIGTERM to themselves as SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    command = service["command"]
    os.execve(command[0], command, service["environment"])  # noqa: S606  replacing is the point


def become_supervisor(configuration: str, *, die_with_parent: bool) -> None:
    """Replace this process with supervisord, which adopts the orphans of its services.

    Both settings are kept across exec; where the system has no `prctl` (macOS) nothing is lost
    but the adoption of orphans.
    """
    os.umask(0o077)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if die_with_parent:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", configuration]
    os.execv(command[0], command)  # noqa: S606  replacing is the point


def _wait_for(host: str, port: int) -> None:
    """Return when a server accepts connections there; the supervisor may end this process meanwhile."""
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=5).close()
            return
        time.sleep(0.2)


def _become_user(name: str) -> None:
    """Switch to the user *name*: PostgreSQL refuses to run as root."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


if __name__ == "__main__":
    kind, what, *rest = sys.argv[1:]
    if kind == "service":
        become_service(what)
    else:
        become_supervisor(what, die_with_parent="--die-with-parent" in rest)
