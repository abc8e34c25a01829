"""Bad input: a clear error, a non-zero exit, and a server that is as it was."""

from __future__ import annotations

import pytest
from moto.server import ThreadedMotoServer

from tests.stack.deployments.proxy import LOST, in_between
from tests.support.http_client import HTTP

pytestmark = pytest.mark.slow

_DEPLOY = ("waiting_flow.py", "prefect", "deploy", "--work-pool", "idle")
_ID = "prefect-00000000-0000-0000-0000-000000000000"

BAD = {
    "unknown pool": (("waiting_flow.py", "prefect", "deploy", "--work-pool", "nope"), "no work pool 'nope'"),
    "no pool named": (("waiting_flow.py", "prefect", "deploy"), "--work-pool"),
    "mistyped option": ((*_DEPLOY, "--dryrun"), "Did you mean --dry-run?"),
    "mistyped option of a nested command": (("waiting_flow.py", "prefect", "schedule", "pause", "--jsno"), "Did you mean --json?"),
    "name with a slash": ((*_DEPLOY, "--name", "a/b"), "characters that Prefect refuses"),
    "name too long": ((*_DEPLOY, "--name", "x" * 300), "300 characters"),
    "unknown parameter": ((*_DEPLOY, "--param-default", "nope=1"), "no such parameter"),
    "wrong type": ((*_DEPLOY, "--param-default", "alpha=much"), "must be of type float"),
    "default without a value": ((*_DEPLOY, "--param-default", "alpha"), "NAME=VALUE"),
    "job variable without a value": ((*_DEPLOY, "--job-variable", "x"), "NAME=VALUE"),
    "image on a process pool": ((*_DEPLOY, "--image", "x:1"), "runs processes"),
    "collision without a limit": ((*_DEPLOY, "--collision", "cancel-new"), "--concurrency-limit"),
    "limit of zero": ((*_DEPLOY, "--concurrency-limit", "0"), "less than 1"),
    "unknown block": ((*_DEPLOY, "--notify-on-error", "slack-webhook/nope"), "no block"),
    "invalid cron": (("bad_cron_flow.py", "prefect", "deploy", "--work-pool", "idle"), "cron"),
    "schedule that Prefect does not know": ((*_DEPLOY, "--schedule", "99 1 1 1 1"), "The schedule 99 1 1 1 1 (UTC)"),
    "event with a bad name": (("bad_event_flow.py", "prefect", "deploy", "--work-pool", "idle"), "event's name"),
    "event sets no parameter of ours": (("bad_field_flow.py", "prefect", "deploy", "--work-pool", "idle"), "no parameter 'nope'"),
    "a file that is not there": (("included_flow.py", "prefect", "deploy", "--work-pool", "idle"), "does not exist"),
    "a file for a run that is not there": (("included_flow.py", "prefect", "deploy", "--work-pool", "idle", "--param-default", "table=x.csv"), "x.csv"),
    "schedule without a value": (("required_flow.py", "prefect", "deploy", "--work-pool", "idle"), "is given no value"),
    "token under which none can be generated": ((*_DEPLOY, "--new-token", "a b", "--generate-new-token"), "--new-token"),
    "local datastore in containers": (("waiting_flow.py", "prefect", "deploy", "--work-pool", "remote"), "lose every artifact"),
    "notification in a yaml": ((*_DEPLOY, "--notify-on-error", "a/b", "--prefect-yaml", "prefect.yaml"), "no place"),
    "yaml into no folder": ((*_DEPLOY, "--prefect-yaml", "none/prefect.yaml"), "does not exist"),
    "yaml beside the flow's own file": ((*_DEPLOY, "--prefect-yaml", "prefect.yaml"), "a separate folder"),
    "trigger of nothing": (("waiting_flow.py", "prefect", "trigger"), "There is no deployment"),
    "trigger with a wrong type": (("waiting_flow.py", "prefect", "trigger", "--alpha", "much"), "alpha"),
    "delete of nothing": (("waiting_flow.py", "prefect", "delete"), "There is no deployment"),
    "pause of nothing": (("waiting_flow.py", "prefect", "schedule", "pause"), "There is no deployment"),
    "token of nothing": (("waiting_flow.py", "prefect", "get-token"), "There is no deployment"),
    "runs of nothing": (("waiting_flow.py", "prefect", "list-runs"), "There is no deployment"),
    "unknown run": (("waiting_flow.py", "prefect", "status", _ID), "There is no run"),
    "not an id of a run": (("waiting_flow.py", "prefect", "status", "12"), "is not a Prefect run ID"),
    "resume of an unknown run": (("waiting_flow.py", "prefect", "resume", "--deployed", "--origin-run-id", _ID), "There is no"),
    "resume of nothing": (("waiting_flow.py", "prefect", "resume", "--deployed"), "--origin-run-id"),
    "resume at an unknown step": (("waiting_flow.py", "prefect", "resume", "nope", "--deployed", "--origin-run-id", _ID), "no step 'nope'"),
    "log of an unknown run": (("waiting_flow.py", "prefect", "logs", _ID), "There is no run"),
}  # fmt: skip


