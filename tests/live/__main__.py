"""Verify the live Northflank: `make verify-live`, with NORTHFLANK_API_TOKEN and NORTHFLANK_TEST_PROJECT set.

Exit code 0: what the worker relies on is as assumed; 1: something is not, or is left in the project; 2: it could not
begin, and nothing was created; 130: interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

import httpx
from prefect_northflank.api.responses import plans_of
from prefect_northflank.errors import NorthflankError

from tests.live import contract, cost, demo, latency
from tests.live.api import LiveApi, Unexpected
from tests.live.cleanup import Removal, missing_permissions, remove_all
from tests.live.contract import ContractResult
from tests.live.demo import DemoResult
from tests.live.facts import Finding, not_tried
from tests.live.latency import Latency
from tests.live.names import RunNames, new_names
from tests.live.probe import Session
from tests.live.probes import PROBES
from tests.live.probes.limits import retry_after
from tests.live.report import Report, markdown, summary, wrapped
from tests.live.scenario import Scenario
from tests.live.settings import Part, Refused, Settings, read

CALLS = {None: 300, Part.CONTRACT: 380, Part.DEMO: 100}
"""How many calls the probes and each other part take at most; a fifth of the limit is kept for cleaning up."""

_NOTHING = Removal(deleted=(), left=())
_COULD_NOT_BEGIN, _INTERRUPTED = 2, 130


@dataclass
class Results:
    """What has been found so far; an interruption keeps it."""

    findings: list[Finding] = field(default_factory=list)
    latencies: tuple[Latency, ...] = ()
    contract: ContractResult | None = None
    demo: DemoResult | None = None
    removal: Removal = _NOTHING
    interrupted: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    token = ""

    def say(text: str) -> None:
        sys.stdout.write(wrapped(_without(token, text)) + "\n")
        sys.stdout.flush()

    try:
        settings = read(arguments, os.environ)
        token = settings.access.token
        with (
            LiveApi(settings.access, settings.project, say=say) as api,
            _terminated_as_interrupted(),
        ):
            most = _check(api, settings)
            return _verify(api, settings, most, say)
    except Refused as refused:
        text = f"Nothing was created. The verification cannot begin:\n{refused}"
        sys.stderr.write(wrapped(_without(token, text)) + "\n")
        return _COULD_NOT_BEGIN
    except KeyboardInterrupt:
        return _INTERRUPTED


def _check(api: LiveApi, settings: Settings) -> float:
    """Return the most that the run can cost, after everything that can be checked by reading.

    Raises:
        Refused: the project cannot be read, the run could cost too much, or too few calls are left of this hour.
    """
    problems: list[str] = []
    try:
        opened = api.call("GET", "")
        if not opened.is_success:
            fix = "check NORTHFLANK_API_TOKEN, NORTHFLANK_TEST_PROJECT and NORTHFLANK_TEAM_ID"
            problems.append(
                f"the project {settings.project.id} cannot be opened: {opened}. Fix: {fix}."
            )
        else:
            problems += missing_permissions(api)
        price = cost.prices(plans_of(api.call("GET", "/v1/plans").data))
    except (httpx.HTTPError, NorthflankError, Unexpected) as error:
        raise Refused([f"{settings.access.base_url} cannot be used: {error}."]) from error
    most = cost.most_dollars(_containers(settings), price)
    if most > settings.most_dollars:
        problems.append(
            f"it could cost ${most:.2f}. Fix: pass --most-dollars {most:.2f}, or --without demo."
        )
    problems += _too_few_calls(api, settings)
    try:
        settings.report.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problems.append(f"--report {settings.report}: {error}. Fix: choose another file.")
    if problems:
        raise Refused(problems)
    return most


def _containers(settings: Settings) -> Sequence[cost.Containers]:
    parts = {Part.CONTRACT: cost.CONTRACT, Part.DEMO: cost.DEMO_FLOW}
    wanted = [
        it for part, several in parts.items() if part not in settings.without for it in several
    ]
    return (*cost.PROBES, *wanted)


def _too_few_calls(api: LiveApi, settings: Settings) -> Iterator[str]:
    window = api.budget.window
    needed = sum(calls for part, calls in CALLS.items() if part not in settings.without)
    if window is not None and window.remaining - api.budget.reserve < needed:
        seconds = max(window.resets_at - time.monotonic(), 0)
        yield (
            f"of this hour's {window.limit} calls {window.remaining} are left, and it takes up to {needed} beside the "
            f"{api.budget.reserve} for cleaning up. Fix: begin in {seconds / 60:.0f} minutes, or pass "
            "--without contract."
        )


def _verify(api: LiveApi, settings: Settings, most: float, say: Callable[[str], None]) -> int:
    begun, begun_at = time.monotonic(), datetime.now(timezone.utc)
    names = new_names()
    session = Session(api=api, names=names, scenario=Scenario(api, names))
    say(f"Everything that is created is called {names.prefix}-…; it costs at most ${most:.2f}.")
    earlier, results = _NOTHING, Results()
    try:
        earlier = remove_all(api, say)
        with tempfile.TemporaryDirectory(prefix="verify-live-") as folder:
            _look(session, settings, results, Path(folder), say)
    except KeyboardInterrupt:
        results.interrupted = True
    finally:
        say("Deleting everything that was created.")
        results.removal = _clean_up(api, names, say)
    results.findings.append(_retry_after(session, settings, results))
    report = Report(
        address=settings.access.base_url,
        project=settings.project.id,
        begun_at=begun_at.strftime("%Y-%m-%d %H:%M UTC"),
        seconds=time.monotonic() - begun,
        calls=api.budget.calls,
        most_dollars=most,
        findings=_in_order(results.findings),
        latencies=results.latencies,
        contract=results.contract,
        demo=results.demo,
        earlier=earlier,
        removal=results.removal,
        interrupted=results.interrupted,
    )
    settings.report.write_text(_without(api.access.token, markdown(report)), encoding="utf-8")
    say(summary(report, str(settings.report)))
    return _INTERRUPTED if results.interrupted else report.exit_code


def _clean_up(api: LiveApi, names: RunNames, say: Callable[[str], None]) -> Removal:
    try:
        return remove_all(api, say)
    except KeyboardInterrupt:
        say(
            f"Interrupted again: {names.prefix}-… may be left; the next run of this command deletes it."
        )
        raise


def _look(
    session: Session, settings: Settings, results: Results, folder: Path, say: Callable[[str], None]
) -> None:
    """Do everything that finds something, part by part."""
    say("Starting the jobs that the probes look at.")
    session.scenario.begin()
    for number, probe in enumerate(PROBES, 1):
        finding = probe.find(session)
        results.findings.append(finding)
        say(f"{number:3}/{len(PROBES)} {finding.verdict.outcome.value:18} {finding.fact.name}")
    say("Measuring starts.")
    results.latencies = latency.measure(session.scenario)
    if Part.CONTRACT not in settings.without:
        say("Running the contract suite.")
        results.contract = contract.run_suite(session.api, session.names, folder)
    if Part.DEMO not in settings.without:
        say("Running the demo flow.")
        results.demo = demo.run_flow(session.api, session.names, folder)


def _retry_after(session: Session, settings: Settings, results: Results) -> Finding:
    return retry_after(session, wanted=settings.use_up_rate_limit and not results.interrupted)


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with one for each probe that was not reached."""
    found = {it.fact.name for it in findings}
    missed = [
        Finding(fact=it.fact, verdict=not_tried("the run was interrupted"))
        for it in PROBES
        if it.fact.name not in found
    ]
    return [*findings, *missed]


def _without(token: str, text: str) -> str:
    return text.replace(token, "…") if token else text


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does: end the run, and clean up."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
