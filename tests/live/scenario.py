"""The jobs and runs that many probes look at: started at once, so that the verification takes minutes.

Every job has the cheapest plan and a deadline; every program ends by itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from prefect_northflank.api.responses import LogLine

from tests.live.api import Json, LiveApi, NoCallsLeft, NotAllowed, Unavailable, Unexpected
from tests.live.cost import SECOND, SMALLEST
from tests.live.log_tail import Tail
from tests.live.names import RunNames

T = TypeVar("T")
IMAGE = "docker.io/library/python:3.12-slim"
DEADLINE_SECONDS = 300
PATIENCE_SECONDS = 420
_LEAST_PATIENCE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 5.0
_LOG_PATIENCE_SECONDS = 60

SHOWN = (
    "A",
    "B",
    "GROUP",
    "OWN",
    "TAGGED",
    "EXPANDED",
    "UNKNOWN",
    "HOSTNAME",
    "NF_PROJECT_ID",
    "NF_OBJECT_ID",
)
"""The variables that the program of the run `facts` shows."""

_PRINT_FACTS = (
    "python -c 'import json, os, sys; "
    f"print(json.dumps([sys.argv[1:], {{n: os.environ.get(n) for n in {json.dumps(SHOWN)}}}]))'"
    """ "a  b" $HOME '|' c"""
)
_UNTIL_SIGTERM = (
    "python -c 'import signal, sys, time; "
    'signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("got SIGTERM", flush=True))); '
    'print("ready", flush=True); time.sleep(240)\''
)
_SLEEP = "python -c 'import time; time.sleep(240)'"
_FAIL = "python -c 'raise SystemExit(3)'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run as its start was answered."""

    job: str
    id: str
    name: str
    at: float
    """By this process's clock."""

    @property
    def patience_seconds(self) -> float:
        """How long to wait for it from now on: it was started with others, for which the probes have waited, too."""
        return max(self.at + PATIENCE_SECONDS - time.monotonic(), _LEAST_PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted:
    """What was seen of a run that was aborted while its program ran."""

    active: Json
    """The run before the abort."""
    over: Json
    lines: tuple[str, ...]
    tail_ended: bool
    abort_status: int


@dataclass
class Scenario:
    """Creates what the probes look at, once, and waits for it where a probe needs that."""

    api: LiveApi
    names: RunNames
    runs: dict[str, Started] = field(default_factory=dict)
    problems: dict[str, Exception] = field(default_factory=dict)
    listed_at_once: bool | None = None
    _kept: dict[str, Any] = field(default_factory=dict)

    # -- what is created -----------------------------------------------------------------------------------

    def job_body(self, subject: str, command: str = "true", **fields: Any) -> Json:
        """Return the body of a job that executes *command* in a small public image."""
        return {
            "name": self.names.of(subject),
            "billing": {"deploymentPlan": SMALLEST},
            "deployment": {
                "external": {"imagePath": IMAGE},
                "docker": {"configType": "customCommand", "customCommand": command},
                "gracePeriodSeconds": 15,
            },
            "settings": {"backoffLimit": 0, "activeDeadlineSeconds": DEADLINE_SECONDS},
        } | fields

    def create(self, subject: str, command: str = "true", **fields: Any) -> str:
        """Create a job, and return its id."""
        return str(
            self.api.call("POST", "/jobs", self.job_body(subject, command, **fields)).data["id"]
        )

    def start(self, job: str, overrides: Json | None = None) -> Started:
        """Start a run of a job."""
        data = self.api.call("POST", f"/jobs/{job}/runs", overrides or {}).data
        return Started(
            job=job, id=str(data["id"]), name=str(data.get("runName", "")), at=time.monotonic()
        )

    @property
    def main(self) -> str:
        """The job of most runs."""
        return self._once("main", self._make_main)

    def _make_main(self) -> str:
        body = self.job_body("main", runtimeEnvironment={"A": "1", "B": "2", "OWN": "the job's"})
        body["deployment"]["metadata"] = {"labels": {"verify-live": "yes"}}
        return str(self.api.call("PUT", "/jobs", body).data["id"])

    def begin(self) -> None:
        """Start everything; what cannot be started fails the probes that ask for it, and nothing else."""
        for name, do in self._beginnings().items():
            try:
                self.runs[name] = do()
            except (Unexpected, KeyError, NoCallsLeft, httpx.HTTPError) as problem:  # noqa: PERF203  the request is what takes time
                self.problems[name] = problem

    def _beginnings(self) -> Mapping[str, Callable[[], Started]]:
        variables = {
            "B": "3",
            "EXPANDED": "[${A}]",
            "UNKNOWN": "[${NF_NO_SUCH_VARIABLE}]",
        }
        entrypoint = {
            "configType": "customEntrypointCustomCommand",
            "customEntrypoint": "sh -c",
            "customCommand": "'echo $0 | tr s S'",
        }
        return {
            "abort": lambda: self._start_on_main(_UNTIL_SIGTERM),
            "facts": lambda: self._start_with_groups(variables),
            "failure": lambda: self._start_on_main(_FAIL),
            "entrypoint": lambda: self.start(self.main, {"deployment": {"docker": entrypoint}}),
            "plan": lambda: self.start(self.main, {"billing": {"deploymentPlan": SECOND}}),
            "retry": lambda: self._start_alone("retry", _FAIL, backoffLimit=1),
            "deadline": lambda: self._start_alone("deadline", _SLEEP, activeDeadlineSeconds=5),
            "outside": lambda: self.start(self.create("outside", _PRINT_FACTS)),
        }

    def _start_on_main(self, command: str) -> Started:
        docker = {"configType": "customCommand", "customCommand": command}
        started = self.start(self.main, {"deployment": {"docker": docker}})
        if self.listed_at_once is None:
            listed = self.api.items(f"/jobs/{self.main}/runs", "runs")
            self.listed_at_once = started.id in {run["id"] for run in listed}
        return started

    def _start_with_groups(self, variables: Json) -> Started:
        """Start a run whose job inherits a group that names it; the run has variables of its own."""
        group = {
            "name": self.names.of("group"),
            "secretType": "environment",
            "priority": 10,
            "restrictions": {"restricted": True, "nfObjects": [{"id": self.main, "type": "job"}]},
            "secrets": {"variables": {"GROUP": "the group's", "OWN": "the group's"}},
        }
        self.api.call("POST", "/secrets", group).data  # noqa: B018  raises what the API refuses
        docker = {"configType": "customCommand", "customCommand": _PRINT_FACTS}
        overrides = {"runtimeEnvironment": variables, "deployment": {"docker": docker}}
        return self.start(self.main, overrides)

    def _start_alone(self, subject: str, command: str, **settings: Any) -> Started:
        limits = {"backoffLimit": 0, "activeDeadlineSeconds": DEADLINE_SECONDS} | settings
        return self.start(self.create(subject, command, settings=limits))

    # -- what came of it -----------------------------------------------------------------------------------

    def started(self, name: str) -> Started:
        """Return a run that `begin` has started.

        Raises:
            Unexpected: it could not be started; or whatever else has prevented that.
        """
        if name in self.runs:
            return self.runs[name]
        problem = self.problems.get(name)
        if isinstance(problem, (NotAllowed, Unavailable, NoCallsLeft, httpx.HTTPError)):
            raise problem
        raise Unexpected(f"the run `{name}` could not be started: {problem}")

    def ended(self, name: str) -> Json:
        """Wait for the end of a run that `begin` has started, and return it as the API shows it."""
        return self.concluded(self.started(name))

    def concluded(self, run: Started) -> Json:
        """Wait for the end of a run, and return it as the API shows it."""

        def wait() -> Json:
            what, seconds = f"run {run.name} is over", run.patience_seconds
            return until(lambda: self.run(run), _is_over, what, seconds=seconds)

        return self._once(f"end of {run.id}", wait)

    def _once(self, what: str, do: Callable[[], T]) -> T:
        """Return what *do* returned the first time, or fail as it failed then: nothing is waited for twice."""
        if what not in self._kept:
            try:
                self._kept[what] = do()
            except Unexpected as problem:
                self._kept[what] = problem
        kept = self._kept[what]
        if isinstance(kept, Unexpected):
            raise kept
        found: T = kept
        return found

    def run(self, run: Started) -> Json:
        """Return a run as the API shows it now."""
        found: Json = self.api.call("GET", f"/jobs/{run.job}/runs/{run.id}").data
        return found

    def raw_lines(self, run: Started, **query: Any) -> list[str]:
        """Return the lines of a run as the API shows them, oldest first; wait for the first one."""
        params = {"queryType": "range", "direction": "forward", "runId": run.id, **query}

        def look() -> list[str]:
            found = self.api.call("GET", f"/jobs/{run.job}/logs", params=params).data
            return [str(line["log"]) for line in found]

        return until(look, bool, f"run {run.name} has a log", seconds=_LOG_PATIENCE_SECONDS)

    def containers(self, run: Started) -> list[Json]:
        """Return the containers of a run."""
        answer = self.api.call("GET", f"/jobs/{run.job}/containers", params={"runId": run.id})
        return list(answer.data["containers"])

    @property
    def shown(self) -> tuple[list[str], Mapping[str, str | None]]:
        """The arguments and the variables of the run `facts`, as its program saw them."""
        return self._once("facts", lambda: self._shown("facts"))

    @property
    def shown_outside(self) -> tuple[list[str], Mapping[str, str | None]]:
        """The same of a job that no secret group admits."""
        return self._once("outside", lambda: self._shown("outside"))

    def _shown(self, name: str) -> tuple[list[str], Mapping[str, str | None]]:
        run = self.ended(name)
        if run["status"] != "SUCCESS":
            raise Unexpected(f"the program of the run `{name}` ended as {run['status']}")
        line = self.raw_lines(self.started(name))[0]
        try:
            arguments, variables = json.loads(text_of(line))
        except ValueError:
            raise Unexpected(f"the run `{name}` has the log line {line!r}") from None
        return arguments, variables

    @property
    def aborted(self) -> Aborted:
        """A run that was aborted while a log tail followed it."""
        return self._once("abort", self._abort)

    def _abort(self) -> Aborted:
        run = self.started("abort")
        with Tail(self.api, run.job, run.id) as tail:
            if not tail.wait_for("ready", seconds=run.patience_seconds):
                raise Unexpected(f"run {run.name} has written nothing; its tail said {tail.lines}")
            active = self.run(run)
            status = self.api.call("DELETE", f"/jobs/{run.job}/runs/{run.id}").status
            over = self.concluded(run)
            ended = tail.wait_for_end(seconds=10)
        lines = tuple(map(text_of, self.raw_lines(run)))
        return Aborted(active=active, over=over, lines=lines, tail_ended=ended, abort_status=status)


def text_of(log: str) -> str:
    """Return a log line as the worker reads it, without the container runtime's prefix."""
    return LogLine.parse({"log": log}).text


def until(
    look: Callable[[], T],
    good: Callable[[T], bool],
    what: str,
    *,
    seconds: float = PATIENCE_SECONDS,
) -> T:
    """Call *look*, less and less often, until its result is good.

    Raises:
        Unexpected: it was not, for so many *seconds*.
    """
    end = time.monotonic() + seconds
    pause = 0.2
    while not good(seen := look()):
        if time.monotonic() > end:
            raise Unexpected(
                f"waited {seconds:.0f} s in vain until {what}; the last answer: {seen}"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    return seen


def _is_over(run: Json) -> bool:
    return bool(run.get("concluded")) or run.get("status") in {"SUCCESS", "FAILED"}
