"""The fork server's process: imports the flow once, then forks a child for each command it is asked for.

Run as `python fork_server.py CONTROL MODE FLOW_FILE OPTION…`, where CONTROL is the descriptor of a stream
socket and OPTION… are Metaflow's top-level options. One thread, no state but its children.

The server first reports the import in one JSON line: `{"ready": true}`, or `{"unfit": "why"}`, after which
it ends. `"too_early": true` means that the import would succeed with METAFLOW_RUN_ID in the
environment. Each command comes as one byte with three descriptors: a socket of its
own, and where the child's output goes. On that socket the client writes one JSON line
`{"words", "variables", "reads_environment"}` and reads `{"pid"}`, then `{"exit", "cpu_seconds", "peak_kb"}`.
When the control socket closes, the client is gone: the server ends its children and itself.

It imports nothing of this package: it is started by path, where the package may not be importable.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

_GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL: what Metaflow's runtime gives its tasks (`NativeRuntime._killall`)."""

_DESCRIPTORS_PER_COMMAND = 3
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

_WARM = (
    "metaflow.cli_components.step_cmd",
    "metaflow.task",
    "metaflow.datastore.task_datastore",
    "metaflow.client",
    "metaflow.client.filecache",
    "metaflow.plugins.metadata_providers.local",
    "metaflow.plugins.datastores.local_storage",
    "metaflow.plugins.catch_decorator",
    "metaflow.plugins.project_decorator",
)
"""What every step imports when it begins. Never a command with the flow's parameters (`init`, `run`, the
orchestrators'): its options would be fixed before Metaflow has evaluated the parameters' defaults,
and every parameter would be None."""

_WARM_FOR = {"--datastore=s3": ("metaflow.plugins.datastores.s3_storage", "boto3")}


