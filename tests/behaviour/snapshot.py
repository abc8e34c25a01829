"""What a Metaflow run left behind, as a value: read with the client, free of ids and times, comparable.

Tasks are known by their place in the graph (`work[1,0]`, `loop#3`), not by their ids; artifacts by
the hash of their content. Two runs of one flow are the same run if their snapshots are equal;
`differences` says in which points they are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaflow import Run, Task, metadata, namespace
from metaflow.exception import MetaflowNotFound

BY_VALUE = {
    "_control_mapper_tasks": "the pathspecs of a gang's tasks",
    "failure": "what @catch has stored in tests/flows: its traceback names the folder of the code",
}
"""Artifacts that name runs, tasks or folders: compared by value, with each of them translated to its place."""

OTHER_EACH_TIME = {
    "git-info": "whoever works on the project may commit between two runs",
    "attempt": "compared as `attempts`",
    "attempt_ok": "compared as `attempts`",
    "attempt-done": "compared as `is_finished`",
    "foreach-execution-path": "compared as the task's place",
}
"""Metadata that is not compared. Neither are our own fields, `prefect-…`, which Metaflow has not."""

_OWNER = ("user", "production")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSnapshot:
    """One task: `attempts` are (number, did it succeed), `parents` and `children` are places."""

    attempts: tuple[tuple[int, bool | None], ...]
    is_finished: bool
    is_successful: bool
    artifacts: Mapping[str, str]
    metadata: Mapping[str, str]
    foreach_stack: str
    parents: tuple[str, ...]
    children: tuple[str, ...]
    stdout: str
    stderr: str
    cards: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """A whole run."""

    is_finished: bool
    is_successful: bool
    tags: tuple[str, ...]
    system_tags: tuple[str, ...]
    has_end_task: bool
    parameters: Mapping[str, str]
    hooks: str
    tasks: Mapping[str, TaskSnapshot]


def read(root: Path, pathspec: str, *, with_values: bool = False) -> RunSnapshot:
    """Read the run `Flow/run` from the local datastore below *root*.

    With `with_values`, artifacts are shown by their value beside the hash: for messages, since two
    equal values may be shown differently.
    """
    metadata(f"local@{root}")
    namespace(None)
    run = Run(pathspec)
    tasks = {task.pathspec: task for step in run.steps() for task in step}
    places = _places(tasks.values())
    parameters = next(iter(run["_parameters"]))
    return RunSnapshot(
        is_finished=run.finished,
        is_successful=run.successful,
        tags=tuple(sorted(run.user_tags)),
        system_tags=tuple(sorted(tag for tag in run.system_tags if not tag.startswith("date:"))),
        has_end_task=run.end_task is not None,
        parameters=_artifacts(parameters, places, with_values=with_values),
        hooks=hooks(root, run.id),
        tasks={
            places[path]: _task(task, root, places, with_values=with_values)
            for path, task in sorted(tasks.items())
        },
    )


def _places(tasks: Any) -> dict[str, str]:
    """Give each task its place: step, foreach indices, turn in a recursive switch."""
    places: dict[str, str] = {}
    for task in sorted(tasks, key=lambda task: task.created_at):
        path = task.metadata_dict.get("foreach-execution-path") or ""
        indices = ",".join(frame.rpartition(":")[2] for frame in path.split(",") if frame)
        place = task.path_components[2] + (f"[{indices}]" if indices else "")
        turn = sum(other.partition("#")[0] == place for other in places.values())
        places[task.pathspec] = f"{place}#{turn}" if turn else place
    return places


def hooks(root: Path, run_id: str | None) -> str:
    """Return what the functions of @exit_hook have left in the file that is the run's (support/notices.py)."""
    file = root / f"hook-{run_id}"
    return file.read_text().replace(str(run_id), "<run>") if file.exists() else ""


def _cards(root: Path, task: Task) -> tuple[str, ...]:
    """Return the types of the task's cards, where Metaflow's `card` commands find them."""
    flow, run, step, name = task.path_components
    folder = root / ".metaflow/mf.cards" / flow / "runs" / run / "steps" / step / "tasks" / name
    return tuple(sorted(path.name.partition("-")[0] for path in folder.glob("cards/*.html")))


def _task(task: Task, root: Path, places: Mapping[str, str], *, with_values: bool) -> TaskSnapshot:
    return TaskSnapshot(
        attempts=_attempts(task),
        is_finished=task.finished,
        is_successful=task.successful,
        artifacts=_artifacts(task, places, with_values=with_values),
        metadata=_metadata(task),
        foreach_stack=_foreach_stack(task),
        parents=_relatives(task, lambda task: task.parent_task_pathspecs, places),
        children=_relatives(task, lambda task: task.child_task_pathspecs, places),
        stdout=_without_ids(task.stdout, places),
        stderr=_without_ids(task.stderr, places),
        cards=_cards(root, task),
    )


