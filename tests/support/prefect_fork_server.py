"""A process that imports Prefect once and forks for each command of a test: the import takes over a second of CPU.

Run as `python prefect_fork_server.py SOCKET`; it ends, with all that it has forked, when its standard input is closed.
It imports Prefect and nothing of this project. `startup/forked_command.py` is its client, and says in what a forked
command differs from one that a test starts itself.
"""

from __future__ import annotations

import importlib
import sys

from forking_server import Server, listening, run

_IMPORTED = (
    *("prefect.main", "prefect.task_runners", "prefect.runner", "prefect.workers.base"),
    # What its commands import, and most of what a server does.
    *("cyclopts", "fastapi", "uvicorn", "alembic", "asyncpg", "docket"),
    "prefect.server.database.orm_models",
    # What Metaflow imports and does not depend on its configuration.
    "requests",
)
"""Not `prefect.cli`, which makes consoles for the streams of its process, and nothing that `python -m` executes.

Nor what reads Prefect's settings while it is imported, as the routes and services of its server do.
"""


def _read_settings() -> None:
    """Let Prefect read its settings from the environment of the command, and set its logging accordingly."""
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    setup_logging(incremental=False)


def main() -> None:
    """Serve; in a child, execute the command."""
    listener = listening(sys.argv[1])
    for name in _IMPORTED:
        importlib.import_module(name)
    run(Server(listener, sys.stdin.fileno()).run(), _read_settings, {})


if __name__ == "__main__":
    main()
