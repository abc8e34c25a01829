"""What the process of each step has of its own, asked of the flow itself: the values of @environment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime import commands, environment
from metaflow_prefect.runtime.executors import Command, StepExecutor, Stream

_SAID = 2000
"""Characters of what the flow printed that are quoted when it does not answer."""


@dataclass(slots=True)
class StepProcesses:
    """Asks in the background, while Metaflow begins the run; the answer is waited for when a step needs it."""

    context: commands.RunContext
    executor: StepExecutor
    environment: Mapping[str, str]
    _answer: Future[Mapping[str, Mapping[str, str]]] | None = field(default=None, init=False)

    def ask(self) -> None:
        """Begin to ask."""
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="environment")
        self._answer = pool.submit(self._read)
        pool.shutdown(wait=False)

    def variables(self, step: str) -> Mapping[str, str]:
        """Return the variables of a step; none where nobody asked.

        Raises:
            InitFailed: the flow did not answer.
        """
        return {} if self._answer is None else self._answer.result()[step]

    def _read(self) -> Mapping[str, Mapping[str, str]]:
        lines: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        command = Command(
            words=commands.read_environment(self.context),
            environment=self.environment,
            name="the values of @environment",
        )
        self.executor.run(command, lambda stream, line: lines[stream].append(line))
        output, errors = (b"".join(lines[stream]).decode(errors="replace") for stream in Stream)
        try:
            return environment.parse(output)
        except ValueError:
            problem = "The values of @environment could not be read from"
            said = (errors or output)[-_SAID:]
            raise InitFailed(
                f"{problem} {self.context.flow_file}:\n{said}",
                fix="correct what it says; the flow's file is imported to read them",
            ) from None