def left_behind(place):
    """Return the names of all deployments and queues that a test could have made."""
    api = place.environment["PREFECT_API_URL"]
    deployments = HTTP.post(f"{api}/deployments/filter", json={}).json()
    queues = HTTP.post(f"{api}/work_queues/filter", json={}).json()
    # Every pool has a queue of that name.
    made = [*deployments, *(queue for queue in queues if queue["name"] != "default")]
    return [item["name"] for item in made]


@pytest.mark.parametrize("case", BAD)
def test_it_is_refused_and_leaves_nothing_behind(place, case):
    words, told = BAD[case]

    answer = place.command(*words)

    assert answer.returncode != 0
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
    assert left_behind(place) == []


_REFUSED = """\
start: @batch — the step would leave Prefect's container for AWS Batch
  Fix: use @northflank: a container of its own on a work pool
end: @kubernetes — the step would leave Prefect's container for a pod
  Fix: use @northflank: a container of its own on a work pool
flow: @schedule(cron='99 1 1 1 1') — Prefect does not know this schedule
  Fix: write it as minute, hour, day of month, month, day of week, each in its range, and the time zone as in Europe/Berlin
"""


@pytest.mark.parametrize("words", [("create", "refused.py"), ("deploy", "--work-pool", "idle")])
def test_what_a_flow_asks_for_in_vain_is_said_before_metaflow_asks_for_a_datastore(place, words):
    answer = place.command("refused_flow.py", "--quiet", "--no-pylint", "prefect", *words)

    assert answer.returncode == 1
    assert _REFUSED in "".join(line[4:] for line in answer.stderr.splitlines(keepends=True))
    assert not (place.folder / "refused.py").exists()
    assert left_behind(place) == []


def test_all_problems_of_a_deployment_are_reported_at_once(place):
    answer = place.command(
        "refused_flow.py", "--quiet", "--no-pylint", "prefect", "deploy", "--work-pool", "remote",
        "--job-variable", "nope=1", "--param-default", "nope=1", "--collision", "cancel-new",
        "--notify-on-error", "slack-webhook/nope", "--schedule", "99 1 1 1 1",
    )  # fmt: skip

    assert answer.returncode == 1
    for told in (
        "start: @batch", "job variable nope", "--param-default nope", "--concurrency-limit",
        "no block 'slack-webhook/nope'", "The schedule 99 1 1 1 1 (UTC)", "lose every artifact",
    ):  # fmt: skip
        assert told in answer.stderr
    assert left_behind(place) == []


def revoked(_method, path):
    """The server still says that it is well, and knows us no more."""
    return None if path.endswith(("/health", "/version")) else 401


def dies_midway(method, path):
    """The deployment can be made and deleted; its automation can't be made."""
    return 0 if method == "POST" and path.startswith("/api/automations/") else None


def answer_gets_lost(method, path):
    """The deployment is made, and we are not told."""
    return LOST if (method, path) == ("POST", "/api/deployments/") else None


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (answer_gets_lost, "safe to repeat"),
        (revoked, "PREFECT_API_AUTH_STRING"),
        (dies_midway, "safe to repeat"),
    ],
)
def test_a_server_that_fails_midway_is_left_as_it_was(place, fault, told):
    with in_between(place.environment["PREFECT_API_URL"], fault) as address:
        answer = place.command(*_DEPLOY, PREFECT_API_URL=address, PREFECT_CLIENT_MAX_RETRIES="0")

    assert answer.returncode == 1
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
    assert left_behind(place) == []


@pytest.fixture
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_datastore_that_cannot_be_written_is_named(place, s3):
    flow, *words = _DEPLOY
    answer = place.command(
        flow, "--datastore", "s3", *words, METAFLOW_S3_ENDPOINT_URL=s3,
        METAFLOW_DATASTORE_SYSROOT_S3="s3://no-such-bucket/metaflow",
        AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_DEFAULT_REGION="us-east-1",
    )  # fmt: skip

    assert answer.returncode == 1
    assert "s3://no-such-bucket/metaflow can't be written" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert left_behind(place) == []


def test_a_server_that_is_down_is_named(place):
    answer = place.command(*_DEPLOY, PREFECT_API_URL="http://127.0.0.1:9/api")

    assert answer.returncode == 1
    assert "http://127.0.0.1:9/api" in answer.stderr
