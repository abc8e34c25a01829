"""What the user who starts a run, and its deployment, add to what the generated file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.in_flow.flow_command import Part
from metaflow_prefect.runtime.progress.current_progress import CurrentProgress
from metaflow_prefect.runtime.steps.fork_server_client import ForkServer
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)
from metaflow_prefect.runtime.store.resume_origin import ResumeOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What is added to what the generated file says.

    `on_begin` is called with the flow's name and the run's id before Metaflow begins the run;
    `progress` is kept up to date while the run goes on. `step_options` were typed, by the names of the variables
    that say the same. `environment` is what the run's commands inherit, with the step options in it, and `variables`
    are added to that. `captured` is what @environment took from the deploying environment. `early_fork_server`
    was started for the run before it had an id; what started it ends it. `part` is the flow run that executes only
    some tasks of the run.
    """

    tags: tuple[str, ...] = ()
    origin: ResumeOrigin | None = None
    on_begin: Callable[[str, str], None] | None = None
    progress: CurrentProgress = field(default_factory=CurrentProgress)
    step_options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    captured: CapturedEnvironment = NOTHING_CAPTURED
    early_fork_server: ForkServer | None = None
    part: str | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """What each task begins with: what started the run, and which values its parameters have now."""
        by_variable = {
            variables.TRIGGERED_BY: Part.TRIGGER,
            variables.NEW_VALUES: Part.NEW_VALUES,
        }
        return tuple(part for name, part in by_variable.items() if name in self.variables)


NO_OPTIONS = LaunchOptions()
"""What a flow run has that Prefect started: nothing is added."""

OPTIONS: ContextVar[LaunchOptions] = ContextVar("metaflow_prefect_options", default=NO_OPTIONS)
"""What the flow run of this context has; Prefect calls the flow's function, so they cannot be its arguments."""
