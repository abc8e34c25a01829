"""The private names of other packages that this project relies on: what for, and what we would do if one moved.

`test_private_names.py` looks each of them up, and finds every use in our code that is not listed here. A change upstream
therefore fails as the test of one name, before anything misbehaves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateName:
    """One name. `place` is `module:Class.name`, or `module:name`.

    `parameters` are those of a function, as far as we pass them or take their place; None for what is not a function.
    `used_for` says why there is no public way, `if_it_moves` what we would do.
    """

    place: str
    used_for: str
    if_it_moves: str
    parameters: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """The name itself, without its place."""
        return self.place.rpartition(":")[2].rpartition(".")[2]


_ITS_REPLACEMENT = (
    "find what calls the Northflank worker's `run` in the new base worker, and override that"
)
_OWN_LIMIT = "count the slots in ResilientWorker and offer the base worker none (limit=None)"
_OWN_GROUP = "open a task group of our own in `setup`, and close it in `teardown`"

_EACH_IMPORTS = "nothing: prefork_script.py leaves such a Prefect as it is, and each of the processes imports Prefect; then follow it"

WORKER = "prefect.workers.base:BaseWorker."

PREFECT = (
    PrivateName(
        place=f"{WORKER}_sync_and_initialize",
        parameters=(),
        used_for="a heartbeat that fails must not end the worker's loop",
        if_it_moves="override the loop that sends heartbeats",
    ),
    PrivateName(
        place=f"{WORKER}_setup_cancellation_observer",
        parameters=(),
        used_for="the observer of cancellations gives up after three errors; we make another",
        if_it_moves="start an observer of our own: the recovery reads Cancelling flow runs as well",
    ),
    PrivateName(
        place=f"{WORKER}_cancelling_observer",
        used_for="to replace the observer that gave up, and to tell it which flow runs are ours",
        if_it_moves="as for _setup_cancellation_observer",
    ),
    PrivateName(
        place=f"{WORKER}_cancel_run",
        parameters=("flow_run_id",),
        used_for="an error while a flow run is cancelled must not end the others",
        if_it_moves="leave cancellation to the recovery, which is a few seconds slower",
    ),
    PrivateName(
        place=f"{WORKER}_submit_run_and_capture_errors",
        parameters=("flow_run", "task_status"),
        used_for="some errors are not captured, and would end the worker",
        if_it_moves=_ITS_REPLACEMENT,
    ),
    PrivateName(
        place=f"{WORKER}_give_worker_labels_to_flow_run",
        parameters=("flow_run_id",),
        used_for="other workers know by the label whose a flow run is; a failure counted as a crash",
        if_it_moves="write the labels with the client's `update_flow_run_labels`",
    ),
    PrivateName(
        place=f"{WORKER}_submit_scheduled_flow_runs",
        parameters=("flow_run_response",),
        used_for="to leave out flow runs whose old container has not ended",
        if_it_moves="filter in `get_and_submit_flow_runs`, by asking for flow runs ourselves",
    ),
    PrivateName(
        place=f"{WORKER}_submit_run",
        parameters=("flow_run",),
        used_for="to look again whether a flow run may start, after it has waited for its slot",
        if_it_moves=_ITS_REPLACEMENT,
    ),
    PrivateName(
        place=f"{WORKER}_propose_pending_state",
        parameters=("flow_run",),
        used_for="to restore the final state of a flow run that a late request has covered",
        if_it_moves="check before the worker's `run`; Prefect 3.9.4 guards a part of it itself",
    ),
    PrivateName(
        place=f"{WORKER}_propose_crashed_state",
        parameters=("flow_run", "message", "client"),
        used_for="not to call a flow run crashed that ended well before",
        if_it_moves="propose the state ourselves, and return a result without an error",
    ),
    PrivateName(
        place=f"{WORKER}_mark_flow_run_as_cancelled",
        parameters=("flow_run", "state_updates"),
        used_for="the state of a flow run whose deployment was deleted",
        if_it_moves="propose Cancelled with the client",
    ),
    PrivateName(
        place=f"{WORKER}_initiate_run",
        parameters=("flow_run", "configuration"),
        used_for="`worker.submit` starts a job run without waiting for its end",
        if_it_moves="override `submit`",
    ),
    PrivateName(
        place=f"{WORKER}_release_limit_slot",
        parameters=("flow_run_id",),
        used_for="to give back the slot of a flow run that is not submitted",
        if_it_moves=_OWN_LIMIT,
    ),
    PrivateName(
        place=f"{WORKER}_limiter",
        used_for="the containers of steps do not count against --limit",
        if_it_moves=_OWN_LIMIT,
    ),
    PrivateName(
        place=f"{WORKER}_submitting_flow_run_ids",
        used_for="which flow runs the worker is busy with",
        if_it_moves="keep a set of our own, in `_submit_run`",
    ),
    PrivateName(
        place=f"{WORKER}_runs_task_group",
        used_for="flow runs that another worker had started are watched in it",
        if_it_moves=_OWN_GROUP,
    ),
    PrivateName(
        place=f"{WORKER}_exit_stack",
        used_for="what is opened in `setup` is closed in `teardown`",
        if_it_moves="override `teardown`",
    ),
    PrivateName(
        place=f"{WORKER}_logger",
        used_for="the worker's own lines go to its log",
        if_it_moves="prefect.logging.get_logger",
    ),
    PrivateName(
        place=f"{WORKER}_work_pool_name",
        used_for="the name of the pool whose flow runs are ours",
        if_it_moves="keep the constructor's argument",
    ),
    PrivateName(
        place="prefect.workers.base:BaseJobConfiguration._base_environment",
        parameters=(),
        used_for="the variables that every container gets; those of this machine stay here",
        if_it_moves="filter `env` after `prepare_for_flow_run`",
    ),
    PrivateName(
        place="prefect.workers.base:BaseJobConfiguration._base_flow_run_command",
        parameters=(),
        used_for="to recognize the usual command, which the gate of claims can begin with",
        if_it_moves="compare with `prefect flow-run execute`",
    ),
    PrivateName(
        place="prefect.workers.base:BaseJobConfiguration._related_resources",
        parameters=(),
        used_for="the resources that our events name, as all of Prefect's integrations do",
        if_it_moves="build the list: flow run, flow, deployment, tags",
    ),
    PrivateName(
        place="prefect.client.orchestration:PrefectClient._client",
        used_for="the client offers no other access to its HTTP client, whose responses we check",
        if_it_moves="pass a transport in `httpx_settings`, for clients that we make ourselves",
    ),
    PrivateName(
        place="prefect.task_runners:ThreadPoolTaskRunner._max_workers",
        used_for="how many tasks a run may execute at the same time",
        if_it_moves="write the number into the generated file a second time, as an argument of the run",
    ),
    PrivateName(
        place="prefect.runner._workspace_supervisor:_launch_engine",
        parameters=("command", "cwd", "environment"),
        used_for="a container's supervisor becomes the engine without another interpreter (prefork_script.py)",
        if_it_moves=_EACH_IMPORTS,
    ),
    PrivateName(
        place="prefect.runner._workspace_supervisor:main",
        parameters=("argv",),
        used_for="to be the supervisor in a process that was forked (prefork_script.py)",
        if_it_moves=_EACH_IMPORTS,
    ),
    PrivateName(
        place="prefect.runner._starter_engine:run_process",
        parameters=("command", "stream_output", "task_status", "task_status_handler"),
        used_for="to let the runner take the forked process; its module says that this name is there to be replaced",
        if_it_moves=_EACH_IMPORTS,
    ),
)

METAFLOW = (
    PrivateName(
        place="metaflow.decorators:_attach_decorators",
        parameters=("flow", "decospecs"),
        used_for="`--with`, as Metaflow's own deployers attach it",
        if_it_moves="follow metaflow/plugins/argo/argo_workflows_cli.py",
    ),
    PrivateName(
        place="metaflow.decorators:_process_late_attached_decorator",
        parameters=("deco_names", "flow", "graph", "environment", "flow_datastore", "logger"),
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.decorators:_init_step_decorators",
        parameters=("flow", "graph"),
        used_for="decorators that we refuse must not fail before all refusals are reported together",
        if_it_moves="refusals of such decorators would be reported one by one; nothing else is lost",
    ),
    PrivateName(
        place="metaflow.flowspec:FlowSpec._init_graph",
        parameters=(),
        used_for="the graph with the decorators of `--with`",
        if_it_moves="follow metaflow/plugins/argo/argo_workflows_cli.py",
    ),
    PrivateName(
        place="metaflow.flowspec:FlowSpecMeta._graph",
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.flowspec:FlowSpec._get_parameters",
        parameters=(),
        used_for="the flow's parameters, as Metaflow's own deployers read them",
        if_it_moves="inspect the class for instances of Parameter",
    ),
    PrivateName(
        place="metaflow.flowspec:FlowSpecMeta._flow_state",
        used_for="the values of Config objects",
        if_it_moves="follow metaflow/plugins/argo/argo_workflows.py",
    ),
    PrivateName(
        place="metaflow.flowspec:FlowSpec._flow_mutators",
        used_for="the files of mutators belong to the code package",
        if_it_moves="follow metaflow/package/__init__.py",
    ),
    PrivateName(
        place="metaflow.metaflow_current:Current._update_env",
        parameters=("env",),
        used_for="current.trigger, as Metaflow's own event decorators set it",
        if_it_moves="follow metaflow/plugins/events_decorator.py",
    ),
    PrivateName(
        place="metaflow.task:MetaflowTask._init_data",
        parameters=("run_id", "join_type", "input_paths"),
        used_for="`resume` with new parameters: there is no hook before they are read",
        if_it_moves="write the parameters of a resumed run as a task that `start` reads",
    ),
    PrivateName(
        place="metaflow.datastore.task_datastore:TaskDataStore._objects",
        used_for="as above; as `passdown_partial` does",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.datastore.task_datastore:TaskDataStore._info",
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.datastore.flow_datastore:FlowDataStore._storage_impl",
        used_for="the address that a code package will have, and the storage of cards",
        if_it_moves="make the storage from metaflow.plugins.DATASTORES again",
    ),
    PrivateName(
        place="metaflow.plugins.cards.card_datastore:CardDatastore._backend",
        used_for="the address of a card that the artifact of a task links to",
        if_it_moves="leave the link out",
    ),
    PrivateName(
        place="metaflow.plugins.pypi.micromamba:Micromamba._bin",
        used_for="whether micromamba is installed; asking for `bin` would download it",
        if_it_moves="look for METAFLOW_PATH_TO_MICROMAMBA and in PATH",
    ),
    PrivateName(
        place="metaflow:_vendor",
        used_for="its own copy of click, in which Metaflow takes commands, options and errors of extensions",
        if_it_moves="import click from where metaflow/extension_support takes it",
    ),
)

PYTHON = (
    PrivateName(
        place="sys:_getframe",
        parameters=None,
        used_for="which module asks for a value that a forked step must have for itself",
        if_it_moves="inspect.currentframe, which is slower",
    ),
    PrivateName(
        place="random:_urandom",
        used_for="a value that a forked step must have for itself is found in modules that import it by name",
        if_it_moves="nothing: the entry in process_values.py can go",
    ),
    PrivateName(
        place="weakref:finalize._registry",
        used_for="whether the import of a flow has made a temporary folder, which forks would remove",
        if_it_moves="start a new process for each step of a flow that has imported tempfile",
    ),
    PrivateName(
        place="tempfile:TemporaryDirectory._cleanup",
        parameters=("name", "warn_message"),
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="atexit:_run_exitfuncs",
        parameters=None,
        used_for="a forked step ends as an interpreter does, without tearing down shared memory",
        if_it_moves="end forked steps by `sys.exit`, which is slower",
    ),
    PrivateName(
        place="threading:_shutdown",
        parameters=(),
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="numpy.random.mtrand:_rand",
        used_for="numpy's global generator, which every fork needs in a state of its own",
        if_it_moves="numpy.random.seed() in each fork: then a flow's own seed is lost, so refuse to fork",
    ),
    PrivateName(
        place="numpy.random.mtrand:RandomState._bit_generator",
        used_for="as above: the public way to read it also sets it",
        if_it_moves="as above",
    ),
    PrivateName(
        place="numpy.random.bit_generator:BitGenerator._seed_seq",
        used_for="as above, before numpy 1.24",
        if_it_moves="nothing: `seed_seq` is public since",
    ),
)

_READ_IN_THE_CLIENT = "read it as metaflow/client/core.py does"

RECORDS = (
    PrivateName(
        place="metaflow.task:_task_ok",
        used_for="whether a task has ended well, as Metaflow's runtime reads it",
        if_it_moves=_READ_IN_THE_CLIENT,
    ),
    PrivateName(
        place="metaflow.flowspec:_transition",
        used_for="which steps follow a task, as Metaflow's runtime reads it",
        if_it_moves="follow metaflow/runtime.py, where a task's end queues the next ones",
    ),
    PrivateName(
        place="metaflow.flowspec:_foreach_num_splits",
        used_for="as above: how many tasks",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.flowspec:_control_mapper_tasks",
        used_for="as above: the tasks of a gang",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.task:_foreach_stack",
        used_for="which task of a foreach a resumed run takes over",
        if_it_moves=_READ_IN_THE_CLIENT,
    ),
    PrivateName(
        place="metaflow.runtime:_iteration_stack",
        used_for="as above, for steps that switch back to an earlier one",
        if_it_moves="as above",
    ),
    PrivateName(
        place="metaflow.flowspec:_graph_info",
        used_for="which steps of a finished run have cards",
        if_it_moves="ask each task for cards",
    ),
    PrivateName(
        place="metaflow.runtime:_parameters",
        used_for="the step that holds the parameters of a run",
        if_it_moves="follow `persist_constants` of metaflow/runtime.py",
    ),
    PrivateName(
        place="metaflow.plugins.datastores.local_storage:_meta",
        used_for="the folder of local metadata that a container sends back",
        if_it_moves="follow `METADATA_DIR` of metaflow/plugins/datastores/local_storage.py",
    ),
)
"""Artifacts, steps and folders that Metaflow's own modules write and we read: names inside strings."""

