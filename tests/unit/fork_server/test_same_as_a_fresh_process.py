"""A step in a fork finds and leaves what it finds and leaves in a fresh process."""

from __future__ import annotations

import re
import signal

import pytest

pytestmark = pytest.mark.slow

SHOW = "import json, os, sys\nprint(json.dumps({}))"

AROUND = {
    "words": "[sys.argv[0], sys.argv[1:7], sys.argv[7:9], sys.orig_argv[1:3], sys.path]",
    "flags": "list(sys.flags)",
    "main": "[main.__file__, main.__spec__, main.__name__, main.__cached__, main.__annotations__]",
    "names in main": "sorted(vars(main))",
    "loader": "[type(main.__loader__).__name__, main.__loader__.name, main.__loader__.path]",
    "input": "[sys.stdin.read(), sys.stdin.fileno()]",
    "output": "[(s.isatty(), s.encoding, s.errors, s.write_through, s.line_buffering, s.fileno()) for s in (sys.stdout, sys.stderr)]",
    "group": "[os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()]",
    "folder": "[os.getcwd(), os.umask(18)]",
    "handlers": "[str(signal.getsignal(n)) for n in range(1, 32) if 'function' not in str(signal.getsignal(n))]",
    "blocked signals": "len(signal.pthread_sigmask(0, []))",
    "alarm": "signal.getitimer(signal.ITIMER_REAL)",
    "descriptors": "sorted(os.listdir('/proc/self/fd'))",
    "threads": "[thread.name for thread in threading.enumerate()]",
    "children": "[str(child) for child in multiprocessing.active_children()]",
    "process name": "multiprocessing.current_process().name",
    "foreach frame": "str(main.ForeachFrame)",
    "source": "inspect.getsource(type(self)).splitlines()[0]",
    "flow class": "[FlowSpec.__init__.__qualname__, FlowSpec.__init__.__module__]",
    "collector": "[gc.isenabled(), gc.get_threshold()]",
    "environment": "sorted(os.environ.items())",
    "limits": "[sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode]",
    "finders": "[str(type(finder)) for finder in sys.meta_path]",
    "warnings": "[str(item) for item in warnings.filters]",
}


@pytest.fixture(scope="module")
def around(both):
    """What a step finds around it: forked, fresh."""
    items = ", ".join(f"{name!r}: {what}" for name, what in AROUND.items())
    code = (
        "import __main__ as main, gc, inspect, json, multiprocessing, os, signal, sys, threading, warnings\n"
        f"from metaflow import FlowSpec\nprint(json.dumps({{{items}}}))"
    )
    results = both.forked(code), both.fresh(code)
    assert [result.code for result in results] == [0, 0], results
    return [result.value for result in results]


@pytest.mark.parametrize("what", AROUND)
def test_a_step_finds_the_same_process_around_it(around, what):
    forked, fresh = around

    assert _any_task(forked[what]) == _any_task(fresh[what])


def _any_task(value: object) -> str:
    return re.sub(r"t\d{4}", "task", str(value))


def test_no_wake_up_descriptor_of_the_server_is_left_in_a_task(both):
    assert both.forked("import signal; print(signal.set_wakeup_fd(-1))").value == -1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise ValueError('no')", 1),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('words')", 1),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(-1)", 255),
        ("import os; os._exit(202)", 202),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("raise KeyboardInterrupt", 1),
    ],
)
def test_a_step_that_fails_ends_and_says_the_same(both, body, code):
    forked, fresh = both.forked(body), both.fresh(body)

    assert forked.code == fresh.code
    assert code == fresh.code
    assert _any_task(forked.err) == _any_task(fresh.err)


@pytest.mark.parametrize(
    "body",
    [
        "import atexit; atexit.register(print, 'bye')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(.3), print('late'))).start()",
        "import sys; sys.stdout.write('no end')",
        "import subprocess; subprocess.run(['echo', 'from a child'])",
        "import os; os.close(1)",
    ],
)
def test_a_task_ends_as_an_interpreter_does(both, body):
    assert both.forked(body) == both.fresh(body)


@pytest.mark.parametrize(
    ("module", "body"),
    [
        ("print('loading'); import sys; print('careful', file=sys.stderr)", "print('working')"),
        (
            "import atexit, os; atexit.register(lambda: print('bye', 'METAFLOW_RUN_ID' in os.environ))",
            "pass",
        ),
        ("import logging; logging.basicConfig(level=20)", "import logging; logging.info('said')"),
    ],
)
def test_a_task_prints_the_same_from_its_first_line_to_its_last(probe, module, body):
    flow = probe(body, module=module)

    assert flow.forked() == flow.fresh()


def test_what_a_step_forgot_to_close_is_written(both, tmp_path):
    path = tmp_path / "forgotten"
    both.forked(f"import sys; sys.kept = open({str(path)!r}, 'w'); sys.kept.write('all')")

    assert path.read_text() == "all"


def test_the_artifacts_are_the_same_to_the_byte(probe):
    flow = probe(
        "self.number, self.table, self.own = 3, {'a': [1.5, None]}, Own(7)",
        module="class Own:\n    def __init__(self, n):\n        self.n = n",
    )
    flow.forked()
    forked = flow.artifacts()
    flow.fresh()

    assert forked == flow.artifacts()


