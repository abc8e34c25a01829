"""A server whose import left something that tasks must not share says so, and is not used."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

IMPORTING = "importing probe_flow.py "


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (
            "import threading, time; threading.Thread(target=time.sleep, args=(60,), name='sampler', daemon=True).start()",
            "started 1 thread (sampler)",
        ),
        (
            """
            from concurrent.futures import ThreadPoolExecutor
            pool = ThreadPoolExecutor(2, thread_name_prefix="pool"); pool.submit(int).result(); pool.submit(int).result()
            """,
            "started 1 thread (pool_0)",
        ),
        ("import subprocess; child = subprocess.Popen(['sleep', '60'])", "started a process"),
        (
            "import socket; pair = socket.socketpair()",
            "left 2 files or connections open",
        ),
        ("kept = open('/tmp', 'rb') if False else open(__file__)", "left 1 file or connection open"),
        (
            "import tempfile; folder = tempfile.TemporaryDirectory()",
            "made a temporary directory, which ends with the process",
        ),
        (
            "import os; path = '/tmp/x-%d' % os.getpid()",
            "asked for its process id, which would be the same in all tasks",
        ),
        (
            "from os import getpid; path = f'/tmp/x-{getpid()}'",
            "asked for its process id, which would be the same in all tasks",
        ),
        (
            "import multiprocessing; number = multiprocessing.current_process().pid",
            "asked for its process id, which would be the same in all tasks",
        ),
        ("import uuid; token = uuid.uuid4()", "drew random bytes, which would be the same in all tasks"),
        ("import secrets; token = secrets.token_hex()", "drew random bytes, which would be the same in all tasks"),
        (
            "import tempfile; folder = tempfile.mkdtemp()",
            "made a temporary file or folder, which tasks would share",
        ),
        (
            "import tempfile; kept = tempfile.NamedTemporaryFile(delete=False); kept.close()",
            "made a temporary file or folder, which tasks would share",
        ),
    ],
)  # fmt: skip
def test_what_tasks_must_not_share_is_named(probe, module, why):
    assert probe(module=module).server().unfit() == IMPORTING + why


def test_the_process_id_that_a_library_asks_for_is_its_own_affair(probe):
    flow = probe(
        module="import logging, os; logging.warning('imported'); os.makedirs('made', exist_ok=True)"
    )

    assert flow.server().unfit() is None


def test_a_process_id_that_a_step_asks_for_is_that_of_its_task(probe):
    flow = probe(
        "import json; print(json.dumps([getpid() == os.getpid(), os.getpid() == int(os.readlink('/proc/self'))]))",
        module="import os; from os import getpid",
    )

    assert flow.forked().value == [True, True]


def test_a_generator_that_nobody_can_seed_anew_is_named(probe):
    flow = probe(module="import random; dice = random.Random()")

    assert flow.server().unfit() == "dice is a random.Random that every task would share"


def test_several_reasons_are_given_together(probe):
    flow = probe(
        module="import random, socket, tempfile\nsocket.socketpair()[0].detach(); a = tempfile.TemporaryDirectory()"
    )

    assert flow.server().unfit() == (
        f"{IMPORTING}left 1 file or connection open and {IMPORTING}made a temporary directory, which ends with the process"
    )


def test_a_log_file_may_be_shared(probe, tmp_path):
    flow = probe(
        module=f"import logging; logging.basicConfig(filename={str(tmp_path / 'log')!r}, level=20)"
    )

    assert flow.server().unfit() is None


def test_somebody_may_insist(probe):
    flow = probe(module="import socket; pair = socket.socketpair()")

    assert flow.server("fork").unfit() is None


def test_the_threads_of_openblas_do_not_count_and_it_works_in_the_fork(probe):
    """They end when a process forks, and begin again when they are needed."""
    flow = probe(
        "import json; a = np.ones((400, 400)); print(json.dumps([float((a @ a).sum()), float(np.linalg.det(np.eye(300)))]))",
        module="import numpy as np; np.ones((400, 400)) @ np.ones((400, 400))",
    )

    assert flow.forked().value == [64_000_000.0, 1.0]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (
            "import no_such_module",
            "importing probe_flow.py failed: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise SystemExit(4)", "probe_flow.py ends before it starts a flow"),
        ("import os; os._exit(9)", "the fork server ended with exit code 9"),
    ],
)
def test_a_flow_that_cannot_be_imported_is_left_to_a_fresh_process(probe, module, why):
    assert probe(module=module).server().unfit() == why
