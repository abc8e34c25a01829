"""How far a run is: counted from events, drawn for a terminal and for Prefect's page."""

from __future__ import annotations

import dataclasses
import io
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from metaflow_prefect.runtime.flow.graph import End, Foreach, Next, Split, Step, Switch
from metaflow_prefect.runtime.progress import graph_layout, graph_svg, model, terminal_table
from metaflow_prefect.runtime.progress.current_progress import CurrentProgress
from metaflow_prefect.runtime.progress.model import Change, ProgressEvent, State, StepProgress
from metaflow_prefect.runtime.progress.run_artifact import chart, progress_of


@dataclasses.dataclass(frozen=True)
class Task:
    name: str
    retries: int = 0
    timeout_seconds: float | None = None


STEPS = (
    Step(Task("start"), Split("clean", "fan")),
    Step(Task("clean"), Next("both")),
    Step(Task("fan"), Foreach("train", over="settings")),
    Step(Task("train"), Next("choose")),
    Step(Task("choose"), Next("both"), joins="fan"),
    Step(Task("both"), Next("loop"), joins="start"),
    Step(Task("loop"), Switch({"again": "loop", "out": "end"}, on="verdict")),
    Step(Task("end"), End()),
)


def run(*events: tuple[str, Change, float]) -> model.Progress:
    """Return the progress of a run that began at 0 after *events*."""
    now = model.begin("DemoFlow", "prefect-1", STEPS, 0.0)
    for step, change, moment in events:
        now = now.after(ProgressEvent(step=step, change=change, moment=moment))
    return now


def test_a_step_says_when_its_next_task_is_tried_again():
    now = model.begin("DemoFlow", "prefect-1", STEPS, 0.0)
    for change, moment, again in (
        (Change.QUEUED, 0, None), (Change.QUEUED, 0, None), (Change.STARTED, 1, None), (Change.STARTED, 1, None),
        (Change.RETRYING, 10, 130), (Change.RETRYING, 5, 125), (Change.STARTED, 125, None),
    ):  # fmt: skip
        now = now.after(ProgressEvent(step="train", change=change, moment=moment, again=again))

    (waiting,) = (item for item in now.steps if item.name == "train")
    assert waiting.pause(127.5) == 2.5
    assert model.loads(model.dumps(now)) == now
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table.progress_table(now, terminal_table.View(now=127.5)))
    assert "1 running, 2 retried, again in 3.0s" in console.export_text()


def step(of: model.Progress, name: str) -> StepProgress:
    return next(item for item in of.steps if item.name == name)


def a_run_under_way() -> model.Progress:
    return run(
        ("start", Change.QUEUED, 0),
        ("start", Change.STARTED, 1),
        ("start", Change.DONE, 2),
        ("fan", Change.QUEUED, 2),
        ("clean", Change.QUEUED, 2),
        ("clean", Change.STARTED, 2),
        ("fan", Change.STARTED, 2),
        ("fan", Change.DONE, 3),
        *[("train", Change.QUEUED, 3)] * 30,
        *[("train", Change.STARTED, 4)] * 5,
        ("train", Change.RETRYING, 5),
        ("train", Change.DONE, 6),
        ("train", Change.FAILED, 7),
    )


def a_run_that_goes_well() -> model.Progress:
    """One without a failure, for the picture that a newcomer sees first."""
    return run(
        ("start", Change.QUEUED, 0),
        ("start", Change.STARTED, 1),
        ("start", Change.DONE, 2),
        ("fan", Change.QUEUED, 2),
        ("clean", Change.QUEUED, 2),
        ("clean", Change.STARTED, 2),
        ("fan", Change.STARTED, 2),
        ("fan", Change.DONE, 3),
        ("clean", Change.DONE, 5),
        *[("train", Change.QUEUED, 3)] * 30,
        *[("train", Change.STARTED, 4)] * 21,
        *[("train", Change.DONE, 6)] * 17,
    )


def test_a_step_counts_what_its_tasks_do():
    train = step(a_run_under_way(), "train")

    assert (train.waiting, train.running, train.done, train.failed) == (26, 2, 1, 1)
    assert (train.retried, train.total, train.state) == (1, 30, State.FAILED)


def test_a_step_ends_with_its_last_task():
    over = run(
        ("start", Change.QUEUED, 0), ("start", Change.STARTED, 1), ("start", Change.REUSED, 4)
    )

    assert step(over, "start").seconds(now=100.0) == 3.0
    assert step(over, "start").reused == 1
    assert step(a_run_under_way(), "clean").seconds(now=12.0) == 10.0


def test_a_retried_task_that_has_begun_again_goes_on_from_its_first_moment():
    retried = run(
        ("start", Change.QUEUED, 0),
        ("start", Change.STARTED, 1),
        ("start", Change.RETRYING, 2),
        ("start", Change.STARTED, 3),
        ("start", Change.DONE, 5),
    )

    assert (step(retried, "start").began, step(retried, "start").ended) == (1, 5)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([s.name for s in STEPS]), st.sampled_from(Change), st.integers(0, 9)
        ),
        max_size=40,
    )
)
def test_whatever_is_told_no_count_is_ever_negative_and_the_json_says_the_same(events):
    now = run(*events)

    for item in now.steps:
        assert min(item.waiting, item.running, item.done, item.failed) >= 0
    assert model.loads(model.dumps(now)) == now


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": [{"title": 1}], "state": "done"}'])
def test_progress_that_another_version_has_written_is_none(text):
    assert model.loads(text) is None


