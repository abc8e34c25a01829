"""Tests that share servers run in one process, the longest first."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.support.scheduling import APART, SHORT, TOGETHER, group, rank

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("path", sorted({*chain(*TOGETHER), *APART, *SHORT}))
def test_each_path_that_is_named_exists(path):
    assert (ROOT / path).exists()


def test_files_that_share_servers_have_one_process():
    assert group("tests/stack/deployments/test_a.py::test_x[1]") == group(
        "tests/stack/deployments/test_b.py::test_y"
    )


def test_a_file_of_a_group_is_not_in_that_of_its_folder():
    assert group("tests/stack/worker/test_life_of_a_run.py::test_x") != group(
        "tests/stack/worker/test_claims.py::test_x"
    )


def test_other_tests_stay_together_by_file():
    assert group("tests/contract/test_jobs.py::test_x[1]") == "tests/contract/test_jobs.py"


def test_what_shares_nothing_is_a_group_of_its_own():
    name = "tests/behaviour/test_same_as_metaflow.py::test_x[linear]"

    assert group(name) == name


def test_groups_begin_first_and_short_tests_last():
    names = (
        "tests/stack/worker/test_life_of_a_run.py::test_x",
        "tests/stack/deployments/test_a.py::test_x",
        "tests/docs/test_readme.py::test_x",
        "tests/contract/test_jobs.py::test_x",
        "tests/fuzz/test_fuzz.py::test_x[1]",
    )

    assert list(names) == sorted(names, key=rank)
    assert len({rank(name) for name in names}) == len(names)
