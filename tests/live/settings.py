"""What is to be verified: the account and project from the environment, the rest from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prefect_northflank.api.access import Access, access_from
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError, MissingToken

PROJECT_VARIABLE = "NORTHFLANK_TEST_PROJECT"
MOST_DOLLARS = 5.0


class Part(str, Enum):
    """The parts of a verification that can be left out."""

    CONTRACT = "contract"
    DEMO = "demo"


class Refused(Exception):
    """The verification cannot begin; nothing was created."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"- {it}" for it in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to verify, and how."""

    access: Access
    project: Project
    report: Path
    without: frozenset[Part]
    most_dollars: float
    use_up_rate_limit: bool


def read(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        Refused: something is missing or wrong; the error names all of it.
    """
    options = _parser().parse_args(arguments)
    problems: list[str] = []
    access: Access | None = None
    try:
        access = access_from(environment)
    except MissingToken:
        problems.append(
            "NORTHFLANK_API_TOKEN is not set. Fix: set it to an API token of the account (northflank/README.md says what it "
            "must be allowed to do)."
        )
    except ConfigurationError as error:
        problems.append(str(error))
    project = environment.get(PROJECT_VARIABLE, "").strip()
    if not project:
        problems.append(
            f"{PROJECT_VARIABLE} is not set. Fix: set it to the id of a project in which jobs, secret groups and "
            "build services may be created and deleted."
        )
    if access is None or problems:
        raise Refused(problems)
    return Settings(
        access=access,
        project=Project(id=project, team=access.team),
        report=options.report,
        without=frozenset(options.without),
        most_dollars=options.most_dollars,
        use_up_rate_limit=options.use_up_rate_limit,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live",
        description="Compare the live Northflank with what the emulator and the worker assume, and write a report. "
        "Needs NORTHFLANK_API_TOKEN and NORTHFLANK_TEST_PROJECT.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--report", type=Path, default=Path("build/verify-live.md"), help="default: %(default)s")
    add(
        "--without", type=Part, action="append", default=[], choices=tuple(Part), metavar="PART",
        help="leave out `contract` (the contract suite) or `demo` (the demo flow)",
    )  # fmt: skip
    add(
        "--most-dollars", type=float, default=MOST_DOLLARS,
        help="refuse to begin if the run could cost more (default: %(default)s)",
    )  # fmt: skip
    add(
        "--use-up-rate-limit", action="store_true",
        help="at the end use up the calls of this hour, to see what a 429 is like; the account's other programs wait",
    )  # fmt: skip
    return parser
