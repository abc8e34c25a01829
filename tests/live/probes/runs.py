"""Probes of job runs: starts and their overrides, statuses, containers, aborts."""

from __future__ import annotations

from prefect_northflank.api.responses import ContainerStatus, moment

from tests.live.api import Json
from tests.live.facts import Verdict, judged, not_tried
from tests.live.probe import Probe, Session, choice, inference
from tests.live.scenario import text_of

_WORDS = {it.value for it in ContainerStatus}


def _start_answer(session: Session) -> Verdict:
    run = session.scenario.started("facts")
    return judged(bool(run.id and run.name), f"id `{run.id}`, runName `{run.name}`")


def _listed_at_once(session: Session) -> Verdict:
    session.scenario.started("abort")
    listed = bool(session.scenario.listed_at_once)
    return judged(listed, f"the next request lists it{'' if listed else ' not'}")


def _statuses(session: Session) -> Verdict:
    success, failure = (session.scenario.ended(it) for it in ("facts", "failure"))
    seen = f"exit code 0: {_shown(success)}; exit code 3: {_shown(failure)}"
    is_so = (success["status"], failure["status"]) == ("SUCCESS", "FAILED")
    return judged(is_so and success["concluded"] is failure["concluded"] is True, seen)


def _shown(run: Json) -> str:
    return f"status `{run.get('status')}`, concluded `{str(run.get('concluded')).lower()}`"


def _times(session: Session) -> Verdict:
    run = session.scenario.ended("facts")
    begun, over = str(run.get("startedAt")), str(run.get("concludedAt"))
    seen = f"startedAt `{begun}`, concludedAt `{over}`"
    return judged(moment("startedAt", begun) <= moment("concludedAt", over), seen)


def _overrides(session: Session) -> Verdict:
    _, variables = session.scenario.shown
    seen = f"A={variables['A']} of the job, B={variables['B']} of the start"
    return judged((variables["A"], variables["B"]) == ("1", "3"), seen)


def _plan(session: Session) -> Verdict:
    run = session.scenario.ended("plan")
    return judged(run["status"] == "SUCCESS", f"a run with another plan: {_shown(run)}")


def _exec_form(session: Session) -> Verdict:
    arguments, _ = session.scenario.shown
    return judged(arguments == ["a  b", "$HOME", "|", "c"], f"the program got {arguments}")


def _entrypoint(session: Session) -> Verdict:
    session.scenario.ended("entrypoint")
    lines = session.scenario.raw_lines(session.scenario.started("entrypoint"))
    return judged(text_of(lines[0]) == "Sh", f"it printed `{text_of(lines[0])}`")


def _parallel(session: Session) -> Verdict:
    """One run goes on until it is aborted; the others have ended before that."""
    session.scenario.ended("facts")
    first = session.scenario.aborted.active
    return judged(not first.get("concluded"), f"meanwhile the first run was: {_shown(first)}")


def _aborted_run(session: Session) -> Verdict:
    over = session.scenario.aborted.over
    return judged(over["status"] == "FAILED" and over["concluded"] is True, _shown(over))


def _abort_concludes(session: Session) -> Verdict:
    aborted = session.scenario.aborted
    seen = f"the abort was answered with {aborted.abort_status}; then {_shown(aborted.over)}"
    return judged(aborted.over.get("concluded") is True, seen)


def _sigterm(session: Session) -> Verdict:
    lines = session.scenario.aborted.lines
    return judged("got SIGTERM" in lines, f"the program wrote {' / '.join(lines)}")


def _active_concluded_at(session: Session) -> Verdict:
    active = session.scenario.aborted.active
    if active.get("concluded"):
        return not_tried("the run was over before it could be looked at")
    shown = f"`{active['concludedAt']}`" if "concludedAt" in active else "absent"
    return judged("concludedAt" not in active, f"it is {shown}")


def _late_abort(session: Session) -> Verdict:
    run, before = session.scenario.started("failure"), session.scenario.ended("failure")
    answer = session.api.call("DELETE", f"/jobs/{run.job}/runs/{run.id}")
    after = session.scenario.run(run)
    seen = f"{answer}; then {_shown(after)}"
    return judged(answer.status == 200 and after["status"] == before["status"], seen)


def _retries(session: Session) -> Verdict:
    session.scenario.ended("retry")
    words = [it["status"] for it in session.scenario.containers(session.scenario.started("retry"))]
    return judged(words == ["TASK_FAILED"] * 2, f"containers: {', '.join(words)}")


def _deadline(session: Session) -> Verdict:
    run = session.scenario.ended("deadline")
    return judged(run["status"] == "FAILED", _shown(run))


def _container_name(session: Session) -> Verdict:
    run = session.scenario.started("facts")
    _, variables = session.scenario.shown
    names = [it["name"] for it in session.scenario.containers(run)]
    host = str(variables["HOSTNAME"])
    seen = f"run `{run.name}`, container {', '.join(names)}, HOSTNAME `{host}`"
    return judged(host in names and host.startswith(run.name), seen)


def _container_words(session: Session) -> Verdict:
    found = {
        it["status"]
        for name in ("facts", "failure", "retry", "deadline")
        if session.scenario.ended(name)
        for it in session.scenario.containers(session.scenario.started(name))
    }
    return judged(found <= _WORDS and bool(found), f"seen: {', '.join(sorted(found))}")


