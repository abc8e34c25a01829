"""Probes of logs and metrics."""

from __future__ import annotations

from tests.live.facts import Verdict, judged, not_tried
from tests.live.probe import Probe, Session, choice, inference, untried_choice
from tests.live.scenario import text_of


def _log_prefix(session: Session) -> Verdict:
    line = session.scenario.raw_lines(session.scenario.started("abort"))[0]
    return judged(line.startswith("stdout F "), f"a line is `{line[:60]}`")


def _readable(session: Session) -> Verdict:
    session.scenario.ended("facts")
    line = session.scenario.raw_lines(session.scenario.started("facts"))[0]
    return judged(
        text_of(line).startswith("[["), f"without the prefix a line is `{text_of(line)[:60]}`"
    )


def _last_lines(session: Session) -> Verdict:
    assert session.scenario.aborted
    run = session.scenario.started("abort")
    last = session.scenario.raw_lines(run, direction="backward", lineLimit=1, type="runtime")
    return judged([text_of(it) for it in last] == ["got SIGTERM"], f"the last one is {last}")


def _tail_end(session: Session) -> Verdict:
    ended = session.scenario.aborted.tail_ended
    return judged(ended, f"10 s after the run was over, it was {'over' if ended else 'open'}")


def _metrics(session: Session) -> Verdict:
    over = session.scenario.aborted.over
    run = session.scenario.started("abort")
    params = {
        "queryType": "range",
        "metricTypes": ["cpu", "memory"],
        "runId": run.id,
        "startTime": over["startedAt"],
        "endTime": over["concludedAt"],
    }
    memory = session.api.call("GET", f"/jobs/{run.job}/metrics", params=params).data["memory"]
    unit = memory["metricInfo"]["metricUnit"]
    points = [point["value"] for it in memory["values"] for point in it["data"]]
    if not points:
        return not_tried("nothing was measured in the few seconds that the container lived")
    seen = f"unit `{unit}`, peak {max(points):g}"
    return judged(unit.lower() == "mb" and 1 < max(points) < 256, seen)


PROBES: tuple[Probe, ...] = (
    inference(
        "log-lines", "a line is readable after one of the two documented prefixes", _readable,
        relied_on="a container's output is copied to its flow run's log",
    ),
    choice("log-prefix", _log_prefix),
    inference(
        "last-lines", "`direction=backward` with `lineLimit` gives the last lines of a run", _last_lines,
        relied_on="the last lines of a crashed run go to its log",
    ),
    choice("tail-end", _tail_end),
    inference(
        "metrics-unit", "memory is measured in units of 1,000,000 bytes, called `mb`", _metrics,
        relied_on="messages about memory name the peak",
    ),
    untried_choice("log-range", "it takes a line that is older than 30 minutes"),
)  # fmt: skip