_NEXT_PREFECT = "follow the new place in Prefect's repository; its changelog seldom names it"

UNDOCUMENTED = (
    PrivateName(
        place="prefect.events.worker:ProcessPoolForwardingEventsClient",
        used_for="the events of wide runs pass our merger: Prefect accepts clients of a few types only",
        if_it_moves="leave the merging out (`runtime/run/merged_events.py`): each state of a task run is an event again",
    ),
    PrivateName(
        place="prefect.events.worker:emit_events_to_cloud",
        used_for="Prefect Cloud records task runs in its own way, so that nothing is merged there",
        if_it_moves="compare the address of the API with that of Prefect Cloud",
        parameters=(),
    ),
    PrivateName(
        place="prefect.events.worker:EventsWorker.instance",
        used_for="to wait until the server has what a run's tasks have sent",
        if_it_moves="ask the server until it has as many task runs as we have ended",
    ),
    PrivateName(
        place="prefect.events.worker:EventsWorker.wait_until_empty",
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="prefect.context:FlowRunContext.get",
        used_for="the flow run and the task runner of a generated file",
        if_it_moves="prefect.runtime, which lacks the task runner",
    ),
    PrivateName(
        place="prefect.context:TaskRunContext.get",
        used_for="the task run that an attempt belongs to",
        if_it_moves="prefect.runtime.task_run",
    ),
    PrivateName(
        place="prefect.context:refresh_global_settings_context",
        used_for="settings of a run that is forked from a process which has imported Prefect",
        if_it_moves="start such runs anew (METAFLOW_PREFECT_LAUNCHER=off)",
    ),
    PrivateName(
        place="prefect.bundles:BundleLauncher",
        used_for="the type of an argument of the decorator @northflank of Prefect flows",
        if_it_moves=_NEXT_PREFECT,
    ),
    PrivateName(
        place="prefect.flows:bind_flow_to_infrastructure",
        used_for="the decorator @northflank of Prefect flows, as Prefect's integrations make theirs",
        if_it_moves=_NEXT_PREFECT,
    ),
    PrivateName(
        place="prefect.client.utilities:inject_client",
        used_for="to override a method of the base worker that Prefect decorates so",
        if_it_moves="open a client with `get_client`",
    ),
    PrivateName(
        place="prefect.client.base:ServerType",
        used_for="whether a client talks to Prefect Cloud",
        if_it_moves="compare the address of the API",
    ),
    PrivateName(
        place="prefect.utilities.engine:propose_state",
        used_for="a state that the server's rules may refuse, and its answer",
        if_it_moves="the client's `set_flow_run_state`, which answers the same",
    ),
    PrivateName(
        place="prefect.utilities.templating:find_placeholders",
        used_for="blocks and variables that a job variable refers to, before they are resolved",
        if_it_moves="a pattern of our own for `{{ … }}`",
    ),
    PrivateName(
        place="prefect.utilities.schema_tools:validate",
        used_for="job variables are checked before a deployment is written",
        if_it_moves="let the server refuse them",
    ),
    PrivateName(
        place="prefect.server.api.server:create_app",
        used_for="the local server, in a process that ends when it has not been used for long",
        if_it_moves="`prefect server start`, and a second process that watches it",
    ),
    PrivateName(
        place="prefect.logging.configuration:setup_logging",
        used_for="the progress of a run stands below the lines of the log",
        if_it_moves="show plain lines only",
    ),
    PrivateName(
        place="prefect.logging.handlers:PrefectConsoleHandler",
        used_for="as above",
        if_it_moves="as above",
    ),
    PrivateName(
        place="prefect.logging.loggers:flow_run_logger",
        used_for="the lines of exit hooks, which run after the flow run",
        if_it_moves="prefect.logging.get_logger",
    ),
    PrivateName(
        place="prefect.types.names:raise_on_name_alphanumeric_dashes_only",
        used_for="to say before the server does that a block cannot have this name",
        if_it_moves="let the server refuse it",
    ),
    PrivateName(
        place="prefect.cli:app",
        used_for="a container executes its flow run in the process that has checked its claim",
        if_it_moves="execute `prefect flow-run execute` as a process",
    ),
    PrivateName(
        place="uvicorn.protocols.http.h11_impl:H11Protocol",
        used_for="the emulator breaks connections as a network does",
        if_it_moves="name another protocol class to uvicorn",
    ),
    PrivateName(
        place="supervisor.xmlrpc:SupervisorTransport",
        used_for="supervisor's interface, over a socket in a file",
        if_it_moves="a transport of our own for xmlrpc.client, of ten lines",
    ),
)
"""Names without an underscore that their documentation does not promise, from the modules of `UNPROMISED`."""

UNPROMISED = (
    "prefect.bundles",
    "prefect.cli",
    "prefect.client.base",
    "prefect.client.utilities",
    "prefect.context",
    "prefect.events.worker",
    "prefect.logging.configuration",
    "prefect.logging.handlers",
    "prefect.logging.loggers",
    "prefect.server",
    "prefect.types",
    "prefect.utilities",
    "supervisor",
    "uvicorn.protocols",
)
"""Modules, with what is below them, of which each name that we import is listed."""

PROMISED_THERE = {"Faults", "PlaceholderType", "url_for"}
"""Names in such modules that only type something, or that the documentation has."""

ALL = (*PREFECT, *METAFLOW, *PYTHON, *UNDOCUMENTED)
