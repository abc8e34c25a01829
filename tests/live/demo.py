"""Runs one example flow with `run --with northflank`: it needs no Prefect server, only a datastore that containers reach."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.live.api import LiveApi
from tests.live.cost import DEMO, DEMO_FLOW
from tests.live.facts import Outcome, Verdict, judged, not_tried
from tests.live.names import RunNames

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "examples" / "branch_flow.py"
DATASTORE = "METAFLOW_DATASTORE_SYSROOT_S3"
SECRET_GROUP = "NORTHFLANK_TEST_SECRET_GROUP"
_LONGEST_SECONDS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What came of the flow."""

    verdict: Verdict
    seconds: float = 0.0

    @property
    def is_refuting(self) -> bool:
        """Whether the flow failed."""
        return self.verdict.outcome is Outcome.REFUTED


def missing(environment: Mapping[str, str]) -> str:
    """Return what the demo flow lacks; nothing if it can run."""
    if not environment.get(DATASTORE):
        return f"it takes a datastore that containers reach: set {DATASTORE} and the keys of its bucket"
    return ""


def run_flow(api: LiveApi, names: RunNames, folder: Path) -> DemoResult:
    """Run the flow; its jobs are recognized by their description, which names the user."""
    if why := missing(os.environ):
        return DemoResult(verdict=not_tried(why))
    begun = time.monotonic()
    log = folder / "demo.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(FLOW), "--no-pylint", "--datastore", "s3", "run", "--with", _decorator()],
            cwd=folder, env=_environment(api, names, folder), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            code = process.wait(_LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.terminate()
            process.wait(120)
    seconds = time.monotonic() - begun
    last = " / ".join(log.read_text(errors="replace").splitlines()[-3:])
    ending = "did not end" if code is None else f"ended with exit code {code}"
    seen = f"it {ending} after {seconds:.0f} s" + ("" if code == 0 else f": {last}")
    return DemoResult(verdict=judged(code == 0, seen), seconds=seconds)


def _decorator() -> str:
    """Return the option `--with`: the plan that the cost was computed with, and its deadline."""
    deadline = DEMO_FLOW[0].deadline_seconds
    variables = f'"settings_active_deadline_seconds": {deadline}'
    if group := os.environ.get(SECRET_GROUP):
        variables += f', "secret_groups": ["{group}"]'
    return f"northflank:plan={DEMO},job_variables={{{variables}}}"


def _environment(api: LiveApi, names: RunNames, folder: Path) -> dict[str, str]:
    team = {"METAFLOW_NORTHFLANK_TEAM": api.project.team} if api.project.team else {}
    return {
        **os.environ,
        "NORTHFLANK_API_TOKEN": api.access.token,
        "NORTHFLANK_API_BASE_URL": api.access.base_url,
        "METAFLOW_NORTHFLANK_PROJECT": api.project.id,
        **team,
        "METAFLOW_USER": names.prefix,
        "USERNAME": names.prefix,
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
    }
