"""The client of a fork server, tried on real processes: many at once, stopped, killed, interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metaflow_prefect.runtime.steps.executor_protocol import Stream
from metaflow_prefect.runtime.steps.fork_server_client import ServerLost
from tests.support.processes import is_alive

pytestmark = pytest.mark.slow

LONG = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
part = pathlib.Path({path!r} + '.part')
part.write_text(f'{{os.getpid()}} {{child.pid}} {{os.getppid()}}')
part.rename({path!r})
time.sleep(600)
"""


def until(condition) -> bool:
    for _ in range(1200):
        if condition():
            return True
        time.sleep(0.05)
    return False


def pids(path: Path) -> list[int]:
    assert until(path.exists), f"{path.name} did not appear"
    return [int(word) for word in path.read_text().split()]


class Background:
    """A first step that runs in a thread until it is ended."""

    def __init__(self, flow, server) -> None:
        self.results: list[object] = []
        self._thread = threading.Thread(target=self._run, args=(flow, server))
        self._thread.start()

    def _run(self, flow, server) -> None:
        self.results.append(flow.start(server).code)

    def code(self) -> object:
        self._thread.join(60)
        return self.results[0]


@pytest.fixture
def long_task(probe, tmp_path):
    """A flow whose first step never ends and has a child, and where it writes who it is."""
    path = tmp_path / "pids"
    return probe(LONG.format(path=str(path))), path


def test_many_threads_use_one_server(both):
    path = both.code
    path.write_text("import os; print(os.getppid()); print('x' * 300_000)")
    both.flow.start(both.server, task="first")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: both.flow.start(both.server, task=f"m{n}"), range(40)))

    assert {result.code for result in results} == {0}
    assert {result.out for result in results} == {f"{both.server.pid}\n{'x' * 300_000}\n"}


def test_words_longer_than_any_pipe_arrive(both):
    both.code.write_text("import sys; print(len(sys.argv[-1]))")
    tag = "--tag=" + "x" * 1_000_000

    assert both.flow.start(both.server, tag, task="long").value == len(tag)


def test_lines_arrive_while_the_task_runs(both):
    both.code.write_text("import time; print('now', flush=True); time.sleep(3)")
    both.fresh("pass")
    both.code.write_text("import time; print('now', flush=True); time.sleep(3)")
    seen: list[float] = []
    both.server.run(both.flow.step(task="lines"), lambda *_: seen.append(time.monotonic()))

    assert time.monotonic() - seen[0] > 2


def test_a_child_that_outlives_the_task_does_not_hold_it_up(both):
    before = time.monotonic()
    result = both.forked("import subprocess; subprocess.Popen(['sleep', '45'])")

    assert result.code == 0
    assert time.monotonic() - before < 40


def test_only_commands_of_the_flow_in_its_environment_are_taken(both):
    key, flow = both.flow.key, both.flow

    assert key.request(flow.step()) is not None
    assert key.request(flow.init(METAFLOW_INIT_X="1")) is not None
    assert key.request(flow.step(OTHER="1")) is None
    assert key.in_environment({"HOME": "/elsewhere"}).request(flow.step()) is None
    for words in (
        ["python", flow.flow_file],
        [sys.executable, "other.py"],
        [sys.executable, "-m", "x"],
    ):
        command = flow.command()
        changed = type(command)(words=words, environment=command.environment)
        assert key.request(changed) is None
        with pytest.raises(ServerLost):
            both.server.run(changed, lambda *_: None)


def test_stop_ends_a_task_with_everything_it_started_and_the_server(long_task):
    flow, path = long_task
    server = flow.server()
    task = Background(flow, server)
    everything = pids(path)
    assert everything[2] == server.pid

    server.stop()

    assert task.code() == -signal.SIGTERM
    assert until(lambda: not any(is_alive(pid) for pid in everything))
    assert flow.do(server, flow.step()).code == -signal.SIGTERM


def test_a_task_that_ignores_sigterm_is_killed(probe, tmp_path):
    path = tmp_path / "pids"
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LONG
    flow = probe(body.format(path=str(path)))
    server = flow.server()
    task = Background(flow, server)
    everything = pids(path)

    server.stop()

    assert task.code() == -signal.SIGKILL
    assert until(lambda: not any(is_alive(pid) for pid in everything))


def test_an_interrupted_call_leaves_no_process_behind(both, tmp_path):
    path = tmp_path / "pids"
    both.forked("pass")
    both.code.write_text(f"print('up', flush=True)\n{LONG.format(path=str(path))}")

    def interrupt(_stream: Stream, _line: bytes) -> None:
        pids(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both.server.run(both.flow.step(task="interrupted"), interrupt)

    task, child, server = pids(path)
    assert until(lambda: not is_alive(task) and not is_alive(child))
    assert is_alive(server)
    assert both.forked("pass").code == 0


def test_when_the_server_is_killed_its_tasks_end_and_the_next_command_is_refused(long_task):
    flow, path = long_task
    server = flow.server()
    task = Background(flow, server)
    everything = pids(path)

    os.kill(server.pid, signal.SIGKILL)

    assert task.code() == -signal.SIGKILL
    assert until(lambda: not any(is_alive(pid) for pid in everything))
    with pytest.raises(ServerLost, match="the fork server is gone"):
        server.run(flow.step(task="next"), lambda *_: None)


def test_when_our_process_is_killed_the_server_ends_its_tasks_and_itself(long_task):
    flow, path = long_task
    script = f"""
import os, sys
from metaflow_prefect.runtime.steps.executor_protocol import Command
from metaflow_prefect.runtime.steps.fork_server_client import ForkServer, ForkKey
environment = dict(os.environ)
key = ForkKey(python=sys.executable, flow_file={flow.flow_file!r}, options={flow.options!r}, environment=environment)
server = ForkServer(key, "auto")
for words in ({flow.init().words[2:]!r}, {flow.step().words[2:]!r}):
    server.run(Command(words=[sys.executable, {flow.flow_file!r}, *words], environment=environment), print)
"""
    process = subprocess.Popen([sys.executable, "-c", script], env=dict(flow.environment))
    everything = pids(path)

    process.kill()
    process.wait()

    assert until(lambda: not any(is_alive(pid) for pid in everything))


def test_a_server_that_still_imports_can_be_stopped(probe, tmp_path):
    marker = tmp_path / "importing"
    flow = probe(module=f"import time; open({str(marker)!r}, 'w').close(); time.sleep(600)")
    server = flow.server()
    assert until(marker.exists)

    server.stop()

    assert not is_alive(server.pid)


def test_each_server_has_the_code_of_its_time(probe):
    """Nothing outlives its run, so that nobody can meet yesterday's code."""
    flow = probe("print(1)")
    assert flow.forked().value == 1
    path = Path(flow.flow_file)
    path.write_text(path.read_text().replace("print(1)", "print(2)"))

    assert flow.forked().value == 2


def test_tasks_share_what_was_imported(both):
    """Frozen objects are left alone by the collector, so that their pages stay shared."""
    assert both.forked("import gc; print(gc.get_freeze_count() > 10_000)").out == "True\n"
