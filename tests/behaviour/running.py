"""Runs a flow as its user would, in a process of its own: under Metaflow, and through us in two forms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.behaviour.cases import ENDINGS, Case
from tests.support import quick_start

PATIENCE_SECONDS = 240


class Form(str, Enum):
    """The ways to run a flow."""

    METAFLOW = "run"
    FILE = "prefect create"
    DIRECT = "prefect run"
    PROCESS = "prefect deploy --work-pool process"
    NORTHFLANK = "prefect deploy --work-pool nf"
    STEPS = "prefect deploy --work-pool process --with northflank"
    LAPTOP = "run --with northflank"
    SLICES = "prefect deploy --work-pool process --with northflank:tasks_per_container=3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over. `run_id` is None if it never began."""

    exit_code: int
    output: str
    run_id: str | None


@dataclass(slots=True)
class Started:
    """A process that runs a flow, in a process group of its own, and where it writes the run's id."""

    process: subprocess.Popen[str]
    run_id_file: Path
    log: Path

    def wait(self) -> Ended:
        """Wait until the process ends; end it and all it started if it takes too long."""
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            code = self.process.wait()
        run_id = self.run_id_file.read_text().strip() if self.run_id_file.exists() else None
        return Ended(exit_code=code, output=self.log.read_text(errors="replace"), run_id=run_id)

    def end(self) -> None:
        """End the process and all it started, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A flow that was refused by the compiler."""

    ended: Ended

    def wait(self) -> Ended:
        """Return how the compiler ended."""
        return self.ended

    def end(self) -> None:
        """Do nothing: the compiler is over."""


def command(case: Case, form: Form, out: Path) -> tuple[list[str], list[str] | None]:
    """Return the command that runs *case*, and before it the command that compiles it to *out*, if any."""
    flow = [sys.executable, str(case.file), "--no-pylint", *case.options]
    added = [word for tag in case.tags for word in ("--tag", tag)]
    added += [word for spec in case.decospecs for word in ("--with", spec)]
    match form:
        case Form.METAFLOW:
            return [*flow, "run", *added, *case.arguments], None
        case Form.LAPTOP:
            sent = ("--with", "northflank:cpu=0.5")
            return [*flow, "--datastore", "s3", "run", *sent, *added, *case.arguments], None
        case Form.DIRECT:
            return [*flow, "prefect", "run", *added, *case.arguments], None
        case Form.FILE:
            run = [sys.executable, str(out), *case.arguments]
            return run, [*flow, "prefect", "create", str(out), *added]
        case Form.PROCESS | Form.NORTHFLANK | Form.STEPS | Form.SLICES:
            message = "a deployment is run by its worker: see `deploying`"
            raise NotImplementedError(message)


def environment(root: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which flows run: the local datastore below *root*.

    The interpreter's folder comes first in PATH, since the workers of a gang are started as `python`.
    """
    return {
        **os.environ,
        **quick_start.ENVIRONMENT,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(root),
        "PYTHONUNBUFFERED": "1",
        # What Metaflow does with a step on this machine is what the others are compared with.
        "METAFLOW_NORTHFLANK_RUN_LOCALLY": "1",
        **(extra or {}),
    }


def start(
    case: Case, form: Form, root: Path, extra: Mapping[str, str] | None = None, *, name: str = ""
) -> Started | NotStarted:
    """Compile *case* if its form asks for it, then start it; the caller waits for it and ends it.

    Several runs of one form need a *name* each. A run works in the flow's folder if that is below *root*, else in
    *root*: cards look for their datastore from the working directory upward.
    """
    here = case.folder if root in case.folder.parents else root
    is_forked = form is Form.METAFLOW and case.name not in ENDINGS
    forks = quick_start.OF_METAFLOW if is_forked else {}
    env = {**environment(root, extra), **forks, **case.variables}
    run, compile_ = command(case, form, root / f"{case.name}{name}_compiled.py")
    log = root / f"{case.name}.{form.name}{name}.log"
    run_id_file = root / f"{case.name}.{form.name}{name}.run-id"
    with log.open("w") as output:
        if compile_ is not None:
            code = subprocess.run(
                compile_, cwd=here, env=env, stdout=output, stderr=subprocess.STDOUT,
                timeout=PATIENCE_SECONDS, check=False,
            ).returncode  # fmt: skip
            if code != 0:
                text = log.read_text(errors="replace")
                return NotStarted(Ended(exit_code=code, output=text, run_id=None))
        process = subprocess.Popen(
            [*run, "--run-id-file", str(run_id_file)],
            cwd=here, env=env, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
    return Started(process, run_id_file, log)
