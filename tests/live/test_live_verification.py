"""`make verify-live` against the emulator: with its own choices, with all of them turned the other way, and in trouble."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from northflank_emulator import Choices, Emulator, Fault, FaultKind, Role, Settings

from tests.live import cost
from tests.live.__main__ import CALLS
from tests.live.facts import CHOICES, RELIED_ON
from tests.stack.laptop.laptop import KEYS, stock_image
from tests.support.emulator_choices import SWITCHES, turned
from tests.support.s3 import s3_api
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
TOKEN, OTHER = "the-verifiers-token-2b7c", "the-tests-own-token"
WORKERS = "the-token-of-a-worker"
NO_PARTS = ("--without", "contract", "--without", "demo")
PATIENCE_SECONDS = 500
_SETS = 7
NEVER_TRIED = {"log-range", "counted-tokens", "run-events"}
_ROW = re.compile(
    r"^\| `(?P<name>[a-z-]+)` \|.*?\| \**(?P<outcome>confirmed|refuted|could not be tried)\** \|",
    re.MULTILINE,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@contextmanager
def northflank(choices: Choices | None = None, **settings: object) -> Iterator[Emulator]:
    """An emulator with Northflank's rate limit, and a second token to look into it with."""
    tokens = {TOKEN: Role.ADMIN, OTHER: Role.ADMIN, WORKERS: Role.WORKER}
    made = Settings(
        **{"tokens": tokens, "rate_limit": 1000, "choices": choices or Choices(), **settings}
    )
    with Emulator(made) as it:
        yield it


@dataclass
class Verification:
    process: subprocess.Popen[str]
    report_file: Path
    log: Path

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def report(self) -> str:
        return self.report_file.read_text()

    @property
    def outcomes(self) -> Mapping[str, str]:
        return {it["name"]: it["outcome"] for it in _ROW.finditer(self.report)}

    def named(self, outcome: str) -> set[str]:
        return {name for name, found in self.outcomes.items() if found == outcome}


def verification(emulator: Emulator, folder: Path, *words: str, **variables: str) -> Verification:
    folder.mkdir(exist_ok=True)
    log, report = folder / "output.txt", folder / "report.md"
    environment = {
        **os.environ,
        "NORTHFLANK_API_TOKEN": TOKEN,
        "NORTHFLANK_API_BASE_URL": emulator.base_url,
        "NORTHFLANK_TEST_PROJECT": "demo",
        **variables,
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.live", "--report", str(report), *words],
            cwd=ROOT, env={name: it for name, it in environment.items() if it},
            stdout=output, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    return Verification(process, report, log)


def left_in(emulator: Emulator) -> dict[str, list[str]]:
    """Everything in the account, but its one project."""
    client = emulator._client  # noqa: SLF001  its own token has no calls left
    found = {}
    for path, key in (
        ("/v1/projects/demo/jobs", "jobs"), ("/v1/projects/demo/services", "services"),
        ("/v1/projects/demo/secrets", "secrets"), ("/v1/tags", "tags"), ("/v1/projects", "projects"),
    ):  # fmt: skip
        answer = client.get(emulator.base_url + path, headers={"authorization": f"Bearer {OTHER}"})
        found[key] = [it["id"] for it in answer.json()["data"][key]]
    return {key: ids for key, ids in found.items() if ids and ids != ["demo"]}


def everything(folder: Path) -> Path:
    """Return an images file for the containers of the probes and of the demo flow."""
    file = stock_image(folder)
    images = json.loads(file.read_text())
    images["image"].append({**images["image"][0], "pattern": "docker.io/library/python:*"})
    file.write_text(json.dumps(images))
    return file


def test_everything_is_confirmed_where_the_api_does_what_we_assume(tmp_path):
    with s3_api() as address, northflank(images=everything(tmp_path)) as emulator:
        keys = {"secretType": "environment", "priority": 0, "secrets": {"variables": KEYS}}
        emulator.call("POST", "/v1/projects/demo/secrets", {"name": "s3-keys", **keys})
        emulator.forget_requests()
        run = verification(
            emulator, tmp_path / "run",
            **KEYS, METAFLOW_S3_ENDPOINT_URL=address, METAFLOW_DATASTORE_SYSROOT_S3="s3://bucket/here",
        )  # fmt: skip

        assert run.wait() == 0, run.output
        starts = [
            it for it in emulator.requests if it.operation == "start.job.run" and it.committed
        ]

        assert run.named("refuted") == set()
        assert run.named("could not be tried") == {*NEVER_TRIED, "retry-after"}
        assert CHOICES.keys() <= run.outcomes.keys()
        assert re.search(r"live API: \d\d passed, 0 failed, 0 could not be tried", run.report)
        assert "confirmed: it ended with exit code 0" in run.report
        assert left_in(emulator) == {"secrets": ["s3-keys"]}
        assert len(emulator.requests) <= sum(CALLS.values())
        planned = (*cost.PROBES, *cost.CONTRACT, *cost.DEMO_FLOW)
        assert len(starts) <= sum(it.count for it in planned)
        assert TOKEN not in run.report + run.output


def flips() -> Iterator[list[str]]:
    """Yield choices to turn at once: all, and sets of which each choice is in three, of any two in different ones.

    So for any two choices there is a run in which the first is turned and the second is not.
    """
    yield [*SWITCHES]
    threes = [*combinations(range(_SETS), 3)]
    assert len(threes) >= len(SWITCHES)
    for number in range(_SETS):
        yield [name for name, three in zip(SWITCHES, threes, strict=False) if number in three]


def test_each_choice_is_refuted_exactly_where_the_api_chooses_otherwise(tmp_path):
    def verify(at_and_names: tuple[int, list[str]]) -> tuple[list[str], int, Verification, object]:
        at, names = at_and_names
        # Few calls to use up.
        with northflank(turned(names), rate_limit=500) as emulator:
            run = verification(emulator, tmp_path / str(at), *NO_PARTS, "--use-up-rate-limit")
            return names, run.wait(), run, left_in(emulator)

    with ThreadPoolExecutor(3) as several:
        done = list(several.map(verify, enumerate(flips())))

    for names, code, run, left in done:
        expected = {name.replace("_", "-") for name in names}
        assert run.named("refuted") == expected, run.output
        assert run.named("could not be tried") == NEVER_TRIED, run.report
        assert code == int(bool(expected & RELIED_ON.keys()))
        assert left == {}


def changed_nothing(emulator: Emulator) -> bool:
    return all(it.method == "GET" for it in emulator.requests if it.committed)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"NORTHFLANK_API_TOKEN": "", "NORTHFLANK_TEST_PROJECT": ""},
            ["NORTHFLANK_API_TOKEN", "NORTHFLANK_TEST_PROJECT"],
        ),
        ({"NORTHFLANK_TEST_PROJECT": "not-there"}, ["not-there", "404"]),
        ({"NORTHFLANK_API_TOKEN": "wrong-token"}, ["401"]),
        (
            {"NORTHFLANK_API_TOKEN": WORKERS},
            ["may not list secret groups", "may not delete secret groups", "may not delete tags"],
        ),
        ({"NORTHFLANK_API_BASE_URL": "http://127.0.0.1:9"}, ["http://127.0.0.1:9"]),
    ],
)
def test_what_cannot_begin_creates_nothing_and_says_why(tmp_path, variables, said):
    with northflank() as emulator:
        run = verification(emulator, tmp_path, *NO_PARTS, **variables)

        assert run.wait() == 2
        assert all(words in run.output for words in said), run.output
        assert not run.report_file.exists()
        assert changed_nothing(emulator)


