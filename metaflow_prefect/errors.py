"""The errors that a user can meet, and how each is worded: where, what, why, what to do.

MetaflowPrefectError
├── UnsupportedFlow        the flow uses features that cannot be honored (all findings at once)
├── PackagesRefused        packages of @pypi cannot be had (all steps at once)
├── OutputRefused          the file cannot be written where it was asked for
├── StaleGeneratedFile     the generated file does not fit the runtime or the flow beside it
├── SettingRefused         a setting has an unknown value
├── ParameterRefused       a parameter value is unknown, missing or of the wrong type
├── InitFailed             Metaflow's `init` refused to begin the run
├── StepFailed             a step failed for good
├── UnexpectedTransition   a step went where the graph does not lead
├── ServerRefused          no Prefect server answers, or it refuses the request
├── DeploymentRefused      the deployment cannot work as asked; nothing was created
│   └── SeveralRefusals    the deployment has more than one problem
├── Unauthorized           the deployment belongs to another user
└── RunRefused             there is no such run, or its state does not allow what was asked
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar


class MetaflowPrefectError(Exception):
    """Base of every error of this package; `fix` says what the reader can do about it."""

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
        self.flow = flow
        self.findings = findings
        listed = "\n".join(str(finding) for finding in findings)
        count = f"{len(findings)} feature{'s' if len(findings) > 1 else ''}"
        super().__init__(f"{flow} uses {count} that can't be honored on Prefect:\n{listed}")


class PackagesRefused(MetaflowPrefectError):
    """Packages that steps ask for cannot be had; carries every finding, not only the first."""

    headline = "Packages can't be locked"

    def __init__(self, flow: str, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        listed = "\n".join(str(finding) for finding in findings)
        super().__init__(f"{flow} asks for packages that can't be had:\n{listed}")


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
    """An option or an environment variable has an invalid value."""

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


class SeveralRefusals(DeploymentRefused):
    """A deployment has more than one problem; carries all of them."""

    def __init__(self, errors: tuple[MetaflowPrefectError, ...]) -> None:
        self.errors = errors
        listed = "\n".join(str(error).replace("\nFix: ", "\n  Fix: ") for error in errors)
        super().__init__(f"This deployment has {len(errors)} problems:\n{listed}")


class Unauthorized(MetaflowPrefectError):
    """The deployment belongs to another user, and its production token was not given."""

    headline = "Incorrect production token"


class RunRefused(MetaflowPrefectError):
    """There is no such run, or its state does not allow what was asked."""

    headline = "Run refused"


class Refusals:
    """Gathers the problems of a deployment, so that the user reads all of them at once."""

    def __init__(self) -> None:
        self._findings: dict[str, list[Finding]] = {}
        self._errors: list[MetaflowPrefectError] = []

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Remember a refusal that the block raises, and continue after the block."""
        try:
            yield
        except SeveralRefusals as several:
            for error in several.errors:
                self.add(error)
        except (UnsupportedFlow, ParameterRefused, DeploymentRefused, Unauthorized) as error:
            self.add(error)

    def add(self, error: MetaflowPrefectError) -> None:
        """Remember *error*."""
        if isinstance(error, UnsupportedFlow):
            self._findings.setdefault(error.flow, []).extend(error.findings)
        else:
            self._errors.append(error)

    def raise_all(self) -> None:
        """Raise what was gathered as one error; nothing if there is nothing.

        Raises:
            MetaflowPrefectError: the only refusal as it was, or all of them as `SeveralRefusals`.
        """
        of_flow = (UnsupportedFlow(flow, tuple(found)) for flow, found in self._findings.items())
        errors = (*of_flow, *self._errors)
        if len(errors) > 1:
            raise SeveralRefusals(errors)
        if errors:
            raise errors[0]
