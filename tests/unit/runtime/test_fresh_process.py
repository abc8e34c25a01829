"""The executor that starts a fresh process per attempt, tried on real processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from metaflow_prefect.runtime.steps.executor_protocol import Command, Stream
from metaflow_prefect.runtime.steps.fresh_process import FreshProcess
from tests.support.processes import is_alive


def python(code: str, *words: str) -> Command:
    return Command(words=[sys.executable, "-c", code, *words], environment=dict(os.environ))


class Output:
    def __init__(self) -> None:
        self.lines: list[tuple[Stream, bytes]] = []

    def __call__(self, stream: Stream, line: bytes) -> None:
        self.lines.append((stream, line))

    def of(self, stream: Stream) -> bytes:
        return b"".join(line for kind, line in self.lines if kind is stream)


def wait_for(path: Path) -> str:
    for _ in range(600):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    pytest.fail(f"{path.name} did not appear")


def test_both_streams_arrive_line_by_line_and_apart():
    output = Output()

    code = FreshProcess().run(
        python("import sys; print('a\\nb'); print('c', file=sys.stderr)"), output
    )

    assert code == 0
    assert output.of(Stream.STDOUT) == b"a\nb\n"
    assert output.of(Stream.STDERR) == b"c\n"


def test_a_last_line_without_an_end_is_not_lost():
    output = Output()

    FreshProcess().run(python("import sys; sys.stdout.write('no end')"), output)

    assert output.of(Stream.STDOUT) == b"no end"


def test_a_flood_of_output_arrives_whole():
    output = Output()

    FreshProcess().run(python("for i in range(20000): print(i)"), output)

    assert output.of(Stream.STDOUT).split() == [str(i).encode() for i in range(20000)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(3)", 3),
        ("import os; os._exit(202)", 202),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
    ],
)
def test_the_exit_code_is_that_of_the_process(code, expected):
    assert FreshProcess().run(python(code), Output()) == expected


def test_a_child_that_outlives_the_task_does_not_hold_it_up():
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    before = time.monotonic()

    assert FreshProcess().run(python(child), Output()) == 0
    assert time.monotonic() - before < 50


def test_stop_ends_a_task_with_everything_it_started(tmp_path):
    grandchild = tmp_path / "pid"
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    executor = FreshProcess()
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(executor.run(python(code, str(grandchild)), Output()))
    )
    thread.start()
    pid = int(wait_for(grandchild))

    executor.stop()
    thread.join(30)

    assert codes == [-signal.SIGTERM]
    assert not is_alive(pid)


def test_an_interrupted_call_leaves_no_process_behind(tmp_path):
    marker = tmp_path / "pid"
    code = (
        "import os, sys, time, pathlib\n"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); print('up', flush=True)\n"
        "time.sleep(600)\n"
    )

    def interrupt(_stream: Stream, _line: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FreshProcess().run(python(code, str(marker)), interrupt)

    assert not is_alive(int(marker.read_text()))


def test_a_task_that_ignores_sigterm_is_killed(tmp_path):
    marker = tmp_path / "pid"
    code = (
        "import os, signal, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    executor = FreshProcess()
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(executor.run(python(code, str(marker)), Output()))
    )
    thread.start()
    wait_for(marker)

    executor.stop()
    thread.join(30)

    assert codes == [-signal.SIGKILL]


def test_after_stop_nothing_is_started(tmp_path):
    executor = FreshProcess()
    executor.stop()
    marker = tmp_path / "made"

    assert executor.run(python(f"open({str(marker)!r}, 'w')"), Output()) == -signal.SIGTERM
    assert not marker.exists()


def test_a_task_that_exceeds_its_limit_is_ended_and_says_so():
    output = Output()
    command = python("import time; time.sleep(600)")

    code = FreshProcess().run(
        Command(words=command.words, environment=command.environment, limit_seconds=0.3), output
    )

    assert code == -signal.SIGTERM
    assert output.of(Stream.STDERR).startswith(b"Ended: still running after")
