"""The command and environment with which a container checks its claim before it executes its flow run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from prefect_northflank.records.claims import Claim

SCRIPT = "PREFECT__NORTHFLANK_GATE"
PREFORK = "PREFECT__NORTHFLANK_PREFORK"
CLAIM = "PREFECT__NORTHFLANK_CLAIM"

COMMAND = f"python3 -c \"import os; exec(os.environ['{SCRIPT}'])\" flow-run execute"
"""Replaces `prefect flow-run execute`. Northflank runs it without a shell; its quotes group words."""


def environment_of(claim: Claim) -> Mapping[str, str]:
    """Return the variables with which a container checks *claim*."""
    return {
        SCRIPT: _text("claim_gate_script.py"),
        PREFORK: _text("prefork_script.py"),
        CLAIM: str(claim.id),
    }


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
