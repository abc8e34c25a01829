"""What Northflank promises about job runs; runs on the emulator, and on the real API when it is named."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_a_run_succeeds(northflank):
    job = northflank.job("success", "python -c 'print(6 * 7)'")

    run = northflank.concluded(job, northflank.run(job))

    assert run["status"] == "SUCCESS"
    assert run["active"] == 0
    assert run["concludedAt"] >= run["startedAt"]
    assert northflank.until(lambda: northflank.logs(job, run["id"]), bool) == ["42"]


def test_a_run_fails(northflank):
    job = northflank.job("failure", "python -c 'raise SystemExit(3)'")

    run = northflank.concluded(job, northflank.run(job))

    assert run["status"] == "FAILED"


def test_a_run_overrides_command_and_environment(northflank):
    job = northflank.job(
        "override", "python -c 'print(0)'", runtimeEnvironment={"A": "1", "B": "2"}
    )
    command = 'python -c \'import os; print(os.environ["A"], os.environ["B"])\''

    run = northflank.run(
        job,
        runtimeEnvironment={"B": "3"},
        deployment={"docker": {"configType": "customCommand", "customCommand": command}},
    )

    northflank.concluded(job, run)
    assert northflank.until(lambda: northflank.logs(job, run), bool) == ["1 3"]


def test_the_command_is_executed_without_a_shell(northflank):
    job = northflank.job(
        "exec", """python -c 'import sys; print(sys.argv[1:])' "a  b" $HOME '|' c"""
    )

    run = northflank.run(job)

    northflank.concluded(job, run)
    lines = northflank.until(lambda: northflank.logs(job, run), bool)
    assert lines == ["['a  b', '$HOME', '|', 'c']"]


def test_a_custom_entrypoint_takes_the_place_of_the_images(northflank):
    job = northflank.job("entrypoint")
    docker = {
        "configType": "customEntrypointCustomCommand",
        "customEntrypoint": "sh -c",
        "customCommand": "'echo $0 | tr s S'",
    }

    run = northflank.run(job, deployment={"docker": docker})

    northflank.concluded(job, run)
    assert northflank.until(lambda: northflank.logs(job, run), bool) == ["Sh"]


def test_what_cannot_be_overridden_is_refused(northflank):
    job = northflank.job("fixed")

    for overrides in (
        {"settings": {"backoffLimit": 1}},
        {"deployment": {"gracePeriodSeconds": 60}},
        {"name": "another"},
    ):
        northflank.call("POST", f"/jobs/{job}/runs", status=400, json=overrides)


def test_an_aborted_run_is_concluded_in_the_end(northflank):
    job = northflank.job("abort", "python -c 'import time; time.sleep(600)'")
    run = northflank.run(job)

    assert northflank.call("DELETE", f"/jobs/{job}/runs/{run}") == {"data": {}}

    assert northflank.concluded(job, run)["status"] != "SUCCESS"


def test_a_failed_run_is_tried_again_as_often_as_the_job_says(northflank):
    body = northflank.job_body(northflank.name("retry"), "python -c 'raise SystemExit(1)'")
    body["settings"]["backoffLimit"] = 1
    job = northflank.call("POST", "/jobs", json=body)["data"]["id"]

    run = northflank.concluded(job, northflank.run(job))

    query = {"runId": run["id"]}
    containers = northflank.call("GET", f"/jobs/{job}/containers", params=query)["data"]
    assert len(containers["containers"]) == 2
    assert {it["status"] for it in containers["containers"]} == {"TASK_FAILED"}


def test_a_run_past_its_deadline_fails(northflank):
    body = northflank.job_body(
        northflank.name("deadline"), "python -c 'import time; time.sleep(600)'"
    )
    body["settings"]["activeDeadlineSeconds"] = 1
    job = northflank.call("POST", "/jobs", json=body)["data"]["id"]

    assert northflank.concluded(job, northflank.run(job))["status"] == "FAILED"


def test_runs_of_a_job_are_listed(northflank):
    job = northflank.job("list", "true")
    runs = {northflank.run(job) for _ in range(3)}
    for run in runs:
        northflank.concluded(job, run)

    listed = northflank.call("GET", f"/jobs/{job}/runs", params={"per_page": 100})

    assert {run["id"] for run in listed["data"]["runs"]} == runs
    assert listed["pagination"]["count"] == 3


def test_an_unknown_run_is_not_found(northflank):
    job = northflank.job("unknown")

    northflank.call("GET", f"/jobs/{job}/runs/d34582a4-35bd-4c71-8e7c-e36999b88723", status=404)


def test_a_run_of_a_job_without_an_image_is_refused(northflank):
    body = northflank.job_body(northflank.name("later")) | {"deployment": {}}
    job = northflank.call("POST", "/jobs", json=body)["data"]["id"]

    response = northflank.client.post(f"{northflank.path}/jobs/{job}/runs", json={})

    assert 400 <= response.status_code < 500


def test_a_secret_group_reaches_the_jobs_it_is_restricted_to(northflank):
    command = "python -c 'import os; print(os.environ.get(\"NF_CONTRACT\"))'"
    inside, outside = northflank.job("inside", command), northflank.job("outside", command)
    group = {
        "name": northflank.name("group"),
        "secretType": "environment",
        "priority": 10,
        "restrictions": {"restricted": True, "nfObjects": [{"id": inside, "type": "job"}]},
        "secrets": {"variables": {"NF_CONTRACT": "from the group"}},
    }
    northflank.call("POST", "/secrets", json=group)

    runs = {job: northflank.run(job) for job in (inside, outside)}

    seen = {}
    for job, run in runs.items():
        northflank.concluded(job, run)
        seen[job] = northflank.until(lambda job=job, run=run: northflank.logs(job, run), bool)
    assert seen == {inside: ["from the group"], outside: ["None"]}


def test_log_lines_can_be_chosen(northflank):
    command = 'python -c \'print("apple"); print("pear"); print("pineapple")\''
    job = northflank.job("filter", command)
    run = northflank.run(job)
    northflank.concluded(job, run)
    northflank.until(lambda: northflank.logs(job, run), lambda lines: len(lines) == 3)

    assert northflank.logs(job, run, textIncludes="apple") == ["apple", "pineapple"]
    assert northflank.logs(job, run, textNotIncludes="apple") == ["pear"]
    assert northflank.logs(job, run, regexIncludes="^.*p.ar$") == ["pear"]
    assert northflank.logs(job, run, lineLimit=1) == ["apple"]
    assert northflank.logs(job, run, endTime="2020-01-01T00:00:00Z") == []
