"""A command of Prefect that is forked for a test sees, prints and ends as one that imports Prefect itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import quick_start
from tests.support.processes import is_alive, wait_until_gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

COMPILED = "# Compiled by metaflow-prefect-northflank\n"
"""How a file begins whose process is forked."""

SEEN = """
import json, logging, os, signal, sys
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL

streams = [sys.stdin, sys.stdout, sys.stderr]
is_forked = "prefect.runner" in sys.modules
json.dump({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "folder": os.getcwd(),
    "environment": {k: v for k, v in os.environ.items() if k not in ("PYTHON_FORK_SERVER_OF_TESTS", "SHLVL", "_")},
    "umask": os.umask(0), "signals": [str(signal.getsignal(n)) for n in (1, 2, 3, 10, 13, 15, 17)],
    "main": [__name__, globals().get("__file__"), __spec__ is None, sys.modules["__main__"].__dict__ is globals()],
    "in main": sorted(globals().keys() - {"is_forked"}),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.fileno(), s.name] for s in streams],
    "unbuffered": [s.write_through for s in streams[1:]], "typed": sys.stdin.read(),
    "descriptors": [n for n in range(3, 50) if os.path.exists(f"/dev/fd/{n}") and os.get_inheritable(n)],
    "settings": [PREFECT_API_URL.value(), PREFECT_LOGGING_LEVEL.value(), logging.getLogger("prefect").level],
    "handlers": [repr(h) for name in (None, "prefect", "prefect.flow_runs") for h in logging.getLogger(name).handlers],
}, sys.stdout, default=str)
sys.stderr.write(str(is_forked))
"""

ENDINGS = {
    "at the end": "print('done')",
    "with a code": "import sys; print('so far'); sys.exit(3)",
    "with a text": "import sys; sys.exit('not so')",
    "in an error": "def work():\n    raise ValueError('broken')\n\nwork()",
    "at exit": "import atexit; atexit.register(print, 'last words')",
    "in a thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
    "interrupted": "raise KeyboardInterrupt",
    "by a signal": "import os; print('gone', flush=True); os.kill(os.getpid(), 9)",
}


class Commands:
    """Executes a file whose process is forked, and one that is not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "compiled.py"
        self._forked = {
            **os.environ,
            **quick_start.ENVIRONMENT,
            "PREFECT_API_URL": "http://localhost:1/api",
        }

    def start(self, text: str, **options: Any) -> subprocess.Popen[str]:
        self.file.write_text(COMPILED + text)
        return subprocess.Popen(
            [sys.executable, self.file.name], cwd=self.folder, env=self._forked, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def results(self, *words: str, **variables: str) -> list[subprocess.CompletedProcess[str]]:
        """Return how a command ended when it was forked, and when it was not."""
        forked = {**self._forked, **variables}
        return [
            subprocess.run(
                [sys.executable, *words], cwd=self.folder, env=environment, input="typed", text=True,
                capture_output=True, timeout=60, check=False,
            )
            for environment in (forked, forked | quick_start.COLD)
        ]  # fmt: skip


@pytest.fixture
def commands(tmp_path, request) -> Commands:
    if request.config.getoption("--cold"):
        pytest.skip("--cold: nothing is forked")
    return Commands(tmp_path)


@pytest.mark.parametrize(
    "words", [("compiled.py", "a b", "-c"), ("-u", "compiled.py"), ("below/link.py",)], ids=" ".join
)
def test_a_forked_command_sees_what_one_of_its_own_sees(commands, words):
    commands.file.write_text(COMPILED + SEEN)
    (commands.folder / "below").mkdir()
    (commands.folder / "below" / "link.py").symlink_to(commands.file)

    forked, cold = commands.results(*words, PREFECT_LOGGING_LEVEL="ERROR", PYTHONUNBUFFERED="")

    assert (forked.stderr, cold.stderr) == ("True", "False")
    assert json.loads(forked.stdout) == json.loads(cold.stdout)


def test_the_command_of_a_container_sees_what_one_of_its_own_sees(commands):
    forked, cold = commands.results("-c", SEEN, "flow-run", "execute")

    assert (forked.stderr, cold.stderr) == ("True", "False")
    assert json.loads(forked.stdout) == json.loads(cold.stdout)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_command_ends_as_one_of_its_own_ends(commands, ending):
    commands.file.write_text(COMPILED + ENDINGS[ending])

    forked, cold = commands.results("compiled.py")

    assert (forked.returncode, forked.stdout) == (cold.returncode, cold.stdout)
    assert forked.stderr == cold.stderr


def test_a_command_of_prefect_is_forked_as_well(commands):
    forked, cold = commands.results("-m", "prefect", "config", "view")

    assert "http://localhost:1/api" in forked.stdout
    assert (forked.returncode, forked.stdout) == (cold.returncode, cold.stdout)


def test_a_signal_reaches_the_forked_command(commands):
    process = commands.start("import signal, time\nprint(1, flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == -signal.SIGTERM


def test_a_killed_command_leaves_nothing_behind(commands):
    process = commands.start(
        "import os, subprocess, time\nprint(os.getpid(), subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)"
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert all(map(is_alive, pids))
    process.kill()

    wait_until_gone(*pids)
    wait_until(lambda: process.poll() == -signal.SIGKILL, "the command has ended")


FLOW = """
import json, os, signal, sys
from metaflow import FlowSpec, Parameter, current, step

def seen():
    streams = [sys.stdin, sys.stdout, sys.stderr]
    return {
        "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "folder": os.getcwd(),
        "environment": {k: v for k, v in os.environ.items() if k not in ("PYTHON_FORKED_TASKS_OF_TESTS", "SHLVL", "_")},
        "umask": os.umask(18), "signals": [str(signal.getsignal(n)) for n in (1, 2, 3, 10, 13, 15, 17)],
        "main": sorted(vars(sys.modules["__main__"])), "file": [__name__, __file__, __spec__],
        "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno(), s.name] for s in streams],
        "descriptors": [n for n in range(3, 50) if os.path.exists(f"/dev/fd/{n}") and os.get_inheritable(n)],
        "size": self_size,
    }

class Own:
    pass

class SeenFlow(FlowSpec):
    size = Parameter("size", default=3)

    @step
    def start(self):
        self.items = ["a", "b"]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        global self_size
        self_size, self.own = self.size, Own()
        with open(os.environ["SEEN"] + self.input, "w") as file:
            json.dump([is_forked, seen()], file)
        print("worked at", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        print([type(it.own).__name__ for it in inputs])
        self.next(self.end)

    @step
    def end(self):
        pass

is_forked = "forked_tasks" in sys.modules and "forking_server" in sys.modules
if __name__ == "__main__":
    SeenFlow()
"""


def test_a_forked_task_of_metaflow_sees_and_prints_what_one_of_its_own_does(commands, tmp_path):
    file = tmp_path / "seen_flow.py"
    file.write_text(FLOW)
    found = []
    for kind in (quick_start.OF_METAFLOW, {}):
        seen = tmp_path / f"seen-{bool(kind)}-"
        done = subprocess.run(
            [sys.executable, str(file), "--no-pylint", "run", "--size", "4"], cwd=tmp_path,
            env=os.environ | quick_start.ENVIRONMENT | kind | {"SEEN": str(seen), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        tasks = {it: Path(f"{seen}{it}").read_text() for it in "ab"}
        assert {json.loads(text)[0] for text in tasks.values()} == {bool(kind)}
        (run_id,) = re.findall(r"run-id (\d+)", done.stdout)
        volatile = (run_id, str(seen))
        found.append(
            [
                *(json.loads(_without(text, *volatile))[1] for text in tasks.values()),
                # Siblings print in any order.
                sorted(
                    re.sub(r"^.*?\]? ", "", _without(line, *volatile))
                    for line in done.stdout.splitlines()
                ),
            ]
        )

    forked, cold = found
    assert forked == cold
    wait_until(lambda: not _servers(tmp_path), "the run's fork server has ended")


def _without(text: str, *volatile: str) -> str:
    for it in volatile:
        text = text.replace(it, "…")
    return re.sub(r"pid \d+|\d{4}-\d\d-\d\d [\d:.]+|mp_[\w]+|/tmp/metaflow[\w.-]+", "…", text)


def _servers(folder: Path) -> list[str]:
    """Return the processes of flows in *folder* that still run."""
    words = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in words.splitlines() if f"{folder}/seen_flow.py" in line]
