"""The supervisor's configuration as text: restart, back-off, log rotation; it holds no secret."""

from __future__ import annotations

import configparser
import io
import shlex
import sys

from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.services.services import Service, StartOrder

ROTATE_AT = "10MB"
KEEP_ROTATED = 5
TRIES = 3
"""A service that ends within its settle time this many times in a row is given up (FATAL);
supervisor waits one second longer before each further try."""


def configuration(layout: Layout, every: tuple[Service, ...]) -> str:
    """Return the text of supervisord.conf for the services *every*."""
    parser = configparser.RawConfigParser()
    sections = {
        "unix_http_server": {"file": str(layout.socket), "chmod": "0700"},
        "supervisord": {
            "logfile": str(layout.log("supervisord")),
            "logfile_maxbytes": ROTATE_AT,
            "logfile_backups": str(KEEP_ROTATED),
            "pidfile": str(layout.pid_file),
            "directory": str(layout.work),
            "umask": "077",
            "minfds": "1024",
            "silent": "true",
            "identifier": "prefect-headless",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        **{f"program:{service.name}": _program(layout, service) for service in every},
    }
    for section, options in sections.items():
        parser.add_section(section)
        for option, text in options.items():
            # supervisor expands %(…)s in every value.
            parser.set(section, option, text.replace("%", "%%"))
    written = io.StringIO()
    parser.write(written)
    return written.getvalue()


def _program(layout: Layout, service: Service) -> dict[str, str]:
    launch = (
        sys.executable,
        "-m",
        "metaflow_prefect.headless.services.exec_service",
        "service",
        service.name,
    )
    return {
        "command": shlex.join(launch),
        "directory": str(service.directory),
        "priority": str(service.order.value),
        # Each service waits for what it needs: `up` starts them, in order.
        "autostart": "false",
        "autorestart": "true",
        "startsecs": str(service.settle_seconds),
        "startretries": str(TRIES),
        "stopsignal": service.stop_signal,
        "stopwaitsecs": str(service.stop_seconds),
        # PostgreSQL's children must be stopped by their postmaster, not by the supervisor.
        "stopasgroup": str(service.user is None and service.stop_signal == "TERM").lower(),
        "killasgroup": "true",
        # Databases and logs are private; files that a user's flow writes are not.
        "umask": "022" if service.order is StartOrder.WORKER else "077",
        **_log(layout, service),
    }


def _log(layout: Layout, service: Service) -> dict[str, str]:
    kept = "stdout" if service.keep_stdout else "stderr"
    options = {
        f"{kept}_logfile": str(layout.log(service.name)),
        f"{kept}_logfile_maxbytes": ROTATE_AT,
        f"{kept}_logfile_backups": str(KEEP_ROTATED),
    }
    return options | (
        {"redirect_stderr": "true"} if service.keep_stdout else {"stdout_logfile": "NONE"}
    )
