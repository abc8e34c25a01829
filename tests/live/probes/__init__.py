"""Every probe: one for each choice of the emulator, and one for each fact that the worker infers."""

from __future__ import annotations

from tests.live.probe import Probe
from tests.live.probes import account, groups, jobs, limits, logs, runs, services

PROBES: tuple[Probe, ...] = (
    *jobs.PROBES,
    *services.PROBES,
    *groups.PROBES,
    *runs.PROBES,
    *logs.PROBES,
    *account.PROBES,
    *limits.PROBES,
)
"""In the order in which they look: what changes jobs comes while the runs go on."""
