"""The settings and file permissions of every Prefect server this package starts; standard library only."""

from __future__ import annotations

import contextlib
from pathlib import Path

RECORDER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
"""Task runs arrive as events and are recorded one at a time by default; in batches a wide foreach
is visible many times sooner (see docs/headless.md). The interval must not be below 1: Prefect
cuts it to whole seconds (`flush_every=int(…)`), and 0 keeps a core busy forever."""
PERSISTER = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
}
"""Events are stored twenty at a time by default; with more, there are fewer transactions that others wait for."""
PRIVACY = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
SERVER_SETTINGS = {**RECORDER, **PERSISTER, **PRIVACY}
"""Where the user has not said otherwise."""

ORIGINS_VARIABLE = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
"""Which pages may use the API from within a browser; Prefect's newer name for it, which wins, is
PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS."""

_DATABASE_FILES = ("prefect.db", "prefect.db-wal", "prefect.db-shm", "prefect.db-journal")
_GROUP_AND_OTHERS = 0o077


def cors_setting(*origins: str) -> dict[str, str]:
    """Return the setting that allows pages of *origins*, and no others, to use the API.

    Prefect's default is every page: any web site could then use a server without a password.
    """
    return {ORIGINS_VARIABLE: ",".join(dict.fromkeys(origins))}


def make_database_private(prefect_home: Path) -> None:
    """Make Prefect's SQLite database in *prefect_home* private, and the folder if it is new.

    It holds secret blocks and the key to them, and Prefect makes it readable for all. An existing
    folder stays as it is, and so does everything else in it: it may be the user's own `~/.prefect`.
    """
    if not prefect_home.exists():
        prefect_home.mkdir(parents=True, mode=0o700, exist_ok=True)
    for name in _DATABASE_FILES:
        file = prefect_home / name
        # Deleted meanwhile, or another user's.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            file.chmod(file.stat().st_mode & ~_GROUP_AND_OTHERS)