def _attempts(task: Task) -> tuple[tuple[int, bool | None], ...]:
    """Return the attempts in Metaflow's metadata; None if one never said how it ended."""
    outcome: dict[int, bool | None] = {}
    for entry in task._metaflow.metadata.get_object(  # noqa: SLF001  the client drops the tags of entries
        "task", "metadata", None, None, *task.path_components
    ):
        if entry["field_name"] == "attempt":
            outcome.setdefault(int(entry["value"]), None)
        if entry["field_name"] == "attempt_ok":
            (tag,) = (tag for tag in entry["tags"] if tag.startswith("attempt_id:"))
            outcome[int(tag.partition(":")[2])] = entry["value"] == "True"
    return tuple(sorted(outcome.items()))


def _metadata(task: Task) -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(task.metadata_dict.items())
        if name not in OTHER_EACH_TIME and not name.startswith("prefect-")
        # An entry of @card is named by the card's own random id.
        if not str(value).startswith('{"card_uuid"')
    }


def _artifacts(task: Task, places: Mapping[str, str], *, with_values: bool) -> dict[str, str]:
    shown: dict[str, str] = {}
    for artifact in task:
        if artifact.id in BY_VALUE:
            shown[artifact.id] = _without_ids(repr(artifact.data), places)
        else:
            shown[artifact.id] = artifact.sha + (_value(artifact) if with_values else "")
    return shown


def _value(artifact: Any) -> str:
    try:
        return f" {artifact.data!r}"[:400]
    except Exception as error:  # noqa: BLE001  a value of the flow's own class cannot be loaded here: only its hash is shown
        return f" ({type(error).__name__})"


def _foreach_stack(task: Task) -> str:
    if "_foreach_stack" not in task:
        return ""
    return repr([tuple(frame) for frame in task["_foreach_stack"].data])


def _relatives(
    task: Task, relatives: Callable[[Task], Iterable[str]], places: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the places of the tasks whose pathspecs the client gives."""
    if "_graph_info" not in task:
        return ()
    return tuple(sorted(places.get(path, path) for path in relatives(task)))


def _without_ids(text: str, places: Mapping[str, str]) -> str:
    """Put places where pathspecs are, and leave out what is never the same twice."""
    run = next(iter(places), "//").split("/")[1]
    pathspec = re.compile(rf"{re.escape(run)}/\w+/[\w-]+")
    flow = next(iter(places), "").partition("/")[0]
    text = pathspec.sub(lambda found: f"<{places.get(f'{flow}/{found[0]}', found[0])}>", text)
    # The folder of the flow's code: a copy for Metaflow's own run, unpacked for a run of a deployment.
    # Looked for from where a word begins, else a line of a megabyte takes minutes.
    text = re.sub(
        r"(?<![^\s\"'])[^\s\"']*/(?:flows|metaflow-prefect-\w+/code)(?=/)", "<code>", text
    )
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "<time>", text)
    return re.sub(r"0x[0-9a-f]{6,}", "0x", text)


def without_owner(run: RunSnapshot) -> RunSnapshot:
    """Leave out whose a run is: that of a deployment is its production token's, as under Metaflow's other orchestrators."""
    return replace(
        run,
        system_tags=tuple(tag for tag in run.system_tags if tag.partition(":")[0] not in _OWNER),
        tasks={
            place: replace(
                task, metadata={k: v for k, v in task.metadata.items() if k not in _OWNER}
            )
            for place, task in run.tasks.items()
        },
    )


def differences(ours: RunSnapshot, theirs: RunSnapshot) -> list[str]:
    """Name every point in which two snapshots differ, one line each: what, ours, Metaflow's."""
    return list(_differences("run", _flat(ours), _flat(theirs)))


def _flat(value: Any) -> Any:
    if isinstance(value, (RunSnapshot, TaskSnapshot)):
        return {name: _flat(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, Mapping):
        return {name: _flat(entry) for name, entry in value.items()}
    return value


def _differences(where: str, ours: Any, theirs: Any) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            if name not in ours:
                yield f"{where}.{name}: only under Metaflow: {_short(theirs[name])}"
            elif name not in theirs:
                yield f"{where}.{name}: only ours: {_short(ours[name])}"
            else:
                yield from _differences(f"{where}.{name}", ours[name], theirs[name])
    elif ours != theirs:
        yield f"{where}:\n    ours:       {_short(ours)}\n    Metaflow's: {_short(theirs)}"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(value) + "}"
    text = repr(value)
    return text if len(text) <= 1500 else f"{text[:700]} … {text[-700:]} ({len(text)} characters)"


def exists(root: Path, pathspec: str) -> bool:
    """Say whether Metaflow knows the run."""
    metadata(f"local@{root}")
    namespace(None)
    try:
        Run(pathspec)
    except MetaflowNotFound:
        return False
    return True
