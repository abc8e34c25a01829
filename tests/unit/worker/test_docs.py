"""The page for users of the vendor's worker is true."""

from __future__ import annotations

import re
from pathlib import Path

from prefect_northflank import NorthflankWorkerVariables
from prefect_northflank.intervals import PREFIX, Intervals

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "from-the-vendors-worker.md").read_text(encoding="utf-8")
TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in (ROOT / "tests" / "unit" / "worker", ROOT / "tests" / "stack" / "worker")
    for path in folder.glob("test_*.py")
)


def test_every_test_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert {name for name in named if f"def {name}(" not in TESTS} == set()


def test_each_of_the_19_faults_has_a_test():
    rows = re.findall(r"^\| (\d+) \|.*`test_\w+`", PAGE, re.MULTILINE)

    assert rows == [str(number) for number in range(1, 20)]


FEATURES = (
    "raw job template",
    "`run`",
    "`_initiate_run`",
    "kill infrastructure",
    "survives a worker's restart",
    "crash detection with reason",
    "InfrastructurePending",
    "logs of crashed runs",
    "exit codes",
    "pending time-out",
    "clean-up",
    "retries of API calls",
    "rate limit",
    "no second start",
    "API key as a secret",
    "labels with ids",
    "empty values in `env`",
    "image pull credentials and policy",
    "GPU and resources",
    "service accounts",
    "SIGTERM hands the run back",
    "replicated events",
    "infrastructure decorator",
    "`provision-infra`",
    "entry point `prefect.collections`",
    "page of documentation",
)
"""What one or more of Prefect's own workers offer (prefect-kubernetes, -aws, -gcp, -azure, -docker of November 2026)."""


def test_each_feature_of_prefects_own_workers_has_a_test_or_says_why_it_cannot_be():
    section = PAGE.split("## Beside Prefect's own workers")[1].split("## Calls")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \| (.+?) \|$", section, re.MULTILINE)[1:]

    assert tuple(feature for feature, _, _ in rows) == FEATURES
    untested = [here for _, here, test in rows if "`test_" not in test]
    assert [here.partition(":")[0] for here in untested] == ["none", "none"]


def test_every_variable_of_this_worker_alone_is_on_the_page():
    section = (
        PAGE.split("## New variables")[1].split("## The 19 faults")[0]
        + PAGE.split("## New variables")[0]
    )
    documented_elsewhere = {
        "env",
        "labels",
        "command",
        "name",
        "credentials",
        "project_id",
        "description",
        "tags",
    }
    seeds = re.compile(
        r"deployment_(external|internal|vcs|docker)_|billing_|settings_|infrastructure_|cleanup_job|runtime_environment"
    )
    ours = [name for name in NorthflankWorkerVariables.model_fields if not seeds.match(name)]

    assert [
        name for name in ours if f"`{name}`" not in section and name not in documented_elsewhere
    ] == []


def test_every_interval_is_on_the_page_with_its_default():
    for name, default in ((f.name, f.default) for f in Intervals.__dataclass_fields__.values()):
        assert re.search(rf"_{name.upper()}` \({default:g}\)", PAGE), PREFIX + name.upper()
