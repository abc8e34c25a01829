"""Workers killed at random moments while flow runs go on: nothing lost, nothing twice, nothing left.

python -m tests.stack.worker.soak --runs 100 --kills 50 --workers 2 --faults 0.2 --proxy 0.1

Prefect's server is on PostgreSQL unless --sqlite is given; containers are light ones (light_container.py) unless --real is.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from northflank_emulator import Emulator
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.settings import Settings

from metaflow_prefect.headless.settings.database_address import sqlite
from tests.stack.worker.proxy import Answer, Deed, Proxy, Request, Rule, every

T = TypeVar("T")
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
BETWEEN_KILLS_SECONDS = (1.0, 12.0)
"""A worker needs a few seconds to start: most kills shall meet one that works."""
REQUEST_FAULTS = (
    FaultKind.STATUS,
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.TRUNCATE,
    FaultKind.LATENCY,
    FaultKind.RATE_LIMIT,
)
CONTAINER_FAULTS = (
    FaultKind.CRASH,
    FaultKind.EVICTION,
    FaultKind.IMAGE_PULL,
    FaultKind.NEVER_SCHEDULED,
)
PENDING_TIMEOUT_SECONDS = 120
"""What a container may take to begin when some of them never do."""
PROGRESS_SECONDS = 30.0
IMPATIENT = {"PREFECT_API_REQUEST_TIMEOUT": "15"}
HELD_SECONDS = (5.0, 40.0)
"""Often longer than Prefect's client waits, and sometimes longer than ours does, so that it asks again meanwhile."""
DELAYED_SECONDS = (0.2, 3.0)
SENSELESS = (
    Answer(status=200, body=b"<html>Sign in</html>"),
    Answer(status=200, body=b'{"data": {}}', headers=[("content-type", "application/json")]),
    Answer(status=302, body=b"", headers=[("location", "/sign-in")]),
    Answer(status=401, body=b"{}", headers=[("content-type", "application/json")]),
    Answer(status=502),
)
"""Answers of what stands between a worker and the two APIs."""


@dataclass(frozen=True)
class Outcome:
    """What became of the flow runs."""

    fates: dict[tuple[str, int], int]
    """How many flow runs have which state and were executed how often."""
    jobs_left: list[str]
    kills: int
    seconds: float
    trouble: list[str] = field(default_factory=list, repr=False)

    def as_hoped(self, *, containers_die: bool = False) -> bool:
        """Whether all were completed and executed once; where containers die, a crash is an end too."""
        crashes = {("CRASHED", 0), ("CRASHED", 1)} if containers_die else set()
        return set(self.fates) <= {("COMPLETED", 1)} | crashes and not self.jobs_left


def faults_at(
    emulator: Emulator, probability: float, kinds: Sequence[FaultKind] = REQUEST_FAULTS
) -> ExitStack:
    """Let every kind of fault strike, together as often as *probability*."""
    stack = ExitStack()
    for kind in kinds:
        fault = Fault(kind=kind, probability=probability / len(kinds), seconds=0.5)
        stack.enter_context(emulator.fault(fault))
    return stack


def count(values: Iterable[T]) -> dict[T, int]:
    return dict(sorted(Counter(values).items()))


