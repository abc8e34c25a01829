"""What `make verify-live` decides without asking Northflank: its settings, its cost, its findings, its report."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from northflank_emulator import Choices

from tests.live import contract, cost, names
from tests.live.__main__ import CALLS
from tests.live.cleanup import Removal
from tests.live.contract import ContractResult, TestResult
from tests.live.demo import DemoResult
from tests.live.facts import CHOICES, Fact, Finding, Outcome, Verdict, choices, not_tried
from tests.live.latency import Latency
from tests.live.probes import PROBES
from tests.live.report import Report, markdown, summary
from tests.live.settings import Part, Refused, read

NOTHING = Removal(deleted=(), left=())
RELIED = Fact(name="sigterm", question="", assumed="it gets SIGTERM", relied_on="flow runs go back")
OTHER = CHOICES["run-order"]
REFUTED = Verdict(outcome=Outcome.REFUTED, seen="a | b\nc")
CONFIRMED = Verdict(outcome=Outcome.CONFIRMED, seen="as assumed")


def report(*findings: Finding, **fields_: object) -> Report:
    made = Report(
        address="https://api.example.com", project="demo", begun_at="today", seconds=61.2,
        calls=200, most_dollars=0.2, findings=findings, latencies=(), contract=None, demo=None,
        earlier=NOTHING, removal=NOTHING,
    )  # fmt: skip
    return replace(made, **fields_)


def test_every_choice_of_the_emulator_has_a_probe_and_a_row_in_its_readme():
    switches = {it.name.replace("_", "-") for it in fields(Choices)}
    probed = {it.fact.name for it in PROBES} | {"retry-after"}

    assert switches <= CHOICES.keys()
    assert CHOICES.keys() <= probed
    assert len({it.fact.name for it in PROBES}) == len(PROBES)


def test_a_row_of_the_readme_without_another_answer_is_no_switch():
    row = "| `log-range` | how far it goes | 30 minutes | |"

    assert choices(row)["log-range"].assumed == "30 minutes"
    assert "log_range" not in {it.name for it in fields(Choices)}


def test_what_is_missing_is_named_in_one_message():
    with pytest.raises(Refused) as refused:
        read([], {"NORTHFLANK_API_BASE_URL": "http://localhost:1"})

    assert len(refused.value.problems) == 2
    assert "NORTHFLANK_API_TOKEN" in str(refused.value)
    assert "NORTHFLANK_TEST_PROJECT" in str(refused.value)


def test_address_team_and_parts_are_taken_from_where_they_always_are():
    environment = {
        "NORTHFLANK_API_TOKEN": "secret", "NORTHFLANK_TEST_PROJECT": "p", "NORTHFLANK_TEAM_ID": "t",
        "NORTHFLANK_API_BASE_URL": "http://localhost:1",
    }  # fmt: skip

    settings = read(["--without", "demo"], environment)

    assert settings.access.base_url == "http://localhost:1"
    assert settings.project.path == "/v1/teams/t/projects/p"
    assert settings.without == {Part.DEMO}
    assert "secret" not in repr(settings)


def test_a_whole_run_costs_less_than_five_dollars_and_less_than_the_hours_calls():
    everything = (*cost.PROBES, *cost.CONTRACT, *cost.DEMO_FLOW)

    assert 0 < cost.most_dollars(everything, cost.prices(())) < 5
    assert sum(CALLS.values()) <= 790


def test_what_northflank_asks_for_a_plan_counts_if_it_is_more_than_published():
    published = cost.prices(())
    dearer = replace(cost.COMPUTE_PLANS[0], dollars_per_hour=100.0)
    cheaper = replace(cost.COMPUTE_PLANS[0], dollars_per_hour=0.0)

    assert cost.most_dollars(cost.PROBES, cost.prices([dearer])) > 100
    assert cost.prices([cheaper]) == published


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("verify-live-0a1b2c-main", True),
        ("Metaflow run BranchFlow/1 of verify-live-0a1b2c", True),
        ("verify-live-etl", False),
        ("my-verify-live", False),
        ("verify-live-0a1b2cd", False),
    ],
)
def test_only_what_a_verification_has_named_is_taken_for_its_own(text, ours):
    assert names.is_ours(text) is ours
    assert names.is_ours(names.new_names().of("main"))


def test_two_verifications_name_things_differently():
    first, second = (names.new_names().of("main") for _ in range(2))

    assert names.is_ours(first)
    assert first != second


@pytest.mark.parametrize(
    ("findings", "fields_", "code"),
    [
        ([Finding(fact=RELIED, verdict=CONFIRMED)], {}, 0),
        ([Finding(fact=OTHER, verdict=REFUTED)], {}, 0),
        ([Finding(fact=RELIED, verdict=not_tried("why"))], {}, 0),
        ([Finding(fact=RELIED, verdict=REFUTED)], {}, 1),
        ([], {"contract": ContractResult(tests=(TestResult(name="t", failure="no"),))}, 1),
        ([], {"contract": ContractResult(problem="pytest is missing")}, 1),
        ([], {"demo": DemoResult(verdict=REFUTED)}, 1),
        ([], {"demo": DemoResult(verdict=not_tried("no datastore"))}, 0),
        ([], {"removal": Removal(deleted=(), left=("job x: 500",))}, 1),
    ],
)
def test_the_exit_code_tells_whether_the_worker_can_be_used(findings, fields_, code):
    assert report(*findings, **fields_).exit_code == code


@pytest.mark.golden
def test_the_report_names_every_finding_and_what_the_worker_relies_on(golden):
    whole = report(
        Finding(fact=OTHER, verdict=REFUTED),
        Finding(fact=RELIED, verdict=REFUTED),
        Finding(fact=CHOICES["log-range"], verdict=not_tried("it takes 30 minutes")),
        latencies=(Latency(answered=0.25, container=11.5, over=14.25),),
        contract=ContractResult(
            tests=(TestResult(name="test_runs::a"), TestResult(name="test_runs::b", failure="no"))
        ),
        demo=DemoResult(verdict=not_tried("no datastore")),
        earlier=Removal(deleted=("job verify-live-000000-main",), left=()),
        removal=Removal(deleted=("job x",), left=("job y: 500",)),
        interrupted=True,
    )

    golden(Path(__file__).with_name("report.md"), markdown(whole))
    golden(Path(__file__).with_name("summary.txt"), summary(whole, "build/verify-live.md") + "\n")


def test_the_summary_fits_a_terminal():
    long = replace(REFUTED, seen="word " * 100)

    shown = summary(report(Finding(fact=OTHER, verdict=long)), "build/verify-live.md")

    assert max(map(len, shown.splitlines())) <= 80


def test_the_contract_suites_results_are_read_with_their_reasons():
    found = contract.read(
        '<testsuites><testsuite><testcase classname="tests.contract.test_runs" name="a"/>'
        '<testcase classname="tests.contract.test_runs" name="b"><failure message="404"/></testcase>'
        '<testcase classname="tests.contract.test_jobs" name="c"><error message="gone"/></testcase>'
        '<testcase classname="tests.contract.test_jobs" name="d"><skipped message="no calls"/></testcase>'
        "</testsuite></testsuites>"
    )

    assert [(it.name, it.failure) for it in found.failed] == [
        ("test_runs::b", "404"),
        ("test_jobs::c", "gone"),
    ]
    assert [it.skipped for it in found.skipped] == ["no calls"]
    assert found.is_refuting
