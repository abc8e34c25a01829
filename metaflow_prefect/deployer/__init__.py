"""`Deployer(...).prefect()`: Metaflow imports this module with every flow, so it imports as little as possible."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.runner.deployer_impl import DeployerImpl

if TYPE_CHECKING:
    from metaflow_prefect.deployer.objects import PrefectDeployedFlow

__all__ = ["PrefectDeployer"]


if "prefect" in sys.argv:
    # The only module of this package that Metaflow loads before it initializes a flow's decorators.
    from metaflow_prefect.analysis import early_refusals

    early_refusals.install()


class PrefectDeployer(DeployerImpl):  # type: ignore[misc]  # Metaflow has no types
    """Deploy a flow to Prefect.

    The keyword arguments of `prefect(...)` and of `create(...)` are the options of the command
    `prefect deploy` (`work_pool`, `name`, `tags`, `paused`, `job_variables`, …); those of `create`
    take precedence.
    """

    TYPE: ClassVar[str] = "prefect"

    def __init__(self, deployer_kwargs: dict[str, Any], **kwargs: Any) -> None:
        self._options = deployer_kwargs
        super().__init__(**kwargs)

    @property
    def deployer_kwargs(self) -> dict[str, Any]:
        """The options of the command group itself: it has none."""
        return {}

    @staticmethod
    def deployed_flow_type() -> type[PrefectDeployedFlow]:
        """Return the class of a deployment."""
        from metaflow_prefect.deployer.objects import PrefectDeployedFlow

        return PrefectDeployedFlow

    def create(self, **kwargs: Any) -> PrefectDeployedFlow:
        """Deploy the flow, or update its deployment.

        Metaflow's own `_create` runs a command called `create`, which in this package writes a file; this method
        runs `deploy` instead.

        Raises:
            RuntimeError: the command failed; carries its output.
        """
        from metaflow.runner.utils import (
            get_lower_level_group,
            handle_timeout,
            temporary_fifo,
            with_dir,
        )

        from metaflow_prefect.deployer.objects import PrefectDeployedFlow

        with temporary_fifo() as (attribute_file, descriptor):
            # Configurations are files relative to the folder in which the flow is deployed.
            with with_dir(self.cwd):
                group = get_lower_level_group(self.api, self.top_level_kwargs, self.TYPE, {})
                words = group.deploy(
                    deployer_attribute_file=attribute_file, **{**self._options, **kwargs}
                )
            pid = self.spm.run_command(
                [sys.executable, *words],
                env=self.env_vars,
                cwd=self.cwd,
                show_output=self.show_output,
            )
            command = self.spm.get(pid)
            attributes = json.loads(handle_timeout(descriptor, command, self.file_read_timeout))
            command.sync_wait()
        self.name = attributes["name"]
        self.flow_name = attributes["flow_name"]
        self.metadata = attributes["metadata"]
        self.additional_info = attributes["additional_info"]
        return PrefectDeployedFlow(deployer=self)


_addl_stubgen_modules = ["metaflow_prefect.deployer.objects"]