@dataclass
class Load:
    """The flow runs of a soak: half of them with a job each, half with runs of a lasting job."""

    pool: Any
    chance: random.Random
    deployments: Sequence[UUID]
    markers: Sequence[Path]
    flow_runs: list[UUID] = field(default_factory=list)

    def trigger(self, many: int) -> None:
        for marker in self.markers[len(self.flow_runs) : len(self.flow_runs) + many]:
            self.flow_runs.append(
                self.pool.prefect.trigger(
                    self.deployments[len(self.flow_runs) % 2],
                    marker=str(marker),
                    seconds=self.chance.uniform(0, 6),
                    pulling=self.chance.uniform(0, 3),
                )
            )

    def states(self) -> dict[UUID, str]:
        """Return the type of each flow run's state, in as few calls as the server allows."""
        found: dict[UUID, str] = {}
        for start in range(0, len(self.flow_runs), 200):
            ids = [str(it) for it in self.flow_runs[start : start + 200]]
            answer = self.pool.prefect.post(
                "/flow_runs/filter", {"flow_runs": {"id": {"any_": ids}}}
            )
            found |= {UUID(it["id"]): it["state_type"] for it in answer}
        return found

    def jobs_left(self) -> list[str]:
        ours = [it.hex for it in self.flow_runs]
        return [job for job in self.pool.northflank.jobs() if any(it in job for it in ours)]

    def wait_for_the_end(self, patience: float) -> None:
        """Wait until all are final and no job is left; tell now and then how it goes."""
        began = tell_at = time.monotonic()
        while time.monotonic() < began + patience:
            states = self.states()
            if not set(states.values()) - FINAL and not self.jobs_left():
                return
            if time.monotonic() >= tell_at:
                tell_at += PROGRESS_SECONDS
                sys.stderr.write(f"{time.monotonic() - began:.0f} s {count(states.values())}\n")
            time.sleep(2)

    def fates(self) -> dict[UUID, tuple[str, int]]:
        states = self.states()
        return {
            it: (states[it], executions(marker))
            for it, marker in zip(self.flow_runs, self.markers, strict=True)
        }


def soak(
    pool: Any,
    *,
    runs: int,
    kills: int,
    workers: int,
    seed: int = 1,
    patience: float = 900,
    **job_variables: Any,
) -> Outcome:
    """Trigger *runs* flow runs, kill and restart a random worker *kills* times meanwhile, wait for the end."""
    chance, began = random.Random(seed), time.monotonic()
    deployments = [pool.deploy("hello", cleanup_job=it, **job_variables) for it in (True, False)]
    markers = [pool.folder / f"marker-{number}" for number in range(runs)]
    load = Load(pool, chance, deployments, markers)
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(pool.worker(name)) for name in map(str, range(workers))
        }
        for killed in range(kills):
            load.trigger(ceil((runs - len(load.flow_runs)) / (kills - killed)))
            time.sleep(chance.uniform(*BETWEEN_KILLS_SECONDS))
            name = chance.choice(sorted(started))
            started[name].stop(signal.SIGKILL)
            started[name] = stack.enter_context(pool.worker(name))
        load.trigger(runs)
        load.wait_for_the_end(patience)
        outputs = [it.output for it in started.values()]
    fates = load.fates()
    return Outcome(
        fates=count(fates.values()),
        jobs_left=load.jobs_left(),
        kills=kills,
        seconds=time.monotonic() - began,
        trouble=[*stories(pool, fates), *outputs],
    )


def troubles(probability: float, *, answers: bool) -> Sequence[Rule]:
    """Return what a network does to requests, together about as often as *probability*.

    What changes something is held for longer than anybody waits for the answer, so that it arrives when all is over.
    """
    deeds = [Deed.HOLD, Deed.DELAY, Deed.CUT_BEFORE, Deed.CUT_AFTER, Deed.TRUNCATE]
    said = SENSELESS if answers else ()
    each = probability / (len(deeds) + len(said))
    return [
        *(
            Rule(
                deed=deed,
                matches=changes_something if deed is Deed.HOLD else every,
                probability=each,
                seconds=HELD_SECONDS if deed is Deed.HOLD else DELAYED_SECONDS,
            )
            for deed in deeds
        ),
        *(Rule(deed=Deed.ANSWER, answer=answer, probability=each) for answer in said),
    ]


def changes_something(request: Request) -> bool:
    """Whether *request* is one that leaves something behind."""
    return request.method != "GET" and not request.path.split("?")[0].endswith("/filter")


@contextmanager
def troubled(pool: Any, probability: float, *, answers: bool, seed: int) -> Iterator[Troubled]:
    """Put a proxy on either side of the workers; containers reach Prefect by it too."""
    with ExitStack() as stack:
        between = {
            variable: stack.enter_context(Proxy(address, seed=seed))
            for variable, address in {
                "PREFECT_API_URL": pool.prefect.url,
                "NORTHFLANK_API_BASE_URL": pool.northflank.base_url,
            }.items()
        }
        rules = [
            stack.enter_context(proxy.rule(rule))
            for proxy in between.values()
            for rule in troubles(probability, answers=answers)
        ]
        addresses = {variable: proxy.url for variable, proxy in between.items()}
        yield Troubled(environment=addresses | IMPATIENT, rules=rules)


