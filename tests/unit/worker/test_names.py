"""Names for Northflank, for whatever people call their flows."""

from __future__ import annotations

import doctest
import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect_northflank.job import environment, names
from prefect_northflank.records import infrastructure_pid

UUIDS = st.uuids(version=4)
ANY_TEXT = st.text(max_size=120)
SUBMISSIONS = st.from_regex(r"[0-9a-f]{4}", fullmatch=True)
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
DESCRIPTION = re.compile(r"[a-zA-Z0-9.,?\s\\/'\"()[\];`%^&*\-_:!]+")
SECRET_GROUP = re.compile(r"[a-zA-Z0-9]+((-|\s)[a-zA-Z0-9]+)*")


JOB_NAME = re.compile(r"[a-zA-Z]((-|\s)?[a-zA-Z0-9]+((-|\s)[a-zA-Z0-9]+)*)?")
"""What a job name must match (API field `name` of a job)."""


def is_job_name(name: str) -> bool:
    return 3 <= len(name) <= names.MAX_JOB_NAME and JOB_NAME.fullmatch(name) is not None


@given(ANY_TEXT, UUIDS, SUBMISSIONS)
def test_the_job_of_a_flow_run_has_a_valid_name_whatever_the_run_is_called(
    text, flow_run, submission
):
    assert is_job_name(names.job_of_run(text, flow_run, submission))


@given(ANY_TEXT, UUIDS, SUBMISSIONS)
def test_the_job_names_its_flow_run_and_submission(text, flow_run, submission):
    name = names.job_of_run(text, flow_run, submission)

    assert names.flow_run_of(name) == flow_run
    assert names.submission_id_of(name) == submission


@given(ANY_TEXT, st.tuples(UUIDS, SUBMISSIONS), st.tuples(UUIDS, SUBMISSIONS))
def test_two_submissions_never_share_a_job(text, one, other):
    assert (names.job_of_run(text, *one) == names.job_of_run(text, *other)) == (one == other)


IDS = st.tuples(*[st.text(max_size=8)] * 3)


def lasting(text, ids) -> str:
    return names.lasting_job(text, **dict(zip(("pool", "served", "settings"), ids, strict=True)))


@given(ANY_TEXT, IDS)
def test_a_lasting_job_has_a_valid_name_that_says_whose_it_is(text, ids):
    pool, served, _ = ids
    name = lasting(text, ids)

    assert is_job_name(name)
    assert names.flow_run_of(name) is None
    assert names.lasts(name, pool=pool)
    assert names.lasts(name, pool=pool, served=served)
    assert not names.lasts(name, pool=f"{pool}x")
    assert not names.lasts(name, pool=pool, served=f"{served}x")
    assert not names.lasted_before(name)


@given(ANY_TEXT, IDS, IDS)
def test_lasting_jobs_of_different_pool_deployment_or_settings_differ(text, one, other):
    assert (lasting(text, one) == lasting(text, other)) == (one == other)


@given(ANY_TEXT, UUIDS, SUBMISSIONS)
def test_the_job_of_one_flow_run_is_never_taken_for_a_lasting_one(text, flow_run, submission):
    name = names.job_of_run(text, flow_run, submission)

    assert not names.lasted_before(name)
    assert not names.lasts(name, pool="")


@given(ANY_TEXT, ANY_TEXT)
def test_a_secret_group_has_a_valid_name(pool, identity):
    name = names.secret_group(pool, identity)

    assert SECRET_GROUP.fullmatch(name)
    assert 3 <= len(name) <= 100


@given(ANY_TEXT)
def test_descriptions_hold_only_what_northflank_accepts(text):
    made = names.description(text)

    assert 1 <= len(made) <= 200
    assert DESCRIPTION.fullmatch(made)


@given(ANY_TEXT)
def test_labels_are_kubernetes_label_values(text):
    assert LABEL.fullmatch(names.label(text))


@pytest.mark.parametrize(
    "run_name",
    [
        "amber_bat",
        "run:1",
        "a.b",
        "etl (prod)",
        "日本語",
        "a--b",
        "x" * 80,
        "",
        "-",
        "2024-01-01T00:00:00",
    ],
)
def test_names_the_vendors_worker_failed_on_are_accepted(run_name):
    assert is_job_name(names.job_of_run(run_name, uuid4(), "0000"))


def test_a_job_that_others_created_belongs_to_no_flow_run():
    assert names.flow_run_of("nightly-backup") is None


@pytest.mark.parametrize("module", [names, infrastructure_pid, environment])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("text", ["", "a:b", "-:p:j", "1234:host", "-::j:r", "-:p:j:r:x"])
def test_a_pid_of_another_worker_is_refused(text):
    with pytest.raises(ValueError, match="is not <team or ->"):
        infrastructure_pid.InfrastructurePid.parse(text)


def test_a_pid_reads_what_it_wrote():
    for text in ("-:demo:job-1:run-1", "team:demo:job-1:"):
        assert str(infrastructure_pid.InfrastructurePid.parse(text)) == text


def test_a_slug_is_cut_without_a_dangling_dash():
    assert names.slug("ab cd", limit=3) == "ab"
    assert isinstance(names.flow_run_of(names.job_of_run("x", UUID(int=7), "abcd")), UUID)
