"""Running the functions of @exit_hook, each in a process of its own, as Metaflow's runtime does."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping

from metaflow_prefect.runtime.commands import RunContext

_SCRIPT = "metaflow.plugins.exit_hook.exit_hook_script"


def run(
    context: RunContext,
    environment: Mapping[str, str],
    *,
    is_successful: bool,
    show: Callable[[str], None],
) -> None:
    """Run those for a run that ended like this; a failing one is shown, never raised."""
    program = context.program
    for hook in program.on_success if is_successful else program.on_error:
        words = [context.python, "-m", _SCRIPT, context.flow_file, hook]
        ended = subprocess.run(
            [*words, f"{program.flow}/{context.run_id}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        show(ended.stdout.strip())
        if ended.returncode != 0:
            show(f"[exit_hook] Hook {hook!r} failed with exit code {ended.returncode}")
