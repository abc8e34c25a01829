"""Locks of the steps' packages: uv resolves each distinct list of requirements, all at the same time."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from metaflow_prefect import ir
from metaflow_prefect.analysis.kept_locks import KeptLock
from metaflow_prefect.errors import Finding, PackagesRefused
from metaflow_prefect.runtime.packages import failures
from metaflow_prefect.runtime.packages.interpreters import here
from metaflow_prefect.runtime.packages.lock import Lock, Target, requirements_only
from metaflow_prefect.runtime.packages.uv import INSTALL_IT, Uv, UvFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A distinct list of requirements, and the steps that have it."""

    requirements: tuple[str, ...]
    target: Target
    steps: tuple[str, ...]


NOWHERE: Mapping[str, Target] = {}
"""The targets of other places, where all steps run in the same one."""


def locked(
    flow: ir.Flow,
    target: Target,
    variables: Mapping[str, str],
    *,
    elsewhere: Mapping[str, Target] = NOWHERE,
    may_be_kept: bool = False,
) -> ir.Flow:
    """Return *flow* with locks for *target*; uv and the package index are as *variables* say.

    *elsewhere* has the targets of the steps that run in other places. *may_be_kept* says whether a lock that was made less than a day ago will do, or any if the index does not help.

    Raises:
        PackagesRefused: packages cannot be had; names all of them with their steps.
    """
    wanted = _wanted(flow, target, elsewhere)
    if not wanted:
        return flow
    found = _lock_all(flow.name, wanted, variables, may_be_kept=may_be_kept)
    keys = {step: lock.key for lock in found for step in lock.steps}
    return replace(
        flow,
        steps=tuple(replace(step, lock=keys.get(step.name)) for step in flow.steps),
        locks=tuple(ir.Lock(key=lock.key, lines=lock.lines()) for lock in found),
    )


def minor(version: str) -> str:
    """Return a version of Python without what does not matter to packages.

    >>> minor("3.12.4"), minor("3.12")
    ('3.12', '3.12')
    """
    return ".".join(version.split(".")[:2])


def _wanted(flow: ir.Flow, target: Target, elsewhere: Mapping[str, Target]) -> list[_Wanted]:
    groups: dict[tuple[tuple[str, ...], Target], list[str]] = {}
    for step in flow.steps:
        if step.packages is not None:
            place = elsewhere.get(step.name, target)
            own = replace(place, python=minor(step.packages.python or place.python))
            groups.setdefault((step.packages.requirements, own), []).append(step.name)
    return [
        _Wanted(requirements=requirements, target=own, steps=tuple(steps))
        for (requirements, own), steps in groups.items()
    ]


def _lock_all(
    flow: str, wanted: list[_Wanted], variables: Mapping[str, str], *, may_be_kept: bool
) -> list[Lock]:
    # The Python that is asked for need not be here: only its version counts.
    uv = Uv.found({**variables, "UV_PYTHON_DOWNLOADS": "never"})
    if uv is None:
        raise PackagesRefused(flow, tuple(_finding(it, *_NO_UV) for it in wanted))
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        futures = [pool.submit(_lock, uv, it, may_be_kept=may_be_kept) for it in wanted]
    refused = [
        finding
        for it, future in zip(wanted, futures, strict=True)
        if (finding := _refused(it, future)) is not None
    ]
    if refused:
        raise PackagesRefused(flow, tuple(refused))
    locks = [future.result() for future in futures]
    # Different requirements may have the same answer.
    merged: dict[str, Lock] = {}
    for lock in locks:
        before = merged.get(lock.key)
        steps = lock.steps if before is None else (*before.steps, *lock.steps)
        merged[lock.key] = replace(lock, steps=steps)
    return list(merged.values())


def _lock(uv: Uv, wanted: _Wanted, *, may_be_kept: bool) -> Lock:
    kept = KeptLock.of(wanted.requirements, wanted.target, uv.environment)
    found = kept.fresh() if may_be_kept else None
    if found is None:
        try:
            found = _resolved(uv, wanted)
        except UvFailed:
            found = kept.any() if may_be_kept else None
            if found is None:
                raise
        else:
            kept.keep(found)
    return Lock(target=wanted.target, requirements=found, steps=wanted.steps)


def _resolved(uv: Uv, wanted: _Wanted) -> str:
    target = wanted.target
    # The exact version where it is known: packages may need a certain patch of it.
    version = platform.python_version() if target == here() else target.python
    is_here = target.platform == here().platform
    place = () if is_here else ("--python-platform", target.platform)
    compiled = uv.run(
        "pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-build",
        "--python", sys.executable, "--python-version", version, *place,
        text="\n".join(wanted.requirements),
    )  # fmt: skip
    return requirements_only(compiled)


_NO_UV = ("uv, which locks the packages, is missing", INSTALL_IT)


def _refused(wanted: _Wanted, future: Future[Lock]) -> Finding | None:
    error = future.exception()
    if error is None:
        return None
    if not isinstance(error, UvFailed):
        raise error
    why = failures.explain(error.said, wanted.target)
    return _finding(wanted, why.reason, why.remedy)


def _finding(wanted: _Wanted, reason: str, remedy: str) -> Finding:
    return Finding(where=", ".join(wanted.steps), feature="@pypi", reason=reason, remedy=remedy)
