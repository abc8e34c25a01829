"""Runs in the container before `prefect flow-run execute`: one import of Prefect for all its processes. Stands alone.

`prefect flow-run execute` starts a supervisor process. The supervisor fetches the code and then replaces itself with the engine
(prefect/runner/_workspace_supervisor.py). All three import Prefect, and these imports are most of what a container does before
the flow begins. This script imports everything once, forks the supervisor, and lets it run the engine without starting another
interpreter. The forked process gets what Prefect would have given a new one: its own session, the environment, the working
directory, an empty stdin. If this version of Prefect lacks the functions that the script replaces, it changes nothing.

The worker ships this text in an environment variable, to any image with Prefect 3 (claim_gate_script.py executes it).
"""

import importlib
import json
import os
import runpy
import signal
import site
import socket
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import anyio
import anyio.to_thread

SUPERVISOR = "prefect.runner._workspace_supervisor"
ENGINE = "prefect.engine"


class Forked:
    """The forked process, as Prefect's runner handles one: it asks for `pid` and `returncode`."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._channel = channel

    def begin(self, config: str, env: Mapping[str, str], cwd: Path | str | None) -> None:
        """Tell the process, which waits for it, what to do."""
        order = {"config": config, "env": dict(env), "cwd": None if cwd is None else str(cwd)}
        with self._channel:
            self._channel.sendall(json.dumps(order).encode())

    async def wait(self) -> None:
        """Wait for the process's end; end it if the runner waits no longer. `returncode` is negative for a signal."""
        try:
            await anyio.to_thread.run_sync(self._reap, abandon_on_cancel=True)
        finally:
            if self.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            with anyio.CancelScope(shield=True):
                while self.returncode is None:  # noqa: ASYNC110  a thread sets it
                    await anyio.sleep(0.05)

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)


def prefork() -> None:
    """Fork the process that will be supervisor and engine, and let the runner take it instead of a new one."""
    try:
        runner: Any = importlib.import_module("prefect.runner._starter_engine")
        supervisor: Any = importlib.import_module(SUPERVISOR)
        for name in ("prefect.cli.flow_run", "prefect.flow_engine", ENGINE):
            importlib.import_module(name)
        run_process, launch_engine = runner.run_process, supervisor._launch_engine
        threads = len(list(Path("/proc/self/task").iterdir()))
    except (ImportError, AttributeError, OSError):
        return
    # A thread does not survive a fork, and what it has locked would stay locked.
    if threads == 1:
        runner.run_process = runs_forked(forked(supervisor, launch_engine), run_process)


def forked(supervisor: Any, launch_engine: Any) -> Forked:
    """Return, in this process, the one that was forked; it itself never returns."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        ours.recv(1)
        return Forked(pid, ours)
    ours.close()
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    theirs.sendall(b"!")
    with theirs, theirs.makefile("rb") as channel:
        order = channel.read()
    if not order:
        os._exit(0)
    return supervise(supervisor, launch_engine, **json.loads(order))


def runs_forked(process: Forked, run_process: Any) -> Callable[..., Any]:
    """Return what the runner calls instead of Prefect's *run_process*."""
    unused = [process]

    async def run(
        command: list[str],
        *,
        task_status: Any = None,
        task_status_handler: Any = None,
        **options: Any,
    ) -> Any:
        if command[:-1] != [sys.executable, "-m", SUPERVISOR] or not unused:
            return await run_process(
                command, task_status=task_status, task_status_handler=task_status_handler, **options
            )
        process = unused.pop()
        process.begin(command[-1], options["env"], options.get("cwd"))
        if task_status is not None:
            task_status.started(task_status_handler(process))
        await process.wait()
        return process

    return run


def supervise(
    supervisor: Any, launch_engine: Any, config: str, env: dict[str, str], cwd: str | None
) -> NoReturn:
    """Be the supervisor, then the engine; never return."""
    if cwd is not None:
        os.chdir(cwd)
    become(env)
    sys.path[:] = [it or str(Path.cwd()) for it in sys.path]
    packages = packages_changed_at()
    engines: list[Mapping[str, Any]] = []

    async def launch(command: list[str], *, cwd: Path, environment: dict[str, str]) -> int:
        is_plain = command == [sys.executable, "-m", ENGINE]
        if is_plain and packages == packages_changed_at() and is_as_before(env, environment):
            engines.append({"cwd": cwd, "environment": environment})
            return 0
        return int(await launch_engine(command, cwd=cwd, environment=environment))

    supervisor._launch_engine = launch
    code = supervisor.main([config])
    if not engines:
        sys.exit(code)
    run_engine(**engines[0])


def run_engine(cwd: Path, environment: dict[str, str]) -> NoReturn:
    """Do what `python -m prefect.engine` would do in *cwd* with *environment*."""
    os.chdir(cwd)
    become(environment)
    added = [it for it in environment.get("PYTHONPATH", "").split(os.pathsep) if it]
    known = [it for it in sys.path if it and it not in added]
    sys.path[:] = [str(cwd), *added, *known]
    importlib.invalidate_caches()
    sys.argv = [ENGINE]
    sys.modules.pop(ENGINE, None)
    runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
    sys.exit(0)


def become(environment: Mapping[str, str]) -> None:
    """Replace the process's environment."""
    os.environ.clear()
    os.environ.update(environment)


def packages_changed_at() -> list[int]:
    """Return when packages were last installed or removed, for this interpreter or for its user; 0 where none ever were."""
    paths = sysconfig.get_paths()
    folders = (paths["purelib"], paths["platlib"], site.getusersitepackages())
    return [Path(it).stat().st_mtime_ns if Path(it).exists() else 0 for it in folders]


def is_as_before(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Return whether fetching the code has changed no variable: a setting would be read by a new interpreter only."""

    def kept(env: Mapping[str, str]) -> dict[str, str]:
        theirs = ("PREFECT__", "PYTHONPATH", "PWD", "OLDPWD")
        return {name: value for name, value in env.items() if not name.startswith(theirs)}

    return kept(before) == kept(now)