def test_an_hour_with_too_few_calls_and_a_limit_on_the_cost_are_respected(tmp_path):
    with northflank() as emulator:
        client = emulator._client  # noqa: SLF001  requests of the verifier's account
        for _ in range(600):
            client.get(f"{emulator.base_url}/v1/auth", headers={"authorization": f"Bearer {TOKEN}"})
        run = verification(emulator, tmp_path, *NO_PARTS, "--most-dollars", "0.001")

        assert run.wait() == 2
        assert "--most-dollars" in run.output
        assert "calls 390 are left" in run.output
        assert changed_nothing(emulator)


def reached(run: Verification, line: str) -> None:
    wait_until(lambda: line in run.output or run.process.poll() is not None, line, seconds=300)
    assert run.process.poll() is None, run.output


def test_an_interrupted_run_cleans_up_and_says_what_it_did_not_reach(tmp_path):
    with northflank() as emulator:
        run = verification(emulator, tmp_path, *NO_PARTS)
        reached(run, "confirmed          patched-settings")
        run.process.send_signal(signal.SIGINT)

        assert run.wait() == 130, run.output
        assert "was interrupted" in run.report
        assert run.outcomes["patched-settings"] == "confirmed"
        assert run.outcomes["rate-headers"] == "could not be tried"
        assert left_in(emulator) == {}


def test_the_next_run_deletes_what_a_killed_one_has_left(tmp_path):
    with northflank() as emulator:
        emulator.call(
            "POST", "/v1/projects/demo/jobs",
            {"name": "verify-live-etl", "billing": {"deploymentPlan": "nf-compute-10"}, "deployment": {}},
        )  # fmt: skip
        killed = verification(emulator, tmp_path / "killed", *NO_PARTS)
        reached(killed, "confirmed          group-restricted")
        killed.process.kill()
        killed.process.wait()
        assert len(left_in(emulator)["jobs"]) > 5
        # The answers to some deletions are lost, or are errors.
        with emulator.fault(Fault(kind=FaultKind.DROP_AFTER, route="delete.*", times=3)):
            run = verification(emulator, tmp_path / "next", *NO_PARTS)
            assert run.wait() == 0, run.output

        assert "left by an earlier run, deleted first: job verify-live-" in run.report
        assert left_in(emulator) == {"jobs": ["verify-live-etl"]}
