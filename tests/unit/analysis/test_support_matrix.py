"""Every decorator that Metaflow registers has a verdict, and the docs page is generated from the same data."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_prefect.analysis.support import (
    ENVIRONMENTS,
    FLOW_DECORATORS,
    STEP_DECORATORS,
    Support,
    Verdict,
    environment_findings,
)

PAGE = Path(__file__).parents[3] / "docs" / "support-matrix.md"


def test_every_step_decorator_of_metaflow_has_a_verdict():
    from metaflow.plugins import STEP_DECORATORS as REGISTERED

    known = {support.name for support in STEP_DECORATORS}

    assert {decorator.name for decorator in REGISTERED} - known == set()


def test_every_flow_decorator_of_metaflow_has_a_verdict():
    from metaflow.plugins import FLOW_DECORATORS as REGISTERED

    known = {support.name for support in FLOW_DECORATORS}

    assert {decorator.name for decorator in REGISTERED} - known == set()


def test_every_environment_of_metaflow_has_a_verdict():
    from metaflow.plugins import ENVIRONMENTS as REGISTERED

    known = {support.name for support in ENVIRONMENTS}

    assert {environment.TYPE for environment in REGISTERED} - known == set()


def test_an_unknown_environment_is_refused_by_name():
    (finding,) = environment_findings("fast-bakery")

    assert finding.feature == "--environment=fast-bakery"
    assert "local, uv, conda, pypi" in finding.remedy


@pytest.mark.parametrize("name", ["local", "uv", "conda", "pypi"])
def test_no_environment_of_metaflows_own_is_refused(name):
    assert environment_findings(name) == ()


EVERYTHING = [*STEP_DECORATORS, *FLOW_DECORATORS, *ENVIRONMENTS]


@pytest.mark.parametrize("support", EVERYTHING, ids=lambda s: s.name)
def test_a_refusal_says_what_to_do_instead(support):
    assert bool(support.remedy) == (support.verdict is Verdict.REFUSED)


def rows(supports: tuple[Support, ...], sign: str = "@") -> str:
    return "\n".join(
        f"| `{sign}{item.name}` | {item.verdict.value} | {item.note}{f'; {item.remedy}' if item.remedy else ''} |"
        for item in supports
    )


@pytest.mark.golden
def test_the_support_matrix_page_is_made_from_the_data(golden):
    head = "| decorator | verdict | how it works, or why it is refused |\n|---|---|---|\n"
    environments = head.replace("decorator", "environment")
    golden(
        PAGE,
        "# Support matrix\n\n"
        "Generated from `metaflow_prefect/analysis/support.py` by `make golden`. **mapped**: translated into the corresponding\n"
        "feature of Prefect. **within the step**: runs inside Metaflow's own `step`, exactly as under `run`. **refused**:\n"
        "cannot work; `create` and `deploy` report every use in one message. A decorator that is not listed (of a third\n"
        "party) works within its step.\n\n"
        f"## Step decorators\n\n{head}{rows(STEP_DECORATORS)}\n\n## Flow decorators\n\n{head}{rows(FLOW_DECORATORS)}\n\n"
        f"## Values of `--environment`\n\n{environments}{rows(ENVIRONMENTS, '')}\n",
    )
