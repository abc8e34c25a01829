"""What appears above the picture of a run in a terminal."""

from __future__ import annotations

import importlib.util
import logging

import pytest

from metaflow_prefect.errors import StaleGeneratedFile, StepFailed
from metaflow_prefect.runtime.progress import prefect_log_filter, terminal


class Paper:
    """A screen that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, where: str, text: str, moment: float, *, is_warning: bool = False) -> None:
        assert moment > 0
        self.lines.append(("!" if is_warning else "") + f"{where} {text}".strip())


def shown(
    message: str, *told: object, path: str, task: str = "", level: int = logging.INFO
) -> list[str]:
    """Return what is shown of one record that the code at *path* has logged."""
    record = logging.LogRecord("prefect.task_runs", level, path, 1, message, told, None)
    record.task_run_name = task
    prefect_log_filter.shorten(record)
    paper = Paper()
    terminal.LogAboveProgress(paper).emit(record)
    return paper.lines


@pytest.fixture
def prefects() -> str:
    """Return the path of Prefect's task engine, without importing it.

    Before Python 3.13, what Metaflow's own copy of typing_extensions leaves in `typing` can make that import fail in a
    process that has loaded Metaflow's Runner.
    """
    spec = importlib.util.find_spec("prefect.task_engine")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def test_lines_of_steps_are_shown_with_their_task():
    assert shown("epoch %s", 1, path="/runtime/engine.py", task="train[3]") == ["train[3] epoch 1"]


def test_what_prefect_says_is_shown_from_warnings_on_the_rest_is_in_the_picture(prefects):
    assert shown("Finished in state Completed()", path=prefects, task="train[3]") == []
    assert shown("Slow", path=prefects, level=logging.WARNING) == ["!Slow"]


def test_a_failed_attempt_is_one_line_its_own_error_is_above(prefects):
    error = StepFailed("Step train failed.\n  ten lines of it")
    again = "Task run failed with exception: %r - Retry %s/%s will start immediately"

    assert shown(again, error, 1, 2, path=prefects, task="train[3]") == [
        "!train[3] failed; it is tried again"
    ]
    assert shown("Finished: %r", error, path=prefects, task="train[3]") == ["!train[3] failed"]
    assert shown("Finished: %r", error, path=prefects) == []
    ended = "Finished in state Failed('Task run encountered an exception StepFailed: ten lines')"
    assert shown(ended, path=prefects, task="train[3]", level=logging.ERROR) == []


def test_a_retry_that_is_put_off_is_told_by_our_line_only_which_says_when(prefects):
    error = StepFailed("Step train failed.\n  ten lines of it")
    later = "Task run failed with exception: %r - Retry %s/%s will start %s"

    assert shown(later, error, 1, 2, "60 second(s) from now", path=prefects, task="train[3]") == []
    assert shown(later, error, 1, 2, "immediately", path=prefects, task="train[3]") == [
        "!train[3] failed; it is tried again"
    ]


def test_in_a_plain_log_a_failure_has_no_traceback_of_ours_and_its_lines_once():
    error = StepFailed("Step train failed.\n  ten lines of it")
    raised = (StepFailed, error, None)

    def logged(name: str, message: str, *told: object) -> str:
        record = logging.LogRecord(name, logging.ERROR, "", 1, message, told, raised)
        prefect_log_filter.shorten(record)
        return logging.Formatter().format(record)

    assert logged("prefect.task_runs", "Task run failed: %r - Retries are exhausted", error) == (
        "Task run failed: Step train failed. - Retries are exhausted"
    )
    assert logged("prefect.task_runs", f"failed: {error!r} - Retries are exhausted") == (
        "failed: Step train failed. - Retries are exhausted"
    )
    assert logged("prefect.flow_runs", "Encountered: %r", error) == f"Encountered: {error}"


@pytest.mark.parametrize(
    ("number", "told"), [(1, "Retry 1/2"), (2, "Retry 2/2"), (3, "@catch's fallback")]
)
def test_retries_are_counted_as_metaflow_counts_them_and_no_line_announces_nothing(number, told):
    error = StepFailed("Step train failed.", output="  ValueError: no", user_retries=2)
    record = logging.LogRecord(
        "prefect.task_runs", logging.INFO, "", 1,
        "Task run failed with %s: %r - Retry %s/%s will start %s",
        ("exception", error, number, 5, "immediately"), None,
    )  # fmt: skip
    prefect_log_filter.shorten(record)

    assert record.getMessage() == (
        f"Task run failed with exception: Step train failed. - {told} will start immediately"
    )


def test_in_a_plain_log_a_refusal_of_ours_has_no_traceback_and_is_told_once():
    error = StaleGeneratedFile("flow.py has changed.", fix="compile it again")

    def logged(message: str, *told: object, raised: object = None) -> str:
        record = logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 1, message, told, raised)
        prefect_log_filter.shorten(record)
        return logging.Formatter().format(record)

    assert logged(f"Encountered: {error!r}", raised=(type(error), error, None)) == (
        "Encountered: flow.py has changed.\nFix: compile it again"
    )
    ended = f"Finished in state Failed('Flow run encountered an exception: StaleGeneratedFile: {error}')"
    assert logged(ended) == "Finished in state Failed()"
    assert logged(others := ended.replace("Stale", "Somebodys")) == others


def test_other_errors_are_logged_as_prefect_logs_them():
    record = logging.LogRecord(
        "prefect.task_runs", logging.ERROR, "", 1, "no: %r", (ValueError("x"),), None
    )
    prefect_log_filter.shorten(record)

    assert record.getMessage() == "no: ValueError('x')"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_a_terminal_or_where_it_may_not_be_drawn_on_nothing_is(monkeypatch, name, value):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.is_wanted()

    monkeypatch.setenv(name, value)
    assert not terminal.is_wanted()


def test_where_standard_error_is_a_file_nothing_is_drawn(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    assert not terminal.is_wanted()
