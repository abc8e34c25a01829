"""What differs between the processes of the steps, read from the flow: values of @environment, interpreters of @conda."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.in_flow import make_interpreters, print_environment
from metaflow_prefect.runtime.steps import commands
from metaflow_prefect.runtime.steps.executor_protocol import StepExecutor, Stream

_QUOTED_CHARACTERS = 2000
"""Of the flow's output, in the message when it does not answer."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProcess:
    """The interpreter of a step's process, where it is not the run's, and its variables."""

    python: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class StepProcesses:
    """Asks the flow in the background, while Metaflow begins the run; waits for an answer when it is needed."""

    context: commands.RunContext
    executor: StepExecutor
    environment: Mapping[str, str]
    _variables: Future[Mapping[str, Mapping[str, str]]] | None = field(default=None, init=False)
    _interpreters: Future[Mapping[str, Mapping[str, Any]]] | None = field(default=None, init=False)
    _folder: str | None = field(default=None, init=False)

    def ask(self, *, has_variables: bool) -> None:
        """Begin to ask; *has_variables* says whether any step has @environment."""
        if has_variables:
            self._variables = _in_background(self._read_variables)
        if self.context.program.environment in make_interpreters.METAFLOW_ENVIRONMENTS:
            self._folder = tempfile.mkdtemp(prefix="metaflow-prefect-code-")
            self._interpreters = _in_background(self._make_interpreters)

    def wait(self) -> None:
        """Wait for the interpreters, without which no step can begin.

        Raises:
            InitFailed: Metaflow could not make them.
        """
        if self._interpreters is not None:
            self._interpreters.result()

    def of(self, step: str) -> StepProcess:
        """Return the interpreter and the variables of *step*.

        Raises:
            InitFailed: the flow did not answer.
        """
        own = {} if self._interpreters is None else self._interpreters.result().get(step, {})
        variables = {} if self._variables is None else self._variables.result()[step]
        return StepProcess(
            python=own.get("python"), variables={**own.get("variables", {}), **variables}
        )

    def dispose(self) -> None:
        """Remove the copy of the code that was made for the interpreters."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read_variables(self) -> Mapping[str, Mapping[str, str]]:
        words = commands.read_environment(self.context)
        return self._asked(
            words,
            print_environment.parse,
            name="the values of @environment",
            problem="The values of @environment could not be read from",
            fix="correct what it says; the flow's file is imported to read them",
        )

    def _make_interpreters(self) -> Mapping[str, Mapping[str, Any]]:
        assert self._folder is not None  # noqa: S101  `ask` has created it
        kind = self.context.program.environment
        return self._asked(
            commands.make_interpreters(self.context, self._folder),
            make_interpreters.parse,
            name=f"the interpreters of --environment={kind}",
            problem=f"Metaflow could not make the interpreters of --environment={kind} for",
            fix="correct what it says; where micromamba is missing, install it or name it in "
            "METAFLOW_PATH_TO_MICROMAMBA",
        )

    def _asked(
        self,
        words: Sequence[str],
        parse: Callable[[str], _Answer],
        *,
        name: str,
        problem: str,
        fix: str,
    ) -> _Answer:
        lines: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        command = commands.process(self.context, words, self.environment, name=name)
        self.executor.run(command, lambda stream, line: lines[stream].append(line))
        output, errors = (b"".join(lines[stream]).decode(errors="replace") for stream in Stream)
        try:
            return parse(output)
        except ValueError:
            said = (errors or output)[-_QUOTED_CHARACTERS:]
            raise InitFailed(f"{problem} {self.context.flow_file}:\n{said}", fix=fix) from None


def _in_background(call: Callable[[], _Answer]) -> Future[_Answer]:
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="step-processes")
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return future
