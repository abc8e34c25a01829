"""Whatever comes in, the emulator answers in its own terms and never with a 500: 10,000 requests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from northflank_emulator import Emulator, Outcome, Settings
from northflank_emulator.server import (
    account_routes,
    build_routes,
    job_routes,
    observability_routes,
    run_routes,
)

pytestmark = pytest.mark.slow

ROUTES = (
    *job_routes.ROUTES,
    *run_routes.ROUTES,
    *build_routes.ROUTES,
    *account_routes.ROUTES,
    *observability_routes.ROUTES,
)
PER_EXAMPLE = 25
EXAMPLES = 400
FIELDS = sorted(
    {
        *("name", "billing", "deployment", "settings", "description", "tags", "priority"),
        *("secretType", "secrets", "variables", "external", "imagePath", "docker", "configType"),
        *("customCommand", "runtimeEnvironment", "backoffLimit", "activeDeadlineSeconds", "cron"),
        *("schedule", "vcs", "internal", "restrictions", "events", "webhook", "type", "suspended"),
    }
)
QUERY = (
    *("per_page", "page", "cursor", "queryType", "runId", "startTime", "endTime", "duration"),
    *("lineLimit", "direction", "regexIncludes", "textIncludes", "type", "metricTypes", "show"),
)

text = st.text(max_size=20) | st.sampled_from(
    ("", "\x00", "\ud800", "é" * 60, "${A}", "../x", "a:b")
)
scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from(
        ("nf-compute-20", "manual", "job a", "job b", "a/b:c", "environment", "* * * * *")
    )
)
value = st.recursive(
    scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | text, inner, max_size=4)
    ),
    max_leaves=8,
)
plan = st.just({"deploymentPlan": "nf-compute-20"})
deployment = (
    st.just({"external": {"imagePath": "a/b:c"}})
    | st.just({"internal": {"id": "service-a"}})
    | st.just({})
    | value
)
job = st.fixed_dictionaries(
    {"name": st.sampled_from(("job a", "job b")), "billing": plan, "deployment": deployment},
    optional={"runtimeEnvironment": value, "healthChecks": value, "tags": value},
)
limits = st.just({"backoffLimit": 0}) | value
# What mostly succeeds, by operation; everything else gets any value at all.
SENSIBLE = {
    "create.job": st.builds(lambda it, more: it | {"settings": more}, job, limits),
    "put.job": st.builds(lambda it, more: it | {"settings": more}, job, limits),
    "create.job.manual": job.map(lambda it: it | {"backoffLimit": 0}),
    "put.job.manual": job.map(lambda it: it | {"backoffLimit": 0}),
    "put.job.cron": job.map(lambda it: it | {"backoffLimit": 0, "schedule": "* * * * *"}),
    "start.job.run": st.fixed_dictionaries({}, optional={"runtimeEnvironment": value}),
    "create.secret": st.fixed_dictionaries(
        {
            "name": st.just("group a"),
            "secretType": st.just("environment"),
            "priority": st.integers(0, 9),
        },
        optional={"secrets": value, "restrictions": value},
    ),
    "add.tag": st.just({"name": "tag-a"}),
    "put.service.build": st.fixed_dictionaries(
        {
            "name": st.just("service a"),
            "billing": st.just({}),
            "buildSettings": st.just({"buildpack": {}}),
            "vcsData": st.just({"projectUrl": "a", "projectType": "github"}),
        },
        optional={"buildConfiguration": value},
    ),
    "start.service.build": st.just({"branch": "main"}) | st.just({"pullRequestId": 7}),
    "create.notification": st.fixed_dictionaries(
        {
            "name": st.just("hook a"),
            "type": st.just("RAW_WEBHOOK"),
            "webhook": st.just("http://127.0.0.1:9/"),
            "events": st.just({}) | value,
        }
    ),
}
query = st.lists(
    st.tuples(st.sampled_from(QUERY), st.sampled_from(("1", "100", "range", "0", "[", "²")) | text),
    max_size=2,
)
# Placeholders mostly name what is there; an id that the emulator drew is known when it is sent.
NAMES = {
    "project": ("demo",) * 9 + ("nowhere",),
    "job": ("job-a",) * 5 + ("job-b", "missing"),
    "secret": ("group-a", "missing"),
    "service": ("service-a", "service-a", "missing"),
    "item": ("tag-a", "missing"),
    "run": ("latest", "missing"),
    "build": ("latest", "missing"),
    "notification": ("latest", "missing"),
}
LATEST = "%7Blatest%7D"


@st.composite
def requests(draw) -> tuple[str, str, bytes]:
    """Draw a request to a random route; one in eight is entirely random."""
    route = draw(st.sampled_from(ROUTES))
    nonsense = draw(st.integers(0, 7)) == 0
    path = route.path
    for name, choices in NAMES.items():
        choice = draw(text if nonsense else st.sampled_from(choices))
        filled = LATEST if choice == "latest" else quote(choice, safe="", errors="replace") or "-"
        path = path.replace("{" + name + "}", filled)
    pairs = draw(query)
    if pairs:
        path += "?" + urlencode(pairs, errors="replace")
    if nonsense and draw(st.booleans()):
        return route.method, path, draw(st.binary(max_size=60))
    content = draw(SENSIBLE.get(route.operation, value) if not nonsense else value)
    return route.method, path, json.dumps(content).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def scripted() -> Iterator[Emulator]:
    with Emulator(Settings(rate_limit=None), outcomes=[Outcome(seconds=0.5)]) as it:
        yield it


def send(connection, emulator, method, path, content):
    headers = {"authorization": f"Bearer {emulator.token}", "content-type": "application/json"}
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_no_request_is_answered_with_a_500(scripted):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(requests(), min_size=PER_EXAMPLE, max_size=PER_EXAMPLE))
    def send_them_all(sequence):
        address = urlsplit(scripted.base_url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        # One of the requests deletes the project, and all that follow would find nothing.
        send(connection, scripted, "POST", "/v1/projects", b'{"name": "demo"}')
        for method, path, content in sequence:
            status, answer = send(connection, scripted, method, path, content)
            document = json.loads(answer)
            assert status in {200, 400, 403, 404, 405, 409, 413}, (method, path, content, answer)
            assert ("data" in document) == (status == 200)
            assert status == 200 or document["error"]["status"] == status
        connection.close()

    send_them_all()

    assert len(scripted.requests) >= EXAMPLES * PER_EXAMPLE
    # Not all of them were turned away at the door.
    served = {it.operation for it in scripted.requests if it.status == 200}
    assert {"start.job.run", "create.secret", "get.job.logs"} <= served
