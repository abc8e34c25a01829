"""What the person who starts a run, and its deployment, add to what the generated file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from metaflow_prefect.runtime.in_flow import current_trigger, new_parameter_values
from metaflow_prefect.runtime.in_flow.flow_command import Part
from metaflow_prefect.runtime.progress.current import Board
from metaflow_prefect.runtime.steps.fork_server import ForkServer
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)
from metaflow_prefect.runtime.store.resume_origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What is added to what the generated file says.

    `on_begin` is called with the flow's name and the run's id before Metaflow begins the run;
    `board` is told how the run goes. `variables` go into the environment of every command. `kept`
    is what @environment took from the deploying environment. `ahead` is a fork server that was
    started for the run before it had an id; whoever started it ends it.
    """

    tags: tuple[str, ...] = ()
    origin: Origin | None = None
    on_begin: Callable[[str, str], None] | None = None
    board: Board = field(default_factory=Board)
    variables: Mapping[str, str] = field(default_factory=dict)
    kept: CapturedEnvironment = NOTHING_CAPTURED
    ahead: ForkServer | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """What each task begins with: what started the run, and which values its parameters have now."""
        by_variable = {
            current_trigger.VARIABLE: Part.TRIGGER,
            new_parameter_values.VARIABLE: Part.NEW_VALUES,
        }
        return tuple(part for name, part in by_variable.items() if name in self.variables)


NO_OPTIONS = LaunchOptions()
"""What a flow run has that Prefect started: nothing is added."""

OPTIONS: ContextVar[LaunchOptions] = ContextVar("metaflow_prefect_options", default=NO_OPTIONS)
"""What the flow run of this context has; Prefect calls the flow's function, so they cannot be its arguments."""
