"""What the document about the compiler promises its readers, command by command."""

from __future__ import annotations

import json
import re
import runpy

import httpx
import pytest

pytestmark = pytest.mark.slow

SOURCE = "documented_flow.py"


@pytest.fixture
def create(place, tmp_path):
    """Compile the flow; return the generated file."""

    def created(*options, before=(), **variables):
        made = tmp_path / "my_flow_prefect.py"
        done = place.command(SOURCE, *before, "prefect", "create", str(made), *options, **variables)
        assert done.returncode == 0, done.stderr
        return made

    return created


def artifacts(place, flow_run_id):
    wanted = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
    url = place.environment["PREFECT_API_URL"]
    answer = httpx.post(f"{url}/artifacts/filter", json={"artifacts": {}, **wanted}, timeout=60)
    return answer.raise_for_status().json()


def test_a_created_file_runs_with_its_parameters_and_shows_how_to_fetch_artifacts(place, create):
    run_id_file = place.folder / "documented-run-id"
    done = place.command(
        str(create()), "--message", "hello", "--count", "2", "--run-id-file", str(run_id_file)
    )
    assert done.returncode == 0, done.stderr
    run_id = run_id_file.read_text().strip()
    pathspec = f"MyFlow/{run_id}"

    [table] = [
        found["data"]
        for found in artifacts(place, run_id.removeprefix("prefect-"))
        if f"{pathspec}/start/" in found["data"]
    ]
    preparation = table.partition("```python")[2].partition("```")[0]
    [fetching] = re.findall(r"^\| `?said`? .*`(.+?)`", table, re.MULTILINE)
    read = place.command("-c", f"{preparation}\nprint({fetching})")
    assert read.stdout.strip() == "['hello', 'hello']", table


def test_the_decorators_of_a_step_become_settings_of_its_task(create):
    module = runpy.run_path(str(create()))
    start = module["start"]
    assert (start.retries, start.retry_delay_seconds, start.timeout_seconds) == (3, 120, 600)


def test_a_workflow_timeout_is_the_timeout_of_the_flow(create):
    module = runpy.run_path(str(create("--workflow-timeout=3600")))
    assert module["my_flow"].timeout_seconds == 3600


def test_decorators_are_added_to_every_step_by_with(create):
    made = create("--with=timeout:seconds=60", "--with=resources:cpu=4,memory=8000")
    end = runpy.run_path(str(made))["end"]
    assert end.timeout_seconds == 60
    assert {"cpu=4", "memory=8000"} <= set(end.tags)


@pytest.mark.parametrize(
    ("before", "variables"),
    [
        (("--metadata=service", "--datastore=s3"), {}),
        (
            (),
            {"METAFLOW_DEFAULT_METADATA": "service", "METAFLOW_DEFAULT_DATASTORE": "s3"},
        ),
    ],
    ids=["by options", "by variables"],
)
def test_a_created_file_remembers_metadata_service_and_datastore(create, before, variables):
    made = create(
        before=before,
        METAFLOW_SERVICE_URL="http://127.0.0.1:9",
        METAFLOW_DATASTORE_SYSROOT_S3="s3://bucket/flows",
        **variables,
    )
    program = runpy.run_path(str(made))["PROGRAM"]
    assert (program.metadata, program.datastore) == ("service", "s3")


def test_a_deployment_of_a_project_has_its_name_with_the_project_before_the_flow(place):
    done = place.command(
        SOURCE, *("--production", "prefect", "deploy", "--name", "prod", "--work-pool", "idle"),
        *("--with=retry", "--with=resources:cpu=4,memory=8000", "--generate-new-token", "--json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deployment"] == "MyFlow/my_team.prod.MyFlow.prod"
