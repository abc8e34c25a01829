"""The command group `northflank` of every flow. Imports Metaflow's click only, because every command of a flow loads it."""

from __future__ import annotations

import sys
from typing import Any

from metaflow._vendor import click
from metaflow.unbounded_foreach import UBF_CONTROL, UBF_TASK


@click.group()
def cli() -> None:
    """Hold the group that Metaflow adds to the flow's commands."""


@cli.group(help="Commands related to Northflank: containers of `run --with northflank`.")
def northflank() -> None:
    """Hold the commands."""


@northflank.command(
    help="Execute a single task on Northflank. `run` calls this command for each task; "
    "it is of no use by itself."
)
@click.argument("step-name")
@click.argument("code-package-metadata")
@click.argument("code-package-sha")
@click.argument("code-package-url")
@click.option("--run-id", help="Passed to the top-level 'step'.")
@click.option("--task-id", help="Passed to the top-level 'step'.")
@click.option("--input-paths", help="Passed to the top-level 'step'.")
@click.option("--split-index", help="Passed to the top-level 'step'.")
@click.option("--clone-path", help="Passed to the top-level 'step'.")
@click.option("--clone-run-id", help="Passed to the top-level 'step'.")
@click.option("--tag", multiple=True, default=None, help="Passed to the top-level 'step'.")
@click.option("--namespace", default=None, help="Passed to the top-level 'step'.")
@click.option("--retry-count", default=0, help="Passed to the top-level 'step'.")
@click.option("--max-user-code-retries", default=0, help="Passed to the top-level 'step'.")
@click.option(
    "--ubf-context",
    default=None,
    type=click.Choice([UBF_CONTROL, UBF_TASK]),
    help="Passed to the top-level 'step'.",
)
@click.option("--num-parallel", default=0, type=int, help="Passed to the top-level 'step'.")
@click.pass_context
def step(
    ctx: Any,
    step_name: str,
    code_package_metadata: str,
    code_package_sha: str,
    code_package_url: str,
    **options: Any,
) -> None:
    """Execute a task in a container, and end as it ends."""
    from metaflow_northflank.task.trampoline import CodePackage, TaskCommand

    package = CodePackage(
        metadata=code_package_metadata, sha=code_package_sha, url=code_package_url
    )
    options["num_parallel"] = options["num_parallel"] or None
    sys.exit(TaskCommand(context=ctx, step=step_name, package=package, options=options).run())


def _run_options(command: Any) -> Any:
    for option in (
        click.option("--run-id", default=None, help="Only this run."),
        click.option("--user", default=None, help="Runs of this user instead of your own."),
        click.option("--all-users", is_flag=True, default=False, help="Runs of every user."),
    ):
        command = option(command)
    return command


@northflank.command(name="list", help="List what still runs on Northflank of this flow's runs.")
@_run_options
@click.pass_obj
def list_(obj: Any, run_id: str | None, user: str | None, all_users: bool) -> None:  # noqa: FBT001  click calls it by name
    """List the job runs that have not ended."""
    from metaflow_northflank.cli.administration import Administration

    Administration.of(obj, run_id, user, all_users=all_users).show()


@northflank.command(
    help="End what still runs on Northflank of this flow's runs, and remove their jobs. "
    "A run that is under way may try its tasks again (@retry)."
)
@_run_options
@click.pass_obj
def kill(obj: Any, run_id: str | None, user: str | None, all_users: bool) -> None:  # noqa: FBT001  as above
    """End containers and delete their jobs."""
    from metaflow_northflank.cli.administration import Administration

    Administration.of(obj, run_id, user, all_users=all_users).kill()


@northflank.command(
    help="Show what the container of a task has written, as Northflank has it: also before Metaflow was there. "
    "PATHSPEC is RUN/STEP/TASK."
)
@click.argument("pathspec")
@click.option("--lines", default=1000, show_default=True, help="How many of the last lines.")
@click.pass_obj
def logs(obj: Any, pathspec: str, lines: int) -> None:
    """Show Northflank's log of a task's container."""
    from metaflow_northflank.cli.container_logs import show_logs

    show_logs(obj, pathspec, lines)
