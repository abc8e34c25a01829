"""The source of a random flow, as a user would have written it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fuzz.shapes import Kind, Merge, Step, Trouble, artifacts, flow

_HEAD = '''"""Random flow {seed}."""

import os
import signal
import sys

from metaflow import FlowSpec, Parameter, catch, current, retry, step


class Fuzz{seed}Flow(FlowSpec):
    p = Parameter("p", default={seed})
'''

_TAIL = """
    @step
    def end(self):
        print("end with", self.v)


if __name__ == "__main__":
    Fuzz{seed}Flow()
"""


def source(seed: int) -> str:
    """Return the file of flow `Fuzz<seed>Flow`."""
    steps = flow(seed)
    # The step made last is the first to run.
    names = {step.name: step.name for step in steps} | {steps[0].name: "start", "end": "end"}
    body = "\n".join(line for step in steps for line in _step(step, names)) + "\n"
    return _HEAD.format(seed=seed) + body + _TAIL.format(seed=seed)


def _step(step: Step, names: dict[str, str]) -> Iterator[str]:
    yield ""
    if step.trouble is Trouble.IS_CAUGHT:
        yield f'    @catch(var="failed_{step.number}")'
    if step.retries:
        yield f"    @retry(times={step.retries}, minutes_between_retries=0)"
    yield "    @step"
    inputs = ", inputs" if step.kind in (Kind.JOIN, Kind.GATHER) else ""
    yield f"    def {names[step.name]}(self{inputs}):"
    for line in (*_work(step, names), *_trouble(step), _next(step, names)):
        yield f"        {line}"


def _work(step: Step, names: dict[str, str]) -> Iterator[str]:
    number = step.number
    if step.kind is Kind.GATHER:
        # Inputs that come from different steps (the arms of a switch) have no order in Metaflow: its
        # runtime iterates over a set of their names (`NativeRuntime._queue_task_join`).
        order = "list" if step.parents == 1 else "sorted"
        yield f"self.order_{number} = {order}(i.v for i in inputs)"
    if step.kind in (Kind.JOIN, Kind.GATHER):
        yield f"self.v = (sum(i.v for i in inputs) * 7 + {number}) % 9973"
        yield from _merge(step)
    else:
        before = "self.p" if names[step.name] == "start" else "self.v"
        # Behind an inner join that merged nothing, Metaflow does not know the item any more.
        item = " + (self.input or 0) * 101" if step.is_in_foreach else ""
        if names[step.name] == "start":
            yield "self.base = self.p"
        yield f"self.v = ({before} * 31 + {number}{item}) % 9973"
    if step.kind is Kind.FOREACH:
        yield f"self.items_{number} = [(self.v + n) % 13 for n in range({step.width})]"
    if step.kind is Kind.SWITCH:
        yield f"self.way_{number} = self.v % {len(step.then)}"
    if step.kind is Kind.LOOP:
        yield f'self.turn_{number} = getattr(self, "turn_{number}", 0) + 1'
        yield f'self.way_{number} = "again" if self.turn_{number} < {step.width} else "on"'
    yield f"self.at_{number} = current.retry_count"
    yield f'print("{names[step.name]} has", self.v)'


def _merge(step: Step) -> Iterator[str]:
    if step.merge is Merge.ALL_ELSE:
        own = sorted({*step.own, *artifacts(step)})
        yield f"self.merge_artifacts(inputs, exclude={own})"
    if step.merge is Merge.NAMED:
        yield 'self.merge_artifacts(inputs, include=["base"])'
    if step.merge is Merge.NOTHING:
        yield "self.base = self.p"


def _trouble(step: Step) -> Iterator[str]:
    """Fail on the first attempts; in a foreach, only some of the items fail."""
    what = {
        Trouble.RAISES: 'raise RuntimeError("planned")',
        Trouble.IS_CAUGHT: 'raise ValueError("planned to be caught")',
        Trouble.EXITS: "sys.exit(1)",
        Trouble.IS_KILLED: "os.kill(os.getpid(), signal.SIGKILL)",
    }.get(step.trouble)
    if what is None:
        return
    some = " and self.v % 2" if step.is_in_foreach else ""
    yield f"if current.retry_count < {step.failures}{some}:"
    yield f"    {what}"


def _next(step: Step, names: dict[str, str]) -> str:
    targets = [f"self.{names[name]}" for name in step.then]
    if step.kind is Kind.FOREACH:
        return f'self.next({targets[0]}, foreach="items_{step.number}")'
    if step.kind is Kind.SWITCH:
        cases = ", ".join(f"{n}: {target}" for n, target in enumerate(targets))
        return f'self.next({{{cases}}}, condition="way_{step.number}")'
    if step.kind is Kind.LOOP:
        again = f"self.{names[step.name]}"
        return f'self.next({{"again": {again}, "on": {targets[0]}}}, condition="way_{step.number}")'
    return f"self.next({', '.join(targets)})"
