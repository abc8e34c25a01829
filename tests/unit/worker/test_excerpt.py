"""How much of a container's output is copied, and what is said about the rest."""

from __future__ import annotations

from prefect_northflank.api.responses import LogLine, Project
from prefect_northflank.logs.excerpt import (
    CHARACTERS_AT_ONCE,
    CONTAINERS_AT_FULL_RATE,
    LINES_AT_ONCE,
    LONGEST_LINE,
    SECONDS_TO_REFILL,
    CopyAllowance,
    Excerpt,
    Line,
    WholeLines,
)
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

PID = InfrastructurePid(project=Project(id="demo"), job="etl-1", run="r-1")
WHERE = "Northflank's log of job run r-1 (job etl-1) is complete"


def excerpt(time, shared=None) -> Excerpt:
    everybodys = shared or CopyAllowance(containers=CONTAINERS_AT_FULL_RATE, clock=time)
    return Excerpt(PID, own=CopyAllowance(clock=time), shared=everybodys)


def written(it: Excerpt, lines: int, text: str = "x") -> list[str]:
    return [said for _ in range(lines) for said in it.of(Line(text=text))]


def parts(*logs: str) -> list[LogLine]:
    return [LogLine.parse({"log": log, "ts": ""}) for log in logs]


def whole(*logs: str) -> list[Line]:
    lines = WholeLines()
    return [line for part in parts(*logs) if (line := lines.add(part)) is not None]


def test_a_container_that_writes_a_little_is_copied_whole(time):
    assert written(excerpt(time), 500) == ["x"] * 500


def test_a_container_that_floods_its_log_is_cut_and_the_log_says_by_how_much(time):
    it = excerpt(time)
    copied = written(it, 100_000)

    assert set(copied) == {"x"}
    assert LINES_AT_ONCE * 0.99 <= len(copied) <= LINES_AT_ONCE
    left = 100_000 - len(copied)
    (notice,) = it.left_out()
    assert notice == (
        f"{left:,} lines ({left:,} characters) are left out here: "
        f"the container wrote more than a worker copies. {WHERE}."
    )
    assert list(it.left_out()) == []


def test_the_volume_is_bounded_like_the_number_of_lines(time):
    copied = written(excerpt(time), 10_000, "x" * LONGEST_LINE)

    assert sum(map(len, copied)) <= CHARACTERS_AT_ONCE + LONGEST_LINE


def test_copying_goes_on_where_the_container_calms_down_and_says_what_is_missing(time):
    it = excerpt(time)
    written(it, 2_000)
    time.now += SECONDS_TO_REFILL

    notice, line = it.of(Line(text="calm"))
    assert "lines" in notice
    assert line == "calm"
    assert written(it, 100) == ["x"] * 100


def test_a_steady_flood_is_told_of_in_blocks_and_not_line_by_line(time):
    it, said = excerpt(time), []
    for _ in range(3_600):  # an hour of a hundred lines a second
        said += written(it, 100)
        time.now += 1

    notices = [text for text in said if "left out" in text]
    assert len(said) < 25_000
    assert 10 < len(notices) < 200


def test_many_containers_share_what_one_worker_copies(time):
    shared = CopyAllowance(containers=CONTAINERS_AT_FULL_RATE, clock=time)
    copied = sum(len(written(excerpt(time, shared), LINES_AT_ONCE)) for _ in range(100))

    assert copied <= LINES_AT_ONCE * CONTAINERS_AT_FULL_RATE


def test_a_line_of_five_megabytes_is_one_line_cut_short(time):
    part = "x" * 16_000
    (line,) = whole(*[f"stdout P {part}"] * 320, "stdout F end")

    assert len(line.text) == LONGEST_LINE
    (said,) = excerpt(time).of(line)
    assert said.endswith(f"… ({320 * 16_000 + 3 - LONGEST_LINE:,} more characters: {WHERE})")


def test_the_parts_of_two_long_lines_are_not_mixed_up():
    lines = whole("stdout P a", "stderr P b", "stdout F A", "stderr F B", "stdout F c", "bare")

    assert [line.text for line in lines] == ["aA", "bB", "c", "bare"]