def _platform_variables(session: Session) -> Verdict:
    _, variables = session.scenario.shown
    found = {name: variables[name] for name in ("NF_PROJECT_ID", "NF_OBJECT_ID")}
    wanted = {"NF_PROJECT_ID": session.api.project.id, "NF_OBJECT_ID": session.scenario.main}
    return judged(found == wanted, ", ".join(f"{name}={it}" for name, it in found.items()))


def _expanded(session: Session) -> Verdict:
    _, variables = session.scenario.shown
    return judged(variables["EXPANDED"] == "[1]", f"`[${{A}}]` became `{variables['EXPANDED']}`")


def _unknown_variable(session: Session) -> Verdict:
    _, variables = session.scenario.shown
    is_so = variables["UNKNOWN"] == "[${NF_NO_SUCH_VARIABLE}]"
    return judged(is_so, f"`[${{NF_NO_SUCH_VARIABLE}}]` became `{variables['UNKNOWN']}`")


def _run_order(session: Session) -> Verdict:
    scenario = session.scenario
    ours = [it.id for it in scenario.runs.values() if it.job == scenario.main]
    listed = [it["id"] for it in session.api.items(f"/jobs/{scenario.main}/runs", "runs")]
    shown = [it for it in listed if it in ours]
    order = (
        "newest first" if shown == ours[::-1] else "oldest first" if shown == ours else "neither"
    )
    return judged(order == "newest first", f"{len(shown)} runs: {order}")


def _page_count(session: Session) -> Verdict:
    path = f"/jobs/{session.scenario.main}/runs"
    answer = session.api.call("GET", path, params={"per_page": 2})
    shown, count = len(answer.data["runs"]), answer.document["pagination"]["count"]
    return judged(count == shown == 2, f"a page of {shown} runs has `count` {count}")


def _pages(session: Session) -> Verdict:
    path = f"/jobs/{session.scenario.main}/runs"
    first = session.api.call("GET", path, params={"per_page": 2}).document
    whole = session.api.call("GET", path, params={"per_page": 100}).document
    cursor = first["pagination"].get("cursor")
    second = session.api.call("GET", path, params={"per_page": 2, "cursor": cursor}).data["runs"]
    expected = [it["id"] for it in whole["data"]["runs"][2:4]]
    is_followed = [it["id"] for it in second] == expected
    is_so = bool(cursor) and is_followed and not whole["pagination"].get("hasNextPage")
    rest = "with" if whole["pagination"].get("cursor") else "without"
    seen = f"the cursor leads {'on' if is_followed else 'elsewhere'}; the last page is {rest} one"
    return judged(is_so, seen)


PROBES: tuple[Probe, ...] = (
    inference(
        "start-answer", "a start is answered with the run's `id` and `runName`", _start_answer,
        relied_on="Prefect records the id",
    ),
    inference(
        "listed-at-once", "a run is in the list as soon as its start was answered", _listed_at_once,
        relied_on="a start whose answer was lost is looked for in the list",
    ),
    inference(
        "run-statuses", "exit code 0 is `SUCCESS`, any other `FAILED`, both concluded", _statuses,
        relied_on="the monitor sees by them that a run is over",
    ),
    inference(
        "run-times", "`startedAt` and `concludedAt` are ISO 8601 times", _times,
        relied_on="runs are told apart by their times, and their cost is computed",
    ),
    inference(
        "start-overrides", "a start overrides command and single variables of its job", _overrides,
        relied_on="all flow runs of a pool share a job",
    ),
    inference(
        "start-plan", "a start may name another plan", _plan,
        relied_on="flow runs of any size share a job",
    ),
    inference(
        "command-words", "a command is split into words as by a shell, and executed without one", _exec_form,
        relied_on="commands are quoted for that",
    ),
    inference(
        "entrypoint", "an entrypoint replaces the image's", _entrypoint,
        relied_on="the claim gate starts as `sh -c`",
    ),
    inference(
        "container-name", "a container is called as its `HOSTNAME`, which begins with the `runName`", _container_name,
        relied_on="by it the worker knows which job run executes a flow run",
    ),
    inference(
        "container-statuses", "containers have the documented statuses only", _container_words,
        relied_on="others are errors",
    ),
    inference("platform-variables", "containers have `NF_PROJECT_ID` and `NF_OBJECT_ID`", _platform_variables),
    inference("expansion", "`${NAME}` in a value becomes the variable's value", _expanded),
    inference("retries", "`backoffLimit` 1 makes two containers, both `TASK_FAILED`", _retries),
    inference(
        "deadline", "a run past `activeDeadlineSeconds` ends as `FAILED`", _deadline,
        relied_on="time-outs of flow runs",
    ),
    inference(
        "parallel-runs", "runs of one job run side by side", _parallel,
        relied_on="all flow runs of a pool share a job",
    ),
    inference(
        "abort-concludes", "an aborted run is `concluded`", _abort_concludes,
        relied_on="otherwise cancelled flow runs would wait for ever",
    ),
    inference(
        "sigterm", "an aborted container gets SIGTERM", _sigterm,
        relied_on="flow runs whose container is stopped go back to their work pool",
    ),
    choice("aborted-run", _aborted_run),
    choice("active-concluded-at", _active_concluded_at),
    choice("late-abort", _late_abort),
    choice("unknown-variable", _unknown_variable),
    choice("run-order", _run_order),
    choice("page-count", _page_count),
    inference(
        "pages", "a page names a `cursor` if there is another; the last names none", _pages,
        relied_on="lists are read to their end",
    ),
)  # fmt: skip
