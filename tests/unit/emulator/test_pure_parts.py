"""The parts that decide and do nothing: rate limit, commands, environment, run states, faults, cron."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from northflank_emulator.choices import AbortedRun, Choices
from northflank_emulator.domain.cron_scheduler import CronScheduler, ScheduleControl
from northflank_emulator.errors import InvalidRequest
from northflank_emulator.execution.line_splitter import LineSplitter
from northflank_emulator.faults import Fault, FaultKind, Faults
from northflank_emulator.server import responses
from northflank_emulator.server.rate_limit import RateLimiter
from northflank_emulator.state import job_spec, run_state
from northflank_emulator.state.clock import iso, parse
from northflank_emulator.state.container_command import argv
from northflank_emulator.state.container_environment import container_variables, inherited
from northflank_emulator.state.ids import Ids, slug
from northflank_emulator.state.models import (
    ContainerStatus,
    Ending,
    Job,
    JobType,
    Run,
    SecretGroup,
    Stream,
)
from northflank_emulator.state.store import Store

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
JOB = Job(
    number=1, uid="u", id="it", project="demo", name="it", type=JobType.MANUAL, spec={},
    created_at=NOON, updated_at=NOON,
)  # fmt: skip
RUN = Run(
    number=1, id="r", project="demo", job="it", name="it-1", overrides={}, spec={}, started_at=NOON
)


def group(name: str, priority: int, restrictions=None, **variables: str) -> SecretGroup:
    spec = {
        "secretType": "environment",
        "priority": priority,
        "secrets": {"variables": variables},
        **({"restrictions": restrictions} if restrictions else {}),
    }
    return SecretGroup(
        number=priority,
        id=name,
        project="demo",
        name=name,
        spec=spec,
        created_at=NOON,
        updated_at=NOON,
    )


# Rate limit


def test_the_hour_begins_with_the_first_request():
    limiter = RateLimiter(2)

    first = limiter.take("t", NOON)
    later = limiter.take("t", NOON + timedelta(minutes=10))
    over = limiter.take("t", NOON + timedelta(minutes=20))
    fresh = limiter.take("t", NOON + timedelta(minutes=60))

    assert (first.remaining, first.reset_seconds, first.exceeded) == (1, 3600, False)
    assert (later.remaining, later.reset_seconds, later.exceeded) == (0, 3000, False)
    assert over.exceeded
    assert (fresh.remaining, fresh.exceeded) == (1, False)


def test_tokens_have_limits_of_their_own():
    limiter = RateLimiter(1)
    limiter.take("a", NOON)

    assert not limiter.take("b", NOON).exceeded


# Commands

ENTRYPOINT, COMMAND = ("/entry",), ("serve",)


@pytest.mark.parametrize(
    ("docker", "words"),
    [
        ({}, ["/entry", "serve"]),
        ({"configType": "default", "customCommand": "ignored"}, ["/entry", "serve"]),
        ({"configType": "customCommand", "customCommand": "a 'b  c'"}, ["/entry", "a", "b  c"]),
        ({"configType": "customEntrypoint", "customEntrypoint": "x y"}, ["x", "y"]),
        (
            {
                "configType": "customEntrypointCustomCommand",
                "customEntrypoint": "sh -c",
                "customCommand": "'echo a | wc'",
            },
            ["sh", "-c", "echo a | wc"],
        ),
    ],
)
def test_entrypoint_and_command_are_combined_as_documented(docker, words):
    assert list(argv({"docker": docker}, ENTRYPOINT, COMMAND)) == words


def test_an_open_quote_is_refused():
    with pytest.raises(InvalidRequest, match="quot"):
        argv({"docker": {"configType": "customCommand", "customCommand": "'a"}}, (), ())


# Environment


def test_the_group_of_higher_priority_wins():
    groups = [group("high", 10, A="high"), group("low", 1, A="low", B="low")]

    assert inherited(groups, JOB) == {"A": "high", "B": "low"}


def test_a_restricted_group_goes_only_where_it_says():
    mine = {"restricted": True, "nfObjects": [{"id": "it", "type": "job"}]}
    others = {"restricted": True, "nfObjects": [{"id": "other", "type": "job"}]}

    assert inherited([group("a", 1, mine, A="1"), group("b", 2, others, B="2")], JOB) == {"A": "1"}


@pytest.mark.parametrize(("condition", "tags", "inherits"), [
    ("or", ["x"], True), ("and", ["x"], False), ("and", ["x", "y", "z"], True), ("or", ["z"], False),
])  # fmt: skip
def test_a_group_can_be_restricted_by_tags(condition, tags, inherits):
    restrictions = {"restricted": True, "tags": ["x", "y"], "tagMatchCondition": condition}
    job = replace(JOB, spec={"tags": tags})

    assert inherited([group("a", 1, restrictions, A="1")], job) == ({"A": "1"} if inherits else {})


def secret(length: int) -> str:
    return "s" * length


def test_the_job_overrides_its_groups_and_the_platform_overrides_both():
    found = container_variables(
        {"A": "group", "B": "group"},
        {"B": "job", "NF_OBJECT_ID": "job"},
        {"NF_OBJECT_ID": "it"},
        secret,
    )

    assert found == {"A": "group", "B": "job", "NF_OBJECT_ID": "it"}


@pytest.mark.parametrize(("value", "expanded"), [
    ("a${B}c", "abc"), ("${C}", "[b]"), ("${NOBODY}", "${NOBODY}"), ("${A}", "${A}"),
    ("$B", "$B"), ("${fn.randomSecret(4)}", "ssss"),
])  # fmt: skip
def test_templates_are_expanded(value, expanded):
    found = container_variables({"B": "b", "C": "[${B}]"}, {"A": value}, {}, secret)

    assert found["A"] == expanded


def test_templates_that_double_again_and_again_come_to_an_end():
    doubling = {f"V{number}": f"${{V{number + 1}}}" * 2 for number in range(60)}

    assert len(container_variables({}, doubling, {}, secret)) == 60


# Specifications


def test_a_patch_merges_settings_and_replaces_the_environment():
    spec = {
        "settings": {"backoffLimit": 1, "activeDeadlineSeconds": 5},
        "runtimeEnvironment": {"A": "1"},
    }

    found = job_spec.patched(
        spec, {"settings": {"backoffLimit": 2}, "runtimeEnvironment": {"B": "2"}}, Choices()
    )

    assert found["settings"] == {"backoffLimit": 2, "activeDeadlineSeconds": 5}
    assert found["runtimeEnvironment"] == {"B": "2"}


def test_a_run_adds_to_the_environment_and_replaces_the_image():
    spec = {
        "runtimeEnvironment": {"A": "1", "B": "1"},
        "deployment": {"internal": {"id": "x"}, "gracePeriodSeconds": 60},
    }

    found = job_spec.effective(
        spec, {"runtimeEnvironment": {"B": "2"}, "deployment": {"external": {"imagePath": "a:1"}}}
    )

    assert found["runtimeEnvironment"] == {"A": "1", "B": "2"}
    assert found["deployment"] == {"external": {"imagePath": "a:1"}, "gracePeriodSeconds": 60}


@pytest.mark.parametrize(("name", "expected"), [("My App", "my-app"), ("a-b c", "a-b-c")])
def test_the_id_is_a_slug(name, expected):
    assert slug(name) == expected


def test_the_same_seed_draws_the_same_ids():
    assert Ids(7).uid() == Ids(7).uid() != Ids(8).uid()


# Run states


def test_a_container_that_was_being_killed_ends_as_killed():
    run = run_state.moved(run_state.staged(RUN, "c", NOON), ContainerStatus.KILLING, NOON)

    assert run_state.ended(run, 143, "Error", NOON).containers[0].status is ContainerStatus.KILLED


def test_the_first_end_of_a_run_stays():
    aborted = run_state.concluded(RUN, Ending.ABORTED, NOON)

    assert run_state.concluded(aborted, Ending.FAILED, NOON).conclusion.ending is Ending.ABORTED


def test_a_lost_run_is_reported_as_failed():
    lost = run_state.lost(run_state.staged(RUN, "c", NOON), NOON)

    assert responses.run(lost, Choices())["status"] == "FAILED"
    assert lost.containers[0].status is ContainerStatus.FAILED


@pytest.mark.parametrize(
    ("choice", "status"), [(AbortedRun.FAILED, "FAILED"), (AbortedRun.RUNNING, "RUNNING")]
)
def test_what_an_aborted_run_shows_can_be_chosen(choice, status):
    aborted = run_state.concluded(RUN, Ending.ABORTED, NOON)

    shown = responses.run(aborted, Choices(aborted_run=choice))

    assert (shown["status"], shown["concluded"], shown["active"]) == (status, True, 0)


def test_a_run_that_goes_on_has_no_end():
    shown = responses.run(RUN, Choices())

    assert (shown["status"], shown["concluded"]) == ("RUNNING", False)
    assert "concludedAt" not in shown


# Log lines


class StoppedClock:
    def now(self) -> datetime:
        return NOON


def cut(*chunks: bytes) -> list[tuple[str, bool]]:
    splitter = LineSplitter(Stream.STDOUT, StoppedClock())
    lines = [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()
    return [(line.text, line.partial) for line in lines]


def test_lines_are_cut_wherever_the_chunks_end():
    assert cut(b"a\nb", b"c\n", b"\nd") == [("a", False), ("bc", False), ("", False), ("d", False)]


def test_a_long_line_comes_in_parts():
    parts = cut(b"x" * 40_000 + b"\n")

    assert [(len(text), partial) for text, partial in parts] == [
        (16384, True), (16384, True), (7232, False)
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_shown_as_such():
    assert cut(b"\xff\x00\n") == [("\ufffd\ufffd", False)]


# Faults


def test_a_fault_strikes_as_often_as_it_says():
    faults = Faults(0, [Fault(kind=FaultKind.STATUS, route="start.*", times=2, skip=1)])

    struck = [bool(faults.of_request("start.job.run", "POST", "/v1/x")) for _ in range(5)]

    assert struck == [False, True, True, False, False]


def test_a_fault_can_name_method_and_path():
    faults = Faults(0, [Fault(kind=FaultKind.STATUS, route="POST /v1/projects/*/runs")])

    assert faults.of_request("x", "POST", "/v1/projects/p/jobs/j/runs")
    assert not faults.of_request("x", "GET", "/v1/projects/p/jobs/j/runs")


def test_the_same_seed_gives_the_same_hits():
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed, [Fault(kind=FaultKind.STATUS, probability=0.5)])
        return [bool(faults.of_request("x", "GET", "/")) for _ in range(50)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)


def test_faults_of_containers_do_not_strike_requests():
    faults = Faults(0, [Fault(kind=FaultKind.CRASH, job="it")])

    assert not faults.of_request("x", "GET", "/")
    assert faults.of_container("other") is None
    assert faults.of_container("it") is not None


# Cron


class Crontab:
    """A scheduler with one cron job, and the runs that it started and stopped."""

    def __init__(self, schedule: str = "*/5 * * * *", **cron: object) -> None:
        self.store = Store()
        self.started = 0
        self.stopped: list[str] = []
        spec = {"settings": {"backoffLimit": 0, "cron": {"schedule": schedule, **cron}}}
        self.job = self.store.jobs.put(replace(JOB, type=JobType.CRON, spec=spec))
        control = ScheduleControl(start=self._start, stop=lambda run: self.stopped.append(run.id))
        self.schedule = CronScheduler(self.store, control, NOON)

    def _start(self, _: Job) -> Run:
        self.started += 1
        number = self.started
        return self.store.runs.put(replace(RUN, number=number, id=f"r{number}", scheduled=True))

    def at(self, minutes: float) -> int:
        self.schedule.tick(NOON + timedelta(minutes=minutes))
        return self.started


def test_a_cron_job_fires_when_its_minute_comes():
    crontab = Crontab()

    assert [crontab.at(minutes) for minutes in (1, 4.9, 5, 5.5, 10)] == [0, 0, 1, 1, 2]


def test_a_suspended_job_does_not_fire():
    crontab = Crontab()
    crontab.store.jobs.put(replace(crontab.job, suspended=True))

    assert crontab.at(5) == 0


@pytest.mark.parametrize(
    ("policy", "started", "stopped"),
    [("allow", 2, []), ("forbid", 1, []), ("replace", 2, ["r1"])],
)
def test_the_policy_says_what_becomes_of_a_run_that_still_goes_on(policy, started, stopped):
    crontab = Crontab(concurrencyPolicy=policy)
    crontab.at(5)

    assert crontab.at(10) == started
    assert crontab.stopped == stopped


# Times


def test_times_are_written_in_utc_with_milliseconds():
    assert iso(NOON) == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["2026-11-21T12:00:00Z", "2026-11-21T13:00:00+01:00", "1795262400"]
)
def test_times_are_read_in_every_form_clients_send(text):
    assert parse(text) == NOON
