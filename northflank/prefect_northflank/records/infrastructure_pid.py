"""The text in which Prefect records a flow run's job run (`infrastructure_pid`)."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_northflank.api.responses import Project

_NO_TEAM = "-"
_FIELDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class InfrastructurePid:
    """`<team or ->:<project>:<job>:<run>`; an empty run stands for a start that was intended and may have happened.

    >>> str(InfrastructurePid(project=Project(id="p"), job="j", run="r"))
    '-:p:j:r'
    >>> InfrastructurePid.parse("-:p:j:").run is None
    True
    """

    project: Project
    job: str
    run: str | None = None

    def __str__(self) -> str:
        return f"{self.project.team or _NO_TEAM}:{self.project.id}:{self.job}:{self.run or ''}"

    @classmethod
    def parse(cls, text: str) -> InfrastructurePid:
        """Parse what `str` returned.

        Raises:
            ValueError: another type of worker, or an older version of this one, wrote *text*.
        """
        fields = text.split(":")
        if len(fields) != _FIELDS or not all(fields[:3]):
            message = f"{text!r} is not <team or ->:<project>:<job>:<run>"
            raise ValueError(message)
        team, project, job, run = fields
        return cls(
            project=Project(id=project, team=None if team == _NO_TEAM else team),
            job=job,
            run=run or None,
        )
