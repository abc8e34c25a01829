"""`@northflank`: the tasks of a step run in containers of their own. Imports Metaflow only, because Metaflow imports it.

The hooks that do something are those of `run` and `resume`, and of the containers that these start. A deployed flow calls
none of the former; its containers have no variable by which the latter would know theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from metaflow.decorators import StepDecorator


class NorthflankDecorator(StepDecorator):  # type: ignore[misc]  # Metaflow has no types
    """Give the tasks of a step containers of their own, sized by what they ask for.

    With `python flow.py run` and `resume`, each task of the step is a job run on Northflank; `--with northflank` gives
    every step the decorator. Where the flow is deployed to a Prefect work pool, its containers come from that pool.
    `python flow.py prefect run` executes every step on this machine.

    Parameters
    ----------
    cpu : float, default 1
        vCPUs of a task. As with Metaflow's other compute decorators, the larger value wins where the step has
        `@resources` too; so for the other requests.
    memory : int, default 4096
        Memory of a task in MB.
    gpu : int, optional, default None
        GPUs of a task.
    gpu_type : str, optional, default None
        Type of the GPUs, for example `a100-40`.
    disk : int, optional, default None
        Temporary storage of the container in MB.
    shared_memory : int, optional, default None
        Size of /dev/shm in MiB.
    plan : str, optional, default None
        Northflank plan of the container; it wins over `cpu` and `memory`.
    image : str, optional, default None
        Image of the container.
    tasks_per_container : int, optional, default None
        How many tasks of a foreach run in one container, in deployments; with `run` each has its own. By default as many as it takes to have at most 100 containers.
    at_once : int, default 1
        How many of these run at the same time. The container has what that many tasks ask for.
    max_containers : int, default 100
        How many containers of this step may run at the same time.
    pool : str, optional, default None
        Prefect work pool of a deployment's containers, of any type; by default the deployment's.
    job_variables : Dict[str, Any], optional, default None
        Job variables of that pool, or with `run` of the job; they win over all others.
    """

    name = "northflank"
    defaults: ClassVar[dict[str, Any]] = {
        "cpu": None,
        "memory": None,
        "gpu": None,
        "gpu_type": None,
        "disk": None,
        "shared_memory": None,
        "plan": None,
        "image": None,
        "tasks_per_container": None,
        "at_once": None,
        "max_containers": None,
        "pool": None,
        "job_variables": None,
    }
    resource_defaults: ClassVar[dict[str, Any]] = {
        "cpu": "1",
        "memory": "4096",
        "gpu": None,
        "disk": None,
        "shared_memory": None,
    }
    """What a task gets that asks for nothing: as much as with Metaflow's `@batch` and `@kubernetes`."""

    # Metaflow resolves the packages of @conda and @pypi for the machine that the step runs on.
    supports_conda_environment = True
    target_platform = "linux-64"

    _session: Any = None
    _in_container: Any = None

    def step_init(  # noqa: PLR0913, PLR0917  Metaflow's signature
        self,
        flow: Any,
        graph: Any,
        step: str,
        decos: Iterable[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Remember what the other hooks need."""
        self._beside = list(decos)
        self._flow_datastore = flow_datastore
        self._logger = logger

    def add_to_package(self) -> Iterable[tuple[str, str]]:
        """Yield what a container of `run` needs of this project: Metaflow packs this module, but no other."""
        found = find_spec("metaflow_northflank")
        if found is None or found.origin is None:
            return
        root = Path(found.origin).parent
        for path in (*root.glob("*.py"), *root.glob("container/*.py")):
            yield str(path), str(path.relative_to(root.parent))

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: str) -> None:
        """Begin the session of the run, with all its steps, unless its steps are to run here.

        So they do where the rest of this project is missing, as in a container that runs the whole flow.
        """
        if find_spec("metaflow_northflank") is None or find_spec("metaflow_northflank.run") is None:
            return
        from metaflow_northflank.run import session

        self._session = session.begin(flow, package, run_id, self._flow_datastore, self._logger)

    def runtime_step_cli(
        self, cli_args: Any, retry_count: int, max_user_code_retries: int, ubf_context: Any
    ) -> None:
        """Send the task to a container; the fallback of @catch, after the last attempt, is executed here."""
        if self._session is None or retry_count > max_user_code_retries:
            return
        for decorator in self._beside:
            # @conda and @pypi would have this machine's interpreter of their environment start the container.
            if decorator.name in {"conda", "pypi"}:
                decorator.interpreter = None
        self._session.send_elsewhere(cli_args)

    def runtime_finished(self, exception: BaseException | None) -> None:
        """End the session of the run."""
        if self._session is not None:
            self._session.finish(exception)

    def task_pre_step(  # noqa: PLR0913, PLR0917  Metaflow's signature
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: str,
        task_id: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Register what the container is, if `run` has started it."""
        if find_spec("metaflow_northflank") is None:
            return
        from metaflow_northflank.container import hooks

        if hooks.is_in_container():
            self._in_container = hooks.TaskInContainer(metadata)
            self._in_container.begin(run_id, step_name, task_id, retry_count)

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool,  # noqa: FBT001  Metaflow's signature
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Stop what saves the log while the step runs."""
        if self._in_container is not None:
            self._in_container.end()