def test_only_the_steps_that_a_foreach_leads_to_have_a_bar():
    assert [item.name for item in run().steps if item.is_foreach] == ["train"]


def shown(of: model.Progress, *, columns: int = 80, encoding: str = "utf-8", **view) -> str:
    """Return what a terminal without colours shows."""
    console = Console(width=columns, force_terminal=False, color_system=None, record=True)
    signs = terminal_table.signs(encoding)
    with console.capture() as captured:
        console.print(
            terminal_table.progress_table(of, terminal_table.View(now=10.0, signs=signs, **view))
        )
    return captured.get()


@pytest.mark.golden
def test_the_picture_of_a_run_fits_into_80_columns(golden, tmp_path):
    from pathlib import Path

    text = shown(a_run_under_way(), link="http://127.0.0.1:4200/runs/flow-run/1")

    assert max(map(len, text.splitlines())) <= 80
    golden(Path(__file__).with_name("picture_of_a_run.txt"), text)


_NO_BAR = str.maketrans("━╺╸", "   ")


def test_a_terminal_with_colours_shows_the_same_text(request):
    """`make screenshots` keeps this one."""
    import io
    from pathlib import Path

    console = Console(width=80, record=True, force_terminal=True, file=io.StringIO())
    view = terminal_table.View(
        now=10.0, link="http://127.0.0.1:4200/runs/flow-run/6bb95314-3394-4e6a"
    )
    console.print(terminal_table.progress_table(a_run_that_goes_well(), view))
    text = console.export_text(clear=False)

    # With colours the part of a bar that is to come is drawn too.
    plain = shown(a_run_that_goes_well(), link=view.link)
    assert text.translate(_NO_BAR) == plain.translate(_NO_BAR)
    if request.config.getoption("--screenshots"):
        docs = Path(__file__).parents[3] / "docs"
        console.save_svg(str(docs / "screenshots" / "terminal.svg"), title="prefect run")


def test_a_terminal_without_such_characters_gets_plain_ones():
    assert shown(a_run_under_way(), encoding="ascii").splitlines()[0].startswith("> DemoFlow")


def test_where_not_all_steps_fit_those_that_go_on_are_shown():
    lines = shown(a_run_under_way(), room=3).splitlines()

    assert [line.split()[1] for line in lines[2:5]] == ["clean", "fan", "train"]
    assert "1 done" in lines[1]
    assert "4 more to come" in lines[-1]


def test_nothing_runs_any_more_in_a_run_that_is_over():
    over = a_run_under_way().finished(State.FAILED, 9.0)

    assert step(over, "clean").shown_state(over.state) is State.WAITING
    assert step(over, "train").shown_state(over.state) is State.FAILED


def test_no_two_steps_are_drawn_at_the_same_place_and_edges_lead_down():
    placed = graph_layout.layout(STEPS)

    assert len(set(placed.places.values())) == len(STEPS)
    for edge in graph_layout.edges(STEPS):
        if edge.source != edge.target:
            assert placed.places[edge.source][1] < placed.places[edge.target][1]


def test_an_edge_over_several_rows_passes_beside_the_steps_between():
    placed = graph_layout.layout(STEPS)
    way = next(way for edge, way in placed.ways.items() if edge.source == "clean")

    assert len(way) == 4
    for point in way[1:-1]:
        others = [x for x, row in placed.places.values() if row == point[1]]
        assert all(abs(point[0] - x) >= 0.6 for x in others)


def test_the_drawing_is_an_image_with_every_step_and_edge():
    svg = ET.fromstring(graph_svg.draw(STEPS, a_run_under_way(), 10.0))  # noqa: S314  our own
    space = "{http://www.w3.org/2000/svg}"

    names = {text.text for text in svg.iter(f"{space}text") if text.get("class") == "n"}
    paths = [path for path in svg.iter(f"{space}path") if path.get("class") == "e"]
    assert names == {item.name for item in STEPS}
    assert len(paths) == len(graph_layout.edges(STEPS))


def test_those_who_watch_read_the_progress_in_the_artifact_again():
    named = dataclasses.replace(a_run_under_way(), flow="Odd-->Flow")

    assert progress_of(chart(STEPS, {"start": "Read | write."}, named, 10.0)) == named


def test_the_chart_of_a_failed_run_has_its_first_error_in_a_block_that_the_error_cannot_end():
    error = "Step train failed.\n  File flow.py, line 3\n````\n-->"
    failed = a_run_under_way().finished(State.FAILED, 8.0, error)

    shown = chart(STEPS, {}, failed, 10.0)

    before, _, rest = shown.partition("```````text\n")
    assert (rest.partition("\n```````\n")[0], "failed" in before) == (error, True)
    assert progress_of(shown) == failed
    assert progress_of("### another artifact") is None


def test_a_board_knows_nothing_before_the_run_and_all_of_it_after():
    current = CurrentProgress()
    current.record("start", Change.QUEUED)
    assert current.value is None

    current.begin("DemoFlow", "prefect-1", STEPS)
    current.record("start", Change.QUEUED)
    current.finish(State.DONE)

    assert current.value is not None
    assert (current.value.state, step(current.value, "start").waiting) == (State.DONE, 1)
