"""What commands and options of the package metaflow-prefect (0.3.7), whose group has the same name, are called here."""

from __future__ import annotations

COMMANDS = {"compile": "create"}
"""Commands that have another name here."""

_DEPLOYS = "`create` writes a file; `deploy` registers a deployment, with the same option"

OPTIONS = {
    ("create", "--name"): _DEPLOYS,
    ("create", "--work-pool"): _DEPLOYS,
    ("create", "--paused"): _DEPLOYS,
    ("resume", "--clone-run-id"): "name the run with --origin-run-id",
    ("trigger", "--run-param"): "each parameter is an option of its own: --NAME VALUE",
}
"""Options that a command has there and not here, and what to type instead."""
