"""What differs between the processes of the steps, read from the flow: values of @environment, interpreters of @conda and @pypi."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TypeVar

from metaflow_prefect.errors import InitFailed, StaleGeneratedFile
from metaflow_prefect.runtime.in_flow import make_interpreters, print_environment
from metaflow_prefect.runtime.steps import commands, importable_metaflow
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
    """Asks the flow in the background, while Metaflow begins the run; waits for an answer when it is needed.

    `locks` are the keys of the steps' locks; `say` writes a line for people.
    """

    context: commands.RunContext
    executor: StepExecutor
    environment: Mapping[str, str]
    locks: Mapping[str, str]
    say: Callable[[str], None]
    _variables: Future[Mapping[str, Mapping[str, str]]] | None = field(default=None, init=False)
    _interpreters: Future[Mapping[str, StepProcess]] | None = field(default=None, init=False)
    _folder: str | None = field(default=None, init=False)

    def ask(self, *, has_variables: bool) -> None:
        """Begin to ask; *has_variables* says whether any step has @environment."""
        if has_variables:
            self._variables = _in_background(self._read_variables)
        if self.locks:
            self._begin_to_make(self._install_locked)
        elif self.context.program.interpreters_of is not None:
            self._begin_to_make(self._have_metaflow_make)

    def _begin_to_make(self, make: Callable[[str], Mapping[str, StepProcess]]) -> None:
        folder = tempfile.mkdtemp(prefix="metaflow-prefect-code-")
        self._folder = folder
        self._interpreters = _in_background(lambda: make(folder))

    def wait(self) -> None:
        """Wait for the interpreters, without which no step can begin.

        Raises:
            InitFailed: they could not be made.
        """
        if self._interpreters is not None:
            self._interpreters.result()

    def of(self, step: str) -> StepProcess:
        """Return the interpreter and the variables of *step*.

        Raises:
            InitFailed: the flow did not answer.
        """
        made = {} if self._interpreters is None else self._interpreters.result()
        own = made.get(step, StepProcess())
        variables = {} if self._variables is None else self._variables.result()[step]
        return replace(own, variables={**own.variables, **variables})

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

    def _install_locked(self, folder: str) -> Mapping[str, StepProcess]:
        """Have uv make the interpreters of the locks, and put Metaflow and the flow's code where they find them."""
        # Few flows have packages.
        from metaflow_prefect.runtime.packages import interpreters

        program = self.context.program
        found = {} if program.packages is None else program.packages.locks
        missing = sorted(step for step, key in self.locks.items() if key not in found)
        if missing:
            raise StaleGeneratedFile(
                f"The generated file of {program.flow} has no lock for the packages of {', '.join(missing)}.",
                fix="compile the flow again: the locks, comments at the end of the file, were changed or removed",
            )
        code = _in_background(lambda: self._code_variables(folder))
        wanted = [found[key] for key in dict.fromkeys(self.locks.values())]
        pythons = interpreters.make_all(wanted, self.environment, self.say)
        variables = code.result()
        return {
            step: StepProcess(
                python=pythons[key],
                variables={
                    **importable_metaflow.without_second_extension(variables, found[key]),
                    **interpreters.activated(pythons[key], self.environment),
                },
            )
            for step, key in self.locks.items()
        }

    def _code_variables(self, folder: str) -> Mapping[str, str]:
        """Put Metaflow into *folder*, and return the variables by which the steps' interpreters find it."""
        installed = importable_metaflow.installed_extension()
        beside = importable_metaflow.unpacked_extension(self.context.program.working_directory)
        linked = importable_metaflow.linked_in(folder, installed or beside)
        if linked is not None:
            return linked
        packaged = self._asked(
            commands.make_interpreters(self.context, folder),
            make_interpreters.parse,
            name="the code for the steps' interpreters",
            problem="Metaflow could not package the code for the steps with @pypi of",
            fix="correct what it says",
        )
        return dict(packaged["variables"])

    def _have_metaflow_make(self, folder: str) -> Mapping[str, StepProcess]:
        kind = self.context.program.environment
        made = self._asked(
            commands.make_interpreters(self.context, folder),
            make_interpreters.parse,
            name=f"the interpreters of --environment={kind}",
            problem=f"Metaflow could not make the interpreters of --environment={kind} for",
            fix="correct what it says; where micromamba is missing, install it or name it in "
            "METAFLOW_PATH_TO_MICROMAMBA",
        )
        return {
            step: StepProcess(python=python, variables=made["variables"])
            for step, python in made["pythons"].items()
        }

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
    # In this thread's context: without it Prefect's logger looks for a server of its own.
    future = pool.submit(copy_context().run, call)
    pool.shutdown(wait=False)
    return future
