"""A flow in a folder of its own, and what its steps do in a fork and in a fresh process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent

import pytest

from metaflow_prefect.runtime.steps import commands
from metaflow_prefect.runtime.steps.executor_protocol import Command, StepExecutor, Stream
from metaflow_prefect.runtime.steps.fork_server_client import ForkKey, ForkServer
from metaflow_prefect.runtime.steps.fresh_process import FreshProcess

FLOW = """
{module}
from metaflow import FlowSpec, step
{more}

class ProbeFlow(FlowSpec):
{members}

    @step
    def start(self):
{body}
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProbeFlow()
"""


@dataclass
class Result:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> object:
        """What the step printed last, as JSON."""
        return json.loads(self.out.splitlines()[-1])


@dataclass
class Probe:
    """A flow's file, and the commands of one run of it."""

    folder: Path
    environment: Mapping[str, str]
    run_id: str = "1"
    servers: list[ForkServer] = field(default_factory=list)

    @property
    def flow_file(self) -> str:
        return str(self.folder / "probe_flow.py")

    @property
    def options(self) -> list[str]:
        return [
            "--quiet", "--no-pylint", "--metadata=local", "--environment=local",
            "--datastore=local", f"--datastore-root={self.folder / '.metaflow'}",
        ]  # fmt: skip

    @property
    def key(self) -> ForkKey:
        return ForkKey(
            python=sys.executable,
            flow_file=self.flow_file,
            options=self.options,
            environment=self.environment,
        )

    def server(self, mode: str = "auto") -> ForkServer:
        self.servers.append(ForkServer(self.key, mode))
        return self.servers[-1]

    def command(self, *words: str, **variables: str) -> Command:
        return Command(
            words=[sys.executable, self.flow_file, *self.options, *words],
            environment={**self.environment, **variables},
            name=words[1] if len(words) > 1 else "",
        )

    def init(self, **variables: str) -> Command:
        return self.command("init", f"--run-id={self.run_id}", "--task-id=p", **variables)

    def step(self, name: str = "start", *more: str, task: str = "t", **variables: str) -> Command:
        inputs = "_parameters/p" if name == "start" else "start/t"
        return self.command(
            "step", name, f"--run-id={self.run_id}", f"--task-id={task}",
            f"--input-paths={self.run_id}/{inputs}", *more, **variables,
        )  # fmt: skip

    def do(self, executor: StepExecutor, command: Command) -> Result:
        lines: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        code = executor.run(command, lambda stream, line: lines[stream].append(line))
        return Result(code, *(b"".join(lines[stream]).decode() for stream in Stream))

    def start(self, executor: StepExecutor, *more: str, task: str = "t") -> Result:
        """Begin the run if need be, and execute its first step."""
        if not (self.folder / ".metaflow" / "ProbeFlow" / self.run_id / "_parameters").exists():
            begun = self.do(executor, self.init())
            assert begun.code == 0, begun.err
        return self.do(executor, self.step("start", *more, task=task))

    def fresh(self) -> Result:
        """Execute the first step in a fresh process, in a run of its own."""
        self.run_id = "fresh"
        return self.start(FreshProcess())

    def forked(self) -> Result:
        """Execute the first step in a fork, in a run of its own."""
        self.run_id = "forked"
        return self.start(self.server())

    def artifacts(self, step: str = "start", task: str = "t") -> Mapping[str, str]:
        """Return each artifact's content hash."""
        path = self.folder / ".metaflow" / "ProbeFlow" / self.run_id / step / task / "0.data.json"
        objects: Mapping[str, str] = json.loads(path.read_text())["objects"]
        return objects


MakeProbe = Callable[..., Probe]


def _make(folder: Path, body: str, module: str, more: str, members: str) -> Probe:
    text = FLOW.format(
        module=dedent(module),
        more=dedent(more),
        members=indent(dedent(members), " " * 4),
        body=indent(dedent(body), " " * 8),
    )
    folder.mkdir(exist_ok=True)
    (folder / "probe_flow.py").write_text(text)
    environment = commands.environment(os.environ, python=sys.executable, run_id="1")
    return Probe(folder, environment)


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[MakeProbe]:
    """Make a flow: `module` runs when it is imported, `body` is its first step."""
    made: list[Probe] = []

    def make(body: str = "pass", *, module: str = "", more: str = "", members: str = "") -> Probe:
        made.append(_make(tmp_path, body, module, more, members))
        return made[-1]

    yield make
    for one in made:
        for server in one.servers:
            server.stop()


class Both:
    """One flow, one fork server and one run for many tests: its first step does what each test writes."""

    def __init__(self, folder: Path) -> None:
        self.code = folder / "code.py"
        body = f"exec(compile(open({str(self.code)!r}).read(), 'code.py', 'exec'), {{**globals(), 'self': self}})"
        self.flow = _make(folder, body, "", "", "")
        self.server = self.flow.server()
        self._task = 0

    def forked(self, code: str) -> Result:
        """Execute *code* as a step in a fork."""
        return self._do(self.server, code)

    def fresh(self, code: str) -> Result:
        """Execute *code* as a step in a fresh process."""
        return self._do(FreshProcess(), code)

    def _do(self, executor: StepExecutor, code: str) -> Result:
        self.code.write_text(dedent(code))
        self._task += 1
        return self.flow.start(executor, task=f"t{self._task:04}")


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A step in a fork and in a fresh process, cheaply: the flow's module has nothing of its own."""
    made = Both(tmp_path_factory.mktemp("both"))
    yield made
    made.server.stop()
