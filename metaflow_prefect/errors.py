"""The errors a user can meet, and how each is worded: where, what, why, what to do.

MetaflowPrefectError
├── UnsupportedFlow        the flow uses what we cannot honor (all findings at once)
├── OutputRefused          `create` would have to overwrite or invent something
├── StaleGeneratedFile     the generated file does not fit the runtime or the flow beside it
├── SettingRefused         a setting has a value that we do not know
├── ParameterRefused       a parameter value is unknown, missing or of the wrong type
├── InitFailed             Metaflow's `init` refused to begin the run
├── StepFailed             a step failed for good
├── UnexpectedTransition   a step went where the graph does not lead
├── ServerRefused          no Prefect server answers, or it says no
├── DeploymentRefused      the deployment cannot work as asked; nothing was created
├── Unauthorized           the deployment is somebody else's
└── RunRefused             there is no such run, or it cannot do what was asked now
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class MetaflowPrefectError(Exception):
    """Base of every error of ours; `fix` says what the reader can do about it."""

    headline: ClassVar[str] = "metaflow-prefect"

    def __init__(self, problem: str, *, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}\nFix: {fix}" if fix else problem)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One feature of one step (or of the flow) that cannot be honored."""

    where: str
    feature: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.feature} — {self.reason}\n  Fix: {self.remedy}"


class UnsupportedFlow(MetaflowPrefectError):
    """The flow uses what cannot work on Prefect; carries every finding, not only the first."""

    headline = "Flow can't run on Prefect"

    def __init__(self, flow: str, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        listed = "\n".join(str(finding) for finding in findings)
        count = f"{len(findings)} feature{'s' if len(findings) > 1 else ''}"
        super().__init__(f"{flow} uses {count} that can't be honored on Prefect:\n{listed}")


class OutputRefused(MetaflowPrefectError):
    """The file cannot be written where it was asked for."""

    headline = "Output refused"


class StaleGeneratedFile(MetaflowPrefectError):
    """The generated file was made for another runtime, or for another version of the flow."""

    headline = "Generated file is out of date"


class ParameterRefused(MetaflowPrefectError):
    """A parameter value that the flow does not accept."""

    headline = "Parameter refused"


class SettingRefused(MetaflowPrefectError):
    """An option or an environment variable has a value that means nothing."""

    headline = "Setting refused"


class InitFailed(MetaflowPrefectError):
    """Metaflow's own `init` command refused to begin the run."""

    headline = "Run could not begin"


class StepFailed(MetaflowPrefectError):
    """An attempt of a step failed; the message ends with *output*, the last lines of its error.

    `first_line` is the message without them; `user_retries` how often the user's own code is tried again.
    """

    headline = "Step failure"

    def __init__(
        self, problem: str, *, fix: str = "", output: str = "", user_retries: int | None = None
    ) -> None:
        self.first_line = problem.partition("\n")[0]
        self.user_retries = user_retries
        said = f" Its error output ends with:\n{output}" if output else ""
        super().__init__(f"{problem}{said}", fix=fix)


class UnexpectedTransition(MetaflowPrefectError):
    """A step called `self.next` in a way the graph does not show."""

    headline = "Unexpected transition"


class ServerRefused(MetaflowPrefectError):
    """No Prefect server answers at the address, or it refuses the request."""

    headline = "Prefect server"


class DeploymentRefused(MetaflowPrefectError):
    """The deployment cannot work as asked for; nothing was created."""

    headline = "Deployment refused"


class Unauthorized(MetaflowPrefectError):
    """The deployment is somebody else's, and its production token was not shown."""

    headline = "Incorrect production token"


class RunRefused(MetaflowPrefectError):
    """There is no such run, or it is in no state to do what was asked."""

    headline = "Run refused"
