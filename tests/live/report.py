"""The report as Markdown, and its summary for a terminal; pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.live.cleanup import Removal
from tests.live.contract import ContractResult
from tests.live.demo import DemoResult
from tests.live.facts import CHOICES, Finding, Outcome
from tests.live.latency import Latency

_WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a run has found; None for a part that was left out or not reached."""

    address: str
    project: str
    begun_at: str
    seconds: float
    calls: int
    most_dollars: float
    findings: Sequence[Finding]
    latencies: Sequence[Latency]
    contract: ContractResult | None
    demo: DemoResult | None
    earlier: Removal
    removal: Removal
    interrupted: bool = False

    @property
    def harmful(self) -> tuple[Finding, ...]:
        """The refuted facts that the worker relies on."""
        return tuple(it for it in self.findings if it.is_harmful)

    @property
    def exit_code(self) -> int:
        """0 if everything that the worker relies on is as assumed, as far as it could be tried, and nothing is left."""
        parts = (self.contract, self.demo)
        refuted = self.harmful or any(it is not None and it.is_refuting for it in parts)
        return int(bool(refuted or self.removal.left))


def markdown(report: Report) -> str:
    """Return the whole report."""
    chosen = [it for it in report.findings if it.fact.name in CHOICES]
    inferred = [it for it in report.findings if it.fact.name not in CHOICES]
    parts = [
        "# The live Northflank, compared with what the emulator and the worker assume",
        *_head(report),
        "## Choices of the emulator",
        "The table of northflank/README.md, with the live API's own answers.",
        _table(
            ("choice", "question", "we assume", "the live API", "verdict"), map(_choice, chosen)
        ),
        "## Facts that we inferred",
        "From the documentation and the vendor's clients.",
        _table(
            ("fact", "we assume", "the live API", "verdict", "the worker relies on it"),
            map(_inference, inferred),
        ),
        "## Latency of starts",
        *_latency(report.latencies),
        "## Contract suite",
        *_contract(report.contract),
        "## Demo flow",
        *_demo(report.demo),
        "## What was created",
        *_removal(report),
    ]
    return "\n\n".join(parts) + "\n"


def summary(report: Report, path: str) -> str:
    """Return the result in a few lines of at most 80 characters."""
    count = Counter(it.verdict.outcome for it in report.findings)
    lines = [
        ", ".join(f"{count[it]} {it.value}" for it in Outcome)
        + f"; {report.calls} calls by the probes."
    ]
    lines += [
        f"{'REFUTED' if it.is_harmful else 'refuted'} {it.fact.name}: {it.verdict.seen}"
        for it in report.findings
        if it.verdict.outcome is Outcome.REFUTED
    ]
    lines += [f"contract suite: {_contract_line(report.contract)}"]
    lines += [f"demo flow: {_demo_line(report.demo)}"]
    lines += [f"left in the project: {it}" for it in report.removal.left]
    if report.interrupted:
        lines.append("Interrupted: what is missing was not reached.")
    if report.harmful:
        lines.append("The worker relies on what is REFUTED: do not use it before that is mended.")
    lines.append(f"Report: {path}")
    return wrapped("\n".join(line.replace("\n", " ") for line in lines))


def wrapped(text: str) -> str:
    """Return *text* for a terminal of 80 columns; the rest of a line that is too long is indented."""
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in text.splitlines()
    )


def _head(report: Report) -> Iterator[str]:
    count = Counter(it.verdict.outcome for it in report.findings)
    yield "\n".join(
        (
            f"* {', '.join(f'{count[it]} {it.value}' for it in Outcome)}",
            f"* {report.address}, project `{report.project}`, {report.begun_at}, {report.seconds:.0f} s, {report.calls} calls by the probes",
            f"* cost: at most ${report.most_dollars:.2f}, computed from the plans' prices and time-outs",
        )
    )
    if report.interrupted:
        yield "**This run was interrupted:** what is missing was not reached."
    if report.harmful:
        names = ", ".join(f"`{it.fact.name}`" for it in report.harmful)
        yield f"**The worker relies on what is refuted:** {names}."


def _choice(it: Finding) -> tuple[str, ...]:
    return (f"`{it.fact.name}`", it.fact.question, it.fact.assumed, it.verdict.seen, _verdict(it))


def _inference(it: Finding) -> tuple[str, ...]:
    relied_on = f"yes: {it.fact.relied_on}" if it.fact.relied_on else "no"
    return (f"`{it.fact.name}`", it.fact.assumed, it.verdict.seen, _verdict(it), relied_on)


def _verdict(it: Finding) -> str:
    outcome = it.verdict.outcome
    return f"**{outcome.value}**" if outcome is Outcome.REFUTED else outcome.value


def _latency(latencies: Sequence[Latency]) -> Iterator[str]:
    if not latencies:
        yield "Not measured."
        return
    yield "Seconds after the request was sent; the last two as of the next look, up to five seconds later."
    yield _table(
        ("start", "answered", "container runs", "run is over"),
        (
            (str(number), f"{it.answered:.2f}", f"{it.container:.1f}", f"{it.over:.1f}")
            for number, it in enumerate(latencies, 1)
        ),
    )


def _contract_line(result: ContractResult | None) -> str:
    if result is None:
        return "left out"
    if result.problem:
        return f"could not run: {result.problem}"
    passed = len(result.tests) - len(result.failed) - len(result.skipped)
    return f"{passed} passed, {len(result.failed)} failed, {len(result.skipped)} could not be tried"


def _contract(result: ContractResult | None) -> Iterator[str]:
    yield f"tests/contract on the live API: {_contract_line(result)}."
    if result is not None and (result.failed or result.skipped):
        yield _table(
            ("test", "what happened"),
            (
                (f"`{it.name}`", it.failure or it.skipped)
                for it in (*result.failed, *result.skipped)
            ),
        )


def _demo_line(result: DemoResult | None) -> str:
    if result is None:
        return "left out"
    return f"{result.verdict.outcome.value}: {result.verdict.seen}"


def _demo(result: DemoResult | None) -> Iterator[str]:
    yield f"`python branch_flow.py --datastore s3 run --with northflank`: {_demo_line(result)}."


def _removal(report: Report) -> Iterator[str]:
    lines = [f"* deleted at the end: {len(report.removal.deleted)}"]
    lines += [f"* left by an earlier run, deleted first: {it}" for it in report.earlier.deleted]
    lines += [f"* **left**: {it}" for it in report.removal.left]
    yield "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row(map(_cell, row)) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return *text* on one line, with nothing that ends a cell."""
    return text.replace("\n", " ").replace("|", "\\|")
