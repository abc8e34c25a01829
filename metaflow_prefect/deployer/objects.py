"""What Metaflow's Deployer API returns: a deployment, and a run of it. Both talk to the server directly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metaflow.metaflow_config import DATASTORE_LOCAL_DIR
from metaflow.runner.deployer import DeployedFlow, TriggeredRun

from metaflow_prefect.deploy import authorized
from metaflow_prefect.deploy.runs import fetch_metadata, run_logs, runs, trigger
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.gather_context import user
from metaflow_prefect.runtime.progress.run_result import RunStatus
from metaflow_prefect.runtime.servers.connection import prefect_client

__all__ = ["PrefectDeployedFlow", "PrefectTriggeredRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDeployment:
    """The deployer that Metaflow expects, of a deployment that was found on the server."""

    TYPE: ClassVar[str] = "prefect"

    name: str
    flow_name: str
    metadata: str | None
    env_vars: Mapping[str, str]


class PrefectTriggeredRun(TriggeredRun):  # type: ignore[misc]  # Metaflow has no types
    """One run of a deployment on Prefect."""

    _has_all_metadata = False

    @property
    def run(self) -> Any | None:
        """Metaflow's `Run`, or None before its first task has started.

        Metadata that a container wrote to its own files is fetched first. Metaflow's client (2.19) looks up the
        run where the deployment keeps its metadata, but its steps, tasks and data where this process keeps its
        own: where these differ, call `metaflow.metadata(deployed.metadata)` first.
        """
        from metaflow import Run
        from metaflow.exception import MetaflowNotFound

        self._fetch_metadata()
        if not _has_metadata(self.metadata_for_flow):
            return None
        try:
            found = Run(
                self.pathspec, _namespace_check=False, _current_metadata=self.metadata_for_flow
            )
            # A run is registered before its tasks are.
            next(iter(found.steps()), None)
        except MetaflowNotFound:
            return None
        return found

    @property
    def status(self) -> str:
        """PENDING, RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED, according to the server."""
        return self._record().status.value

    @property
    def is_running(self) -> bool:
        """Whether the run is not over yet; a run that has not begun counts."""
        return not self._record().status.is_over

    @property
    def url(self) -> str | None:
        """The page of the run in Prefect."""
        return self._record().url

    def wait_for_completion(self, check_interval: int = 5, timeout: int | None = None) -> None:
        """Wait until the run is over; both arguments are in seconds.

        Raises:
            TimeoutError: it did not end in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.is_running:
            if deadline is not None and time.monotonic() > deadline:
                message = (
                    f"{self.pathspec} did not end within {timeout} seconds; it goes on.\n"
                    "Fix: wait longer, or end it with .terminate(); .url is its page"
                )
                raise TimeoutError(message)
            time.sleep(check_interval)

    def logs(self, step: str | None = None) -> str:
        """Return what the run, or one of its steps, has logged so far."""
        with self._client() as client:
            return "\n".join(str(line) for line in run_logs.lines(client, self._record(), step))

    def suspend(self, authorize: str | None = None) -> bool:
        """Stop the run after the tasks that are running; True, or an error that says why not."""
        return self._change(runs.suspend, authorize)

    def unsuspend(self, authorize: str | None = None) -> bool:
        """Let a suspended run go on; True, or an error that says why not."""
        return self._change(runs.unsuspend, authorize)

    def terminate(self, authorize: str | None = None) -> bool:
        """End the run; True, or an error that says why not."""
        return self._change(runs.terminate, authorize)

    def _fetch_metadata(self) -> None:
        if self._has_all_metadata:
            return
        with self._client() as client:
            run = self._record()
            deployment = deployment_record.of_run(client, run.flow_name, run.deployment_id)
        # A deleted deployment no longer tells where its datastore is; the run may be here all the same.
        is_here = (
            deployment is None
            or not fetch_metadata.is_elsewhere(deployment)
            or fetch_metadata.fetch(deployment, run)
        )
        self._has_all_metadata = is_here and run.status.is_over

    def _record(self) -> RunRecord:
        flow_name, run_id = self.pathspec.split("/")
        with self._client() as client:
            return runs.read(client, flow_name, run_id)

    def _change(self, change: Any, authorize: str | None) -> bool:
        authority = authorized.Authority(user=user(), authorize=authorize)
        with self._client() as client:
            deployment = deployment_record.read(client, self.deployer.name)
            run_id = self.pathspec.split("/")[1]
            authorized.change_run(client, deployment, run_id, authority, change)
        return True

    def _client(self) -> Any:
        return prefect_client(self.deployer.env_vars)


def _has_metadata(metadata_of_flow: str | None) -> bool:
    """Say whether anything was recorded yet where the metadata of a flow is files.

    Metaflow's client fails where the folder does not even exist.
    """
    kind, _, root = (metadata_of_flow or "").partition("@")
    return kind != "local" or not root or (Path(root) / DATASTORE_LOCAL_DIR).is_dir()


