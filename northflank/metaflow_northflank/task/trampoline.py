"""`flow.py northflank step`: the process that Metaflow starts for a task, from its command line to its exit code."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_northflank.attempt import AttemptRecord
from metaflow_northflank.container import local_metadata
from metaflow_northflank.container.variables import DESCRIPTION
from metaflow_northflank.errors import NorthflankFailed
from metaflow_northflank.heartbeat import LOST_AFTER
from metaflow_northflank.protocol import SOCKET, Ask
from metaflow_northflank.task.broker_client import BrokerClient, BrokerLost
from metaflow_northflank.task.container_environment import metaflow_environment
from metaflow_northflank.task.container_script import (
    STDERR_PATH,
    STDOUT_PATH,
    ShellParts,
    command,
    container_variables,
    input_path_variables,
    script,
)
from metaflow_northflank.task.follow import LOST, Followed
from metaflow_northflank.task.outcome import Outcome
from metaflow_northflank.task.task_log import TaskLog

SECONDS_PER_MINUTE = 60
INTERRUPTED = 130
"""The exit code of a shell's command that Ctrl-C has ended."""


@dataclass(frozen=True, kw_only=True)
class CodePackage:
    """Where the code package is."""

    metadata: str
    sha: str
    url: str


@dataclass(frozen=True, kw_only=True)
class TaskCommand:
    """The command line of one attempt of one task."""

    context: Any
    """click's context; its object has Metaflow's datastore, metadata and environment."""
    step: str
    package: CodePackage
    options: Mapping[str, Any]
    """The options of Metaflow's `step`."""

    def run(self) -> int:
        """Execute the task in a container, and return the exit code of this process."""
        broker = BrokerClient(_socket())
        obj, run_id, task_id = self._obj, self.options["run_id"], self.options["task_id"]
        place = f"{run_id}/{self.step}/{task_id}"
        record = AttemptRecord(obj.flow_datastore, place, self._attempt)
        log = TaskLog(record.task, obj.echo_always)
        followed = Followed(
            record=record,
            broker=broker,
            start={"step": self.step, "task": f"{place}/{self._attempt}", **self._container()},
            say=lambda text: obj.echo_always(f"[northflank] {text}", err=True),
            show_log=log.show,
            on_started=self._register,
        )
        try:
            broker.connect()
            self._pause()
            ended = followed.wait()
        except BrokerLost:
            # Without its run, what the container has registered has no reader.
            return LOST.code
        except KeyboardInterrupt:
            # The broker ends the container when it sees this process gone.
            return INTERRUPTED
        self._bring_metadata_home()
        _say_goodbye(broker, ended, abort=followed.has_given_up)
        if ended.words:
            obj.echo_always(ended.words, err=True)
        return ended.code

    @property
    def _obj(self) -> Any:
        return self.context.obj

    @property
    def _attempt(self) -> int:
        return int(self.options["retry_count"] or 0)

    @property
    def _node(self) -> Any:
        return self._obj.graph[self.step]

    def _pause(self) -> None:
        """Wait before a retry: Metaflow's runtime leaves that to this process."""
        if not self._attempt:
            return
        minutes = next(
            (
                float(deco.attributes.get("minutes_between_retries", 2))
                for deco in self._node.decorators
                if deco.name == "retry"
            ),
            0.0,
        )
        if minutes:
            self._obj.echo_always(f"Sleeping {minutes:g} minutes before the next retry")
            time.sleep(minutes * SECONDS_PER_MINUTE)

    def _container(self) -> dict[str, Any]:
        """Return what the broker needs to know of the container."""
        variables = container_variables(script(self._shell_parts(), self._environment()))
        return {"command": command(variables), "variables": variables}

    def _environment(self) -> dict[str, str]:
        from metaflow.util import get_username

        package = self.package
        code = {
            "METADATA": package.metadata,
            "SHA": package.sha,
            "URL": package.url,
            "DS": self._obj.flow_datastore.TYPE,
        }
        own = {
            "METAFLOW_FLOW_FILENAME": os.path.basename(sys.argv[0]),  # noqa: PTH119  pathlib is slow to import
            LOST_AFTER: os.environ.get(LOST_AFTER, ""),
            DESCRIPTION: "{}",
            **self._registered(),
            **input_path_variables(self.options["input_paths"] or ""),
        }
        user = get_username()
        metaflow = metaflow_environment(self._obj, code, self.options["run_id"], user)
        return {**metaflow, **own, **self._environment_decorator()}

    def _registered(self) -> dict[str, str]:
        """Return what Metaflow has registered of the run and the task here, if metadata is kept in files."""
        if self._obj.metadata.TYPE != "local":
            return {}
        from metaflow.plugins.datastores.local_storage import LocalStorage

        root = LocalStorage.get_datastore_root_from_config(lambda *_, **__: None)
        path = (self._obj.flow.name, self.options["run_id"], self.step, self.options["task_id"])
        return {local_metadata.OBJECTS: json.dumps(local_metadata.read(root, *path))}

    def _environment_decorator(self) -> dict[str, str]:
        return {
            str(name): str(value)
            for deco in self._node.decorators
            if deco.name == "environment"
            for name, value in (deco.attributes.get("vars") or {}).items()
        }

    def _shell_parts(self) -> ShellParts:
        from metaflow.mflog import (
            BASH_FLUSH_LOGS,
            BASH_MFLOG,
            bash_capture_logs,
            export_mflog_env_vars,
        )

        obj = self._obj
        return ShellParts(
            log_variables=export_mflog_env_vars(
                flow_name=obj.flow.name,
                run_id=self.options["run_id"],
                step_name=self.step,
                task_id=self.options["task_id"],
                retry_count=self._attempt,
                datastore_type=obj.flow_datastore.TYPE,
                stdout_path=STDOUT_PATH,
                stderr_path=STDERR_PATH,
            ),
            package=obj.environment.get_package_commands(
                self.package.url, obj.flow_datastore.TYPE, self.package.metadata
            ),
            functions=(BASH_MFLOG, BASH_FLUSH_LOGS),
            bootstrap=(
                *_uv_if_missing(obj.environment),
                *obj.environment.bootstrap_commands(self.step, obj.flow_datastore.TYPE),
            ),
            step=self._step_command(),
            captured=bash_capture_logs("{}"),
        )

    def _step_command(self) -> str:
        from metaflow.util import dict_to_cli_options

        options = dict(self.options)
        parts = input_path_variables(options["input_paths"] or "")
        options["input_paths"] = "".join(f"${{{name}}}" for name in parts) or None
        executable = self._obj.environment.executable(self.step)
        file = os.path.basename(sys.argv[0])  # noqa: PTH119  pathlib is slow to import
        top = " ".join(dict_to_cli_options(self.context.parent.parent.params))
        return f"{executable} -u {file} {top} step {self.step} {' '.join(dict_to_cli_options(options))}"

    def _register(self, job: str, run: str) -> None:
        from metaflow.metadata_provider import MetaDatum

        entries = [
            MetaDatum(field=name, value=value, type=name, tags=[f"attempt_id:{self._attempt}"])
            for name, value in (("northflank-job", job), ("northflank-run", run))
        ]
        self._obj.metadata.register_metadata(
            self.options["run_id"], self.step, self.options["task_id"], entries
        )

    def _bring_metadata_home(self) -> None:
        """Fetch what the container has registered, if metadata is kept in files."""
        if self._obj.metadata.TYPE != "local":
            return
        from metaflow.metadata_provider.util import sync_local_metadata_from_datastore
        from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

        # The container may have ended before it put any there, with nothing done.
        store = self._obj.flow_datastore.get_task_datastore(
            self.options["run_id"],
            self.step,
            self.options["task_id"],
            attempt=self._attempt,
            mode="r",
            allow_not_done=True,
        )
        if store.has_metadata("local_metadata"):
            sync_local_metadata_from_datastore(DATASTORE_LOCAL_DIR, store)


def _uv_if_missing(environment: Any) -> tuple[str, ...]:
    """Return what installs uv in an image that has none: Metaflow itself would fetch it from GitHub."""
    if environment.TYPE != "uv":
        return ()
    # pip puts it there where it may not write beside Python.
    return (
        "export PATH=$PATH:$HOME/.local/bin",
        "(command -v uv > /dev/null || python -m pip install -qqq uv)",
    )


def _say_goodbye(broker: BrokerClient, ended: Outcome, *, abort: bool) -> None:
    from contextlib import suppress

    from metaflow_northflank.task.broker_client import Broken

    with suppress(Broken):
        broker.ask(Ask.DONE, code=ended.code, abort=abort)
    broker.close()


def _socket() -> str:
    path = os.environ.get(SOCKET)
    if not path:
        raise NorthflankFailed(
            "`northflank step` executes one task of a run that is under way; no such run has started it.",
            fix="use `python flow.py run --with northflank`",
        )
    return path
