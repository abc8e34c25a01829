"""Runs tests/contract against the live API, in a process of its own, and reads what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from tests.live.api import LiveApi
from tests.live.names import RunNames

ROOT = Path(__file__).parents[2]
_LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One test, and why it did not pass."""

    __test__ = False
    name: str
    failure: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractResult:
    """What came of the suite; *problem* says why there are no results."""

    tests: tuple[TestResult, ...] = ()
    problem: str = ""

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that failed."""
        return tuple(it for it in self.tests if it.failure)

    @property
    def skipped(self) -> tuple[TestResult, ...]:
        """The tests that were not tried to the end."""
        return tuple(it for it in self.tests if it.skipped)

    @property
    def is_refuting(self) -> bool:
        """Whether the API does something else than the emulator, or the suite could not run."""
        return bool(self.failed or self.problem)


def run_suite(api: LiveApi, names: RunNames, folder: Path) -> ContractResult:
    """Run the suite, on the live API alone; what it creates has the names of this run."""
    results = folder / "contract.xml"
    environment = {
        **os.environ,
        "NORTHFLANK_API_TOKEN": api.access.token,
        "NORTHFLANK_API_BASE_URL": api.access.base_url,
        "NORTHFLANK_TEST_PROJECT": api.project.id,
        "NORTHFLANK_TEST_PREFIX": names.prefix,
    }
    words = [
        *(sys.executable, "-m", "pytest", "tests/contract", "-q", "-n", "0"),
        *("-p", "no:cacheprovider", f"--junitxml={results}", "-o", "junit_logging=no"),
    ]
    with (folder / "contract.log").open("w") as log:
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            process.wait(_LONGEST_SECONDS)
        finally:
            process.terminate()
            process.wait(60)
    if not results.exists():
        tail = (folder / "contract.log").read_text(errors="replace")[-1000:]
        return ContractResult(problem=f"pytest ended with {process.returncode}: {tail}")
    return read(results.read_text(encoding="utf-8"))


def read(xml: str) -> ContractResult:
    """Return the results in pytest's JUnit file."""
    return ContractResult(tests=tuple(map(_test, ET.fromstring(xml).iter("testcase"))))  # noqa: S314  pytest's own file


def _test(case: ET.Element) -> TestResult:
    def said(*tags: str) -> str:
        found = next((it for tag in tags if (it := case.find(tag)) is not None), None)
        return "" if found is None else str(found.get("message") or "it did not pass")

    name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
    return TestResult(name=name, failure=said("failure", "error"), skipped=said("skipped"))
