"""Whose run it is, and how the jobs of a project say so: in their descriptions. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefect_northflank.job import names

_DESCRIPTION = re.compile(r"Metaflow run (?P<flow>[^/]+)/(?P<run_id>\S+) of (?P<user>.+)")


@dataclass(frozen=True, kw_only=True)
class RunIdentity:
    """Whose run it is: names its jobs, and tells them from those of other runs."""

    flow: str
    run_id: str
    user: str
    nonce: str

    @property
    def description(self) -> str:
        """What the run's jobs are recognized by, as Northflank accepts it."""
        return names.description(f"Metaflow run {self.flow}/{self.run_id} of {self.user}")

    @property
    def pool(self) -> str:
        """What the names of the jobs of all runs of the flow share."""
        return f"metaflow/{self.flow}"

    @property
    def served(self) -> str:
        """What the names of the run's jobs share, and those of no other run."""
        return f"{self.run_id}/{self.nonce}"

    def has(self, job_name: str) -> bool:
        """Return whether it is the name of a job of the run."""
        return names.lasts(job_name, pool=self.pool, served=self.served)


@dataclass(frozen=True, kw_only=True)
class DescribedRun:
    """The run of a job, as the job's description names it."""

    flow: str
    run_id: str
    user: str

    def is_of(self, *, flow: str, user: str | None) -> bool:
        """Return whether it is a run of this flow, and of *user* unless that is None."""
        return self.flow == names.description(flow) and (
            user is None or self.user == names.description(user)
        )


def described_run(description: str) -> DescribedRun | None:
    """Return the run that a job's description names; None if it names none."""
    found = _DESCRIPTION.fullmatch(description)
    return None if found is None else DescribedRun(**found.groupdict())
