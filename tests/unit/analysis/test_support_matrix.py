"""Every decorator that Metaflow registers has a verdict, and the page that people read is made from the same data."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_prefect.analysis.support import FLOW_DECORATORS, STEP_DECORATORS, Support, Verdict

PAGE = Path(__file__).parents[3] / "docs" / "support-matrix.md"


def test_every_step_decorator_of_metaflow_has_a_verdict():
    from metaflow.plugins import STEP_DECORATORS as REGISTERED

    known = {support.name for support in STEP_DECORATORS}

    assert {decorator.name for decorator in REGISTERED} - known == set()


def test_every_flow_decorator_of_metaflow_has_a_verdict():
    from metaflow.plugins import FLOW_DECORATORS as REGISTERED

    known = {support.name for support in FLOW_DECORATORS}

    assert {decorator.name for decorator in REGISTERED} - known == set()


@pytest.mark.parametrize("support", [*STEP_DECORATORS, *FLOW_DECORATORS], ids=lambda s: s.name)
def test_a_refusal_says_what_to_do_instead(support):
    assert bool(support.remedy) == (support.verdict is Verdict.REFUSED)


def rows(supports: tuple[Support, ...]) -> str:
    return "\n".join(
        f"| `@{item.name}` | {item.verdict.value} | {item.note}{f'; {item.remedy}' if item.remedy else ''} |"
        for item in supports
    )


@pytest.mark.golden
def test_the_support_matrix_page_is_made_from_the_data(golden):
    head = "| decorator | verdict | how, or why not |\n|---|---|---|\n"
    golden(
        PAGE,
        "# Support matrix\n\n"
        "Made from `metaflow_prefect/analysis/support.py` (`make golden` rewrites it). **mapped**: translated into what\n"
        "Prefect has for it. **within the step**: runs inside Metaflow's own `step`, exactly as under `run`. **refused**:\n"
        "cannot work; `create` names every such use in one message. A decorator that is not listed (a third party's) is\n"
        "left to work within its step.\n\n"
        f"## Of steps\n\n{head}{rows(STEP_DECORATORS)}\n\n## Of flows\n\n{head}{rows(FLOW_DECORATORS)}\n",
    )
