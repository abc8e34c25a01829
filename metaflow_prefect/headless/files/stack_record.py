"""The record of a running stack, from which other commands know it; it holds no secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from metaflow_prefect.headless.errors import RecordUnreadable
from metaflow_prefect.headless.files.layout import Layout, write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRecord:
    """A stack as it was started; `health_urls` maps a service to its health address.

    `storage` is None where only workers run: the database belongs to the server elsewhere.
    """

    version: str
    supervisor_pid: int
    started_at: str
    services: tuple[str, ...]
    api_url: str
    local_url: str
    ui_url: str
    ui_api_url: str
    storage: str | None
    storage_kind: str | None
    pool: str
    pool_type: str
    authenticated: bool
    health_urls: dict[str, str]
    emulator_url: str | None
    findings: tuple[str, ...]

    def save(self, layout: Layout) -> None:
        """Write the record, readable by this user only."""
        write_private(layout.record, json.dumps(asdict(self), indent=2) + "\n")


def load_record(layout: Layout) -> StackRecord | None:
    """Return the record of the last stack started here, None if there is none.

    Another version may have written it: what it has besides is left out.

    Raises:
        RecordUnreadable: it lacks what this version needs.
    """
    try:
        found = json.loads(layout.record.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    known = {field.name for field in fields(StackRecord)}
    if missing := known - found.keys():
        raise RecordUnreadable(
            f"The stack at {layout.home} was started by version {found.get('version', 'unknown')}; "
            f"{layout.record} lacks {', '.join(sorted(missing))}.",
            fix="`prefect-headless down` ends it, `prefect-headless up -d` starts it with this version",
        )
    lists = {name: tuple(found[name]) for name in ("services", "findings")}
    return StackRecord(**{**{name: found[name] for name in known}, **lists})


def last_storage(layout: Layout) -> str | None:
    """Return the label of the storage used last, None at the first start."""
    try:
        return layout.last_storage.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def forget(path: Path) -> None:
    """Remove a file that may not exist."""
    path.unlink(missing_ok=True)
