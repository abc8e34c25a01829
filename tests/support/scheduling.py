"""Which tests run in the same process of pytest-xdist, and which begin first."""

from __future__ import annotations

TOGETHER = (
    ("tests/stack/worker/test_life_of_a_run.py", "tests/stack/worker/test_container_faults.py"),
    ("tests/stack/worker/test_started_once.py", "tests/stack/worker/test_trouble.py", "tests/stack/worker/test_never_harm.py"),
    ("tests/stack/laptop/test_laptop.py",),
    ("tests/stack/deployments/",),
    ("tests/stack/headless/test_sqlite_stack.py", "tests/stack/headless/test_foreground.py", "tests/stack/headless/test_seed_document.py"),
    ("tests/stack/worker/",),
    ("tests/stack/upgrade/",),
    ("tests/stack/headless/test_postgres.py",),
    ("tests/stack/headless/",),
    ("tests/behaviour/test_deployed.py",),
    ("tests/stack/local_server/",),
)  # fmt: skip
"""Tests that share servers and workers, each group for one process; the longest first, that none ends alone.

What is not named here stays together by file.
"""

APART = (
    "tests/docs/test_readme.py",
    "tests/docs/test_demos.py",
    "tests/behaviour/test_same_as_metaflow.py",
    "tests/behaviour/test_deploy_time_defaults.py",
    "tests/behaviour/test_interpreters.py",
    "tests/fuzz/",
    "tests/live/",
)
"""Their tests share nothing but the session's server: each goes to whichever process is free."""

SHORT = ("tests/behaviour/test_same_as_metaflow.py", "tests/fuzz/")
"""Seconds each, and many: last, since they keep every process busy until the end."""


def group(nodeid: str) -> str:
    """Return what names the tests that run in the same process as the test *nodeid*."""
    for paths in TOGETHER:
        if nodeid.startswith(paths):
            return paths[0]
    return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """Return when a test begins: a long group, a test of minutes, most files, the many short tests."""
    firsts = [paths[0] for paths in TOGETHER]
    if (name := group(nodeid)) in firsts:
        return firsts.index(name)
    return len(firsts) + (2 if nodeid.startswith(SHORT) else not nodeid.startswith(APART))
