"""What a command that runs a flow on this machine was given beside the flow's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """Options of a run in this process.

    `run_id_file` is where to write the run's id. `step_options` were typed, by the names of the variables
    that say the same (`steps.step_options.typed_options`).
    """

    run_id_file: str | None = None
    step_options: Mapping[str, str] = field(default_factory=dict)