@dataclass(frozen=True)
class Troubled:
    """What workers need in order to meet the proxies, and what these do."""

    environment: Mapping[str, str]
    rules: Sequence[Rule]

    def __str__(self) -> str:
        done = Counter[str]()
        for rule in self.rules:
            name = rule.deed.value
            done[f"{name} {rule.answer.status}" if rule.deed is Deed.ANSWER else name] += len(
                rule.struck
            )
        return f"the proxies: {dict(done)}"


def executions(marker: Path) -> int:
    """Return how often a flow run was executed; an execution that was handed back (SIGTERM) does not count."""
    trace = marker.read_text() if marker.exists() else ""
    return trace.count("x") - trace.count("-")


def stories(pool: Any, fates: dict[UUID, tuple[str, int]]) -> Iterator[str]:
    """Tell what happened to each flow run that did not go as hoped."""
    for flow_run, outcome in fates.items():
        if outcome != ("COMPLETED", 1):
            seen = pool.prefect.states(flow_run)
            yield f"{flow_run} {[name for _, name in seen]}\n{pool.prefect.logs(flow_run)}\n"


def light_images(folder: Path) -> Path:
    """Return an images file by which every image is a light one."""
    programs = folder / "light"
    programs.mkdir()
    python = programs / "python3"
    script = Path(__file__).with_name("light_container.py")
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S {script}\n")
    python.chmod(0o755)
    images = folder / "images.toml"
    images.write_text(f'[[image]]\npattern = "*"\nbin = "{programs}"\nentrypoint = []\n')
    return images


def options_given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--runs", type=int, default=100)
    add("--kills", type=int, default=50)
    add("--workers", type=int, default=1)
    add("--faults", type=float, default=0.0, help="how likely a request to Northflank goes wrong")
    add(
        "--proxy",
        type=float,
        default=0.0,
        help="how likely a proxy holds, cuts or delays a request",
    )
    add("--proxy-answers", action="store_true", help="the proxies also answer senselessly")
    add("--container-faults", type=float, default=0.0, help="how likely a container goes wrong")
    add("--real", action="store_true", help="execute flows by Prefect's engine")
    add(
        "--sqlite",
        action="store_true",
        help="Prefect's server on SQLite, as the headless stack has it",
    )
    add("--seed", type=int, default=1)
    add("--patience", type=float, default=7200, help="seconds")
    return parser.parse_args()


def main() -> int:
    from tests.stack.worker import conftest
    from tests.stack.worker.database import postgres_url

    options = options_given()
    dying = options.container_faults > 0
    variables = {"pending_timeout_seconds": PENDING_TIMEOUT_SECONDS} if dying else {}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        database = (
            sqlite(folder / "prefect.db").server_url
            if options.sqlite
            else stack.enter_context(postgres_url())
        )
        prefect = stack.enter_context(conftest.prefect_server(folder, database=database))
        images = None if options.real else light_images(folder)
        emulator = stack.enter_context(Emulator(Settings(rate_limit=None, images=images)))
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        pool = conftest.new_pool(prefect, northflank, folder)
        stack.enter_context(faults_at(emulator, options.faults))
        stack.enter_context(faults_at(emulator, options.container_faults, CONTAINER_FAULTS))
        between = stack.enter_context(
            troubled(pool, options.proxy, answers=options.proxy_answers, seed=options.seed)
        )
        if options.proxy:
            pool.extra = between.environment
        outcome = soak(
            pool,
            runs=options.runs,
            kills=options.kills,
            workers=options.workers,
            seed=options.seed,
            patience=options.patience,
            **variables,
        )
    good = outcome.as_hoped(containers_die=dying)
    sys.stdout.write(
        "\n".join([*([] if good else outcome.trouble), str(between), str(outcome), ""])
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