def test_a_foreach_stores_its_frames_as_metaflow_does(probe):
    flow = probe("self.items = ['a', 'b']\nself.next(self.end, foreach='items'); return")
    forked = flow.forked()
    flow.fresh()
    fresh = flow.artifacts()
    flow.run_id = "forked"

    assert forked.code == 0, forked.err
    assert flow.artifacts() == fresh


def test_parameters_keep_their_defaults_when_a_fork_begins_the_run(probe):
    """Importing `init` before Metaflow has evaluated the defaults makes every parameter None."""
    flow = probe(
        "import json; print(json.dumps([self.size, self.given]))",
        more="from metaflow import Parameter",
        members=(
            "size = Parameter('size', default=3)\ngiven = Parameter('given', default='nothing')"
        ),
    )
    server = flow.server()
    assert flow.do(server, flow.init(METAFLOW_INIT_GIVEN="something")).code == 0

    assert flow.start(server).value == [3, "something"]


def test_a_config_is_known_where_the_class_is_made(probe, tmp_path):
    """Metaflow's command line must be imported after the flow's class, within its context."""
    (tmp_path / "config.json").write_text('{"times": 2}')
    flow = probe(
        "import json; print(json.dumps([self.cfg.times, self.p]))",
        more="from metaflow import Config, Parameter, config_expr, retry",
        members=(
            f"cfg = Config('cfg', default={str(tmp_path / 'config.json')!r})\n"
            "p = Parameter('p', default=config_expr('cfg.times'))"
        ),
    )

    assert flow.forked().value == flow.fresh().value == [2, 2]


def test_variables_that_the_flow_sets_before_it_imports_metaflow_reach_its_configuration(probe):
    flow = probe(
        "from metaflow import metaflow_config as c; import json; print(json.dumps([c.DEFAULT_METADATA, c.USER]))",
        module="import os; os.environ['METAFLOW_USER'] = 'from-the-flow'",
    )

    assert flow.forked() == flow.fresh()


def test_what_the_import_changes_in_the_environment_stays_changed(probe):
    flow = probe(
        SHOW.format("[os.environ.get('ADDED'), os.environ.get('HOME')]"),
        module="import os; os.environ['ADDED'] = 'yes'; del os.environ['HOME']",
    )

    assert flow.forked().value == ["yes", None]
    assert flow.fresh().value == ["yes", None]


def test_code_after_the_flow_runs_in_each_task(probe, tmp_path):
    flow = probe()
    text = (tmp_path / "probe_flow.py").read_text()
    (tmp_path / "probe_flow.py").write_text(
        text.replace(
            "    ProbeFlow()", "    try:\n        ProbeFlow()\n    finally:\n        print('after')"
        )
    )

    assert flow.forked() == flow.fresh()


def test_worker_processes_of_a_step_find_the_flow(probe):
    flow = probe(
        """
        import multiprocessing as mp
        from concurrent.futures import ProcessPoolExecutor
        from metaflow import parallel_map
        with mp.get_context("spawn").Pool(2) as pool:
            print(pool.map(double, [1, 2]))
        with ProcessPoolExecutor(2, mp_context=mp.get_context("fork")) as pool:
            print(list(pool.map(double, [3, 4])))
        print(parallel_map(double, [5, 6], max_parallel=2))
        """,
        module="def double(n):\n    return 2 * n",
    )

    forked = flow.forked()
    assert forked.out.splitlines() == ["[2, 4]", "[6, 8]", "[10, 12]"]
    assert forked == flow.fresh()


def test_an_alarm_of_metaflow_ends_a_step_and_prints_the_same_stack(probe):
    flow = probe("import time; time.sleep(60)", more="from metaflow import timeout")
    path = flow.folder / "probe_flow.py"
    path.write_text(
        path.read_text().replace(
            "    @step\n    def start", "    @timeout(seconds=1)\n    @step\n    def start"
        )
    )
    forked, fresh = flow.forked(), flow.fresh()

    assert forked.code == fresh.code == 1
    assert _any_task(forked.err) == _any_task(fresh.err)


@pytest.mark.parametrize(
    "body",
    [
        "import traceback; traceback.print_stack()",
        "import traceback; print(traceback.format_stack(limit=2))",
        "import logging; logging.warning('here', stack_info=True)",
    ],
)
def test_a_printed_stack_begins_with_the_flow_s_file(both, body):
    assert both.forked(body) == both.fresh(body)


def test_a_step_imports_next_to_nothing_that_the_server_has_not(probe):
    """What each child imports anew is paid for by each task."""
    flow = probe(
        SHOW.format("sorted(name for name in set(sys.modules) - BEFORE if 'metaflow' in name)"),
        module="""
        import os, sys
        BEFORE = set()
        os.register_at_fork(before=lambda: BEFORE.update(sys.modules))
        """,
    )

    assert flow.forked().value == []


def test_git_is_asked_once_for_all_tasks(probe):
    flow = probe(
        SHOW.format("KNOWN"),
        module="""
        import os
        from metaflow import metaflow_git, metaflow_version
        KNOWN = []
        def look():
            known = (metaflow_git._git_info_cache, metaflow_version._version_cache[False])
            KNOWN[:] = [item is not None for item in known]
        os.register_at_fork(before=look)
        """,
    )

    assert flow.forked().value == [True, True]
