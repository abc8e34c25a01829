"""The commands `server status` and `server stop`, about the local server of runs on this machine."""

from __future__ import annotations

from typing import Any

from metaflow._vendor import click

from metaflow_prefect.cli.group import command, server
from metaflow_prefect.cli.options import JSON, show


@command(server, JSON)
def status(_obj: Any, is_json: bool) -> None:
    """Show whether a local server is running, where, and whether a run is using it.

    Exits with 0 even if no server is running, which is normal between runs.
    """
    from metaflow_prefect.runtime.servers import local_server
    from metaflow_prefect.runtime.servers.connection import prefect_home

    found = local_server.status(prefect_home())
    served = found.server
    summary: dict[str, Any] = {
        "running": served is not None,
        "url": served.url if served else None,
        "pid": served.pid if served else None,
        "used": found.is_used,
        "log": str(found.log),
    }
    show(summary, _in_words(found), is_json=is_json)


@command(
    server,
    click.option("--force", is_flag=True, help="Stop it even if a run uses it; that run fails."),
    JSON,
)
def stop(_obj: Any, force: bool, is_json: bool) -> None:
    """Stop the local server; its runs stay in Prefect's database."""
    from metaflow_prefect.runtime.servers import local_server
    from metaflow_prefect.runtime.servers.connection import prefect_home

    served = local_server.stop(prefect_home(), even_if_used=force)
    text = f"Stopped the server at {served.url}." if served else "No local server is running."
    summary = {"stopped": served is not None, "url": served.url if served else None}
    show(summary, text, is_json=is_json)


def _in_words(found: Any) -> str:
    if found.server is None:
        return "No local server is running. The next run that needs one starts it."
    use = (
        "a run uses it"
        if found.is_used
        else f"ends when idle for {found.server.idle_seconds:.0f} s"
    )
    page = found.server.url.removesuffix("/api")
    return f"{page} (process {found.server.pid}; {use}; log: {found.log})"