def _part(name: str) -> Any:
    """Load a module of this folder under a name that no flow uses.

    `flow_command` has the same function: a script that is started by path cannot import it from anywhere.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")  # noqa: PTH100, PTH118, PTH120  no pathlib before the flow asks for it
    spec = importlib.util.spec_from_file_location(f"_metaflow_prefect_{name}", path)
    assert spec is not None  # noqa: S101  a .py file always has a loader
    assert spec.loader is not None  # noqa: S101  as above
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


child = _part("fork_child")
current_trigger = _part("current_trigger")
fitness = _part("fork_fitness")
flow_main = _part("flow_main")
locked_packages = _part("locked_packages")
new_values = _part("new_parameter_values")
own_values = _part("process_values")
randomness = _part("random_generators")
run_id = _part("run_id_watch")


class Server:
    """The flow's import, the loop, and its children by process id."""

    def __init__(self, control: socket.socket, flow_file: str, options: list[str]) -> None:
        self._control = control
        self.flow_file = flow_file
        self._options = options
        self._output = child.ImportOutput()
        self._random = randomness.RandomGenerators()
        self._run_id = run_id.RunIdWatch()
        self._running: dict[int, socket.socket] = {}
        self._descriptors = fitness.open_descriptors()
        self._own_values = own_values.ProcessValueWatch(flow_file)
        self.is_forced = False
        self.is_serving = False
        self.is_child = False

    def run(self) -> None:
        """Import the flow and serve; returns, or raises, only in a child or if the flow starts no command line."""
        flow_main.run(self.flow_file, [*self._options, "step"], self._at_command_line)

    def refuse(self, why: str) -> None:
        """Send the client the reason why no command can be forked here, and whether it could be with the run's id."""
        self._say(unfit=why, too_early=self._run_id.was_asked_for)

    def _at_command_line(self) -> None:
        asked = self._own_values.end()
        self._warm_up()
        locked_packages.at_command_line()
        current_trigger.at_command_line()
        new_values.at_command_line()
        self._output.end()
        self._run_id.end()
        name = os.path.basename(self.flow_file)  # noqa: PTH119  no pathlib before the flow asks for it
        problems = fitness.problems(name, self._descriptors)
        problems += tuple(f"importing {name} {what}" for what in asked)
        problems += self._random.imported(self.flow_file)
        if self._run_id.was_asked_for or (problems and not self.is_forced):
            self.refuse(" and ".join(problems))
            os._exit(0)
        # Objects that exist now are not looked at by the children's collector, so that their pages stay shared.
        gc.collect()
        gc.freeze()
        self.is_serving = True
        self._say(ready=True)
        self._serve()

    def _say(self, **message: object) -> None:
        self._control.sendall(json.dumps(message).encode() + b"\n")

    def _warm_up(self) -> None:
        extra = [name for option in self._options for name in _WARM_FOR.get(option, ())]
        for name in ("metaflow.cli", *_WARM, *extra):
            # In another release of Metaflow the module may not exist: then each child imports what it needs.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        # Metaflow asks git, in up to seven processes, for what it notes with each task; it asks once per process.
        with contextlib.suppress(ImportError, AttributeError):
            environment = importlib.import_module("metaflow.metaflow_environment")
            environment.MetaflowEnvironment(None).get_environment_info()

    def _serve(self) -> None:
        """Fork and reap until the client is gone; returns in each child, as the command it is to be."""
        signals = child.ChildSignals()
        while True:
            readable, _, _ = select.select([self._control, signals.descriptor], [], [])
            if signals.descriptor in readable:
                signals.clear()
                self._reap()
            if self._control in readable:
                data, descriptors, _, _ = socket.recv_fds(
                    self._control, 1, _DESCRIPTORS_PER_COMMAND, _CLOSE_ON_EXEC
                )
                if not data:
                    self._end(signals)
                self._fork(descriptors, signals)
                if self.is_child:
                    return

    def _fork(self, descriptors: list[int], signals: Any) -> None:
        channel = socket.socket(fileno=descriptors[0])
        try:
            pid = os.fork()
        except OSError as error:
            _send(channel, {"refused": str(error)})
            channel.close()
            pid = None
        if pid == 0:
            self.is_child = True
            signals.restore()
            for other in (self._control, *self._running.values()):
                other.close()
            request = child.begin(channel, descriptors[1:], self.flow_file, self._output.replay)
            self._random.reseed()
            if request["reads_environment"]:
                _part("print_environment").at_command_line()
            return
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        if pid is not None:
            self._running[pid] = channel

    def _reap(self) -> None:
        # By id: processes that the flow's import has started are not reaped here.
        for pid in tuple(self._running):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                message = {
                    "exit": os.waitstatus_to_exitcode(status),
                    "cpu_seconds": usage.ru_utime + usage.ru_stime,
                    "peak_kb": usage.ru_maxrss,
                }
                channel = self._running.pop(pid)
                _send(channel, message)
                channel.close()

    def _end(self, signals: Any) -> None:
        """End the children and this process."""
        groups = tuple(self._running)
        for group in groups:
            child.signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._running and time.monotonic() < deadline:
            select.select([signals.descriptor], [], [], deadline - time.monotonic())
            signals.clear()
            self._reap()
        for group in groups:
            child.signal_group(group, signal.SIGKILL)
        # Without the exit handlers of the flow: they are for tasks, and have run in each of them.
        os._exit(0)


def _send(channel: socket.socket, message: Mapping[str, object]) -> None:
    # The client may be gone; then it has ended the command.
    with contextlib.suppress(OSError):
        # The flow may have asked to be ended by SIGPIPE.
        channel.send(json.dumps(message).encode() + b"\n", socket.MSG_NOSIGNAL)


def main() -> None:
    """Serve; a child ends as a fresh interpreter would, the server at once."""
    server = Server(socket.socket(fileno=int(sys.argv[1])), sys.argv[3], sys.argv[4:])
    # Now: a step may work elsewhere when it ends.
    path = os.path.abspath(server.flow_file)  # noqa: PTH100  no pathlib before the flow asks for it
    server.is_forced = sys.argv[2] == "fork"
    ending: BaseException | None = None
    try:
        server.run()
    except BaseException as error:  # noqa: BLE001  a process boundary: the interpreter's own is emulated below
        ending = error
    if server.is_child:
        child.leave(ending, path)
    if not server.is_serving:
        server.refuse(child.why_it_ended(server.flow_file, ending))


if __name__ == "__main__":
    main()