class PrefectDeployedFlow(DeployedFlow):  # type: ignore[misc]  # Metaflow has no types
    """One deployment on Prefect; `name` is `flow/deployment`."""

    TYPE: ClassVar[str] = "prefect"

    @classmethod
    def from_deployment(cls, identifier: str, metadata: str | None = None) -> PrefectDeployedFlow:
        """Return the deployment *identifier* (`flow/deployment`); needs no file of the flow.

        Raises:
            DeploymentRefused: there is none.
        """
        with prefect_client() as client:
            return cls._of(deployment_record.read(client, identifier), metadata)

    @classmethod
    def list_deployed_flows(cls, flow_name: str | None = None) -> Iterator[PrefectDeployedFlow]:
        """Yield the deployments of one flow, or of all."""
        with prefect_client() as client:
            found = deployment_record.listed(client, flow_name)
        for deployment in found:
            yield cls._of(deployment, None)

    @classmethod
    def get_triggered_run(
        cls, identifier: str, run_id: str, metadata: str | None = None
    ) -> PrefectTriggeredRun:
        """Return the run *run_id* of the deployment *identifier*.

        Raises:
            DeploymentRefused: there is no such deployment.
            RunRefused: it has no such run.
        """
        deployed = cls.from_deployment(identifier, metadata)
        with deployed._client() as client:  # noqa: SLF001  one of this class
            run = runs.read(client, deployed.flow_name, run_id)
            runs.belongs(run, deployment_record.read(client, identifier))
        return deployed._run(run)  # noqa: SLF001  as above

    @property
    def production_token(self) -> str | None:
        """The production token: its runs are in the namespace `production:<token>`."""
        return self._record().token

    def trigger(self, **kwargs: Any) -> PrefectTriggeredRun:
        """Start a run with these parameters; a list is fine where the parameter has a separator.

        Raises:
            ParameterRefused: there is no such parameter, or it does not accept the value.
        """
        with self._client() as client:
            run = trigger.trigger(client, deployment_record.read(client, self.name), kwargs)
        return self._run(run)

    def resume(
        self, origin_run_id: str, step_to_rerun: str | None = None, **kwargs: Any
    ) -> PrefectTriggeredRun:
        """Start a run that takes over what the run *origin_run_id* has done, with its parameters.

        Steps from *step_to_rerun* on are executed again in any case. Other arguments are new values of
        parameters; the steps that are executed again see them.

        Raises:
            RunRefused: there is no such run, or it is not over.
            ParameterRefused: there is no such parameter, or the deployment does not accept a value.
        """
        with self._client() as client:
            deployment = deployment_record.read(client, self.name)
            run = trigger.resume(client, deployment, origin_run_id, step_to_rerun, kwargs)
        return self._run(run)

    def list_runs(self, states: list[str] | None = None) -> Iterator[PrefectTriggeredRun]:
        """Yield the runs, the latest first; only those in one of *states*, if any is given.

        Raises:
            ValueError: one of them is not a state of a run.
        """
        wanted = frozenset(RunStatus(state) for state in states or ())
        with self._client() as client:
            found = tuple(runs.listed(client, deployment_record.read(client, self.name), wanted))
        for run in found:
            yield self._run(run)

    def delete(self, authorize: str | None = None) -> bool:
        """Remove the deployment, its schedules and its automations; True, or an error."""
        with self._client() as client:
            deployment = deployment_record.read(client, self.name)
            authorized.delete(client, deployment, self._authority(authorize))
        return True

    def pause_schedule(self, authorize: str | None = None) -> bool:
        """Pause its schedules; True, or an error."""
        return self._set_paused(authorize, is_paused=True)

    def resume_schedule(self, authorize: str | None = None) -> bool:
        """Resume its schedules; True, or an error."""
        return self._set_paused(authorize, is_paused=False)

    @classmethod
    def _of(cls, deployment: DeploymentRecord, metadata: str | None) -> PrefectDeployedFlow:
        return cls(
            deployer=FoundDeployment(
                name=deployment.full_name,
                flow_name=deployment.flow_name,
                metadata=metadata or deployment.metadata,
                env_vars={},
            )
        )

    def _set_paused(self, authorize: str | None, *, is_paused: bool) -> bool:
        with self._client() as client:
            deployment = deployment_record.read(client, self.name)
            authority = self._authority(authorize)
            authorized.set_paused(client, deployment, authority, is_paused=is_paused)
        return True

    def _run(self, run: RunRecord) -> PrefectTriggeredRun:
        content = {"metadata": self.metadata, "pathspec": run.pathspec, "name": run.name}
        return PrefectTriggeredRun(deployer=self.deployer, content=json.dumps(content))

    def _record(self) -> DeploymentRecord:
        with self._client() as client:
            return deployment_record.read(client, self.name)

    def _authority(self, authorize: str | None) -> authorized.Authority:
        return authorized.Authority(user=user(), authorize=authorize)

    def _client(self) -> Any:
        return prefect_client(self.deployer.env_vars)
