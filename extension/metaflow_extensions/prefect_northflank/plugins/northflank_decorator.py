"""`@northflank`: the tasks of a step run in containers of their own. Imports Metaflow only, because Metaflow imports it."""

from __future__ import annotations

from typing import Any, ClassVar

from metaflow.decorators import StepDecorator


class NorthflankDecorator(StepDecorator):  # type: ignore[misc]  # Metaflow has no types
    """Give the tasks of a step containers of their own, sized by what they ask for.

    It takes effect where the flow is deployed to a Prefect work pool. `python flow.py prefect run`, and Metaflow's own
    `run`, execute every step on this machine.

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
        How many tasks of a foreach run in one container. By default as many as it takes to have at most 100 containers.
    at_once : int, default 1
        How many of these run at the same time. The container has what that many tasks ask for.
    max_containers : int, default 100
        How many containers of this step may run at the same time.
    pool : str, optional, default None
        Prefect work pool of the containers, of any type; by default the deployment's.
    job_variables : Dict[str, Any], optional, default None
        Job variables of that pool; they win over all others.
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
