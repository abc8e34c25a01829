"""Secrets that are generated once, kept in a file of mode 0600, and used again."""

from __future__ import annotations

import secrets
from pathlib import Path

from metaflow_prefect.headless.files.layout import write_private

LENGTH_BYTES = 24


def get_or_create_secret(path: Path, *, prefix: str = "") -> str:
    """Return the secret in *path*, generated at the first call; *prefix* precedes the random part."""
    known = read_secret(path)
    if known is not None:
        return known
    made = prefix + secrets.token_urlsafe(LENGTH_BYTES)
    write_private(path, made + "\n")
    return made


def read_secret(path: Path) -> str | None:
    """Return the secret in *path*, None if there is none yet."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
